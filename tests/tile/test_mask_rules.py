"""What the quality bits say where a scene of the overpass brings no classification."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.domain import Mask, Quality
from jobs.domain.sensor import BitField
from jobs.domain.sensors import SENSORS
from jobs.tile.stage import read_overpass
from tests.support.scenes import GRID, noise, scene, write_band

S2 = SENSORS["sentinel-2-l2a"]


def test_one_scene_without_a_mask_leaves_the_whole_overpass_unscreened(tmp_path: Path) -> None:
    """Half a classification would say of the other half that it is clear, or no data."""
    west, east = noise(), noise(seed=1)
    west[:, 60:], east[:, :60] = 0, 0
    classes = np.where(west > 0, 9, 0).astype(np.uint8)
    mask = replace(write_band(tmp_path / "scl.tif", classes), scale=1.0, offset=0.0)
    scenes = [
        scene({"blue": write_band(tmp_path / "west.tif", west)}, id="west", mask=mask),
        scene({"blue": write_band(tmp_path / "east.tif", east)}, id="east"),
    ]
    for order in (scenes, scenes[::-1]):
        quality = read_overpass(order, S2, GRID).quality
        assert (quality == Quality.UNSCREENED).all()
    screened = read_overpass(scenes[:1], S2, GRID).quality
    assert (screened[:, :60] == Quality.CLOUD).all()
    assert (screened[:, 70:] == Quality.NODATA).all()


@pytest.mark.parametrize(("dtype", "number"), [("uint8", 77), ("uint8", 255), ("uint16", 262)])
def test_a_number_that_is_no_class_tells_nothing_of_its_pixel(
    tmp_path: Path, dtype: str, number: int
) -> None:
    classes = np.full(GRID.shape, 6, dtype)
    classes[:, :60] = number
    written = write_band(tmp_path / "scl.tif", classes, nodata=None)
    mask = replace(written, scale=1.0, offset=0.0)
    one = scene({"blue": write_band(tmp_path / "blue.tif", noise())}, mask=mask)
    quality = read_overpass([one], S2, GRID).quality
    assert (quality[:, :60] == Quality.UNSCREENED).all()
    assert (quality[:, 60:] == 0).all()


def test_a_mask_whose_zero_is_a_clear_pixel_is_mosaicked_where_it_has_pixels(
    tmp_path: Path,
) -> None:
    """The number 0 of the first scene is not taken for a gap that the second one fills."""
    mine = replace(S2, mask=Mask(("m",), classes=((0, Quality(0)), (1, Quality.CLOUD))))
    west = noise()
    west[:, 60:] = 0
    written = write_band(tmp_path / "m1.tif", np.zeros(GRID.shape, np.uint8), nodata=None)
    clear = replace(written, scale=1.0, offset=0.0)
    written = write_band(tmp_path / "m2.tif", np.ones(GRID.shape, np.uint8), nodata=None)
    cloudy = replace(written, scale=1.0, offset=0.0)
    scenes = [
        scene({"blue": write_band(tmp_path / "1.tif", west)}, id="1", mask=clear),
        scene({"blue": write_band(tmp_path / "2.tif", noise(seed=1))}, id="2", mask=cloudy),
    ]
    assert (read_overpass(scenes, mine, GRID).quality == 0).all()
    assert (read_overpass(scenes[::-1], mine, GRID).quality == Quality.CLOUD).all()


def test_what_a_mask_of_bits_calls_fill_is_filled_by_the_next_scene(tmp_path: Path) -> None:
    fill, cloud = BitField(0, 1, (1,), Quality.NODATA), BitField(3, 1, (1,), Quality.CLOUD)
    mine = replace(S2, mask=Mask(("qa",), bits=(fill, cloud)))
    west = noise()
    west[:, 60:] = 0
    first = np.full(GRID.shape, 64, np.uint16)
    first[:, 60:] = 1
    masks = [
        replace(write_band(tmp_path / f"q{n}.tif", values, nodata=None), scale=1.0, offset=0.0)
        for n, values in enumerate((first, np.full(GRID.shape, 8, np.uint16)))
    ]
    scenes = [
        scene({"blue": write_band(tmp_path / f"{n}.tif", band)}, id=str(n), mask=masks[n])
        for n, band in enumerate((west, noise(seed=1)))
    ]
    quality = read_overpass(scenes, mine, GRID).quality
    assert (quality[:, :50] == 0).all()
    assert (quality[:, 60:] == Quality.CLOUD).all()
