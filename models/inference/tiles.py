"""Which parts of an image the network looks at: fixed cells, and the tiles that cover them.

Open water in which nothing stands out is most of many images, and no ship is there. Whether a cell
is empty depends on the image alone; tiles only cover what is not, each with a halo wider than the
network's reach. So no pixel's result depends on where tiles begin.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.network.normalise import Image

CELL_PX = 16
"""Edge of a cell, counted from the image's first pixel; a multiple of the network's coarsest."""

TILE_PX = 544
"""What one pass of the network contributes is at most this many pixels high and wide."""

HALO_PX = 48
"""How much more it sees on each side; not less than the network's reach."""

FAINT = 0.25
"""A contrast below this in every band, as normalise gives it, is too faint for a ship: where the
cell and all within _NEIGHBOURS of it are so faint, the cell is empty. Chosen on the ten labelled
ports and English Bay, where no detection changes; tests/bench/bench_inference.py."""

_NEIGHBOURS = 2
_TILE_CELLS = TILE_PX // CELL_PX
_LEAST_SIDES = (CELL_PX + 2 * HALO_PX, CELL_PX + 2 * HALO_PX)

Mask = NDArray[np.bool_]
Cost = Callable[[int, int], float]
"""What the network takes for a tile of this many pixels, with its halo, up and across."""


@dataclass(frozen=True)
class Tile:
    """A rectangle of the image that one pass of the network fills; it may end beyond the image."""

    row: int
    col: int
    height: int
    width: int

    @property
    def place(self) -> tuple[slice, slice]:
        """The rows and columns it fills."""
        return (
            slice(self.row, self.row + self.height),
            slice(self.col, self.col + self.width),
        )


def area_cost(height: int, width: int) -> float:
    """The cost where it grows with the pixels, as on a CPU."""
    return float(height * width)


def busy_cells(planes: Image) -> Mask:
    """The cells of an image (band, y, x) that may hold part of a ship; cells without data do not.

    A dark contrast counts as a bright one: ships darker than hazy water are seen as well.
    """
    contrast = np.fmax.reduce(np.abs(planes), axis=0)
    strongest = _cells_max(np.where(np.isfinite(contrast), contrast, np.float32(0)))
    around: NDArray[np.float32] = ndimage.maximum_filter(
        strongest, 2 * _NEIGHBOURS + 1, mode="constant"
    )
    return around >= FAINT


def _cells_max(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, cols = (-(-size // CELL_PX) for size in plane.shape)
    padding = ((0, rows * CELL_PX - plane.shape[0]), (0, cols * CELL_PX - plane.shape[1]))
    cells = np.pad(plane, padding).reshape(rows, CELL_PX, cols, CELL_PX)
    return np.asarray(cells.max(axis=(1, 3)))


def pixels_of(cells: Mask, shape: tuple[int, ...]) -> Mask:
    """The cells' values for each pixel of an image of this shape, (y, x)."""
    return cells.repeat(CELL_PX, axis=0).repeat(CELL_PX, axis=1)[: shape[0], : shape[1]]


def cover(busy: Mask, cost: Cost) -> tuple[Tile, ...]:
    """Tiles that hold every busy cell once, ordered; their sides are multiples of CELL_PX.

    A rectangle is trimmed to what is busy and halved where that makes the sum cheaper, or where it
    is too large for one tile.
    """
    return _cover(busy, 0, 0, cost)[1]


def _cover(busy: Mask, row: int, col: int, cost: Cost) -> tuple[float, tuple[Tile, ...]]:
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
    busy: Mask, row: int, col: int, cost: Cost
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
    """From the first to the last line across an axis that holds something busy."""
    found = np.flatnonzero(busy.any(axis=axis))
    return slice(int(found[0]), int(found[-1]) + 1)


def cut(planes: Image, tiles: tuple[Tile, ...]) -> Iterator[Image]:
    """The planes of each tile and HALO_PX around it, no data beyond the image."""
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
    """The part of start..start+length inside 0..size, in the outer and in its own coordinates."""
    first, last = max(start, 0), min(start + length, size)
    return slice(first, last), slice(first - start, last - start)
