"""Files in ground range on the port's grid: places, backscatter, noise, borders, and refusals."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.control import GroundControlPoint
from rasterio.transform import Affine
from shapely.geometry import box, mapping

from jobs.domain import Quality, transformer
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError
from jobs.simulate.radar.ground_range import write_on_points
from jobs.simulate.radar.swath import Swath
from jobs.simulate.radar.tables import noise_xml
from jobs.tile.stage import read_overpass
from tests.support.ground_range import GRID, LATITUDE, THERMAL_DB, ground_range_scene, orbit
from tests.support.scenes import NOON

SENSOR = SENSORS["sentinel-1-grd"]
SEA = 10**-2.0
PEAKS = ((31, 36), (150, 180), (270, 25), (22, 330), (280, 340))


def sea(level: float = SEA) -> np.ndarray:
    return np.full(GRID.shape, level, np.float32)


def power(found, band: int = 0) -> np.ndarray:
    return 10 ** (SENSOR.encoding.decode(found.image[band]) / 10)


@pytest.mark.parametrize("direction", ["ascending", "descending"])
def test_bright_points_lie_where_they_are_to_half_a_pixel(tmp_path, direction):
    plane = sea()
    for row, column in PEAKS:
        plane[row - 1 : row + 2, column - 1 : column + 2] = [
            [0.5, 1, 0.5],
            [1, 2, 1],
            [0.5, 1, 0.5],
        ]
    one = ground_range_scene(tmp_path, {"vv": plane, "vh": sea() / 4}, direction)
    found = power(read_overpass([one], SENSOR, GRID))
    down, along = np.mgrid[-4:5, -4:5]
    for row, column in PEAKS:
        part = found[row - 4 : row + 5, column - 4 : column + 5] - SEA
        assert abs((part * down).sum() / part.sum()) < 0.1  # pixels
        assert abs((part * along).sum() / part.sum()) < 0.1
        assert part.sum() == pytest.approx(8, rel=0.05)


# odc-geo calls what shapely calls old; nothing of ours does
@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")
def test_odc_stac_shows_them_there_too_where_points_lie_at_the_sea(tmp_path):
    """It warps by GDAL's polynomial, which knows no heights and takes pixels for their corners."""
    plane = sea()
    for row, column in PEAKS:
        plane[row - 1 : row + 2, column - 1 : column + 2] = 2.0
    ground_range_scene(tmp_path, {"vv": plane})
    with rasterio.open(tmp_path / "vv.tiff") as file:
        numbers, given = file.read(1), file.gcps[0]
    swath = Swath.over(GRID, orbit(), LATITUDE)
    places = [transformer(GRID.epsg, 4326).transform(*swath.place(p.row, p.col)) for p in given]
    points = [
        GroundControlPoint(p.row + 0.5, p.col + 0.5, *place, 0.0)
        for p, place in zip(given, places, strict=True)
    ]
    write_on_points(tmp_path / "flat.tiff", numbers, points)
    item = pystac.Item("S1", mapping(box(133.9, 42.6, 134.2, 42.8)), [133.9, 42.6, 134.2, 42.8],
                       NOON, {})  # fmt: skip
    item.add_asset("vv", pystac.Asset(str(tmp_path / "flat.tiff"), media_type="image/tiff"))
    boxed = GeoBox(GRID.shape, Affine(*GRID.transform), f"EPSG:{GRID.epsg}")
    other = odc.stac.load([item], bands=["vv"], geobox=boxed, resampling="bilinear")
    bright = other.vv.values[0].astype(float) ** 2
    down, along = np.mgrid[-4:5, -4:5]
    for row, column in PEAKS:
        part = bright[row - 4 : row + 5, column - 4 : column + 5]
        part = np.clip(part - np.nanmedian(bright), 0, None)
        assert abs((part * down).sum() / part.sum()) < 0.5
        assert abs((part * along).sum() / part.sum()) < 0.5


def test_backscatter_is_gamma_nought_without_the_noise(tmp_path):
    """A step of brightness across the range, where noise and table change."""
    plane, faint = sea(), sea(10**-2.6)
    plane[:, 180:] = 10**-1.5
    one = ground_range_scene(tmp_path, {"vv": plane, "vh": faint})
    found = read_overpass([one], SENSOR, GRID)
    inner = np.s_[20:-20, 20:160]
    level = 10 * np.log10(np.mean(power(found)[inner]))
    assert level == pytest.approx(-20, abs=0.1)
    assert 10 * np.log10(np.mean(power(found)[20:-20, 200:-20])) == pytest.approx(-15, abs=0.1)
    # as bright as the noise, which would make it 3 dB brighter; the floor costs the rest
    assert 10 * np.log10(np.mean(power(found, 1)[inner])) == pytest.approx(-26, abs=0.3)


def test_nothing_is_below_the_floor(tmp_path):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea(1e-6)})
    found = SENSOR.encoding.decode(read_overpass([one], SENSOR, GRID).image[1])
    assert np.nanmin(found) == pytest.approx(-34, abs=0.01)
    assert np.mean(found[20:-20, 20:-20] < -33.9) > 0.3  # noise less its own mean


def test_where_nothing_was_taken_is_no_data_and_border_noise_too(tmp_path):
    plane = sea()
    plane[:60] = np.nan
    one = ground_range_scene(tmp_path, {"vv": plane, "vh": plane})
    for name in ("vv", "vh"):
        with rasterio.open(tmp_path / f"{name}.tiff", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
            numbers = file.read(1)
            row, column = np.argwhere(numbers == 0)[numbers.size // 30]
            numbers[row : row + 2, column : column + 2] = 0
            edge = (numbers > 0) & (np.roll(numbers == 0, 3, 0) | np.roll(numbers == 0, -3, 0))
            numbers[edge] = 3  # as old processors left it
            file.write(numbers, 1)
    found = read_overpass([one], SENSOR, GRID)
    assert set(np.unique(found.quality)) == {0, int(Quality.NODATA)}
    assert (found.quality[:58] == Quality.NODATA).all()
    assert not found.quality[70:-20, 20:-20].any()
    assert (found.image[0][found.quality == 0] > SENSOR.encoding.encode(np.array([-28.0]))[0]).all()


def test_the_two_bands_have_their_own_tables(tmp_path):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea()})
    swapped = replace(one.bands["vv"], calibration=one.bands["vh"].calibration)
    with pytest.raises(SceneError, match="its polarisation is 'VH', expected 'VV'"):
        read_overpass([replace(one, bands={**one.bands, "vv": swapped})], SENSOR, GRID)


@pytest.mark.parametrize("name", ["calibration-vv.xml", "noise-vh.xml"])
def test_without_a_table_there_is_no_image(tmp_path, name):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea()})
    (tmp_path / name).unlink()
    with pytest.raises(SceneError, match=f"{name} is not there"):
        read_overpass([one], SENSOR, GRID)


def test_noise_in_other_units_is_refused(tmp_path):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea()})
    path = tmp_path / "noise-vv.xml"
    path.write_text(re.sub(r"e\+0[23]", "e-04", path.read_text()))
    with pytest.raises(SceneError, match=r"its table of noise says -\d+ dB, expected -45 to -10"):
        read_overpass([one], SENSOR, GRID)


def test_a_table_that_ends_before_the_port_is_refused(tmp_path):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea()})
    text = noise_xml("vv", THERMAL_DB, (one.bands["vv"].shape[0], 90))
    (tmp_path / "noise-vv.xml").write_text(text)
    with pytest.raises(SceneError, match="its table of noise does not reach over rows"):
        read_overpass([one], SENSOR, GRID)


def test_factors_that_end_before_the_port_are_refused(tmp_path):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea()})
    path = tmp_path / "noise-vv.xml"
    path.write_text(re.sub("(?<=<lastAzimuthLine>)[0-9]+", "90", path.read_text()))
    with pytest.raises(SceneError, match=r"factors of noise in azimuth leave out \d+ of \d+"):
        read_overpass([one], SENSOR, GRID)


def test_a_file_without_points_is_refused(tmp_path):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea()})
    shape = one.bands["vv"].shape
    with rasterio.open(
        tmp_path / "vv.tiff", "w", driver="GTiff", count=1, height=shape[0], width=shape[1],
        dtype="uint16", crs="EPSG:4326", transform=Affine(1e-4, 0, 132, 0, -1e-4, 43), nodata=0,
    ) as file:  # fmt: skip
        file.write(np.ones(shape, np.uint16), 1)
    with pytest.raises(SceneError, match="has 0 ground control points"):
        read_overpass([one], SENSOR, GRID)


def test_a_file_of_another_size_is_refused(tmp_path):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea()})
    bands = {name: replace(band, shape=(10, 20)) for name, band in one.bands.items()}
    with pytest.raises(SceneError, match=r"has shape .* the catalog declares"):
        read_overpass([replace(one, bands=bands)], SENSOR, GRID)


def test_rows_and_columns_may_be_named_the_other_way_about(tmp_path):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea()})
    bands = {name: replace(band, shape=band.shape[::-1]) for name, band in one.bands.items()}
    expected = read_overpass([one], SENSOR, GRID)
    found = read_overpass([replace(one, bands=bands)], SENSOR, GRID)
    assert np.array_equal(found.image, expected.image)


def test_a_second_scene_fills_what_the_first_lacks(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    north, south = sea(), sea(10**-1.0)
    north[150:], south[:140] = np.nan, np.nan
    scenes = [
        ground_range_scene(tmp_path / name, {"vv": plane, "vh": plane})
        for name, plane in (("a", north), ("b", south))
    ]
    read: dict[str, str] = {}
    found = read_overpass(scenes, SENSOR, GRID, read)
    assert set(read) == {"1/vv", "1/vh", "2/vv", "2/vh"}
    level = SENSOR.encoding.decode(found.image[0])
    assert np.nanmedian(level[50:140]) == pytest.approx(-20, abs=0.2)
    assert np.nanmedian(level[160:250]) == pytest.approx(-10, abs=0.2)


def test_a_grid_beside_the_image_sees_nothing(tmp_path):
    one = ground_range_scene(tmp_path, {"vv": sea(), "vh": sea()})
    with pytest.raises(SceneError, match="no pixel of the port has data in any band"):
        read_overpass([one], SENSOR, replace(GRID, left=GRID.left + 30_000))
