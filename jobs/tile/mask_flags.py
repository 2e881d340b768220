"""Masks of many bands, and masks finer than the grid: read as flags, not as the file's numbers.

Of a pixel that several of the mask's make, whatever one of them tells is told: the image's pixel is
their mean, and one that is hidden in part is not seen. It exists where all of them do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.io import DatasetReader
from rasterio.transform import Affine
from rasterio.warp import reproject
from rasterio.windows import Window

from jobs.domain import TOLD, FileAccess, Grid, Mask, Quality, Source
from jobs.tile.pixel_size import is_finer
from jobs.tile.raster import Place, sharing_files, use, with_nodata
from jobs.tile.read_range import Span, read_range
from jobs.tile.validity import existing

ROWS = 256
"""Rows of the grid that are read at once: pixels of half a metre are 400 on one of the grid's."""

NO_PIXEL = TOLD | int(Quality.NODATA)
UNKNOWN = TOLD | int(Quality.UNSCREENED)


def quality_of_flags(flags: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Bits of Quality of what ``read_flags`` left."""
    return np.where(flags == 0, np.uint8(Quality.NODATA), flags.astype(np.uint8))


@dataclass(frozen=True)
class FlagLayer:
    """One scene's mask to read: its source, its meaning and its target."""

    source: Source
    mask: Mask
    out: NDArray[np.uint16]
    """(y, x) on the grid, initially zero; TOLD with bits of Quality, 0 where there is no pixel."""


def read_flags(layers: Sequence[FlagLayer], grid: Grid, access: FileAccess | None) -> None:
    """Fill the layers from masks of any projection and pixel size."""
    with sharing_files():
        for layer in layers:
            use(
                Place(layer.source.href, access),
                [replace(layer.source, index=n) for n in layer.mask.told(layer.source.index)],
                layer.mask.dtypes,
                partial(_read, layer=layer, grid=grid),
            )


def _read(file: DatasetReader, layer: FlagLayer, grid: Grid) -> None:
    for rows, part in _strips(grid):
        flags = _on_grid(file, layer, part)
        layer.out[rows] = np.where(flags & np.uint16(Quality.NODATA), 0, flags)


def _strips(grid: Grid) -> Iterator[tuple[slice, Grid]]:
    for start in range(0, grid.height, ROWS):
        height = min(ROWS, grid.height - start)
        top = grid.top - start * grid.resolution_m
        yield slice(start, start + height), replace(grid, top=top, height=height)


def _on_grid(file: DatasetReader, layer: FlagLayer, grid: Grid) -> NDArray[np.uint16]:
    """The flags on the grid; 0 beyond the file."""
    found = np.zeros(grid.shape, np.uint16)
    spans = [
        (max(start - 1, -1), min(stop + 1, size + 1))
        for (start, stop), size in zip(
            read_range(file, grid.epsg, grid.bounds), file.shape, strict=True
        )
    ]
    if any(start >= stop for start, stop in spans):
        return found
    flags = _with_border(file, layer, *spans)
    corner = file.transform * Affine.translation(spans[1][0], spans[0][0])
    if not is_finer(layer.source, grid):
        _warp(flags, found, file, corner, grid, Resampling.nearest)
        return found
    for bit in _bits_of(flags):
        some = np.zeros(grid.shape, np.uint8)
        plane = ((flags & np.uint16(bit)) > 0).astype(np.uint8)
        _warp(plane, some, file, corner, grid, Resampling.max)
        found[some > 0] |= np.uint16(bit)
    return found


def _bits_of(flags: NDArray[np.uint16]) -> list[int]:
    """The bits that any of these has."""
    present = int(np.bitwise_or.reduce(flags, axis=None))
    return [1 << place for place in range(present.bit_length()) if present >> place & 1]


def _warp(
    values: NDArray[np.unsignedinteger],
    out: NDArray[np.unsignedinteger],
    file: DatasetReader,
    corner: Affine,
    grid: Grid,
    how: Resampling,
) -> None:
    reproject(
        values,
        out,
        src_transform=corner,
        src_crs=file.crs,
        dst_transform=Affine(*grid.transform),
        dst_crs=f"EPSG:{grid.epsg}",
        resampling=how,
        num_threads=1,
    )


def _with_border(
    file: DatasetReader, layer: FlagLayer, rows: Span, columns: Span
) -> NDArray[np.uint16]:
    """The flags of rows and columns of the file, of which one may lie beyond each of its edges:
    there is no pixel.
    """
    found = np.full((rows[1] - rows[0], columns[1] - columns[0]), NO_PIXEL, np.uint16)
    (top, bottom), (left, right) = (
        (max(start, 0), min(stop, size))
        for (start, stop), size in zip((rows, columns), file.shape, strict=True)
    )
    if top < bottom and left < right:
        inner = np.s_[top - rows[0] : bottom - rows[0], left - columns[0] : right - columns[0]]
        found[inner] = _flags(file, layer, Window.from_slices((top, bottom), (left, right)))
    return found


def _flags(file: DatasetReader, layer: FlagLayer, part: Window) -> NDArray[np.uint16]:
    """The flags of a window inside the file, pixel by pixel as in the file."""
    found = np.zeros((part.height, part.width), np.uint16)
    for number, told in layer.mask.told(layer.source.index).items():
        found |= np.take(told, file.read(number, window=part), mode="clip")
    found[found == 0] = UNKNOWN
    if not layer.mask.bands:
        found[~_exists(file, layer.source, part)] = NO_PIXEL
    return found


def _exists(file: DatasetReader, source: Source, part: Window) -> NDArray[np.bool_]:
    """Whether a pixel of a mask of one band exists, by no-data value, mask and alpha band."""
    nodata = with_nodata(file, source).nodata
    found = np.ones((part.height, part.width), np.bool_)
    if nodata is not None:
        found &= file.read(source.index, window=part) != nodata
    valid = existing(file, source.index, {source.index}, part)
    return found if valid is None else found & valid
