"""Pictures cut into tiles: nothing lost, nothing moved."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.domain import Grid
from jobs.maps.pyramid import TILE_PX, Pyramid, Tile, cut, one_picture_or_tiles, tiled


def grid(width: int, height: int) -> Grid:
    return Grid(epsg=32653, left=0.0, top=0.0, width=width, height=height)


def noise(pyramid: Pyramid) -> NDArray[np.uint8]:
    shape = (pyramid.height, pyramid.width, 3)
    return np.random.default_rng(1).integers(1, 256, shape).astype(np.uint8)


def together(pyramid: Pyramid, tiles: list[Tile], level: int) -> NDArray[np.uint8]:
    across, down = pyramid.tiles_at(level)
    found = {(tile.x, tile.y): tile.pixels for tile in tiles if tile.level == level}
    assert len(found) == across * down
    return np.concatenate(
        [np.concatenate([found[x, y] for x in range(across)], axis=1) for y in range(down)]
    )


@pytest.mark.parametrize("size", [(512, 512), (513, 100), (1300, 700), (5000, 2100)])
def test_at_full_size_tiles_are_the_picture_and_transparent_beyond_it(
    size: tuple[int, int],
) -> None:
    pyramid = tiled(grid(*size))
    picture = noise(pyramid)
    tiles = list(cut(picture, pyramid))
    whole = together(pyramid, tiles, pyramid.levels - 1)
    assert np.array_equal(whole[: size[1], : size[0], :3], picture)
    assert (whole[: size[1], : size[0], 3] == 255).all()
    assert not whole[size[1] :, :, 3].any()
    assert not whole[:, size[0] :, 3].any()


def test_coarse_levels_are_means_of_the_finer_one() -> None:
    pyramid = tiled(grid(1024, 600))
    assert pyramid.levels == 2
    picture = noise(pyramid)
    coarse = together(pyramid, list(cut(picture, pyramid)), 0)[:300, :512, :3]
    means = picture.reshape(300, 2, 512, 2, 3).mean(axis=(1, 3))
    assert np.abs(coarse - means).max() <= 0.5


@pytest.mark.parametrize(("side", "levels"), [(400, 1), (512, 1), (513, 2), (2048, 3), (6000, 3)])
def test_levels_until_one_tile_holds_the_grid_or_three(side: int, levels: int) -> None:
    pyramid = tiled(grid(side, 100))
    assert pyramid.levels == levels
    assert pyramid.tile_width == TILE_PX
    assert pyramid.tiles_at(0)[0] == max(1, -(-side // (TILE_PX * 2 ** (levels - 1))))


def test_a_port_that_fits_a_screen_is_one_picture() -> None:
    small = one_picture_or_tiles(grid(2000, 900))
    assert (small.tile_width, small.tile_height, small.levels) == (2000, 900, 1)
    assert len(list(cut(noise(small), small))) == 1
    assert one_picture_or_tiles(grid(2049, 900)) == tiled(grid(2049, 900))


def test_what_was_not_imaged_is_transparent() -> None:
    pyramid = one_picture_or_tiles(grid(4, 2))
    picture = noise(pyramid)
    picture[0, 1] = 0
    (tile,) = cut(picture, pyramid)
    assert tile.pixels[0, 1, 3] == 0
    assert (tile.pixels[..., 3] == 255).sum() == 7
