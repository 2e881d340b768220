"""Kubernetes quantities such as ``500m``, ``2`` and ``4Gi``: cores and bytes, as numbers.

One notation serves all resources there, so that ``memory: 500m`` is lawful and means half a byte.
Cores and bytes are therefore read each with the suffixes that make sense for them.
"""

from __future__ import annotations

import re
from decimal import Decimal

from jobs.errors import InputError

MOST_CORES = 1024
"""More than any node has."""
MOST_BYTES = 64 * 2**40
"""More than any node has: 64 TiB."""

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|[MGTPE]|[KMGTPE]i)?")
_FACTORS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}
_CORES = "expected cores, such as 500m (half a core) or 2"
_BYTES = "expected memory from 1Mi, such as 512Mi or 4Gi"


def cores(text: str) -> Decimal:
    """Cores of a quantity of CPU; InputError for zero, for bytes, and for what no node has."""
    number, suffix = _parts(text, _CORES)
    if suffix not in ("", "m"):
        raise InputError(f"{text!r} counts bytes, as memory does; {_CORES}")
    value = _value(text, number, suffix, _CORES)
    if value % Decimal("0.001"):
        raise InputError(f"{text!r} is finer than a thousandth of a core (1m); {_CORES}")
    if value > MOST_CORES:
        meant = f": {number}m is {Decimal(number) / 1000:f} cores" if not suffix else ""
        raise InputError(f"{text!r} is {value:f} cores, which no node has; {_CORES}{meant}")
    return value


def size_bytes(text: str) -> int:
    """Whole bytes of a quantity of memory; InputError below 1 MiB and above what a node has."""
    number, suffix = _parts(text, _BYTES)
    if suffix == "m":
        raise InputError(
            f"{text!r} is thousandths of a byte: m is for cores; did you mean {number}Mi? {_BYTES}"
        )
    size = int(_value(text, number, suffix, _BYTES))
    if size < 2**20:
        meant = "" if suffix else f"did you mean {number}Gi? "
        raise InputError(f"{text!r} is {size} bytes; {meant}{_BYTES}")
    if size > MOST_BYTES:
        raise InputError(f"{text!r} is {size / 2**40:,.0f} TiB, which no node has; {_BYTES}")
    return size


def _parts(text: str, expected: str) -> tuple[str, str]:
    """Number and suffix; InputError for what Kubernetes does not accept."""
    found = _QUANTITY.fullmatch(text)
    if not found:
        raise InputError(f"{text!r} is not a quantity; {expected}")
    return found[1], found[2] or ""


def _value(text: str, number: str, suffix: str, expected: str) -> Decimal:
    value = Decimal(number) * _FACTORS[suffix]
    if value <= 0:
        raise InputError(f"the quantity {text!r} is zero; {expected}")
    return value
