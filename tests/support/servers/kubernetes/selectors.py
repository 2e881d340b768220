"""Label and field selectors of lists and watches."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tests.support.servers.kubernetes.problems import ProblemError

_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
_TERMS = re.compile(r",(?![^(]*\))")


def matches(manifest: Mapping[str, Any], labels: str = "", fields: str = "") -> bool:
    """Whether an object is selected; an empty selector selects all."""
    own = manifest["metadata"].get("labels") or {}
    return all(_label_holds(term, own) for term in _terms(labels)) and all(
        _field_holds(term, manifest) for term in _terms(fields)
    )


def matches_labels(wanted: Mapping[str, str], manifest: Mapping[str, Any]) -> bool:
    """Whether an object has all these labels."""
    own = manifest["metadata"].get("labels") or {}
    return all(own.get(name) == value for name, value in wanted.items())


def _terms(selector: str) -> list[str]:
    return [term.strip() for term in _TERMS.split(selector) if term.strip()]


def _label_holds(term: str, own: Mapping[str, str]) -> bool:
    if found := _SET.match(term):
        values = {value.strip() for value in found[3].split(",")}
        return (own.get(found[1]) in values) == (found[2] == "in")
    if "=" not in term:
        return term[1:].strip() not in own if term.startswith("!") else term in own
    name, wanted, negative = _equation(term)
    return (own.get(name) == wanted) != negative


def _field_holds(term: str, manifest: Mapping[str, Any]) -> bool:
    if "=" not in term:
        raise ProblemError(400, f"invalid selector: '{term}'; can't understand '{term}'")
    path, wanted, negative = _equation(term)
    value: Any = manifest
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return (("" if value is None else str(value)) == wanted) != negative


def _equation(term: str) -> tuple[str, str, bool]:
    name, _, value = term.partition("=")
    return name.removesuffix("!").strip(), value.removeprefix("=").strip(), name.endswith("!")
