"""The tile stage: both ways of reading agree, offsets apply once, bad files fail by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import tile
from jobs.domain import Grid, Quality, Source
from jobs.errors import SceneError
from jobs.sensors import SENSORS
from tests.scenes import GRID, noise, scene, write_band

S2 = SENSORS["sentinel-2-l2a"]
SOURCE = Source("x.tif", 1, GRID.epsg, GRID.transform, GRID.shape)


def shifted(columns: int, rows: int, resolution: float = 10.0) -> tuple[float, ...]:
    return (resolution, 0.0, GRID.left + 10 * columns, 0.0, -resolution, GRID.top - 10 * rows)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(columns=st.integers(-130, 130), rows=st.integers(-110, 110), coarse=st.booleans())
def test_window_and_stackstac_agree_to_the_last_digit(
    tmp_path: Path, columns: int, rows: int, coarse: bool
) -> None:
    resolution = 20.0 if coarse else 10.0
    columns, rows = (2 * (columns // 2), 2 * (rows // 2)) if coarse else (columns, rows)
    path = tmp_path / f"{columns}_{rows}_{coarse}.tif"
    source = write_band(path, noise(shape=(80, 90)), transform=shifted(columns, rows, resolution))
    assert tile.is_aligned(source, GRID)
    fast = tile._read_window(source, GRID)
    # Repeating coarse pixels is what nearest resampling does; bilinear only has to agree on the
    # port's own resolution.
    (general,) = tile._read_warped([source], GRID, categorical=coarse)
    np.testing.assert_array_equal(fast, general)


def test_a_coarse_window_may_begin_inside_a_coarse_pixel(tmp_path: Path) -> None:
    grid = replace(GRID, left=GRID.left + 10, top=GRID.top - 10, width=31, height=21)
    values = noise(shape=(40, 40))
    source = write_band(tmp_path / "c.tif", values, transform=shifted(0, 0, 20.0))
    expected = values.repeat(2, 0).repeat(2, 1)[1:22, 1:32]
    np.testing.assert_array_equal(tile._read_window(source, grid), expected)


def test_the_offset_is_applied_exactly_once(tmp_path: Path) -> None:
    number = np.full(GRID.shape, 1234, np.uint16)
    new = write_band(tmp_path / "new.tif", number)
    old = replace(new, offset=0.0)
    for source, reflectance in ((new, 0.0234), (old, 0.1234)):
        pixels = tile.read_overpass([scene(dict.fromkeys(S2.bands, source))], S2, GRID)
        np.testing.assert_allclose(S2.encoding.decode(pixels.image), reflectance, atol=1e-6)


def test_mosaic_takes_the_first_scene_that_has_data(tmp_path: Path) -> None:
    left, right = noise(seed=1), noise(seed=2)
    left[:, 70:] = 0
    first = write_band(tmp_path / "a.tif", left)
    second = write_band(tmp_path / "b.tif", right)
    scenes = [
        scene(dict.fromkeys(S2.bands, first), id="a"),
        scene(dict.fromkeys(S2.bands, second), id="b"),
    ]
    image = tile.read_overpass(scenes, S2, GRID).image[0]
    np.testing.assert_array_equal(image[:, :70], left[:, :70])
    np.testing.assert_array_equal(image[:, 70:], right[:, 70:])


def test_scenes_of_two_zones_land_on_one_grid(tmp_path: Path) -> None:
    """A smooth field written in the neighbouring zone comes back where it belongs."""
    from pyproj import Transformer

    other = Grid(epsg=32652, left=0.0, top=0.0, width=260, height=260)
    to_other = Transformer.from_crs(GRID.epsg, other.epsg, always_xy=True)
    centre = to_other.transform(GRID.left + 600, GRID.top - 500)
    left, top = (np.round(centre[0] - 1300, -1), np.round(centre[1] + 1300, -1))
    other = replace(other, left=float(left), top=float(top))
    back = Transformer.from_crs(other.epsg, GRID.epsg, always_xy=True)
    x, y = back.transform(*np.meshgrid(other.x, other.y))
    field = (2000 + (x - GRID.left) + 2 * (GRID.top - y)).astype(np.uint16)
    source = write_band(tmp_path / "z.tif", field, epsg=other.epsg, transform=other.transform)
    assert not tile.is_aligned(source, GRID)
    image = tile.read_overpass([scene(dict.fromkeys(S2.bands, source))], S2, GRID).image[0]
    xx, yy = np.meshgrid(GRID.x, GRID.y)
    expected = 2000 + (xx - GRID.left) + 2 * (GRID.top - yy)
    assert np.abs(image.astype(float) - expected).max() <= 6  # a third of a pixel of this slope


def test_no_data_outside_the_file_and_a_missing_band(tmp_path: Path) -> None:
    source = write_band(tmp_path / "half.tif", noise(shape=(100, 60)))
    bands = dict.fromkeys(("blue", "green", "red"), source)
    pixels = tile.read_overpass([scene(bands)], S2, GRID)
    assert (pixels.image[:3, :, :60] > 0).all()
    assert not pixels.image[:3, :, 60:].any()
    assert not pixels.image[3].any()
    assert (pixels.quality[:, 60:] == Quality.NODATA).all()
    assert (pixels.quality[:, :60] == Quality.UNSCREENED).all()


def test_wide_cloud_is_flagged_with_its_edge_and_its_flock_and_a_lonely_ship_is_not() -> None:
    classes = np.full((200, 220), 6, np.uint8)
    classes[10:50, 10:60] = 9
    classes[60:63, 20:25] = 8  # a scrap of cloud beside the cloud
    classes[180:184, 150:180] = 9  # 40 m by 300 m, far from any cloud: a white ship
    classes[180:186, 100:107] = 9  # as far, but round: a small cloud
    classes[120:130, 80:90] = 3
    quality = tile.classify(classes, S2, 10.0)
    assert (quality[6:54, 10:60] == Quality.CLOUD).all()
    assert (quality[60:63, 20:25] == Quality.CLOUD).all()
    assert (quality[170:, 140:] == 0).all()
    assert (quality[180:186, 100:107] == Quality.CLOUD).all()
    assert (quality[120:130, 80:90] == Quality.CLOUD_SHADOW).all()
    assert quality[5, 30] == 0


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    source = write_band(tmp_path / "gone.tif", noise())
    Path(source.href).unlink()
    with pytest.raises(SceneError, match=r"cannot read .*gone\.tif"):
        tile.read_overpass([scene({"blue": source})], S2, GRID)


def test_a_truncated_file_fails_instead_of_giving_zeros(tmp_path: Path) -> None:
    source = write_band(tmp_path / "cut.tif", noise())
    path = Path(source.href)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SceneError, match=r"cut\.tif"):
        tile.read_overpass([scene({"blue": source})], S2, GRID)


@pytest.mark.parametrize("aligned", [True, False])
def test_a_file_that_is_not_what_was_declared_is_refused(tmp_path: Path, aligned: bool) -> None:
    source = write_band(tmp_path / "moved.tif", noise(), transform=shifted(3, 0))
    sources = [replace(source, transform=GRID.transform)]
    sources += [] if aligned else sources
    with pytest.raises(SceneError, match="the catalog declares"):
        list(tile.read_band(sources, GRID))


def test_a_query_that_may_hold_a_signature_is_not_shown() -> None:
    source = replace(SOURCE, href="https://x/y.tif?sig=secret")
    assert "secret" not in str(tile._unreadable(source, OSError("no such host")))


def test_true_colour_of_three_bands_in_one_file(tmp_path: Path) -> None:
    sensor = SENSORS["sentinel-2-visual"]
    rgb = np.random.default_rng(0).integers(1, 255, (3, *GRID.shape)).astype(np.uint8)
    red = replace(write_band(tmp_path / "tci.tif", rgb), scale=1 / 255, offset=0.0)
    bands = {"red": red, "green": replace(red, index=2), "blue": replace(red, index=3)}
    for scenes in ([scene(bands)], [scene(bands), scene(bands, id="again")]):
        pixels = tile.read_overpass(scenes, sensor, GRID)
        np.testing.assert_array_equal(pixels.image, rgb[::-1])
