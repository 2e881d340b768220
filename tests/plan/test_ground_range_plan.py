"""Plans of scenes on ground control points: sizes, requests, duplicates, what they are known by."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import shapely
from shapely.geometry import Polygon

from jobs.domain import Overpass, Scene, Source, StageName
from jobs.plan import stage_cpu_s
from jobs.plan.estimate import BASE_MEMORY, TABLE_BYTES, estimate_port
from jobs.plan.grouping import group_overpasses
from jobs.plan.inputs import Inputs
from jobs.plan.overlap import window
from jobs.plan.serialise import overpass_from_json, overpass_to_json, source_to_json
from jobs.simulate.radar.swath import Swath
from tests.support.ground_range import GRID, LATITUDE, orbit
from tests.support.scenes import NOON, small_port

PORT = small_port(grid=GRID)
SWATH = Polygon([(134.0, 42.0), (131.0, 42.4), (131.4, 43.9), (134.4, 43.5)])


def on_points(id: str = "S1A_1", *, catalog: str = "es", footprint: Polygon = SWATH) -> Scene:
    west, south, east, north = footprint.bounds
    plain = Source(
        href=f"https://c/{id}/iw-vv.tiff?token=1",
        index=1,
        epsg=4326,
        transform=((east - west) / 25_000, 0.0, west, 0.0, (south - north) / 16_700, north),
        shape=(16_700, 25_000),
        calibration=f"https://c/{id}/calibration-iw-vv.xml?token=1",
        noise=f"https://c/{id}/noise-iw-vv.xml?token=1",
    )
    other = {
        name: getattr(plain, name).replace("vv", "vh") for name in ("href", "calibration", "noise")
    }
    return Scene(
        item_id=id,
        collection="sentinel-1-grd",
        catalog=catalog,
        sensor="sentinel-1-grd",
        platform="sentinel-1a",
        acquired=NOON,
        bands={"vv": plain, "vh": replace(plain, **other)},
        geometry=footprint,
        facts={"orbit": "descending 80 right"},
    )


def only(*scenes: Scene) -> Overpass:
    (found,) = group_overpasses(PORT, scenes)
    return found


@pytest.mark.parametrize("direction", ["ascending", "descending"])
def test_the_window_is_about_the_one_that_is_read(direction):
    """A box in the skewed axes, as the reader takes, 16 pixels wider on every side."""
    swath = Swath.over(GRID, orbit(direction), LATITUDE)
    exact = [side - 2 * 40 + 2 * 16 for side in swath.shape]
    spans = window(GRID, on_points().bands["vv"])
    assert spans is not None
    found = [stop - start for start, stop in spans]
    assert np.prod(found) / np.prod(exact) == pytest.approx(1, abs=0.15)
    assert all(0 <= start < stop for start, stop in spans)


def test_a_grid_outside_the_box_is_not_under_it():
    far = shapely.affinity.translate(SWATH, 20, 0)
    assert window(GRID, on_points(footprint=far).bands["vv"]) is None
    assert group_overpasses(PORT, [on_points(footprint=far)]) == ()


def test_files_requests_and_bytes_count_the_tables_too():
    found = estimate_port(PORT, [only(on_points())])
    assert found.files == 6
    rows, columns = (b - a for a, b in window(GRID, on_points().bands["vv"]))
    assert found.bytes_in == pytest.approx(2 * rows * columns * 2 + 4 * TABLE_BYTES)
    assert found.requests >= 2 * 2 + 4 * 2


def test_its_pixels_and_tables_take_longer_to_read_but_not_to_segment():
    found = estimate_port(PORT, [only(on_points())])
    rows, columns = (b - a for a, b in window(GRID, on_points().bands["vv"]))
    assert (found.point_files, found.point_samples) == (2, 2 * rows * columns)
    assert (found.resampled_files, found.warped_samples, found.turned_samples) == (0, 0, 0)
    plain = replace(found, point_files=0, point_samples=0)
    assert stage_cpu_s(StageName.TILE, found) > stage_cpu_s(StageName.TILE, plain)
    assert stage_cpu_s(StageName.SEGMENT, found) == stage_cpu_s(StageName.SEGMENT, plain)


def test_memory_is_that_of_places_and_tables_too():
    """90 bytes a pixel, measured; terrain-corrected images take 36."""
    overpass = only(on_points())
    more = estimate_port(PORT, [overpass]).peak_memory - BASE_MEMORY
    assert 90 <= more / (GRID.width * GRID.height) <= 110
    other = estimate_port(PORT, [replace(overpass, sensor="sentinel-1-rtc")]).peak_memory
    assert (other - BASE_MEMORY) / (GRID.width * GRID.height) == 36


def test_it_is_written_and_read_back_and_others_are_written_as_before():
    overpass = only(on_points())
    assert overpass_from_json(overpass_to_json(overpass)) == overpass
    assert source_to_json(on_points().bands["vv"]).keys() >= {"calibration", "noise"}
    on_grid = replace(on_points().bands["vv"], calibration="", noise="")
    assert not source_to_json(on_grid).keys() & {"calibration", "noise"}


def test_a_token_in_an_address_changes_nothing_and_another_table_does():
    scene = on_points()

    def with_tables(old: str, new: str) -> Overpass:
        bands = {
            name: replace(band, calibration=band.calibration.replace(old, new))
            for name, band in scene.bands.items()
        }
        return only(replace(scene, bands=bands))

    assert with_tables("token=1", "token=2").id == only(scene).id
    other = with_tables("calibration-iw", "calibration-new")
    assert other.id != only(scene).id
    assert Inputs.of(only(scene)).differences(other) == ("its files have other addresses",)


def test_the_same_product_of_two_catalogs_is_read_once():
    """Their boxes differ in the last digits, as their footprints do."""
    trimmed = shapely.affinity.scale(SWATH, 0.99, 0.99)
    found = only(on_points(), on_points("S1A_1_PC", catalog="pc", footprint=trimmed))
    assert len(found.scenes) == 1
    assert [left_out.item_id for left_out in found.superseded] == ["S1A_1_PC"]


def test_two_slices_of_a_pass_are_one_overpass():
    south = shapely.affinity.translate(SWATH, -0.3, -1.0)
    after = replace(on_points("S1A_2", footprint=south), acquired=NOON + timedelta(seconds=25))
    found = only(on_points(), after)
    assert {scene.item_id for scene in found.scenes} == {"S1A_1", "S1A_2"}
    assert found.orbit == "descending 80 right"
