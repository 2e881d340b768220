"""Radar files on the port's grid: decibels of their power, border noise, what is no data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject

from jobs.domain import Quality
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError
from jobs.tile.radar_quality import radar_quality
from jobs.tile.stage import read_overpass
from tests.support.scenes import GRID, scene, write_band

SENSOR = SENSORS["sentinel-1-rtc"]
NODATA = -32768


def power(seed: int = 0, shape: tuple[int, int] = GRID.shape) -> np.ndarray:
    return np.random.default_rng(seed).gamma(4.4, 0.01 / 4.4, shape).astype(np.float32)


def radar_scene(folder, vv: np.ndarray, vh: np.ndarray, **where):
    bands = {}
    for name, values in (("vv", vv), ("vh", vh)):
        source = write_band(folder / f"{name}.tif", values, nodata=NODATA, **where)
        bands[name] = replace(source, scale=1.0, offset=0.0)
    return replace(scene(bands), sensor=SENSOR.name, collection="sentinel-1-rtc")


def decibels(numbers: np.ndarray) -> np.ndarray:
    return SENSOR.encoding.decode(numbers)


def test_power_becomes_decibels_to_half_a_step(tmp_path):
    vv, vh = power(1), power(2) / 8
    found = read_overpass([radar_scene(tmp_path, vv, vh)], SENSOR, GRID)
    assert np.abs(decibels(found.image[0]) - 10 * np.log10(vv)).max() < 0.0051
    assert np.abs(decibels(found.image[1]) - 10 * np.log10(vh)).max() < 0.0051
    assert not found.quality.any()  # clear: there is no cloud to be screened for


def test_what_is_no_data_in_one_polarisation_is_seen_in_none(tmp_path):
    vv, vh = power(1), power(2)
    vv[:20], vh[:, :5], vv[50, 50] = NODATA, np.nan, 0
    found = read_overpass([radar_scene(tmp_path, vv, vh)], SENSOR, GRID)
    assert (found.image[0][:20] == 0).all()
    missing = found.quality == Quality.NODATA
    assert missing[:20].all()
    assert missing[:, :5].all()
    assert missing[50, 50]
    assert missing.sum() == 20 * GRID.width + 5 * (GRID.height - 20) + 1


def test_power_below_zero_is_the_faintest(tmp_path):
    vv = power(1)
    vv[40, 60] = -1e-4
    found = read_overpass([radar_scene(tmp_path, vv, power(2))], SENSOR, GRID)
    assert found.image[0, 40, 60] == 1
    assert found.quality[40, 60] == 0


def test_border_noise_hangs_on_the_missing_and_a_calm_patch_does_not(tmp_path):
    vv, vh = power(1), power(2)
    vv[:10] = vh[:10] = NODATA
    vv[10:13] = vh[10:13] = 1e-5
    vv[60:63, 60:63] = 1e-5
    found = read_overpass([radar_scene(tmp_path, vv, vh)], SENSOR, GRID)
    assert (found.quality[10:13] == Quality.DEFECTIVE).all()
    assert not found.quality[13:].any()


def test_without_missing_pixels_there_is_no_border():
    image = np.full((2, 30, 30), 100, np.uint16)
    assert not radar_quality(image, SENSOR.encoding).any()


@pytest.mark.parametrize("block", [64, 128])
def test_a_scene_of_another_zone_is_warped_in_power(tmp_path, block):
    """GDAL alone, on the same files, says the same: means of power, never of decibels."""
    wide = (260, 300)
    vv, vh = power(3, wide), power(4, wide)
    vv[:40] = NODATA
    lon = {"epsg": 32653, "transform": (10.0, 0.0, GRID.left - 703.0, 0.0, -10.0, GRID.top + 655.0)}
    found = read_overpass([radar_scene(tmp_path, vv, vh, block=block, **lon)], SENSOR, GRID)
    expected = np.full(GRID.shape, np.nan, np.float32)
    with rasterio.open(tmp_path / "vh.tif") as file:
        reproject(
            rasterio.band(file, 1),
            expected,
            dst_transform=Affine(*GRID.transform),
            dst_crs="EPSG:32653",
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
        )
    difference = decibels(found.image[1]) - 10 * np.log10(expected)
    assert np.abs(difference).max() < 0.02


def test_integers_are_refused(tmp_path):
    numbers = np.full(GRID.shape, 7, np.uint16)
    source = write_band(tmp_path / "vv.tif", numbers, nodata=0)
    bands = dict.fromkeys(("vv", "vh"), replace(source, scale=1.0, offset=0.0))
    one = replace(scene(bands), sensor=SENSOR.name)
    with pytest.raises(SceneError, match="holds uint16 samples, expected float32"):
        read_overpass([one], SENSOR, GRID)
