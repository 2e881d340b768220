"""Reader for files that lie on the port's grid: one window per file, nothing is resampled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.io import DatasetReader
from rasterio.windows import Window

from jobs.domain import FileAccess, Grid, Source
from jobs.tile.encoding import Layer, encoded, keeps_numbers
from jobs.tile.raster import Place, use, with_nodata
from jobs.tile.tiled_file import Numbers, TiledFile
from jobs.tile.validity import existing, has_mask


def read_windows(layers: Iterable[Layer], grid: Grid, access: FileAccess | None) -> None:
    """Fill the layers from aligned files; each file is opened once for all of its bands."""
    by_file: dict[tuple[Place, bool], list[Layer]] = {}
    for layer in layers:
        by_file.setdefault((Place(layer.source.href, access), layer.categorical), []).append(layer)
    for (place, _), members in by_file.items():
        first = members[0]
        sources = [member.source for member in members]
        use(
            place,
            sources,
            first.dtypes,
            partial(_read, layers=members, grid=grid),
            partial(_read_tiled, layers=members, grid=grid),
        )


def _read(file: DatasetReader, layers: Sequence[Layer], grid: Grid) -> None:
    """Fill the layers from one open file."""
    layers = [replace(layer, source=with_nodata(file, layer.source)) for layer in layers]
    source = layers[0].source
    part = _part(source, grid)
    if part is None:
        return
    if _reads_directly(file, layers, part, grid):
        file.read([source.index], window=part.window, out=layers[0].out[None])
        return
    values = file.read([layer.source.index for layer in layers], window=part.window)
    for layer, numbers in zip(layers, values, strict=True):
        found = encoded(layer.source, numbers, layer.encoder)
        valid = existing(file, layer.source.index, layer.measured, part.window)
        layer.out[part.target] = part.cut(found if valid is None else np.where(valid, found, 0))


def _read_tiled(file: TiledFile, layers: Sequence[Layer], grid: Grid) -> None:
    """Fill the layers from one open file, which has neither mask nor alpha."""
    layers = [replace(layer, source=with_nodata(file, layer.source)) for layer in layers]
    part = _part(layers[0].source, grid)
    if part is None:
        return
    dtype = np.dtype(file.layout.dtype)
    targets = [layer.out[part.target] for layer in layers]
    numbers: list[Numbers] = [
        target if _is_copied(layer, dtype, part) else np.empty(part.shape, dtype)
        for layer, target in zip(layers, targets, strict=True)
    ]
    file.read([layer.source.index for layer in layers], part.file_rows, part.file_columns, numbers)
    for layer, target, found in zip(layers, targets, numbers, strict=True):
        if found is not target:
            target[...] = part.cut(encoded(layer.source, found, layer.encoder))


def _is_copied(layer: Layer, dtype: np.dtype[Any], part: _Part) -> bool:
    """Whether the file's numbers, one for each pixel of the grid, are the layer's."""
    return (
        part.factor == 1
        and dtype == layer.out.dtype
        and keeps_numbers(layer.source, dtype, layer.encoder)
    )


def _reads_directly(file: DatasetReader, layers: Sequence[Layer], part: _Part, grid: Grid) -> bool:
    """Whether the file's numbers can be read into the layer without a copy."""
    layer = layers[0]
    dtype = np.dtype(file.dtypes[layer.source.index - 1])
    return (
        len(layers) == 1
        and part.shape == grid.shape
        and _is_copied(layer, dtype, part)
        and not has_mask(file, layer.source.index, layer.measured)
    )


class _Part:
    """The part of an aligned file that the grid covers.

    ``factor``: grid pixels along a file pixel. ``rows``, ``columns``: the range covered, in grid
    pixels from the file's upper left corner; ``origin`` (row, column) of the grid in the same.
    ``window``, ``file_rows``, ``file_columns``, ``shape``: what is read, in the file's pixels.
    """

    def __init__(
        self, factor: int, rows: tuple[int, int], columns: tuple[int, int], origin: tuple[int, int]
    ) -> None:
        self.factor = factor
        top, left = rows[0] // factor, columns[0] // factor
        bottom, right = -(-rows[1] // factor), -(-columns[1] // factor)
        self.file_rows, self.file_columns = (top, bottom), (left, right)
        self.shape = bottom - top, right - left
        self.window = Window(left, top, right - left, bottom - top)
        inner = rows[0] % factor, columns[0] % factor
        height, width = rows[1] - rows[0], columns[1] - columns[0]
        self.inner = np.s_[inner[0] : inner[0] + height, inner[1] : inner[1] + width]
        start = rows[0] - origin[0], columns[0] - origin[1]
        self.target = np.s_[start[0] : start[0] + height, start[1] : start[1] + width]

    def cut(self, values: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """The window's values at the grid's resolution (pixels repeated), cropped to the grid."""
        if self.factor == 1:
            return values
        return values.repeat(self.factor, axis=0).repeat(self.factor, axis=1)[self.inner]


def _part(source: Source, grid: Grid) -> _Part | None:
    """The part of a source on the grid; None where they do not overlap."""
    factor = round(source.transform[0] / grid.resolution_m)
    column = round((grid.left - source.transform[2]) / grid.resolution_m)
    row = round((source.transform[5] - grid.top) / grid.resolution_m)
    rows = _overlap(row, grid.height, source.shape[0] * factor)
    columns = _overlap(column, grid.width, source.shape[1] * factor)
    if rows is None or columns is None:
        return None
    return _Part(factor, rows, columns, (row, column))


def _overlap(start: int, length: int, extent: int) -> tuple[int, int] | None:
    """The intersection of start..start+length with 0..extent; None where it is empty."""
    low, high = max(start, 0), min(start + length, extent)
    return (low, high) if low < high else None
