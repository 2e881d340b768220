"""YAML of job and cluster settings; every refusal names the source, line and nearest key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import yaml

from jobs.domain.nearest import did_you_mean
from jobs.errors import InputError

Fields = dict[str, yaml.Node]
"""Values of a mapping by key."""


class YamlReader:
    """Reads and checks the nodes of one YAML text.

    ``source`` names the text in messages: a file's path, or where else it comes from. ``what`` of
    each method names the value in messages.
    """

    def __init__(self, source: str) -> None:
        self.source = source

    def root(self, text: str, expected: str) -> yaml.Node:
        """The whole document; InputError for what is not YAML, or empty."""
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            raise InputError(
                f"{self.source} is not YAML: {_problem(error)}; correct it there"
            ) from error
        if root is None:
            raise InputError(f"{self.source} is empty; expected {expected}")
        return root

    def fields(
        self,
        node: yaml.Node | None,
        what: str,
        required: tuple[str, ...] = (),
        optional: tuple[str, ...] = (),
    ) -> Fields:
        """Values by key, none for no node; unknown, repeated and missing keys are refused."""
        known = (*required, *optional)
        fields: Fields = {}
        for key, value in self._pairs(node, what, known):
            name = key.value
            if name not in known:
                hint = did_you_mean(name, known, f"expected {', '.join(known)}", cutoff=0.5)
                raise self.error(key, f"unknown key {name!r} in {what}; {hint}")
            if name in fields:
                raise self._repeated(key, what)
            fields[name] = value
        missing = [name for name in required if name not in fields]
        if missing:
            raise self.error(node, f"{what} lacks {', '.join(missing)}; add it")
        return fields

    def given(
        self, fields: Fields, names: tuple[str, ...], read: Callable[[yaml.Node, str], Any]
    ) -> dict[str, Any]:
        """Values that were written, by name and read with ``read``; the rest keep their default."""
        return {name: read(fields[name], name) for name in names if name in fields}

    def texts(self, node: yaml.Node | None, what: str) -> dict[str, str]:
        """A mapping of text to text, whatever its keys; empty for no node."""
        found = self.mapping(node, what)
        return {key: self.text(value, f"{key} in {what}") for key, value in found.items()}

    def mapping(self, node: yaml.Node | None, what: str) -> Fields:
        """Values by key, whatever the keys are; empty for no node."""
        found: Fields = {}
        for key, value in self._pairs(node, what):
            if key.value in found:
                raise self._repeated(key, what)
            found[key.value] = value
        return found

    def entries(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        """Entries of a list; none for no node."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, f"{what} is {shown(node)}; expected a list")
        return list(node.value)

    def text(self, node: yaml.Node, what: str) -> str:
        """Text that is not empty; a bare number, date or ``yes`` is refused."""
        if _is_tagged(node, "str") and node.value.strip():
            return str(node.value)
        problem, hint = f"{what} is {shown(node)}", ""
        if isinstance(node, yaml.ScalarNode) and node.value.strip():
            problem, hint = f"{problem}, which YAML reads as {_kind(node)}", ": put it in quotes"
        raise self.error(node, f"{problem}; expected text{hint}")

    def scalar(self, node: yaml.Node, what: str) -> str:
        """Text or a number, as it was written."""
        if _is_tagged(node, "str", "int", "float") and node.value:
            return str(node.value)
        raise self.error(node, f"{what} is {shown(node)}; expected text or a number")

    def number(
        self, node: yaml.Node, what: str, expected: str, accepts: Callable[[float], bool]
    ) -> float:
        """A number that ``accepts`` allows; ``expected`` describes it in the refusal."""
        if _is_tagged(node, "int", "float"):
            with suppress(ValueError, OverflowError, yaml.YAMLError):  # of 5,000 digits, or tagged
                value = yaml.safe_load(node.value)
                if isinstance(value, int | float) and accepts(float(value)):
                    return value
        raise self.error(node, f"{what} is {shown(node)}; expected {expected}")

    def whole(self, node: yaml.Node, what: str, least: int) -> int:
        """A whole number from ``least``."""
        expected = f"a whole number from {least}"
        return int(
            self.number(node, what, expected, lambda n: float(n).is_integer() and n >= least)
        )

    def flag(self, node: yaml.Node, what: str) -> bool:
        """True or false."""
        if _is_tagged(node, "bool"):
            return bool(yaml.safe_load(node.value))
        raise self.error(node, f"{what} is {shown(node)}; expected true or false")

    def one_of(self, node: yaml.Node, what: str, known: tuple[str, ...]) -> str:
        """One of some words."""
        found = self.text(node, what)
        if found in known:
            return found
        choice = f"expected one of {', '.join(known)}"
        hint = did_you_mean(found, known)
        raise self.error(node, "; ".join(filter(None, (f"{what} is {found!r}", choice, hint))))

    def checked(self, node: yaml.Node, what: str, check: Callable[[str], object]) -> str:
        """Text or a number that ``check`` does not refuse with an InputError."""
        found = self.scalar(node, what)
        try:
            check(found)
        except InputError as error:
            raise self.error(node, f"{what}: {error}") from error
        return found

    def error(self, node: yaml.Node | None, problem: str) -> InputError:
        """The error of a problem with a node, naming source and line."""
        line = "" if node is None else f", line {node.start_mark.line + 1}"
        return InputError(f"{self.source}{line}: {problem}")

    def _repeated(self, key: yaml.ScalarNode, what: str) -> InputError:
        return self.error(key, f"key {key.value!r} occurs twice in {what}; keep one of them")

    def _pairs(
        self, node: yaml.Node | None, what: str, known: tuple[str, ...] = ()
    ) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            keys = f": {', '.join(known)}" if known else ""
            raise self.error(node, f"{what} is {shown(node)}; expected keys with values{keys}")
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, f"a key of {what} is {shown(key)}; expected text")
        return list(node.value)


def _problem(error: Exception) -> str:
    """What is wrong with a text that is not YAML, in one line and with the place in it."""
    mark = getattr(error, "problem_mark", None)
    where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or error
    return where + " ".join(str(said).split())


def shown(node: yaml.Node) -> str:
    """A node as messages show it: the value as written, ``empty``, ``a list`` or ``a mapping``."""
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value) if node.value.strip() else "empty"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _is_tagged(node: yaml.Node, *tags: str) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag.rsplit(":", 1)[-1] in tags


def _kind(node: yaml.ScalarNode) -> str:
    kinds = {"int": "a number", "float": "a number", "bool": "yes or no", "timestamp": "a date"}
    return kinds.get(node.tag.rsplit(":", 1)[-1], "nothing")
