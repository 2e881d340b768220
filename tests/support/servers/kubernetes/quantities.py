"""Kubernetes quantities, and the requests of pods."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import Any

from tests.support.servers.kubernetes.kinds import Manifest

_SUFFIXES = {
    "": Fraction(1),
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    **{letter: Fraction(1000**power) for power, letter in enumerate("kMGTPE", 1)},
    **{f"{letter}i": Fraction(1024**power) for power, letter in enumerate("KMGTPE", 1)},
}
_QUANTITY = re.compile(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$")


def quantity(text: Any) -> Fraction:
    """``500m`` is 1/2, ``1Gi`` is 2^30."""
    found = _QUANTITY.match(str(text))
    if found is None or found[2] not in _SUFFIXES:
        raise ValueError(f"{text} is no quantity")
    return Fraction(found[1]) * _SUFFIXES[found[2]]


def shown(value: Fraction) -> str:
    """Short form, as in events."""
    return str(value.numerator) if value.denominator == 1 else f"{int(value * 1000)}m"


def demand(pod: Manifest, kind: str = "requests") -> Counter[str]:
    """What the containers of a pod request together; limits stand for missing requests."""
    total: Counter[str] = Counter()
    for container in pod["spec"]["containers"]:
        wanted = container.get("resources", {})
        values = wanted.get("limits") or {}
        if kind == "requests":
            values = {**values, **(wanted.get("requests") or {})}
        for name, text in values.items():
            total[name] += quantity(text)  # type: ignore[assignment]
    return total
