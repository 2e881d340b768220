"""Tiling: the cells of an image that may hold a ship, and the tiles that cover them.

Most of many images is open water without contrast, which holds no ship and is skipped. Whether a
cell is empty depends on the image alone; tiles cover the others ("busy" cells), each with a halo
wider than the network's receptive field. So no pixel's result depends on where tiles begin.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.network import Image

CELL_PX = 16
"""Edge of a cell, counted from the image's first pixel; a multiple of the network's stride."""

TILE_PX = 544
"""Largest height and width of a tile, in pixels, without its halo."""

HALO_PX = 48
"""Pixels added on each side of a tile; at least UNetConfig.reach_px."""

FAINT = 0.25
"""A cell is empty where it and all cells within _NEIGHBOURS have contrasts below this in every
band, in the unit of normalise. Chosen on the ten labelled ports and English Bay, where skipping
changes no detection (tests/bench/bench_inference.py)."""

_NEIGHBOURS = 2
_TILE_CELLS = TILE_PX // CELL_PX
_LEAST_SIDES = (CELL_PX + 2 * HALO_PX, CELL_PX + 2 * HALO_PX)

Mask = NDArray[np.bool_]
TileCost = Callable[[int, int], float]
"""Cost of running the network on a tile of this height and width in pixels, with its halo."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of the image, in pixels without halo; it may end beyond the image."""

    row: int
    col: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """Its rows and columns."""
        return (
            slice(self.row, self.row + self.height),
            slice(self.col, self.col + self.width),
        )


def area_cost(height: int, width: int) -> float:
    """Cost in proportion to the pixels, as on a CPU."""
    return float(height * width)


def busy_cells(planes: Image) -> Mask:
    """The cells of an image (band, y, x) that may hold part of a ship; cells without data do not.

    Dark contrasts count like bright ones: ships can be darker than hazy water.
    """
    contrast = np.fmax.reduce(np.abs(planes), axis=0)
    strongest = cells_max(np.where(np.isfinite(contrast), contrast, np.float32(0)))
    around: NDArray[np.float32] = ndimage.maximum_filter(
        strongest, 2 * _NEIGHBOURS + 1, mode="constant"
    )
    return around >= FAINT


def cells_max(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest value in each cell of an image (y, x)."""
    rows, cols = (-(-size // CELL_PX) for size in plane.shape)
    padding = ((0, rows * CELL_PX - plane.shape[0]), (0, cols * CELL_PX - plane.shape[1]))
    cells = np.pad(plane, padding).reshape(rows, CELL_PX, cols, CELL_PX)
    return np.asarray(cells.max(axis=(1, 3)))


def pixels_of(cells: Mask, shape: tuple[int, ...]) -> Mask:
    """The cells' values for each pixel of an image of this shape, (y, x)."""
    return cells.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)[: shape[0], : shape[1]]


def cover(busy: Mask, cost: TileCost) -> tuple[Tile, ...]:
    """Tiles that cover every busy cell once, in a fixed order; sides are multiples of CELL_PX.

    A rectangle is trimmed to its busy cells and halved where the halves cost less in total, or
    where it is too large for one tile.
    """
    return _cover(busy, 0, 0, cost)[1]


def _cover(busy: Mask, row: int, col: int, cost: TileCost) -> tuple[float, tuple[Tile, ...]]:
    if not busy.any():
        return 0.0, ()
    rows, cols = _extent(busy, axis=1), _extent(busy, axis=0)
    busy, row, col = busy[rows, cols], row + rows.start, col + cols.start
    height, width = (CELL_PX * side for side in busy.shape)
    whole = cost(height + 2 * HALO_PX, width + 2 * HALO_PX)
    tile = Tile(CELL_PX * row, CELL_PX * col, height, width)
    fits = max(busy.shape) <= _TILE_CELLS
    if fits and (busy.all() or whole <= 2 * cost(*_LEAST_SIDES)):
        return whole, (tile,)
    (first, some), (second, others) = _halves(busy, row, col, cost)
    if not fits or first + second < whole:
        return first + second, some + others
    return whole, (tile,)


def _halves(
    busy: Mask, row: int, col: int, cost: TileCost
) -> tuple[tuple[float, tuple[Tile, ...]], tuple[float, tuple[Tile, ...]]]:
    height, width = busy.shape
    if height >= width:
        middle = height // 2
        return (
            _cover(busy[:middle], row, col, cost),
            _cover(busy[middle:], row + middle, col, cost),
        )
    middle = width // 2
    return (
        _cover(busy[:, :middle], row, col, cost),
        _cover(busy[:, middle:], row, col + middle, cost),
    )


def _extent(busy: Mask, axis: int) -> slice:
    """From the first to the last row (axis 1) or column (axis 0) with a busy cell."""
    found = np.flatnonzero(busy.any(axis=axis))
    return slice(int(found[0]), int(found[-1]) + 1)


def cut(planes: Image, tiles: tuple[Tile, ...]) -> Iterator[Image]:
    """The planes (band, y, x) of each tile with HALO_PX around it; NaN beyond the image."""
    for tile in tiles:
        yield _with_halo(planes, tile)


def _with_halo(planes: Image, tile: Tile) -> Image:
    sides = (tile.height + 2 * HALO_PX, tile.width + 2 * HALO_PX)
    cut_out = np.full((len(planes), *sides), np.nan, dtype=np.float32)
    (rows, into_rows), (cols, into_cols) = (
        _overlap(start - HALO_PX, side, size)
        for start, side, size in zip((tile.row, tile.col), sides, planes.shape[1:], strict=True)
    )
    cut_out[:, into_rows, into_cols] = planes[:, rows, cols]
    return cut_out


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """The part of start..start + length inside 0..size, in the image's and in the tile's rows."""
    first, last = max(start, 0), min(start + length, size)
    return slice(first, last), slice(first - start, last - start)
