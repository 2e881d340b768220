"""Pictures of a port in tiles, at full size and at halves of it.

Tiles lie on the port's own grid and are never warped: at full size a pixel of a tile is a pixel of
the archive. A port that fits a screen or two is one picture at full size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from jobs.domain import Grid

TILE_PX = 512
"""That of the archive's chunks: a tile at full size decodes one of them."""
WHOLE_PX = 2048
"""Longest side of a port that is shown as one picture."""
MOST_LEVELS = 3
"""A tile of the coarsest level stands for 2048 pixels squared, which can be read at once; browsers
shrink it further."""


@dataclass(frozen=True)
class Pyramid:
    """Sizes in pixels; levels count from 0, the coarsest, each twice as fine as the one before."""

    width: int
    height: int
    tile_width: int
    tile_height: int
    levels: int

    def tiles_at(self, level: int) -> tuple[int, int]:
        """Numbers of tiles along x and y."""
        shrink = self.shrink(level)
        return (
            math.ceil(self.width / (self.tile_width * shrink)),
            math.ceil(self.height / (self.tile_height * shrink)),
        )

    def shrink(self, level: int) -> int:
        """Pixels of the full size along a pixel of a level."""
        return int(2 ** (self.levels - 1 - level))


@dataclass(frozen=True)
class Tile:
    """One tile of a picture."""

    level: int
    x: int
    y: int
    pixels: NDArray[np.uint8]
    """(y, x, 4), of the pyramid's tile size; transparent where nothing was imaged."""


def one_picture_or_tiles(grid: Grid) -> Pyramid:
    """A pyramid of a single tile for a grid of up to WHOLE_PX, else as ``tiled``."""
    if max(grid.shape) <= WHOLE_PX:
        return Pyramid(grid.width, grid.height, grid.width, grid.height, 1)
    return tiled(grid)


def tiled(grid: Grid) -> Pyramid:
    """A pyramid of square tiles, of levels until one tile holds the grid or MOST_LEVELS."""
    levels = 1 + max(0, math.ceil(math.log2(max(grid.shape) / TILE_PX)))
    return Pyramid(grid.width, grid.height, TILE_PX, TILE_PX, min(levels, MOST_LEVELS))


def with_alpha(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(y, x, 4) from (y, x, 3), whose 0 in all bands means that nothing was imaged."""
    seen = picture.any(axis=-1, keepdims=True)
    return np.concatenate([picture, np.where(seen, np.uint8(255), np.uint8(0))], axis=-1)


def cut(picture: NDArray[np.uint8], pyramid: Pyramid) -> Iterator[Tile]:
    """All tiles of a picture (y, x, 3) of the full size, the finest level first."""
    image = Image.fromarray(with_alpha(picture))
    for level in reversed(range(pyramid.levels)):
        across, down = pyramid.tiles_at(level)
        for y in range(down):
            for x in range(across):
                yield Tile(level, x, y, _part(image, x, y, pyramid))
        image = image.reduce(2)


def _part(image: Image.Image, x: int, y: int, pyramid: Pyramid) -> NDArray[np.uint8]:
    left, top = x * pyramid.tile_width, y * pyramid.tile_height
    box = (left, top, left + pyramid.tile_width, top + pyramid.tile_height)
    return np.asarray(image.crop(box))  # transparent beyond the edge
