"""What the plan counts of files that must be resampled, and what it takes by that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.domain import Grid, Scene, Source, StageName
from jobs.plan import BASE_MEMORY, Estimate, estimate_overpass, rates, stage_cpu_s
from jobs.plan.resampled import GDAL_CACHE
from tests.support.finer import PLANET, planet_scene
from tests.support.scenes import GRID, overpass, scene

PIXELS = GRID.width * GRID.height


def file(href: str, metres: float, *, aside: float = 0.0) -> Source:
    """A file of such pixels that reaches 900 m beyond the grid on all sides, or lies aside."""
    left, top = GRID.left - 900 + aside, GRID.top + 900
    height, width = (round((n * 10 + 1800) / metres) for n in GRID.shape)
    return Source(href, 1, GRID.epsg, (metres, 0.0, left, 0.0, -metres, top), (height, width))


def separate(metres: float, mask_m: float, aside: float = 0.0) -> Scene:
    """A scene with a file for each of four bands and its mask."""
    bands = {name: file(name, metres, aside=aside) for name in PLANET.bands}
    return scene(bands, mask=file("mask", mask_m, aside=aside))


def planet(count: int, metres: float = 3.0) -> Scene:
    """A scene with all bands in one file, and UDM2."""
    step = count // 4
    image = file("image", metres)
    bands = {name: replace(image, index=step * n) for n, name in enumerate(PLANET.bands, start=1)}
    return planet_scene(bands, file("udm2", metres))


def counted(one: Scene, grid: Grid = GRID) -> dict[str, int]:
    found = estimate_overpass(overpass(one), grid)
    names = ("resampled_files", "warped_samples", "turned_samples", "finer_samples", "flag_pixels")
    return {name: getattr(found, name) for name in names if getattr(found, name)}


def test_files_on_the_grid_are_not_resampled() -> None:
    assert counted(separate(10, 20)) == {}
    assert counted(separate(10, 20, aside=10.0)) == {}


def test_shifted_and_coarser_files_are_warped_to_every_pixel_for_each_band() -> None:
    shifted = {"resampled_files": 5, "warped_samples": 5 * PIXELS}
    assert counted(separate(10, 20, aside=5.0)) == shifted
    assert counted(separate(30, 30, aside=15.0)) == shifted


def test_of_another_projection_they_are_turned() -> None:
    grid = replace(GRID, left=760_000.0)  # near the next zone, whose eastings are 268 km here
    there = (10.0, 0.0, 200_000.0, 0.0, -10.0, 4_780_000.0)
    one = separate(10, 20)
    turned = {
        name: replace(each, epsg=GRID.epsg + 1, transform=there, shape=(10_000, 12_000))
        for name, each in one.bands.items()
    }
    assert counted(replace(one, bands=turned, mask=None), grid) == {
        "resampled_files": 4,
        "warped_samples": 4 * PIXELS,
        "turned_samples": 4 * PIXELS,
    }


@pytest.mark.parametrize("count", [4, 8])
def test_finer_files_count_by_their_own_pixels_and_all_their_bands(count: int) -> None:
    rows, columns = (-(-n * 10 // 3) for n in GRID.shape)
    assert counted(planet(count)) == {
        "resampled_files": 2,
        "finer_samples": count * rows * columns,
        "flag_pixels": rows * columns,
    }


def test_bands_in_files_of_their_own_count_once_each() -> None:
    found = counted(separate(5, 20))
    assert found == {"resampled_files": 4, "finer_samples": 4 * 4 * PIXELS}


def test_a_file_beside_the_port_costs_nothing() -> None:
    assert counted(separate(3, 3, aside=50_000.0)) == {}


def test_tile_takes_longer_for_finer_pixels_and_segment_does_not() -> None:
    plain, fine, finer = (
        estimate_overpass(overpass(one), GRID)
        for one in (separate(10, 20), planet(4), planet(4, metres=0.5))
    )
    tile = [stage_cpu_s(StageName.TILE, each) for each in (plain, fine, finer)]
    assert tile == sorted(tile)
    assert tile[2] - tile[0] > 20 * (tile[1] - tile[0])  # 36 times as many pixels
    segment = {stage_cpu_s(StageName.SEGMENT, each) for each in (plain, fine, finer)}
    assert len(segment) == 1


def test_each_kind_of_work_adds_by_its_own_rate() -> None:
    names = {
        "resampled_files": rates.RESAMPLING_CPU_S.file,
        "warped_samples": rates.RESAMPLING_CPU_S.warped / 1e6,
        "turned_samples": rates.RESAMPLING_CPU_S.turned / 1e6,
        "finer_samples": rates.RESAMPLING_CPU_S.finer / 1e6,
        "flag_pixels": rates.RESAMPLING_CPU_S.flags / 1e6,
        "point_files": rates.RESAMPLING_CPU_S.point_file,
        "point_samples": rates.RESAMPLING_CPU_S.point / 1e6,
    }
    for name, rate in names.items():
        more = Estimate(**{name: 7})
        assert stage_cpu_s(StageName.TILE, more) == pytest.approx(7 * rate)
        assert stage_cpu_s(StageName.SEGMENT, more) == 0


def test_a_radar_has_rates_of_its_own() -> None:
    one = scene({"vv": file("vv", 10), "vh": file("vh", 10)})
    radar = estimate_overpass(overpass(replace(one, sensor="sentinel-1-rtc")), GRID)
    assert (radar.radar_units, radar.radar_pixels) == (1, PIXELS)
    for stage in StageName:
        expected = rates.RADAR_CPU_S[stage].of(1, PIXELS / 1e6)
        assert stage_cpu_s(stage, radar) == pytest.approx(expected)


def test_finer_pixels_need_memory_up_to_the_cache_and_a_block_or_strip() -> None:
    def more(one: Scene, side: int) -> int:
        grid = replace(GRID, width=side, height=side)
        plain = estimate_overpass(overpass(separate(10, 20)), grid).peak_memory
        return estimate_overpass(overpass(one), grid).peak_memory - plain

    assert estimate_overpass(overpass(separate(10, 20)), GRID).peak_memory > BASE_MEMORY
    assert more(separate(10, 20), 100) == 0
    assert 0 < more(planet(4), 100) < GDAL_CACHE
    assert more(planet(4, metres=0.5), 200) > GDAL_CACHE
