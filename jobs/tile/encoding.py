"""A file's digital numbers to the archive's, by a lookup table per kind of file.

A file of one or two bytes a sample can hold 256 or 65,536 numbers. Each is converted once, in
floats; pixels are then looked up. Where the table maps every number to itself, as for Sentinel-2
Collection 1, pixels are copied unchanged. Floats, of radar, are converted as they are read.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from jobs.domain import NUMBERS, Encoding, Mask, Quality, Sensor, Source


class Encoder(Hashable, Protocol):
    """Converts physical values to numbers of the archive; NaN, no data, to 0."""

    def encode(self, value: NDArray[np.floating]) -> NDArray[np.uint16]:
        """The numbers of these values, same shape."""


@dataclass(frozen=True)
class Classes:
    """The encoder of a mask: 0 where it has no pixel, its own numbers elsewhere.

    Where its number 0 is a pixel's, all are one higher; the last of 65,536 is then no pixel.
    """

    mask: Mask

    def encode(self, value: NDArray[np.floating]) -> NDArray[np.uint16]:
        """The numbers of these; 0 for NaN, and for those that say that there is no pixel."""
        numbers = np.nan_to_num(value, nan=0).astype(np.uint16)
        is_pixel = (self.mask.flags[numbers] & np.uint8(Quality.NODATA)) == 0
        if not self.mask.zero_is_nodata:
            is_pixel &= numbers < NUMBERS - 1
            numbers += np.uint16(1)
        found: NDArray[np.uint16] = np.where(is_pixel & ~np.isnan(value), numbers, 0)
        return found.astype(np.uint16)

    def quality(self, numbers: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Bits of Quality of what ``encode`` returned."""
        if self.mask.zero_is_nodata:
            return self._flags(numbers)
        flags = self._flags(numbers - (numbers > 0))
        return np.where(numbers == 0, np.uint8(Quality.NODATA), flags)

    def _flags(self, numbers: NDArray[np.uint16]) -> NDArray[np.uint8]:
        # every number has its flags: clipped indexes are not checked, which is faster
        return np.take(self.mask.flags, numbers, mode="clip")


@dataclass(frozen=True)
class Decibels:
    """The encoder of a radar's power: in decibels, as its archive holds them."""

    encoding: Encoding

    def encode(self, value: NDArray[np.floating]) -> NDArray[np.uint16]:
        """The numbers of these; power of exactly 0 is no measurement, below 0 it is noise that was
        subtracted too much of, and gets the lowest number.
        """
        power = np.where(value < 0, _FAINTEST, value)
        power = np.where(power == 0, np.nan, power)
        return self.encoding.encode(10 * np.log10(power))


_FAINTEST = 1e-9


def encoder_of(sensor: Sensor) -> Encoder:
    """From what a sensor's files hold to its archive's numbers."""
    return Decibels(sensor.encoding) if sensor.is_radar else sensor.encoding


def physical(source: Source, numbers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Physical values of a file's numbers: number * scale + offset."""
    return numbers * np.float32(source.scale) + np.float32(source.offset)


def encoded(
    source: Source, numbers: NDArray[np.unsignedinteger | np.floating], encoder: Encoder
) -> NDArray[np.uint16]:
    """The archive's numbers for a file's; without a lookup where they are equal, or floats."""
    if numbers.dtype.kind == "f":
        values = physical(source, numbers.astype(np.float32))
        if source.nodata is not None:
            values[numbers == source.nodata] = np.nan
        return encoder.encode(values)
    if keeps_numbers(source, numbers.dtype, encoder):
        return numbers.astype(np.uint16, copy=False)
    table = _table(numbers.dtype.name, source.scale, source.offset, source.nodata, encoder)
    found: NDArray[np.uint16] = table[numbers]
    return found


def keeps_numbers(
    source: Source, dtype: np.dtype[np.unsignedinteger | np.floating], encoder: Encoder
) -> bool:
    """Whether the table of such a file maps every number to itself."""
    if dtype.kind == "f":
        return False
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
    """One band to read: its source, its encoder and its target."""

    source: Source
    encoder: Encoder
    dtypes: Sequence[str]
    """Sample types the file may have."""
    out: NDArray[np.uint16]
    """(y, x) on the grid, initially zero; stays zero where the source has no data."""
    categorical: bool = False
    """Classes, which cannot be interpolated: resampled by nearest neighbour."""
    measured: frozenset[int] = frozenset()
    """Bands of the file that the scene reads: none of them is an alpha band."""
    band: str = ""
    """Its name."""
