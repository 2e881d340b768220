"""The tile stage: both ways of reading agree, offsets apply once, bad files fail by name."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from jobs import tile
from jobs.domain import Grid, Quality, Source
from jobs.domain.sensors import SENSORS
from jobs.domain.types import Encoding
from jobs.errors import SceneError
from jobs.tile import raster
from jobs.tile.aligned import read_windows
from jobs.tile.cloud_mask import grown, opened, without_ships
from jobs.tile.encoding import Classes, Layer, encoded, physical
from jobs.tile.pixel_size import is_aligned
from jobs.tile.raster import unreadable
from jobs.tile.stage import read_overpass
from jobs.tile.warped import read_warped
from tests.support.scenes import GRID, noise, scene, write_band

S2 = SENSORS["sentinel-2-l2a"]
assert S2.mask is not None
S2_MASK, CLASSES = S2.mask, Classes(S2.mask)
SOURCE = Source("x.tif", 1, GRID.epsg, GRID.transform, GRID.shape)


def by_window(
    source: Source, grid: Grid = GRID, *, categorical: bool = False
) -> NDArray[np.uint16]:
    return _read(read_windows, source, grid, categorical)


def by_stackstac(
    source: Source, grid: Grid = GRID, *, categorical: bool = False
) -> NDArray[np.uint16]:
    return _read(read_warped, source, grid, categorical)


def _read(read: Any, source: Source, grid: Grid, categorical: bool) -> NDArray[np.uint16]:
    layer = Layer(
        source,
        CLASSES if categorical else S2.encoding,
        S2_MASK.dtypes,
        np.zeros(grid.shape, np.uint16),
        categorical,
    )
    read([layer], grid, None)
    return layer.out


def shifted(columns: int, rows: int, resolution: float = 10.0) -> tuple[float, ...]:
    return (resolution, 0.0, GRID.left + 10 * columns, 0.0, -resolution, GRID.top - 10 * rows)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(columns=st.integers(-130, 130), rows=st.integers(-110, 110), coarse=st.booleans())
def test_window_and_stackstac_agree_to_the_last_digit(
    tmp_path: Path, columns: int, rows: int, coarse: bool
) -> None:
    resolution = 20.0 if coarse else 10.0
    columns, rows = (2 * (columns // 2), 2 * (rows // 2)) if coarse else (columns, rows)
    path = tmp_path / f"{columns}_{rows}_{coarse}.tif"
    source = write_band(path, noise(shape=(80, 90)), transform=shifted(columns, rows, resolution))
    assert is_aligned(source, GRID)
    # Repeating coarse pixels is what nearest resampling does; bilinear only has to agree on the
    # port's own resolution.
    fast = by_window(source, categorical=coarse)
    np.testing.assert_array_equal(fast, by_stackstac(source, categorical=coarse))


def test_a_coarse_window_may_begin_inside_a_coarse_pixel(tmp_path: Path) -> None:
    grid = replace(GRID, left=GRID.left + 10, top=GRID.top - 10, width=31, height=21)
    values = noise(shape=(40, 40))
    source = write_band(tmp_path / "c.tif", values, transform=shifted(0, 0, 20.0))
    expected = values.repeat(2, 0).repeat(2, 1)[1:22, 1:32]
    np.testing.assert_array_equal(by_window(source, grid), expected)


def test_the_offset_is_applied_exactly_once(tmp_path: Path) -> None:
    number = np.full(GRID.shape, 1234, np.uint16)
    new = write_band(tmp_path / "new.tif", number)
    old = replace(new, offset=0.0)
    for source, reflectance in ((new, 0.0234), (old, 0.1234)):
        pixels = read_overpass([scene(dict.fromkeys(S2.bands, source))], S2, GRID)
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
    image = read_overpass(scenes, S2, GRID).image[0]
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
    assert not is_aligned(source, GRID)
    image = read_overpass([scene(dict.fromkeys(S2.bands, source))], S2, GRID).image[0]
    xx, yy = np.meshgrid(GRID.x, GRID.y)
    expected = 2000 + (xx - GRID.left) + 2 * (GRID.top - yy)
    assert np.abs(image.astype(float) - expected).max() <= 6  # a third of a pixel of this slope


def test_no_data_outside_the_file_and_a_missing_band(tmp_path: Path) -> None:
    source = write_band(tmp_path / "half.tif", noise(shape=(100, 60)))
    bands = dict.fromkeys(("blue", "green", "red"), source)
    pixels = read_overpass([scene(bands)], S2, GRID)
    assert (pixels.image[:3, :, :60] > 0).all()
    assert not pixels.image[:3, :, 60:].any()
    assert not pixels.image[3].any()
    assert (pixels.quality[:, 60:] == Quality.NODATA).all()
    assert (pixels.quality[:, :60] == Quality.UNSCREENED).all()


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.0, 0.7),
    width=st.integers(1, 11),
    radius=st.integers(0, 6),
)
def test_shapes_by_shifts_are_those_of_scipy(
    seed: int, share: float, width: int, radius: int
) -> None:
    rng = np.random.default_rng(seed)
    places = ndimage.uniform_filter(rng.random(rng.integers(1, 40, 2)), 3) < share
    square = np.ones((width, width), bool)
    np.testing.assert_array_equal(opened(places, width), ndimage.binary_opening(places, square))
    far = ndimage.distance_transform_edt(~places) if places.any() else np.full(places.shape, 99)
    np.testing.assert_array_equal(grown(places, radius), far <= radius)


def quality_of(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return without_ships(CLASSES.quality(classes.astype(np.uint16)), 10.0)


def test_a_ship_whose_patch_has_wide_cloud_at_its_far_end_alone_stays_cloud() -> None:
    classes = np.full((120, 220), 6, np.uint8)
    classes[60:64, 100:130] = 9
    classes[50:70, 175:200] = 9  # 450 m from one end, 750 m from the other
    near = quality_of(classes)
    assert (near[60:64, 100:130] == Quality.CLOUD).all()
    classes[50:70, 175:181] = 6
    assert not quality_of(classes)[60:64, 100:130].any()


def test_wide_cloud_is_flagged_with_its_edge_and_its_flock_and_a_lonely_ship_is_not() -> None:
    classes = np.full((200, 220), 6, np.uint8)
    classes[10:50, 10:60] = 9
    classes[60:63, 20:25] = 8  # a scrap of cloud beside the cloud
    classes[180:184, 150:180] = 9  # 40 m by 300 m, far from any cloud: a white ship
    classes[180:186, 100:107] = 9  # as far, but round: a small cloud
    classes[120:130, 80:90] = 3
    quality = quality_of(classes)
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
        read_overpass([scene({"blue": source})], S2, GRID)


def test_a_truncated_file_fails_instead_of_giving_zeros(tmp_path: Path) -> None:
    source = write_band(tmp_path / "cut.tif", noise())
    path = Path(source.href)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(SceneError, match=r"cut\.tif"):
        read_overpass([scene({"blue": source})], S2, GRID)


@pytest.mark.parametrize("aligned", [True, False])
def test_a_file_that_is_not_what_was_declared_is_refused(tmp_path: Path, aligned: bool) -> None:
    source = write_band(tmp_path / "moved.tif", noise(), transform=shifted(3, 0))
    source = replace(source, transform=GRID.transform)
    with pytest.raises(SceneError, match="the catalog declares"):
        (by_window if aligned else by_stackstac)(source)


def test_a_query_that_may_hold_a_signature_is_not_shown() -> None:
    source = replace(SOURCE, href="https://x/y.tif?sig=secret")
    assert "secret" not in str(unreadable(source.href, OSError("no such host")))


def test_true_colour_of_three_bands_in_one_file(tmp_path: Path) -> None:
    sensor = SENSORS["sentinel-2-visual"]
    rgb = np.random.default_rng(0).integers(1, 255, (3, *GRID.shape)).astype(np.uint8)
    red = replace(write_band(tmp_path / "tci.tif", rgb), scale=1 / 255, offset=0.0)
    bands = {"red": red, "green": replace(red, index=2), "blue": replace(red, index=3)}
    for scenes in ([scene(bands)], [scene(bands), scene(bands, id="again")]):
        pixels = read_overpass(scenes, sensor, GRID)
        np.testing.assert_array_equal(pixels.image, rgb[::-1])


def test_every_number_becomes_what_its_physical_value_is_encoded_as() -> None:
    everything = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    as_floats = everything.astype(np.float32)
    for scale, offset, nodata in (
        (1e-4, -0.1, 0.0),
        (1e-4, 0.0, 0.0),
        (1e-4, -0.1, None),
        (1 / 65535, 0.0, None),
        (2.75e-5, -0.2, 65535.0),
    ):
        source = replace(SOURCE, scale=scale, offset=offset, nodata=nodata)
        values = np.where(as_floats == nodata, np.float32("nan"), as_floats)
        expected = S2.encoding.encode(physical(source, values))
        np.testing.assert_array_equal(encoded(source, everything, S2.encoding), expected)


def test_numbers_that_are_the_archives_own_are_not_touched() -> None:
    numbers = noise()
    own = replace(SOURCE, scale=1e-4, offset=-0.1, nodata=0.0)
    assert encoded(own, numbers, S2.encoding) is numbers
    assert encoded(replace(own, offset=0.0), numbers, S2.encoding) is not numbers
    other = Encoding("reflectance", 2e-4, -0.1, "")
    assert encoded(own, numbers, other) is not numbers


def test_a_scene_that_can_add_nothing_is_not_opened(tmp_path: Path) -> None:
    whole = write_band(tmp_path / "whole.tif", noise())
    gone = replace(whole, href=str(tmp_path / "gone.tif"))
    scenes = [scene({"blue": whole}), scene({"blue": gone}, id="later")]
    np.testing.assert_array_equal(read_overpass(scenes, S2, GRID).image[0], noise())


def test_warped_pixels_do_not_depend_on_whether_the_file_has_a_hole(tmp_path: Path) -> None:
    """The warp that has no holes to look after gives the numbers of the one that has."""
    smooth = ndimage.gaussian_filter(noise(shape=(300, 300)), 2).astype(np.uint16)
    half_a_pixel = (10.0, 0.0, GRID.left - 805.0, 0.0, -10.0, GRID.top + 805.0)
    holed = smooth.copy()
    holed[100:104, 150:154] = 0
    whole = by_stackstac(write_band(tmp_path / "a.tif", smooth, transform=half_a_pixel))
    with_hole = by_stackstac(write_band(tmp_path / "b.tif", holed, transform=half_a_pixel))
    far = ~ndimage.binary_dilation(with_hole == 0, iterations=4)
    assert (with_hole == 0).any()
    assert whole.all()
    np.testing.assert_array_equal(whole[far], with_hole[far])


@pytest.mark.parametrize("read", [by_window, by_stackstac])
def test_a_nodata_tag_that_the_catalog_does_not_declare_is_believed(
    tmp_path: Path, read: Callable[[Source], NDArray[np.uint16]]
) -> None:
    values = noise(seed=7) + 10
    values[:, :20] = 7
    source = write_band(tmp_path / "tagged.tif", values, nodata=7)
    for silent in ({"nodata": None}, {"nodata": 0.0, "nodata_assumed": True}):
        image = read(replace(source, **silent))
        assert not image[:, :20].any()
        assert image[:, 20:].all()


def test_another_nodata_tag_than_the_catalog_declares_is_refused(tmp_path: Path) -> None:
    source = write_band(tmp_path / "tagged.tif", noise(seed=7) + 10, nodata=7)
    with pytest.raises(SceneError, match=r"no-data value 7 in its tag, the catalog declares 0"):
        by_window(replace(source, nodata=0.0))


def test_a_file_without_a_nodata_tag_is_warped_as_the_catalog_says(tmp_path: Path) -> None:
    values = noise(shape=(300, 300))
    values[:, 150:] = 0
    moved = (10.0, 0.0, GRID.left - 805.0, 0.0, -10.0, GRID.top + 805.0)
    source = write_band(tmp_path / "bare.tif", values, transform=moved, nodata=None)
    image = by_stackstac(replace(source, nodata=0.0))
    assert image[:, :69].all()
    assert not image[:, 70:].any()


def opened_files(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []

    def count(module: ModuleType, function: str) -> None:
        original = getattr(module, function)

        def counted(name: str, *args: Any, **kwargs: Any) -> Any:
            names.append(Path(name).name)
            return original(name, *args, **kwargs)

        monkeypatch.setattr(module, function, counted)

    count(rasterio, "open")
    count(raster, "_bytes_of")
    return names


@pytest.mark.parametrize("warped", [False, True])
def test_each_file_is_opened_once_for_an_overpass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warped: bool
) -> None:
    rgb = np.random.default_rng(0).integers(1, 255, (3, *GRID.shape)).astype(np.uint8)
    transform = (10.0, 0.0, GRID.left + 5 * warped, 0.0, -10.0, GRID.top)
    red = replace(
        write_band(tmp_path / "tci.tif", rgb, transform=transform), scale=1 / 255, offset=0.0
    )
    bands = {"red": red, "green": replace(red, index=2), "blue": replace(red, index=3)}
    names = opened_files(monkeypatch)
    read_overpass([scene(bands)], SENSORS["sentinel-2-visual"], GRID)
    assert names == ["tci.tif"]


def test_units_that_share_files_open_each_once_and_see_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = {b: write_band(tmp_path / f"{b}.tif", noise(seed=i)) for i, b in enumerate(S2.bands)}
    grids = [replace(GRID, left=GRID.left + 10 * n, width=40, height=30) for n in range(5)]
    alone = [read_overpass([scene(sources)], S2, grid).image for grid in grids]
    names = opened_files(monkeypatch)
    with tile.sharing_files():
        together = [read_overpass([scene(sources)], S2, grid).image for grid in grids]
    assert sorted(names) == sorted(f"{band}.tif" for band in S2.bands)
    np.testing.assert_array_equal(alone, together)
    read_overpass([scene(sources)], S2, grids[0])
    assert len(names) == 8  # outside, nothing is kept


def test_shared_files_are_bounded_closed_and_not_shared_with_other_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raster, "MAX_SHARED", 2)
    sources = {b: write_band(tmp_path / f"{b}.tif", noise(seed=i)) for i, b in enumerate(S2.bands)}
    with tile.sharing_files():
        read_overpass([scene(sources)], S2, GRID)
        assert raster._shared.files is not None
        kept = list(raster._shared.files.values())
        assert len(kept) == 2
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(lambda: raster._shared.files).result() is None
        assert not any(file.closed for file in kept)
    assert all(file.closed for file in kept)
