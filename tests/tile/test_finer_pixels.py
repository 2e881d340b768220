"""Pixels finer than the grid: means by area, where an independent reader puts them; and UDM2."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform_bounds

from jobs.domain import (
    SENSORS,
    TOLD,
    Grid,
    Quality,
    Scene,
    Sensor,
    Settings,
    Source,
    Unit,
    content_id,
)
from jobs.tile import changed, key
from jobs.tile.digest import VERSION
from jobs.tile.pixel_size import is_finer
from jobs.tile.stage import read_overpass
from tests.support.finer import FINE_SHAPE, PLANET, overlap, planet_scene, write_fine
from tests.support.scenes import GRID, noise, overpass, scene, small_port, write_band

# odc-geo calls what shapely calls old; nothing of ours does
pytestmark = pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")

CLEAR, SNOW, SHADOW, LIGHT_HAZE, HEAVY_HAZE, CLOUD, UDM1 = 0, 1, 2, 3, 4, 5, 7
"""Planes of a UDM2."""


def image(path: Path, values: NDArray[np.uint16], **options: Any) -> dict[str, Source]:
    """Sources of all four bands, the same numbers in each of one file."""
    written = write_fine(path, np.stack([values] * 4), **options)
    source = replace(written, offset=0.0)
    return {name: replace(source, index=n) for n, name in enumerate(PLANET.bands, start=1)}


def udm2(path: Path, planes: dict[int, NDArray[np.bool_]], udm1: Any = 0) -> Source:
    """A UDM2 with these planes of ones, clear elsewhere."""
    values = np.zeros((8, *FINE_SHAPE), np.uint8)
    for plane, places in planes.items():
        values[plane] = places
    values[UDM1] = udm1
    values[CLEAR] = ~(values[1:6].any(axis=0)) & (values[UDM1] == 0)
    values[6] = 87  # confidence, per cent
    return replace(write_fine(path, values, nodata=None), scale=1.0, offset=0.0, nodata=None)


def decoded(pixels: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Digital numbers of the file, to a half."""
    return PLANET.encoding.decode(pixels).astype(np.float64) * 1e4


def test_a_pixel_is_the_mean_of_its_parts_by_area(tmp_path: Path) -> None:
    values = noise(shape=FINE_SHAPE)
    bands = image(tmp_path / "i.tif", values)
    found = decoded(read_overpass([planet_scene(bands)], PLANET, GRID).image[2])
    exact = overlap(bands["red"]).mean(values, np.ones(FINE_SHAPE, bool))
    np.testing.assert_allclose(found, exact, atol=0.55)
    # a shift by half a pixel of the file would be seen
    aside = replace(bands["red"], transform=(3.0, 0.0, GRID.left - 39.5, 0.0, -3.0, GRID.top + 38))
    shifted = overlap(aside).mean(values, np.ones(FINE_SHAPE, bool))
    assert (np.abs(found - shifted) < 0.55).mean() < 0.1


def test_parts_without_data_do_not_count(tmp_path: Path) -> None:
    values = noise(shape=FINE_SHAPE)
    holes = np.random.default_rng(1).random(FINE_SHAPE) < 0.3
    holes[100:180, 120:240] = True
    values[holes] = 0
    bands = image(tmp_path / "i.tif", values)
    found = read_overpass([planet_scene(bands)], PLANET, GRID).image[0]
    exact = overlap(bands["blue"]).mean(values, ~holes)
    np.testing.assert_array_equal(found == 0, np.isnan(exact))
    assert 100 < int((found == 0).sum()) < found.size / 2
    np.testing.assert_allclose(decoded(found), exact, atol=0.55)


@pytest.mark.parametrize("pixel_m", [3.0, 10.0])
def test_what_one_band_alone_lacks_is_no_number_of_it(tmp_path: Path, pixel_m: float) -> None:
    """Averaged (3 m) or interpolated (10 m, half a pixel aside)."""
    values = np.full((4, *FINE_SHAPE), 3000, np.uint16)
    values[0, np.random.default_rng(1).random(FINE_SHAPE) < 0.3] = 0
    values[0, 100:180, 120:240] = 0
    values[0, 10:50, 10:50] = 0
    aside = (pixel_m, 0.0, GRID.left - pixel_m / 2, 0.0, -pixel_m, GRID.top + pixel_m / 2)
    source = replace(write_fine(tmp_path / "i.tif", values), offset=0.0, transform=aside)
    with rasterio.open(source.href, "r+") as file:
        file.transform = rasterio.Affine(*aside)
    bands = {name: replace(source, index=n) for n, name in enumerate(PLANET.bands, start=1)}
    blue, *others = read_overpass([planet_scene(bands)], PLANET, GRID).image
    assert (blue == 0).any()
    np.testing.assert_allclose(decoded(blue[blue != 0]), 3000, atol=0.55)
    for other in others:
        np.testing.assert_allclose(decoded(other[blue != 0]), 3000, atol=0.55)
        assert (other[blue == 0] != 0).any()


def test_means_leave_out_what_one_band_alone_lacks(tmp_path: Path) -> None:
    values = np.stack([noise(shape=FINE_SHAPE) + 1] * 4)
    holes = np.random.default_rng(1).random(FINE_SHAPE) < 0.3
    values[0, holes] = 0
    source = replace(write_fine(tmp_path / "i.tif", values), offset=0.0)
    bands = {name: replace(source, index=n) for n, name in enumerate(PLANET.bands, start=1)}
    found = read_overpass([planet_scene(bands)], PLANET, GRID).image
    for band, valid in zip(found[:2], (~holes, np.ones_like(holes)), strict=True):
        exact = overlap(source).mean(values[1], valid)
        np.testing.assert_allclose(decoded(band), exact, atol=0.55)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("pixel_m", [3.0, 10.0])
def test_bands_of_one_file_are_as_in_files_of_their_own(
    tmp_path: Path, pixel_m: float, shared: bool
) -> None:
    """Their holes too, of one band alone or of all: averaged, or half a pixel aside."""
    values = np.stack([noise(shape=FINE_SHAPE) + n for n in range(1, 5)])
    holes = np.random.default_rng(1).random(FINE_SHAPE) < 0.3
    holes[100:180, 120:240] = holes[10:50, 10:50] = True
    values[slice(None) if shared else 1, holes] = 0
    aside = (pixel_m, 0.0, GRID.left - pixel_m / 2, 0.0, -pixel_m, GRID.top + pixel_m / 2)
    whole = write_band(tmp_path / "i.tif", values, transform=aside)
    together = {name: replace(whole, index=n) for n, name in enumerate(PLANET.bands, start=1)}
    apart = {
        name: write_band(tmp_path / f"{name}.tif", band, transform=aside)
        for name, band in zip(PLANET.bands, values, strict=True)
    }
    one, other = (read_overpass([planet_scene(b)], PLANET, GRID).image for b in (together, apart))
    np.testing.assert_array_equal(one, other)
    assert (one[1] == 0).any()
    assert (one[0] == 0).any() == shared


def test_files_of_whole_fractions_of_the_grid_are_averaged_too(tmp_path: Path) -> None:
    values = noise(shape=(2 * GRID.height, 2 * GRID.width))
    half = (5.0, 0.0, GRID.left, 0.0, -5.0, GRID.top)
    source = replace(write_band(tmp_path / "i.tif", values, transform=half), offset=0.0)
    one = scene({name: source for name in ("blue", "green", "red", "nir")})
    found = read_overpass([one], SENSORS["sentinel-2-l2a"], GRID).image[0]
    means = values.reshape(GRID.height, 2, GRID.width, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(decoded(found), means, atol=0.55)


def test_power_of_a_radar_is_averaged_before_it_becomes_decibels(tmp_path: Path) -> None:
    radar = SENSORS["sentinel-1-rtc"]
    power = np.where(noise(shape=FINE_SHAPE) % 2, 1.0, 1e-3).astype(np.float32)
    source = replace(write_fine(tmp_path / "i.tif", power, nodata=-32768), scale=1.0, offset=0.0)
    one = scene({"vv": source, "vh": source})
    found = radar.encoding.decode(read_overpass([one], radar, GRID).image[0])
    exact = 10 * np.log10(overlap(source).mean(power, np.ones(FINE_SHAPE, bool)))
    np.testing.assert_allclose(found, exact, atol=0.006)


@pytest.mark.parametrize("epsg", [32653, 32652])
def test_pixels_lie_where_odc_stac_puts_them(tmp_path: Path, epsg: int) -> None:
    """In the port's zone and in the next one, where the file's pixels are turned."""
    grid = replace(GRID, width=60, height=50)
    values, source = in_zone(tmp_path, epsg, grid)
    bands = {name: replace(source, index=n) for n, name in enumerate(PLANET.bands, start=1)}
    found = decoded(read_overpass([planet_scene(bands)], PLANET, grid).image[3])
    theirs = by_odc(source, grid, "average")
    same = np.abs(found - theirs) < 0.6
    assert same.mean() == 1.0 if epsg == GRID.epsg else same.mean() > 0.99
    assert (np.abs(found - np.roll(theirs, 1, axis=1)) < 0.6).mean() < 0.1
    assert values.std() > 2 * found.std() > 0  # they are means


@pytest.mark.parametrize("count", [1, 4])
@pytest.mark.parametrize("holes", [False, True])
def test_bands_read_together_are_those_that_gdal_gives_one_by_one(
    tmp_path: Path, count: int, holes: bool
) -> None:
    """To the last bit, in the next zone, where it matters which pixels GDAL warps at once."""
    grid = replace(GRID, width=700, height=300)
    values, source = in_zone(tmp_path, 32652, grid)
    stack = np.stack([np.roll(values, n, axis=1) for n in range(count)])
    if holes:
        stack[:, 200:400, 300:900] = 0
    with rasterio.open(source.href, "w", **profile(source, count)) as file:
        file.write(stack)
    names = PLANET.bands[:count]
    bands = {name: replace(source, index=n) for n, name in enumerate(names, start=1)}
    found = read_overpass([planet_scene(bands)], PLANET, grid).image
    for number, name in enumerate(names, start=1):
        with (
            rasterio.open(source.href) as file,
            WarpedVRT(
                file,
                crs=f"EPSG:{grid.epsg}",
                transform=rasterio.Affine(*grid.transform),
                width=grid.width,
                height=grid.height,
                resampling=Resampling.average,
                dtype="float32",
                src_nodata=0 if holes else None,
                nodata=np.nan if holes else None,
            ) as warped,
        ):
            alone = PLANET.encoding.encode(warped.read(number) * np.float32(1e-4))
        np.testing.assert_array_equal(found[PLANET.bands.index(name)], alone)
        assert (alone == 0).any() == holes


def profile(source: Source, count: int) -> dict[str, Any]:
    """Of a file on the same pixels with so many bands."""
    with rasterio.open(source.href) as file:
        return {**file.profile, "count": count}


def in_zone(tmp_path: Path, epsg: int, grid: Grid) -> tuple[NDArray[np.uint16], Source]:
    """A file of noise of 3 m under the grid, in a zone."""
    left, bottom, right, top = transform_bounds(f"EPSG:{grid.epsg}", f"EPSG:{epsg}", *grid.bounds)
    west, north = np.floor(left / 3) * 3 - 60, np.ceil(top / 3) * 3 + 60
    shape = (int((north - bottom) / 3) + 30, int((right - west) / 3) + 30)
    values = noise(shape=shape)
    transform = (3.0, 0.0, west, 0.0, -3.0, north)
    written = write_band(tmp_path / "i.tif", np.stack([values] * 4), epsg=epsg, transform=transform)
    return values, replace(written, offset=0.0)


def by_odc(source: Source, grid: Grid, how: str) -> NDArray[np.float64]:
    """The file's numbers on the grid by odc-stac, as floats."""
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": "i",
        "geometry": None,
        "properties": {
            "datetime": "2024-05-01T00:00:00Z",
            "proj:code": f"EPSG:{source.epsg}",
            "proj:shape": list(source.shape),
            "proj:transform": list(source.transform),
        },
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
            "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
        ],
        "links": [],
        "assets": {
            "b": {
                "href": source.href,
                "type": "image/tiff",
                "roles": ["data"],
                "raster:bands": [{"data_type": "uint16", "nodata": 0}],
            }
        },
    }
    box = GeoBox(grid.shape, rasterio.Affine(*grid.transform), f"EPSG:{grid.epsg}")
    loaded = odc.stac.load(
        [pystac.Item.from_dict(item)], bands=["b"], geobox=box, resampling=how, dtype="float32"
    )
    return np.asarray(loaded["b"].isel(time=0).to_numpy(), np.float64)


# --- masks --------------------------------------------------------------------------------------


def quality_bits(tmp_path: Path, mask: Source) -> NDArray[np.uint8]:
    bands = image(tmp_path / "i.tif", noise(shape=FINE_SHAPE))
    return read_overpass([planet_scene(bands, mask)], PLANET, GRID).quality


def blob(rows: slice, columns: slice) -> NDArray[np.bool_]:
    found = np.zeros(FINE_SHAPE, bool)
    found[rows, columns] = True
    return found


def test_a_pixel_has_what_udm2_says_of_any_of_its_parts(tmp_path: Path) -> None:
    """Except cloud, which is widened afterwards, as of every sensor."""
    rng = np.random.default_rng(3)
    planes = {plane: rng.random(FINE_SHAPE) < 0.01 for plane in (SNOW, SHADOW, LIGHT_HAZE)}
    bits = np.where(rng.random(FINE_SHAPE) < 0.01, 1 << rng.integers(2, 8, FINE_SHAPE), 0)
    mask = udm2(tmp_path / "m.tif", planes, bits)
    found = quality_bits(tmp_path, mask)
    told = overlap(mask)
    expected = np.zeros(GRID.shape, np.uint8)
    for plane, flag in (
        (SNOW, Quality.SNOW_ICE),
        (SHADOW, Quality.CLOUD_SHADOW),
        (LIGHT_HAZE, Quality.THIN_CLOUD),
    ):
        expected[told.any(planes[plane])] |= np.uint8(flag)
    expected[told.any(bits > 0)] |= np.uint8(Quality.DEFECTIVE)
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(found)) >= {0, 4, 8, 16, 32}


@pytest.mark.parametrize("plane", [CLOUD, HEAVY_HAZE])
def test_cloud_and_heavy_haze_hide(tmp_path: Path, plane: int) -> None:
    mask = udm2(tmp_path / "m.tif", {plane: blob(np.s_[100:220], np.s_[150:300])})
    found = quality_bits(tmp_path, mask)
    cloudy = overlap(mask).any(blob(np.s_[100:220], np.s_[150:300]))
    assert (found[cloudy] == Quality.CLOUD).all()
    assert (found == 0).mean() > 0.5


def test_the_older_cloud_mask_in_udm2_says_nothing(tmp_path: Path) -> None:
    old = np.where(blob(np.s_[100:220], np.s_[150:300]), 2, 0)
    values = udm2(tmp_path / "m.tif", {}, old)
    with rasterio.open(values.href, "r+") as file:
        file.write(np.ones(FINE_SHAPE, np.uint8), 1)  # clear by UDM2
    assert (quality_bits(tmp_path, values) == 0).all()


def test_a_pixel_of_which_no_band_tells_anything_is_unscreened(tmp_path: Path) -> None:
    mask = udm2(tmp_path / "m.tif", {})
    nothing = blob(np.s_[100:220], np.s_[150:300])
    with rasterio.open(mask.href, "r+") as file:
        file.write((~nothing).astype(np.uint8), 1)
    found = quality_bits(tmp_path, mask)
    expected = np.where(overlap(mask).any(nothing), np.uint8(Quality.UNSCREENED), np.uint8(0))
    np.testing.assert_array_equal(found, expected)


def test_what_was_not_imaged_is_filled_by_the_next_scene(tmp_path: Path) -> None:
    """A pixel that is imaged in part only is taken from the scene that has it whole."""
    west = blob(np.s_[:], np.s_[:200])
    values = noise(shape=FINE_SHAPE)
    scenes = []
    for number, here in enumerate((west, ~west | blob(np.s_[:], np.s_[150:200]))):
        snow = {SNOW: here} if number else {}
        mask = udm2(tmp_path / f"m{number}.tif", snow, np.where(here, 0, 1))
        bands = image(tmp_path / f"i{number}.tif", np.where(here, values, 0))
        scenes.append(planet_scene(bands, mask, id=str(number)))
    found = read_overpass(scenes, PLANET, GRID).quality
    whole = ~overlap(mask).any(~west)
    np.testing.assert_array_equal(found, np.where(whole, 0, np.uint8(Quality.SNOW_ICE)))


def test_beyond_the_file_there_is_no_pixel(tmp_path: Path) -> None:
    values = np.zeros((8, 90, 100), np.uint8)
    values[CLEAR] = 1
    mask = write_fine(tmp_path / "m.tif", values, nodata=None)
    mask = replace(mask, scale=1.0, offset=0.0, nodata=None)
    found = quality_bits(tmp_path, mask)
    covered = overlap(mask).covered(mask.shape, GRID)
    np.testing.assert_array_equal(found, np.where(covered, 0, np.uint8(Quality.NODATA)))
    assert 0.01 < covered.mean() < 0.5


def test_a_mask_of_many_bands_on_the_grid_is_taken_as_it_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    values = np.zeros((8, *GRID.shape), np.uint8)
    values[SNOW] = rng.random(GRID.shape) < 0.3
    values[CLEAR] = 1 - values[SNOW]
    written = write_band(tmp_path / "m.tif", values, nodata=None)
    mask = replace(written, scale=1.0, offset=0.0, nodata=None)
    snow = np.where(values[SNOW], np.uint8(Quality.SNOW_ICE), np.uint8(0))
    np.testing.assert_array_equal(quality_bits(tmp_path, mask), snow)


def test_a_mask_of_one_band_finer_than_the_grid_tells_of_any_part(tmp_path: Path) -> None:
    s2: Sensor = SENSORS["sentinel-2-l2a"]
    classes = np.where(np.random.default_rng(5).random(FINE_SHAPE) < 0.02, 11, 6)
    classes[:80] = 0
    written = write_fine(tmp_path / "m.tif", classes.astype(np.uint8), nodata=0)
    mask = replace(written, scale=1.0, offset=0.0)
    one = scene({"blue": write_band(tmp_path / "b.tif", noise())}, mask=mask)
    found = read_overpass([one], s2, GRID).quality
    told = overlap(mask)
    expected = np.where(told.any(classes == 11), np.uint8(Quality.SNOW_ICE), np.uint8(0))
    expected[told.any(classes == 0)] = np.uint8(Quality.NODATA)
    np.testing.assert_array_equal(found, expected)


def test_a_udm2_with_fewer_bands_than_are_read_is_refused_by_name(tmp_path: Path) -> None:
    values = np.ones((4, *FINE_SHAPE), np.uint8)
    mask = replace(write_fine(tmp_path / "m.tif", values, nodata=None), nodata=None)
    with pytest.raises(Exception, match=r"m\.tif has 4 bands, expected at least 5"):
        quality_bits(tmp_path, mask)


# --- what is stale ------------------------------------------------------------------------------


def stale(one: Scene, *how: str) -> str:
    """Why what was stored under an older key is stale; empty where it is not."""
    settings = Settings(code_version="1", model=None, model_digest="m")
    unit = Unit(small_port(), overpass(one), 0)
    stored = content_id(["tile", VERSION, unit.overpass.id, *how])
    return "" if stored == key(unit, settings) else changed(unit, settings, stored, [])


def test_only_finer_pixels_and_warped_files_of_several_bands_have_another_key(
    tmp_path: Path,
) -> None:
    interpolated = "pixels finer than the grid are averaged now; they were interpolated"
    counted = "what one band of a file lacks no longer counts as numbers of it"
    fine = image(tmp_path / "i.tif", noise(shape=FINE_SHAPE))
    apart = {"blue": fine["blue"], "red": replace(fine["red"], href="other.tif")}
    assert stale(planet_scene(fine)) == interpolated
    assert stale(planet_scene(fine), "averaged") == counted
    assert stale(planet_scene(apart)) == interpolated
    assert not stale(planet_scene(apart), "averaged")
    on_grid = write_band(tmp_path / "b.tif", noise())
    beside = replace(on_grid, transform=(10.0, 0.0, GRID.left - 5, 0.0, -10.0, GRID.top))
    for source, why in ((on_grid, ""), (beside, counted)):
        assert not stale(scene({"blue": source}))
        assert stale(scene({"blue": source, "red": replace(source, index=2)})) == why


@pytest.mark.parametrize(
    ("epsg", "height", "finer"),
    [
        (32653, 3.0, True),
        (32653, 9.9, False),
        (32653, 10.0, False),
        (4326, 3e-5, True),
        (4326, 1e-4, False),
        (2263, 10.0, True),  # New York, US feet
        (2263, 33.0, False),
    ],
)
def test_what_is_finer_is_told_in_metres(epsg: int, height: float, finer: bool) -> None:
    source = Source("x.tif", 1, epsg, (height, 0.0, 0.0, 0.0, -height, 0.0), (10, 10))
    assert is_finer(source, GRID) is finer


def test_told_is_no_bit_of_quality() -> None:
    assert all(int(flag) < TOLD for flag in Quality)
