from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Polygon, box

from jobs.catalog.query import Rejected, SearchResult
from jobs.catalog.search import search_catalog
from jobs.domain import Grid, Overpass, Period, Port, Scene, Superseded
from jobs.domain.geometry import local_grid
from jobs.domain.job import Job, PortRef, SourceSpec, read_job
from jobs.domain.ports import port_geojson
from jobs.errors import CatalogError, InputError
from jobs.plan import estimate_plan, make_plan, plan_to_file, read_plan, summarise, write_plan
from jobs.plan import make as making
from jobs.plan.grouping import group_overpasses
from tests.support.places import REAL_IMAGERY
from tests.support.plans import AREA, NEIGHBOUR, PORT, TILE, TIME, ZONE, make, scene, source

REAL = REAL_IMAGERY / "catalog.json"


def ids(overpass: Overpass) -> list[str]:
    return [scene.item_id for scene in overpass.scenes]


# --- passes -------------------------------------------------------------------------------------


def test_one_pass_is_one_overpass_and_names_its_first_scene() -> None:
    north, south = scene("n", 0, grid={"transform": TILE}), scene("s", 14)
    (overpass,) = group_overpasses(PORT, [south, north])
    assert set(ids(overpass)) == {"n", "s"}
    assert overpass.acquired == TIME
    assert overpass.id.startswith("RUVYP-sentinel-2-20240307T021005-")
    assert (overpass.port, overpass.sensor) == ("RUVYP", "sentinel-2-l2a")


def test_a_pass_ends_where_more_than_30_minutes_lie_between() -> None:
    chain = [scene(str(i), i * 1800) for i in range(3)]  # each 30 minutes after the one before
    late = scene("late", 2 * 1800 + 1801)
    overpasses = group_overpasses(PORT, [late, *chain])
    assert [set(ids(o)) for o in overpasses] == [{"0", "1", "2"}, {"late"}]


def test_platforms_and_sensors_are_never_mixed() -> None:
    picture = scene("p", sensor="sentinel-2-visual")
    scenes = [scene("a"), scene("b", 5, platform="sentinel-2b"), picture]
    overpasses = group_overpasses(PORT, scenes)
    assert sorted(map(ids, overpasses)) == [["a"], ["b"], ["p"]]
    assert any("-sentinel-2-visual-" in o.id for o in overpasses)


def test_nothing_gives_nothing() -> None:
    assert group_overpasses(PORT, []) == ()


def test_scenes_that_miss_the_grid_are_dropped() -> None:
    left, bottom, right, _ = PORT.grid.bounds
    beside = (10.0, 0.0, right, 0.0, -10.0, 4800000.0)
    below = (10.0, 0.0, left, 0.0, -10.0, bottom)
    other_zone = {"epsg": 32650, "transform": TILE}  # the same numbers, far away
    scenes = [
        scene("beside", grid={"transform": beside}),
        scene("below", grid={"transform": below}),
        scene("far", grid=other_zone),
        scene("one-pixel", grid={"transform": (10.0, 0.0, right - 10, 0.0, -10.0, 4800000.0)}),
    ]
    (overpass,) = group_overpasses(PORT, scenes)
    assert ids(overpass) == ["one-pixel"]


# --- duplicates ---------------------------------------------------------------------------------


def kept_of(*scenes: Scene) -> tuple[list[str], tuple[Superseded, ...]]:
    (overpass,) = group_overpasses(PORT, scenes)
    return ids(overpass), overpass.superseded


def test_the_highest_baseline_is_kept_even_of_a_later_source() -> None:
    first = scene("first", facts={"processing_baseline": "09.99"})
    second = scene("second", catalog="other", facts={"processing_baseline": "10.00"})
    kept, (left_out,) = kept_of(first, second)
    assert kept == ["second"]
    assert (left_out.item_id, left_out.kept) == ("first", "second")
    assert "baseline 10.00" in left_out.reason
    assert "09.99" in left_out.reason


def test_then_the_earlier_source_of_the_job() -> None:
    ours = scene("ours", facts={"generated": "2024-03-07T04:00:00+00:00"})
    theirs = scene("theirs", catalog="other")
    kept, (left_out,) = kept_of(ours, theirs)
    assert kept == ["ours"]
    assert "earlier source" in left_out.reason
    assert kept_of(theirs, ours)[0] == ["theirs"]


def test_then_the_one_generated_last() -> None:
    old = scene("z-old", facts={"generated": "2024-03-07T04:00:00+00:00"})
    kept, (left_out,) = kept_of(old, scene("a-new"))
    assert kept == ["a-new"]
    assert "generated later" in left_out.reason


def test_then_the_greatest_id() -> None:
    kept, (left_out,) = kept_of(scene("S2_0"), scene("S2_1"))
    assert kept == ["S2_1"]
    assert "id is greater" in left_out.reason


def test_a_scene_without_facts_counts_as_the_oldest_baseline() -> None:
    other = scene("a")
    facts = {"sensing_start": other.facts["sensing_start"]}
    kept, _ = kept_of(dataclasses.replace(scene("z"), facts=facts), other)
    assert kept == ["a"]


def test_a_toolbox_baseline_is_below_every_other() -> None:
    facts = {"sensing_start": scene("a").facts["sensing_start"]}
    for baseline in ({"processing_baseline": "02.04"}, {}):
        made = dataclasses.replace(scene("z"), facts=facts | {"processing_baseline": "99.99"})
        official = dataclasses.replace(scene("a"), facts=facts | baseline)
        assert kept_of(made, official)[0] == ["a"]


def test_without_a_strip_the_footprint_tells_halves_from_duplicates() -> None:
    west, east = box(130, 42, 131, 43), box(130.9, 42, 132, 43)
    trimmed = box(130, 42, 130.99, 43)
    one, half, same = (
        dataclasses.replace(scene(name), facts={}, geometry=shape)
        for name, shape in (("one", west), ("half", east), ("same", trimmed))
    )
    assert kept_of(one, half) == (["half", "one"], ())
    assert kept_of(one, same)[0] == ["same"]
    unknown = dataclasses.replace(one, item_id="unknown", geometry=None)
    assert sorted(kept_of(one, unknown)[0]) == ["one", "unknown"]


def test_tiles_with_the_same_grid_code_and_time_all_stay() -> None:
    """As in s2-vancouver: 15 windows of one MGRS tile at one time."""
    left, _, _, top = PORT.grid.bounds
    windows = [(10.0, 0.0, left + 1800 * i, 0.0, -10.0, top) for i in range(5)]
    tiles = [
        scene(f"t{i}", grid={"transform": window}, facts={"tile": "53TMH"})
        for i, window in enumerate(windows)
    ]
    kept, superseded = kept_of(*tiles)
    assert len(kept) == 5
    assert superseded == ()


def test_a_tile_cut_into_two_data_strips_stays_whole() -> None:
    first = scene("a", 3, facts={"sensing_start": "2024-03-07T02:05:00+00:00"})
    second = scene("b", 3, facts={"sensing_start": "2024-03-07T02:07:31+00:00"})
    assert sorted(kept_of(first, second)[0]) == ["a", "b"]


@pytest.mark.parametrize(
    "grid",
    [
        {"epsg": 32652, "transform": NEIGHBOUR},
        {"shape": (10980, 10979)},
        {"transform": (10.0, 0.0, 299990.0, 0.0, -10.0, 4800000.0)},
    ],
)
def test_another_pixel_grid_is_another_acquisition(grid: dict[str, Any]) -> None:
    assert len(kept_of(scene("a"), scene("b", grid=grid))[0]) == 2


@given(st.permutations(range(6)))
@settings(max_examples=30)
def test_the_order_of_scenes_does_not_matter_within_a_source(order: list[int]) -> None:
    scenes = [scene(f"s{i}", seconds=(i // 2) * 10) for i in range(6)]
    shuffled = [scenes[i] for i in order]
    assert group_overpasses(PORT, shuffled) == group_overpasses(PORT, scenes)


# --- the mosaic's order -------------------------------------------------------------------------


def test_own_zone_first_then_coverage_then_id() -> None:
    west, south, east, north = AREA.bounds
    half = box(west, south, (west + east) / 2, north)
    foreign = {"epsg": 32652, "transform": NEIGHBOUR}
    scenes = [
        scene("a-foreign", 1, geometry=AREA, grid=foreign),
        scene("b-half", 2, geometry=half),
        scene("d-full", 3, geometry=AREA),
        scene("c-full", 4, geometry=AREA.buffer(1)),
        scene("e-raster", 5),  # no footprint: its raster covers all
    ]
    (overpass,) = group_overpasses(PORT, scenes)
    assert ids(overpass) == ["c-full", "d-full", "e-raster", "b-half", "a-foreign"]


def test_coverage_that_differs_by_less_than_a_thousandth_is_the_same() -> None:
    west, south, east, north = AREA.bounds
    nearly = box(west, south, east - (east - west) * 1e-4, north)
    (overpass,) = group_overpasses(
        PORT, [scene("b", 1, geometry=AREA), scene("a", 2, geometry=nearly)]
    )
    assert ids(overpass) == ["a", "b"]


# --- the id -------------------------------------------------------------------------------------


def overpass_id(port: Port, *scenes: Scene) -> str:
    (overpass,) = group_overpasses(port, scenes)
    return overpass.id


def test_the_id_is_of_the_content() -> None:
    same = overpass_id(PORT, scene())
    assert overpass_id(PORT, scene(cloud_cover=3.0, catalog="mirror", geometry=AREA)) == same
    assert overpass_id(dataclasses.replace(PORT, name="Wrangel Bay", berths=()), scene()) == same
    signed = {b: source(f"/d/a/{b}.tif") for b in ("blue", "green", "red", "nir")}
    assert overpass_id(PORT, scene(bands=signed)) == same


@pytest.mark.parametrize(
    "change",
    [
        {"grid": {"scale": 2e-4}},
        {"grid": {"offset": 0.0}},
        {"grid": {"index": 2}},
        {"grid": {"nodata": None}},
        {"grid": {"checksum": "1220aa"}},
        {"mask": source("/d/scl.tif")},
        {"item_id": "other"},  # other hrefs
    ],
)
def test_the_id_changes_with_what_makes_the_pixels(change: dict[str, Any]) -> None:
    assert overpass_id(PORT, scene(**change)) != overpass_id(PORT, scene())


def test_the_id_changes_with_the_grid() -> None:
    moved = dataclasses.replace(PORT.grid, left=PORT.grid.left + 20)
    other = dataclasses.replace(PORT, grid=moved)
    assert overpass_id(other, scene()) != overpass_id(PORT, scene())


def test_a_fresh_token_in_the_query_is_the_same_file() -> None:
    def signed(token: str) -> Scene:
        names = ("blue", "green", "red", "nir")
        hrefs = {b: f"https://store.example/{b}.tif?sig={token}" for b in names}
        return scene(bands={band: source(href) for band, href in hrefs.items()})

    assert overpass_id(PORT, signed("one")) == overpass_id(PORT, signed("two"))


# --- estimates ----------------------------------------------------------------------------------


def test_bytes_are_those_of_the_windows() -> None:
    grid = PORT.grid
    counted = estimate_plan(make(scene(mask=source("/d/scl.tif"))))
    assert counted.bytes_in == grid.width * grid.height * (4 * 2 + 1)
    assert counted.bytes_out == grid.width * grid.height * (4 * 2 + 2)
    assert (counted.units, counted.tasks) == (1, 2)


def test_a_file_of_known_size_counts_by_its_share_and_once() -> None:
    grid = PORT.grid
    sized = scene(grid={"size_bytes": 10980 * 10980})
    assert estimate_plan(make(sized)).bytes_in == pytest.approx(4 * grid.width * grid.height, abs=1)
    one = {b: source("/d/all.tif", size_bytes=10980 * 10980) for b in sized.bands}
    shared = dataclasses.replace(sized, bands=one)
    assert estimate_plan(make(shared)).bytes_in == pytest.approx(grid.width * grid.height, abs=1)


def test_a_scene_that_covers_a_corner_costs_a_corner() -> None:
    _, _, right, top = PORT.grid.bounds
    corner = {"transform": (10.0, 0.0, right - 500, 0.0, -10.0, top + 109800 - 300)}
    assert estimate_plan(make(scene(grid=corner))).bytes_in == 50 * 30 * 2 * 4


def test_memory_is_that_of_the_largest_port_and_does_not_grow_with_the_archive() -> None:
    one = estimate_plan(make(scene()))
    many = estimate_plan(make(*(scene(f"s{i}", i * 86400) for i in range(9))))
    assert many.units == 9
    assert many.peak_memory == one.peak_memory > estimate_plan(make()).peak_memory > 0


def test_summary_is_by_port_sensor_and_month() -> None:
    scenes = [
        scene("a", cloud_cover=10.0),
        scene("b", 20, cloud_cover=20.0),
        scene("c", 86400),
        scene("d", 40 * 86400),
    ]
    rows = summarise(make(*scenes))
    assert [
        (r["port"], r["month"], r["overpasses"], r["scenes"], r["mean_cloud"]) for r in rows
    ] == [
        ("RUVYP", "2024-03", 2, 3, 15.0),
        ("RUVYP", "2024-04", 1, 1, None),
    ]
    assert sum(r["bytes"] for r in rows) == estimate_plan(make(*scenes)).bytes_in


# --- making a plan ------------------------------------------------------------------------------


def job_for(folder: Path, ref_id: str = "RUVYP") -> Job:
    file = folder / "port.geojson"
    file.write_text(json.dumps(port_geojson(PORT)), encoding="utf-8")
    names = (SourceSpec("first", "c"), SourceSpec("second", "c"))
    period = Period(date(2024, 3, 1), date(2024, 3, 31))
    return Job("job", (PortRef(ref_id, file),), period, names, str(folder), None)


def test_sources_are_searched_in_order_and_what_is_rejected_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Rejected("broken", "second", "c", "no red band")

    def answer(source: SourceSpec, area: Polygon, period: Period, **_: Any) -> SearchResult:
        assert area == PORT.area
        found = (scene(f"of-{source.catalog}", catalog=source.catalog, collection="c"),)
        return SearchResult(found, (broken,))

    monkeypatch.setattr(making, "search_catalog", answer)
    plan = make_plan(job_for(tmp_path))
    assert [ids(o) for o in plan.overpasses] == [["of-first"]]
    assert [left_out.item_id for left_out in plan.superseded] == ["of-second"]
    assert plan.rejected == (broken,)
    assert plan.ports == (PORT,)


def job_of_ports(folder: Path, *names: str) -> Job:
    refs = []
    for name in names:
        file = folder / f"{name}.geojson"
        file.write_text(json.dumps(port_geojson(dataclasses.replace(PORT, id=name))))
        refs.append(PortRef(name, file))
    return dataclasses.replace(job_for(folder), ports=tuple(refs))


def answers(*available: int) -> Callable[..., SearchResult]:
    """One scene and one rejected item per search; CatalogError for those not ``available``.

    Searches are counted from 0; without numbers all succeed.
    """
    calls = iter(range(99))

    def answer(source: SourceSpec, *_: Any, **__: Any) -> SearchResult:
        number = next(calls)
        if available and number not in available:
            raise CatalogError("the catalog is down")
        broken = Rejected("broken", source.catalog, "c", "no red band")
        return SearchResult((scene(f"item{number}", number * 86400.0),), (broken,))

    return answer


def test_a_plan_made_into_a_file_is_the_plan_made_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of_ports(tmp_path, "A", "B")
    monkeypatch.setattr(making, "search_catalog", answers())
    in_memory = make_plan(job)
    monkeypatch.setattr(making, "search_catalog", answers())
    said: list[str] = []
    in_file = plan_to_file(job, tmp_path / "plan.jsonl.gz", progress=said.append)
    assert in_file == in_memory
    assert in_file.hash == in_memory.hash
    assert [len(in_file.of(name)) for name in ("A", "B")] == [2, 2]
    assert len(in_file.rejected) == 2  # one a source, though both ports met it
    assert said == ["A, port 1 of 2", "B, port 2 of 2"]


def test_a_catalog_that_fails_on_the_way_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of_ports(tmp_path, "A", "B")
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(making, "search_catalog", answers(0, 1))
    with pytest.raises(CatalogError, match="down"):
        plan_to_file(job, tmp_path / "plan.jsonl")
    assert sorted(tmp_path.iterdir()) == before


def test_the_port_files_own_id_must_be_the_jobs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'OTHER'.*'RUVYP'"):
        make_plan(job_for(tmp_path, "OTHER"))


def test_a_failing_catalog_fails_the_plan(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="first"):
        make_plan(job_for(tmp_path))


# --- recorded imagery ---------------------------------------------------------------------------

real_data = pytest.mark.skipif(not REAL.exists(), reason="the recorded imagery is not here")


def write_job(folder: Path, area: Polygon, collection: str) -> Path:
    port = Port("bay", "A bay", "XX", area, (), local_grid(area))
    (folder / "bay.geojson").write_text(json.dumps(port_geojson(port)), encoding="utf-8")
    job = folder / "job.yaml"
    job.write_text(
        "name: real\nports: [{id: bay, file: bay.geojson}]\n"
        "period: {start: 2019-01-01, end: 2023-12-31}\n"
        f"sources: [{{catalog: {REAL}, collection: {collection}}}]\narchive: out\n",
        encoding="utf-8",
    )
    return job


@pytest.mark.real_data
@real_data
def test_vancouver_is_ten_overpasses_of_fifteen_tiles(tmp_path: Path) -> None:
    job = read_job(write_job(tmp_path, box(-123.28, 49.26, -123.05, 49.35), "s2-vancouver"))
    plan = make_plan(job)
    assert [len(overpass.scenes) for overpass in plan.overpasses] == [15] * 10
    assert not list(plan.superseded)
    assert plan.rejected == ()
    write_plan(plan, tmp_path / "plan.jsonl")
    assert read_plan(tmp_path / "plan.jsonl") == plan
    assert make_plan(job).hash == plan.hash
    assert 0 < estimate_plan(plan).bytes_in <= 10 * 15 * 200 * 200 * 3


@pytest.mark.real_data
@real_data
def test_a_port_in_web_mercator_is_found_on_its_utm_grid(tmp_path: Path) -> None:
    plan = make_plan(read_job(write_job(tmp_path, box(30.99, -29.91, 31.06, -29.85), "s2-ports")))
    (overpass,) = plan.overpasses
    assert ids(overpass) == ["S2_L2A_durban_20230821"]
    assert plan.ports[0].grid.epsg == 32736
    assert overpass.scenes[0].bands["red"].epsg == 3857


@pytest.mark.real_data
@real_data
def test_search_and_group_agree_on_all_recorded_ports() -> None:
    world = Period(date(2019, 1, 1), date(2023, 12, 31))
    found = search_catalog(SourceSpec(str(REAL), "s2-ports"), box(-179, -60, 179, 80), world)
    for each in found.scenes:
        assert each.geometry is not None
        port = dataclasses.replace(PORT, area=each.geometry, grid=local_grid(each.geometry))
        assert [ids(o) for o in group_overpasses(port, found.scenes)] == [[each.item_id]]


def test_grids_meet_by_area_not_by_touch() -> None:
    small = Grid(ZONE, 500000.0, 4700000.0, 10, 10)
    port = dataclasses.replace(PORT, grid=small)
    touching = (10.0, 0.0, 500100.0, 0.0, -10.0, 4700000.0)
    assert group_overpasses(port, [scene(grid={"transform": touching})]) == ()
