"""Bands of one file, warped to the port's grid by GDAL's virtual warped raster, together.

It warps all bands of a file whichever is read, and keeps the others' pixels in GDAL's cache for a
while. So all bands of a block of the grid are read before those of the next block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader, MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from jobs.domain import Source
from jobs.tile.raster import with_nodata
from jobs.tile.read_range import Span, read_range
from jobs.tile.validity import existing, has_mask

COPY_MARGIN_PX = 16
"""Grid pixels around what a warp may read that a copy of it has: GDAL widens its kernel where a
raster ends close to that."""

STRIP_ROWS = 512
"""Rows of a file that are looked through at once, or a row of its blocks where those are higher."""

Warped: TypeAlias = NDArray[np.float32]
"""A band on the grid, (y, x)."""


@dataclass(frozen=True)
class BandRead:
    """One band to read."""

    source: Source
    resampling: Resampling
    dtypes: Sequence[str]
    measured: frozenset[int] = frozenset()

    def is_with(self, other: BandRead) -> bool:
        """Whether both lie in one file and are resampled alike."""
        return self.source.href == other.source.href and self.resampling is other.resampling


class Spec(Protocol):
    """The grid as stackstac passes it to its readers."""

    epsg: int
    bounds: tuple[float, float, float, float]
    shape: tuple[int, int]
    transform: Affine
    vrt_params: dict[str, object]


def warp_bands(file: DatasetReader, reads: Sequence[BandRead], spec: Spec) -> list[Warped]:
    """The bands on the grid, in their order, NaN without data; all lie in this file and are
    resampled alike.
    """
    how = reads[0].resampling
    alone: dict[int, Source] = {}
    plain: dict[int, Source] = {}
    for number, read in enumerate(reads):
        source = with_nodata(file, read.source)
        masked = has_mask(file, source.index, read.measured)
        (alone if masked else plain)[number] = source
    found: dict[int, Warped] = {}
    for nodata, numbers in _alike(file, plain, spec).items():
        if nodata.fills and file.count > 1 and how is Resampling.bilinear:
            alone |= {number: plain[number] for number in numbers}
            continue
        bands = [plain[number].index for number in numbers]
        found.update(zip(numbers, _warped(file, bands, how, spec, nodata), strict=True))
    for number, source in alone.items():
        found[number] = _warped_alone(file, replace(reads[number], source=source), spec)
    return [found[number] for number in range(len(reads))]


@dataclass(frozen=True)
class _Nodata:
    """What a warp takes as no data, and what it fills with NaN: nothing where there are no holes.

    GDAL warps twice as fast then, to the same numbers.
    """

    value: float | None = None
    fills: bool = False


def _alike(
    file: DatasetReader, sources: Mapping[int, Source], spec: Spec
) -> dict[_Nodata, list[int]]:
    """The sources' numbers by what a warp of them takes as no data."""
    holes = _with_holes(file, list(sources.values()), spec)
    found: dict[_Nodata, list[int]] = {}
    for number, source in sources.items():
        nodata = _Nodata(source.nodata, True) if source in holes else _Nodata()
        found.setdefault(nodata, []).append(number)
    return found


def _warped(
    file: DatasetReader, bands: Sequence[int], how: Resampling, spec: Spec, nodata: _Nodata
) -> list[Warped]:
    found = [np.empty(spec.shape, np.float32) for _ in bands]
    with WarpedVRT(
        file,
        resampling=how,
        dtype="float32",
        src_nodata=nodata.value,
        nodata=np.nan if nodata.fills else None,
        UNIFIED_SRC_NODATA="NO",  # each band by itself; else numbers of no data count as data
        **spec.vrt_params,
    ) as warped:
        for window in _windows(warped):
            for band, out in zip(bands, found, strict=True):
                out[window.toslices()] = warped.read(band, window=window)
    return found


def _windows(warped: WarpedVRT) -> list[Window]:
    """What is read at once: blocks, or the whole of a file of one band, which GDAL warps at once.

    Of files in another projection numbers depend on that, in the last places.
    """
    if warped.count == 1:
        return [Window(0, 0, warped.width, warped.height)]
    return [block for _, block in warped.block_windows()]


def _with_holes(file: DatasetReader, sources: Sequence[Source], spec: Spec) -> set[Source]:
    """Those of the sources of which the file lacks data at a pixel that the warp may read."""
    rows, columns = read_range(file, spec.epsg, spec.bounds)
    if not (0 <= rows[0] < rows[1] <= file.height and 0 <= columns[0] < columns[1] <= file.width):
        return set(sources)
    found: set[Source] = set()
    for part in _strips(file, rows):
        open_ = [each for each in sources if each.nodata is not None and each not in found]
        if not open_:
            break
        # The blocks decoded here stay in GDAL's cache for the warp, if there is room.
        values = file.read([each.index for each in open_], window=Window.from_slices(part, columns))
        found |= {e for e, band in zip(open_, values, strict=True) if (band == e.nodata).any()}
    return found


def _strips(file: DatasetReader, rows: Span) -> Iterator[Span]:
    """Ranges of rows that end where blocks do."""
    height = file.block_shapes[0][0]
    step = -(-STRIP_ROWS // height) * height
    start = rows[0]
    while start < rows[1]:
        stop = min((start // step + 1) * step, rows[1])
        yield start, stop
        start = stop


def _warped_alone(file: DatasetReader, read: BandRead, spec: Spec) -> Warped:
    """A band from a copy of what the warp may read, NaN where a pixel does not exist.

    GDAL takes a mask, an alpha band or a no-data value into account, never two of them. And where
    several bands have no data of their own it interpolates over the edges of holes, not so in a
    file of one band (GDAL 3.10.3).
    """
    part = _clipped(file, spec)
    if part is None:
        return np.full(spec.shape, np.nan, np.float32)
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            count=1,
            height=part.height,
            width=part.width,
            dtype="float32",
            crs=file.crs,
            transform=file.window_transform(part),
            nodata=np.nan,
        ) as copy:
            copy.write(_existing(file, read, part), 1)
        with memory.open() as copy:
            return _warped(copy, [1], read.resampling, spec, _Nodata(np.nan, fills=True))[0]


def _clipped(file: DatasetReader, spec: Spec) -> Window | None:
    """The part of the file that the warp may read, with a margin; None where none is inside."""
    rows, columns = read_range(file, spec.epsg, spec.bounds)
    margin = COPY_MARGIN_PX * max(1, round(spec.transform.a / abs(file.transform.a)))
    top, bottom = max(rows[0] - margin, 0), min(rows[1] + margin, file.height)
    left, right = max(columns[0] - margin, 0), min(columns[1] + margin, file.width)
    if top >= bottom or left >= right:
        return None
    return Window.from_slices((top, bottom), (left, right))


def _existing(file: DatasetReader, read: BandRead, part: Window) -> Warped:
    """The numbers of a part of the file, NaN where a pixel is no data or does not exist."""
    source = read.source
    numbers = file.read(source.index, window=part)
    valid = existing(file, source.index, read.measured, part)
    if source.nodata is not None:
        is_data = numbers != source.nodata
        valid = is_data if valid is None else valid & is_data
    values: Warped = numbers.astype(np.float32)
    if valid is not None:
        values[~valid] = np.nan
    return values
