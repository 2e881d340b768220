"""Cores and bytes as Kubernetes writes them, each in its own units."""

from __future__ import annotations

from decimal import Decimal

import pytest

from jobs.errors import InputError
from jobs.kubernetes.quantities import cores, size_bytes


@pytest.mark.parametrize(
    ("text", "value"),
    [("500m", "0.5"), ("2", "2"), ("1.5", "1.5"), ("1024", "1024"), ("1m", ".001")],
)
def test_cpu_is_a_number_of_cores(text: str, value: str) -> None:
    assert cores(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1Mi", 2**20),
        ("1024Ki", 2**20),
        ("4Gi", 4 * 2**30),
        ("1.5G", 1_500_000_000),
        ("4294967296", 2**32),
        ("2Ti", 2 * 2**40),
    ],
)
def test_memory_is_a_number_of_bytes(text: str, value: int) -> None:
    assert size_bytes(text) == value


@pytest.mark.parametrize(
    "text", ["0", "-1", "1 Gi", "1gi", "1e3", "1e3x", "", "Gi", "4GB", "4GiB", "٤", "nan", "inf"]
)
def test_what_is_no_quantity_is_refused_of_both(text: str) -> None:
    for read in (cores, size_bytes):
        with pytest.raises(InputError):
            read(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("4Gi", "counts bytes"),
        ("2k", "counts bytes"),
        ("1M", "counts bytes"),
        ("2000", "2000m is 2 cores"),
        ("0.0001", "finer than a thousandth"),
        ("0.5m", "finer than a thousandth"),
        ("4GiB", "expected cores"),
    ],
)
def test_cpu_in_other_units_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        cores(text)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("4", "did you mean 4Gi?"),
        ("512", "is 512 bytes"),
        ("500m", "did you mean 500Mi?"),
        ("4294967296000m", "thousandths of a byte"),
        ("1023Ki", "expected memory from 1Mi"),
        ("1M", "expected memory from 1Mi"),
        ("4Pi", "no node has"),
    ],
)
def test_memory_in_other_units_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError) as refused:
        size_bytes(text)
    assert says in str(refused.value)
