"""Empty cells, and the tiles that cover the others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from models.inference.tiles import (
    CELL_PX,
    FAINT,
    HALO_PX,
    TILE_PX,
    area_cost,
    busy_cells,
    cover,
    cut,
    pixels_of,
)

MASKS = arrays(bool, st.tuples(st.integers(1, 90), st.integers(1, 50)), elements=st.booleans())


def each_alike(height: int, width: int) -> float:
    return 1.0


@given(MASKS, st.sampled_from([area_cost, each_alike]))
def test_every_busy_cell_is_covered_once(busy: NDArray[np.bool_], cost) -> None:
    times = np.zeros(busy.shape, int)
    for tile in cover(busy, cost):
        assert 0 < max(tile.height, tile.width) <= TILE_PX
        rows, cols = (slice(part.start // CELL_PX, part.stop // CELL_PX) for part in tile.place)
        times[rows, cols] += 1
    assert times.max() <= 1
    assert (times[busy] == 1).all()


def test_water_between_two_ships_is_left_out_where_that_pays() -> None:
    busy = np.zeros((34, 34), bool)
    busy[:2, :2] = busy[-2:, -2:] = True
    assert (
        sum(tile.height * tile.width for tile in cover(busy, area_cost)) == 2 * (2 * CELL_PX) ** 2
    )
    assert len(cover(busy, each_alike)) == 1


def faint(shape: tuple[int, int] = (160, 160)) -> NDArray[np.float32]:
    return np.full((4, *shape), FAINT * 0.9, np.float32)


@pytest.mark.parametrize("contrast", [FAINT, -FAINT, 3.0])
def test_one_pixel_in_one_band_makes_its_cells_busy(contrast: float) -> None:
    planes = faint()
    assert not busy_cells(planes).any()
    planes[2, 83, 70] = contrast
    expected = np.zeros((10, 10), bool)
    expected[3:8, 2:7] = True
    assert (busy_cells(planes) == expected).all()


def test_missing_bands_and_pixels_make_nothing_busy() -> None:
    planes = faint((50, 70))
    planes[3] = np.nan
    planes[:, 20:30] = np.nan
    assert not busy_cells(planes).any()
    planes[0, 49, 69] = 1.0
    assert pixels_of(busy_cells(planes), (50, 70))[49, 69]


def test_a_tile_at_a_corner_has_its_halo_filled_with_no_data() -> None:
    planes = np.random.default_rng(0).normal(size=(4, 40, 40)).astype(np.float32)
    tiles = cover(np.ones((3, 3), bool), area_cost)
    (found,) = cut(planes, tiles)
    assert found.shape == (4, 48 + 2 * HALO_PX, 48 + 2 * HALO_PX)
    inner = slice(HALO_PX, HALO_PX + 40)
    assert (found[:, inner, inner] == planes).all()
    assert np.isfinite(found).sum() == planes.size
