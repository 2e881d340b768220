"""Quantities as Kubernetes writes them, and how small a memory may be."""

from __future__ import annotations

from decimal import Decimal

import pytest

from jobs.errors import InputError
from jobs.kubernetes.quantities import quantity, size_bytes


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", "0.5"), ("2", "2"), ("1.5", "1.5"), ("2k", "2000"), ("4Gi", str(4 * 2**30))],
)
def test_a_quantity_is_its_number(text: str, value: str) -> None:
    assert quantity(text) == Decimal(value)


@pytest.mark.parametrize("text", ["0", "0Gi", "-1", "1 Gi", "1gi", "1e3", "", "Gi"])
def test_what_kubernetes_refuses_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        quantity(text)


def test_memory_is_at_least_a_mebibyte() -> None:
    assert size_bytes("1Mi") == size_bytes("1024Ki") == 2**20
    for text in ("1023Ki", "1M", "512", "500m"):
        with pytest.raises(InputError, match="expected memory from 1Mi"):
            size_bytes(text)
