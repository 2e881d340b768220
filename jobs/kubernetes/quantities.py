"""Kubernetes quantities such as ``500m``, ``2`` and ``4Gi``, as numbers."""

from __future__ import annotations

import re
from decimal import Decimal

from jobs.errors import InputError

_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|[MGTPE]|[KMGTPE]i)?")
_FACTORS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def quantity(text: str) -> Decimal:
    """Cores or bytes; InputError for zero and for what Kubernetes does not accept."""
    found = _QUANTITY.fullmatch(text)
    if not found:
        raise InputError(f"{text!r} is not a quantity; expected a number such as 500m, 2 or 4Gi")
    value = Decimal(found[1]) * _FACTORS[found[2] or ""]
    if value <= 0:
        raise InputError(f"the quantity {text!r} is zero; expected more")
    return value


def size_bytes(text: str) -> int:
    """Whole bytes of a quantity of memory; InputError where it comes to less than 1 MiB."""
    size = int(quantity(text))
    if size < 2**20:
        raise InputError(
            f"{text!r} is {size} bytes; expected memory from 1Mi, such as 512Mi or 4Gi"
        )
    return size
