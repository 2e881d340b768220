"""Tables beside an image in ground range: calibration and thermal noise, from the product's XML.

Elements are those of ESA's Sentinel-1 Product Specification. A table has vectors at some lines,
each with values at some pixels; between them it is bilinear. Noise is in units of squared digital
numbers; since processor 2.90 (March 2018) it is the product of a table in range and factors in
azimuth, block by block, before that a table in range alone.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Source
from jobs.errors import SceneError
from jobs.tile.access import without_query
from jobs.tile.raster import Place, unreadable, whole_file

MOST_BYTES = 16 * 2**20
"""Of a table's file; real ones have 0.4 to 1 MB."""

T = TypeVar("T")
Floats = NDArray[np.float64]


class _BrokenError(Exception):
    """What is wrong with a table, in words."""


@dataclass(frozen=True)
class Table:
    """Values at pixels (columns of the image, from 0) of some of its lines (rows)."""

    lines: Floats
    """Increasing."""
    pixels: tuple[Floats, ...]
    """Of each line, increasing."""
    values: tuple[Floats, ...]

    def over(self, rows: Floats, columns: Floats) -> Floats:
        """Values at all of these rows and columns, (rows, columns)."""
        along = [np.interp(columns, *pair) for pair in zip(self.pixels, self.values, strict=True)]
        stack = np.stack(along)
        if len(self.lines) == 1:
            return np.repeat(stack, len(rows), axis=0)
        at = np.interp(rows, self.lines, np.arange(len(self.lines), dtype=np.float64))
        low = np.minimum(at.astype(np.intp), len(self.lines) - 2)
        share = (at - low)[:, None]
        found: Floats = stack[low] * (1 - share) + stack[low + 1] * share
        return found

    def covers(self, rows: Floats, columns: Floats) -> bool:
        """Whether it says something of all of these, to a vector's distance: the vectors around
        these rows reach over these columns.
        """
        lines = self.lines
        apart = float(np.diff(lines).max()) if len(lines) > 1 else np.inf
        above = max(int(np.searchsorted(lines, rows.min(), "right")) - 1, 0)
        below = min(int(np.searchsorted(lines, rows.max())), len(lines) - 1)
        near = self.pixels[min(above, below) : below + 1]
        first, last = max(each[0] for each in near), min(each[-1] for each in near)
        step = max(float(np.diff(each).max()) for each in near)
        return bool(
            lines[0] - apart <= rows.min()
            and rows.max() <= lines[-1] + apart
            and first - step <= columns.min()
            and columns.max() <= last + step
        )


@dataclass(frozen=True)
class Calibration:
    """Tables by which squared amplitudes over the square of a value are backscatter."""

    gamma: Table
    sigma: Table

    def incidence(self, rows: Floats, columns: Floats) -> Floats:
        """Angle of incidence on the ellipsoid, radians, (rows, columns).

        The tables have it in them: cos(angle) = (gamma / sigma)**2, as ESA's note on radiometric
        calibration (ESA-EOPG-CSCOP-TN-0002) says.
        """
        ratio = self.gamma.over(rows, columns) / self.sigma.over(rows, columns)
        return np.arccos(np.clip(ratio**2, 0, 1))


@dataclass(frozen=True)
class AzimuthBlock:
    """Factors of noise along the lines of a part of the image."""

    rows: tuple[int, int]
    columns: tuple[int, int]
    """First and last, both included."""
    lines: Floats
    factors: Floats


@dataclass(frozen=True)
class Noise:
    """Thermal noise, in squared digital numbers."""

    across: Table
    blocks: tuple[AzimuthBlock, ...]

    def over(self, rows: Floats, columns: Floats) -> Floats:
        """Noise at all of these rows and columns, (rows, columns); without a block the table in
        range alone.
        """
        found = self.across.over(rows, columns)
        for block in self.blocks:
            here = (rows >= block.rows[0]) & (rows <= block.rows[1])
            wide = (columns >= block.columns[0]) & (columns <= block.columns[1])
            factors = np.interp(rows[here], block.lines, block.factors)
            found[np.ix_(here, wide)] *= factors[:, None]
        return found

    def left_out(self, rows: Floats, columns: Floats) -> NDArray[np.bool_]:
        """Where no block says a factor although there are blocks, (rows, columns)."""
        out = np.full((len(rows), len(columns)), bool(self.blocks))
        for block in self.blocks:
            here = (rows >= block.rows[0]) & (rows <= block.rows[1])
            wide = (columns >= block.columns[0]) & (columns <= block.columns[1])
            out[np.ix_(here, wide)] = False
        return out


def calibration_of(source: Source, place: Place, band: str) -> Calibration:
    """The calibration of a band's image; SceneError where its file is missing or broken."""
    at = Place(source.calibration, place.access)
    return _read(at, band, "calibration", _calibration)


def noise_of(source: Source, place: Place, band: str) -> Noise:
    """The thermal noise of a band's image; SceneError where its file is missing or broken."""
    return _read(Place(source.noise, place.access), band, "noise", _noise)


def _read(place: Place, band: str, kind: str, parse: Callable[[ET.Element], T]) -> T:
    name = without_query(place.href)
    try:
        content = whole_file(place, MOST_BYTES)
    except OSError as error:
        raise unreadable(place.href, error) from None
    if content is None:
        raise SceneError(
            f"{name} is not there: without its table of {kind} the image is no backscatter; plan "
            "again, or take another catalog"
        )
    try:
        root = _tree(content)
        _check_header(root, kind, band)
        return parse(root)
    except _BrokenError as error:
        raise SceneError(
            f"{name} is no table of {kind} that can be used: {error}; the image is left out rather "
            "than read without it. Fetch it again, or report it to the catalog's keeper"
        ) from None


def _tree(content: bytes) -> ET.Element:
    """The document. Without a document type there are no entities, so that none is expanded."""
    try:
        text = content.decode("utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise _BrokenError("it declares a document type, which no product does")
        return ET.fromstring(text)
    except (ValueError, ET.ParseError) as error:
        raise _BrokenError(f"it is no XML ({error})") from None


def _check_header(root: ET.Element, kind: str, band: str) -> None:
    if root.tag != kind:
        raise _BrokenError(f"its root is {root.tag!r}, expected {kind!r}")
    for tag, expected in (("productType", "GRD"), ("polarisation", band.upper())):
        found = root.findtext(f"adsHeader/{tag}")
        if found != expected:
            raise _BrokenError(f"its {tag} is {found!r}, expected {expected!r}")


def _calibration(root: ET.Element) -> Calibration:
    vectors = root.findall("calibrationVectorList/calibrationVector")
    gamma, sigma = (_table(vectors, name, lowest=1e-9) for name in ("gamma", "sigmaNought"))
    return Calibration(gamma, sigma)


def _noise(root: ET.Element) -> Noise:
    vectors, name = root.findall("noiseRangeVectorList/noiseRangeVector"), "noiseRangeLut"
    blocks = root.findall("noiseAzimuthVectorList/noiseAzimuthVector")
    if not vectors:  # before processor 2.90
        vectors, name = root.findall("noiseVectorList/noiseVector"), "noiseLut"
    elif not blocks:
        raise _BrokenError("it has no vectors with noiseAzimuthLut")
    return Noise(_table(vectors, name, lowest=0.0), tuple(map(_block, blocks)))


def _table(vectors: Sequence[ET.Element], name: str, lowest: float) -> Table:
    if not vectors:
        raise _BrokenError(f"it has no vectors with {name}")
    lines = np.array([_whole(vector, "line") for vector in vectors], np.float64)
    pixels = tuple(_numbers(vector, "pixel") for vector in vectors)
    values = tuple(_numbers(vector, name) for vector in vectors)
    if not (np.diff(lines) > 0).all():
        raise _BrokenError("its lines do not increase")
    for at, found in zip(pixels, values, strict=True):
        if len(at) != len(found) or len(at) < 2 or not (np.diff(at) > 0).all():
            raise _BrokenError(
                f"{len(found)} values of {name} are at {len(at)} pixels, expected "
                "one each at two and more that increase"
            )
        if found.min() < lowest:
            raise _BrokenError(f"{name} has {found.min():g}, expected {lowest:g} and more")
    return Table(lines, pixels, values)


def _block(vector: ET.Element) -> AzimuthBlock:
    lines, factors = _numbers(vector, "line"), _numbers(vector, "noiseAzimuthLut")
    if len(lines) != len(factors) or not (np.diff(lines) > 0).all() or factors.min() < 0:
        raise _BrokenError("noiseAzimuthLut is no factor for each of its lines")
    return AzimuthBlock(
        (_whole(vector, "firstAzimuthLine"), _whole(vector, "lastAzimuthLine")),
        (_whole(vector, "firstRangeSample"), _whole(vector, "lastRangeSample")),
        lines,
        factors,
    )


def _numbers(vector: ET.Element, name: str) -> Floats:
    """Finite numbers of an element, as many as its ``count`` says."""
    found = vector.find(name)
    text = "" if found is None else found.text or ""
    try:
        numbers = np.array(text.split(), np.float64)
    except ValueError as error:
        raise _BrokenError(f"{name} is no list of numbers ({error})") from None
    stated = str(len(numbers)) if found is None else found.get("count", str(len(numbers)))
    if not len(numbers) or not np.isfinite(numbers).all() or stated != str(len(numbers)):
        raise _BrokenError(f"{name} has {len(numbers)} numbers, expected {stated}, all finite")
    return numbers


def _whole(vector: ET.Element, name: str) -> int:
    text = vector.findtext(name)
    try:
        return int(text or "")
    except ValueError:
        raise _BrokenError(f"{name} is {text!r}, expected a whole number") from None
