"""What Berthwatch knows of one kind of imagery: its bands, their numbers, and its mask."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from jobs.domain.types import Encoding, Quality, content_id

BACKSCATTER = "backscatter_db"
"""The variable of a radar's images: its files hold power, the archive its decibels."""
POLARISATIONS = ("vv", "vh")
"""The bands of a radar's images."""

QUANTITIES: Mapping[str, Encoding] = {
    # The offset keeps water's slightly negative reflectance, and the numbers of Sentinel-2's
    # Collection 1 as they are: archive number = digital number.
    "reflectance": Encoding(
        "reflectance",
        1e-4,
        -0.1,
        "bottom-of-atmosphere reflectance",
        values="-0.0999 to 6.4535; water a little above 0",
    ),
    "true_colour": Encoding(
        "true_colour",
        1 / 255,
        0.0,
        "8-bit true colour",
        dtype="uint8",
        values="numbers 1 (dark) to 255 (bright)",
    ),
    # A tenth of a decibel and less is the error of calibration, two decibels are speckle's.
    "backscatter_db": Encoding(
        BACKSCATTER,
        0.01,
        -60.0,
        "radar backscatter gamma nought, terrain-corrected, in decibels",
        units="0.1 lg(re 1)",  # decibel as UDUNITS spells it
        values="-35 to 30; calm water -30 to -20, ships above 0",
    ),
}
"""What an archive's image may hold, by the word in a sensor's file: how it is encoded there."""

NUMBERS = 65_536
"""Numbers that a mask's file of two bytes can hold."""


@dataclass(frozen=True)
class BitField:
    """Neighbouring bits of a mask's number, and what some of their values say."""

    first: int
    """Lowest bit, from 0."""
    width: int
    """Bits."""
    values: tuple[int, ...]
    """Values of the field, as a number of its own, from which the flag follows."""
    flag: Quality


Classes: TypeAlias = tuple[tuple[int, Quality], ...]
"""Flags by number of a file."""
Bits: TypeAlias = tuple[BitField, ...]

TOLD = 256
"""The bit above those of Quality: a mask tells something of the pixel."""


@dataclass(frozen=True)
class MaskBand:
    """What the numbers of one band of a mask of many bands say: classes, or bits.

    A number that is not listed, and bits of other values, tell nothing of the pixel.
    """

    number: int
    """In the file, from 1."""
    classes: Classes = ()
    bits: Bits = ()

    @property
    def words(self) -> tuple[str, ...]:
        """What it may tell of a pixel, as a sensor's file spells it, each once."""
        flags = (*(flag for _, flag in self.classes), *(field.flag for field in self.bits))
        return tuple(dict.fromkeys((flag.name or "clear").lower() for flag in flags))


@dataclass(frozen=True)
class Mask:
    """What the numbers of a mask's file say of its pixels: classes, or bits, or band by band."""

    assets: tuple[str, ...]
    """Names of its asset, the most common first."""
    classes: Classes = ()
    """Flags by class; Quality(0) is a clear pixel. Of a number that is not listed nothing is known:
    its pixel is unscreened."""
    bits: Bits = ()
    """In place of classes; a pixel has the flags of all fields that tell of something."""
    bands: tuple[MaskBand, ...] = ()
    """In place of both, where the file has many bands; a pixel has the flags of all bands that tell
    something, and is unscreened where none does."""
    dtypes: tuple[str, ...] = ("uint8", "uint16")
    """Sample types that its file may have."""

    @property
    def flags(self) -> NDArray[np.uint8]:
        """Bits of Quality by number, (NUMBERS,), of a mask of one band."""
        return _flags(self.classes, self.bits)

    @property
    def zero_is_nodata(self) -> bool:
        """Whether the number 0 of a mask of one band says that there is no pixel."""
        return not self.bands and bool(self.flags[0] & np.uint8(Quality.NODATA))

    def told(self, index: int) -> Mapping[int, NDArray[np.uint16]]:
        """By band of the file, what each number tells, (NUMBERS,): TOLD with bits of Quality, or 0.

        ``index``: the band of a mask of one.
        """
        if not self.bands:
            return {index: self.flags | np.uint16(TOLD)}
        return {band.number: _told(band.classes, band.bits) for band in self.bands}


@lru_cache(maxsize=32)
def _flags(classes: Classes, bits: Bits) -> NDArray[np.uint8]:
    told = _told(classes, bits)
    rest = 0 if bits else int(Quality.UNSCREENED)
    found = np.where(told > 0, told & 255, rest).astype(np.uint8)
    found.setflags(write=False)
    return found


@lru_cache(maxsize=32)
def _told(classes: Classes, bits: Bits) -> NDArray[np.uint16]:
    numbers = np.arange(NUMBERS)
    found = np.zeros(NUMBERS, np.uint16)
    for each in bits:
        values = (numbers >> each.first) & (2**each.width - 1)
        found[np.isin(values, each.values)] |= np.uint16(TOLD | int(each.flag))
    for number, flag in classes:
        found[number] = TOLD | int(flag)
    found.setflags(write=False)
    return found


@dataclass(frozen=True)
class OneFile:
    """A file that has all bands."""

    assets: tuple[str, ...]
    """Names of its asset, the most common first."""
    bands: tuple[str, ...]
    """In their order in the file, where the item does not tell it."""


@dataclass(frozen=True)
class GroundRange:
    """What makes a radar's images: products in ground range, on control points, not calibrated."""

    mode: str
    """The instrument's mode, as items have it."""
    calibration: str
    """Name of the asset with a band's table of calibration; ``{band}`` stands for the band."""
    noise: str
    """Name of the asset with a band's table of thermal noise, in the same manner."""


@dataclass(frozen=True)
class SensorErrors:
    """Errors of the detector on a sensor's images at one kind of place, as measured; the
    words are those of ``models.config.DetectorError``.
    """

    sensor: str
    place: str
    measured_at: str
    """What the ports are, in words."""
    recall: float
    recall_sd: float
    recall_slope: float
    false_alarms: float
    false_alarms_sd: float
    ports: int
    ships: int

    @property
    def steps(self) -> tuple[()]:
        """None: how scores differ on its images was not measured."""
        return ()


@dataclass(frozen=True)
class Sensor:
    """One kind of imagery."""

    name: str
    family: str
    """Group of the port archive that holds its overpasses."""
    bands: tuple[str, ...]
    """In archive order."""
    encoding: Encoding
    """Of the archive's image."""
    mask: Mask | None
    """None where there is no classification."""
    title: str
    attribution: str
    """Credit line that the data's licence requires."""
    collections: tuple[str, ...] = ()
    """Ids of its collections in catalogs."""
    platforms: tuple[str, ...] = ()
    """Regular expressions of its platforms or constellations, matched from the beginning in lower
    case; by them it is known in other collections. None: it is used where a source names it."""
    only_platforms: bool = False
    """Items of other platforms are refused, whatever their collection; in other collections it is
    used where a source names it, for the platform says nothing of the product's level."""
    assets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of assets by band, the most common first."""
    one_file: tuple[OneFile, ...] = ()
    """Files that have all bands, of which the first that an item has is read; none where each band
    has its own."""
    dtypes: tuple[str, ...] = ("uint16",)
    """Sample types that its files may have."""
    scale: float = 1.0
    """Of physical value = number * scale + offset, where the item does not tell."""
    offset: float = 0.0
    nodata: float | None = None
    """Number of pixels without data, where the item does not tell; None where there is none."""
    by_baseline: bool = False
    """Sentinel-2's rules: the offset depends on the processing baseline."""
    ground_range: GroundRange | None = None
    """Of a radar whose files are no calibrated power on a grid; None for all others."""
    errors: tuple[SensorErrors, ...] | None = ()
    """Of the packaged network on its images, or of the radar detector; none where nobody measured
    them. None: those that each weights file holds are of such images."""
    definition: str = ""
    """JSON of the file of one's own that it was read from; empty for one of ours."""

    @property
    def is_radar(self) -> bool:
        """Whether it sees by its own light: through cloud, and in speckle."""
        return self.encoding.variable == BACKSCATTER

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample in the source files, uncompressed."""
        return max(np.dtype(name).itemsize for name in self.dtypes)

    @property
    def digest(self) -> str:
        """Of the definition; empty for one of ours, whose changes the stages' versions tell."""
        return content_id(self.definition) if self.definition else ""

    def is_platform(self, name: str) -> bool:
        """Whether a satellite or constellation of that name carries it."""
        return any(re.match(pattern, name.lower()) for pattern in self.platforms)
