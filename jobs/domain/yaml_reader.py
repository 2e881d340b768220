"""YAML for people's settings: every refusal names the source, the line and the nearest key."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

import yaml

from jobs.errors import InputError

Fields = dict[str, yaml.Node]


class Reader:
    """A YAML text being read: knows where it comes from, and so can say where it is wrong."""

    def __init__(self, source: str) -> None:
        self.source = source

    def root(self, text: str) -> yaml.Node:
        """The whole; InputError for what is not YAML, or empty."""
        try:
            root = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            raise InputError(f"{self.source} is not YAML: {error}; correct it there") from error
        if root is None:
            raise InputError(f"{self.source} is empty; expected settings, image: at least")
        return root

    def fields(
        self, node: yaml.Node | None, what: str, known: tuple[str, ...], required: str | None = None
    ) -> Fields:
        """Values by key, none for no node; unknown, repeated and missing keys are refused."""
        fields: Fields = {}
        for key, value in self._pairs(node, what):
            name = key.value
            if name not in known:
                raise self.error(key, _unknown(name, what, known))
            if name in fields:
                raise self.error(key, f"key {name!r} stands twice in {what}; keep one of them")
            fields[name] = value
        if required and required not in fields:
            raise self.error(node, f"{what} lacks {required}; add it")
        return fields

    def texts(self, node: yaml.Node | None, what: str) -> dict[str, str]:
        """A mapping of text to text, whatever its keys; none for no node."""
        found: dict[str, str] = {}
        for key, value in self._pairs(node, what):
            if key.value in found:
                raise self.error(key, f"key {key.value!r} stands twice in {what}; keep one of them")
            found[key.value] = self.text(value, f"{key.value} in {what}")
        return found

    def entries(self, node: yaml.Node | None, what: str) -> list[yaml.Node]:
        """Entries of a list; none for no node."""
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            raise self.error(node, f"{what} is {_found(node)}; expected a list")
        return list(node.value)

    def text(self, node: yaml.Node, what: str) -> str:
        """Text that is not empty; a bare number or ``yes`` is refused."""
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str") and node.value.strip():
            return str(node.value)
        quotes = ": put it in quotes" if _is_scalar(node) and node.value else ""
        raise self.error(node, f"{what} is {_found(node)}; expected text{quotes}")

    def scalar(self, node: yaml.Node, what: str) -> str:
        """Text or a number, as it was written."""
        if _is_scalar(node) and node.tag.endswith((":str", ":int", ":float")) and node.value:
            return str(node.value)
        raise self.error(node, f"{what} is {_found(node)}; expected text or a number")

    def whole(self, node: yaml.Node, what: str, least: int) -> int:
        """A whole number from ``least``."""
        if _is_scalar(node) and node.tag.endswith(":int"):
            number = int(yaml.safe_load(node.value))
            if number >= least:
                return number
        raise self.error(node, f"{what} is {_found(node)}; expected a whole number from {least}")

    def one_of(self, node: yaml.Node, what: str, known: tuple[str, ...]) -> str:
        """One of some words."""
        found = self.text(node, what)
        if found in known:
            return found
        near = get_close_matches(found, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise self.error(node, f"{what} is {found!r}; expected one of {', '.join(known)}{hint}")

    def checked(self, node: yaml.Node, what: str, check: Callable[[str], object]) -> str:
        """Text or a number that ``check`` does not refuse with an InputError."""
        found = self.scalar(node, what)
        try:
            check(found)
        except InputError as error:
            raise self.error(node, f"{what}: {error}") from error
        return found

    def error(self, node: yaml.Node | None, problem: str) -> InputError:
        """The refusal, to be raised."""
        line = "" if node is None else f", line {node.start_mark.line + 1}"
        return InputError(f"{self.source}{line}: {problem}")

    def _pairs(self, node: yaml.Node | None, what: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
        if node is None:
            return []
        if not isinstance(node, yaml.MappingNode):
            raise self.error(node, f"{what} is {_found(node)}; expected keys with values")
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, f"a key of {what} is {_found(key)}; expected text")
        return list(node.value)


def _is_scalar(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _found(node: yaml.Node) -> str:
    """What stands there, as a person would say it."""
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value) if node.value else "empty"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _unknown(found: str, what: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(found, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"expected {', '.join(known)}"
    return f"unknown key {found!r} in {what}; {hint}"
