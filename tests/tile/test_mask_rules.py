"""What the quality bits say where a scene of the overpass brings no classification."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.domain import Quality
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
