"""From a file's digital numbers to the archive's, by a table made once for each kind of file.

A file of one or two bytes a sample can hold 256 or 65,536 numbers. What becomes of each is worked
out once, in floats; pixels are then looked up, and where the table maps every number to itself,
as for Sentinel-2 Collection 1, they are taken as they are.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Source


class Encoder(Hashable, Protocol):
    """Turns physical values (NaN: none) into numbers, 0 for NaN."""

    def encode(self, value: NDArray[np.floating]) -> NDArray[np.uint16]:
        """The numbers of these values, same shape."""


@dataclass(frozen=True)
class Classes:
    """The encoder of a scene classification: a class is its own number."""

    def encode(self, value: NDArray[np.floating]) -> NDArray[np.uint16]:
        """The class; 0, which stands for no data in every classification we know, for NaN."""
        classes: NDArray[np.uint16] = np.nan_to_num(value, nan=0).astype(np.uint16)
        return classes


def physical(source: Source, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Physical values of a file's numbers: scale and offset applied exactly once."""
    return numbers * np.float32(source.scale) + np.float32(source.offset)


def encoded(
    source: Source, numbers: NDArray[np.unsignedinteger], encoder: Encoder
) -> NDArray[np.uint16]:
    """The archive's numbers for a file's; the same array where they are equal."""
    if keeps_numbers(source, numbers.dtype, encoder):
        return numbers.astype(np.uint16, copy=False)
    table = _table(numbers.dtype.name, source.scale, source.offset, source.nodata, encoder)
    found: NDArray[np.uint16] = table[numbers]
    return found


def keeps_numbers(source: Source, dtype: np.dtype[np.unsignedinteger], encoder: Encoder) -> bool:
    """Whether every number of such a file is its own number in the archive."""
    return _keeps(dtype.name, source.scale, source.offset, source.nodata, encoder)


@lru_cache(maxsize=64)
def _table(
    dtype: str, scale: float, offset: float, nodata: float | None, encoder: Encoder
) -> NDArray[np.uint16]:
    numbers = np.arange(np.iinfo(dtype).max + 1, dtype=np.float32)
    values = numbers * np.float32(scale) + np.float32(offset)
    if nodata is not None:
        values[numbers == nodata] = np.nan
    return encoder.encode(values)


@lru_cache(maxsize=64)
def _keeps(dtype: str, scale: float, offset: float, nodata: float | None, encoder: Encoder) -> bool:
    table = _table(dtype, scale, offset, nodata, encoder)
    return bool(np.array_equal(table, np.arange(len(table))))


@dataclass(frozen=True)
class Layer:
    """Where one band comes from, what its numbers become, and where they go."""

    source: Source
    encoder: Encoder
    dtypes: Sequence[str]
    """Sample types the file may have."""
    out: NDArray[np.uint16]
    """(y, x) of the grid, zeros at first; stays zero where the source has no data."""
    categorical: bool = False
    """Classes, which have no values in between: the nearest is taken."""
