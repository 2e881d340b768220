"""Plans without any overpass: the reason of each source is said, and nothing is left behind."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.domain import Period, read_job
from jobs.errors import InputError, PlanError
from jobs.plan import make_plan, pinned_plan, plan_to_file, plan_without_search, write_plan
from tests.support.small_catalogs import items_on, write_items, write_job


def refused(job: Path) -> str:
    """The refusal, after which nothing is in the folder that was not there before."""
    before = sorted(job.parent.rglob("*"))
    with pytest.raises(PlanError) as caught:
        pinned_plan(job)
    with pytest.raises(PlanError):
        plan_to_file(read_job(job), job.parent / "plan.jsonl.gz")
    assert sorted(job.parent.rglob("*")) == before
    return str(caught.value)


def test_all_too_cloudy_is_said_with_the_count_and_the_clearest(tmp_path: Path) -> None:
    said = refused(write_job(tmp_path, items_on(3, 8, 13), more=", max_cloud_cover: 5"))
    assert "no overpass for ceara in 2025-07-01 to 2025-07-31; nothing was pinned. ceara, " in said
    assert "3 scenes found, each with more cloud than max_cloud_cover 5" in said
    assert "the clearest has 20" in said
    assert "ceara, sentinel-2-c1-l2a in " in said


def test_all_outside_the_period_is_said_with_the_nearest_days(tmp_path: Path) -> None:
    more = ", max_cloud_cover: 5"  # which decides nothing here
    job = write_job(tmp_path, items_on(3, 8, 25), "2025-07-09", "2025-07-20", more)
    assert "there are others, the last on 2025-07-08 and the next on 2025-07-25" in refused(job)


def test_others_that_cannot_be_used_are_said_too(tmp_path: Path) -> None:
    items = items_on(3)
    del items[0]["assets"]["red"]
    said = refused(write_job(tmp_path, items, "2025-07-09", "2025-07-20"))
    assert "no item of the port in the period; in the years around, 1 item found that" in said


def test_nothing_at_all_asks_for_the_place(tmp_path: Path) -> None:
    job = write_job(tmp_path, items_on(3), "2015-07-09", "2015-07-20")
    with pytest.raises(InputError, match="starts on 2999-01-01, and today is"):
        pinned_plan(job, period=Period(date(2999, 1, 1), date(2999, 12, 31)))
    assert "no item touches the port's area" in refused(job)


def test_all_without_their_files_is_said_with_the_reasons(tmp_path: Path) -> None:
    items = items_on(3, 8)
    for item in items:
        del item["assets"]["red"]
    said = refused(write_job(tmp_path, items))
    assert "2 items found that cannot be used: 2 x " in said
    assert "red" in said


def test_pixels_elsewhere_than_the_footprint_are_said(tmp_path: Path) -> None:
    items = items_on(3)
    for asset in items[0]["assets"].values():
        if "proj:transform" in asset:
            asset["proj:transform"][2] += 400_000
    said = refused(write_job(tmp_path, items))
    assert "1 scene found, but the pixels of none reach the port's area" in said


def test_every_source_has_its_own_reason(tmp_path: Path) -> None:
    job = write_job(tmp_path, items_on(3), more=", max_cloud_cover: 5")
    second = "  - {catalog: later.json, collection: sentinel-2-c1-l2a}\n"
    job.write_text(job.read_text().replace("archive:", second + "archive:"))
    listed = {"type": "FeatureCollection", "features": []}
    (tmp_path / "later.json").write_text(json.dumps(listed))
    said = refused(job)
    assert "items.json: 1 scene found" in said
    assert "later.json: no item touches" in said


def test_a_later_search_finds_what_came(tmp_path: Path) -> None:
    job = write_job(tmp_path, [])
    refused(job)
    assert plan_without_search(job) is None
    write_items(tmp_path, items_on(3))
    assert len(pinned_plan(job).plan.overpasses) == 1


def test_a_catalog_that_lost_its_items_leaves_the_plan_that_is_pinned(tmp_path: Path) -> None:
    job = write_job(tmp_path, items_on(3))
    before = pinned_plan(job).plan
    write_items(tmp_path, [])
    with pytest.raises(PlanError, match="no overpass"):
        pinned_plan(job, replan=True)
    assert pinned_plan(job).plan.hash == before.hash
    write_items(tmp_path, items_on(3, 8))
    assert len(pinned_plan(job, replan=True).plan.overpasses) == 2


def test_a_stay_at_no_berth_of_the_ports_is_refused_before_and_after_the_search(
    tmp_path: Path,
) -> None:
    job = write_job(tmp_path, items_on(3))
    plain = job.read_text()
    stay = "{median_days: 2, low_days: 1, high_days: 3, source: me}"
    wrong = f"{plain}estimates: {{dwell_at: {{ceara/nowhere: {stay}}}}}\n"
    for pinned in (False, True):
        if pinned:
            job.write_text(plain)
            pinned_plan(job)
        job.write_text(wrong)
        with pytest.raises(InputError, match="dwell_at names 'ceara/nowhere', no berth of the job"):
            pinned_plan(job)


def two_ports(tmp_path: Path, second: Any) -> Path:
    """A job of the port and of one more, whose file ``second`` makes of the first's."""
    job = write_job(tmp_path, items_on(3))
    value = json.loads((tmp_path / "port.geojson").read_text())
    value["features"][0]["properties"]["id"] = "other"
    second(value)
    (tmp_path / "other.geojson").write_text(json.dumps(value))
    both = "port.geojson}, {id: other, file: other.geojson}"
    job.write_text(job.read_text().replace("port.geojson}", both))
    return job


def moved(value: Any) -> None:
    for feature in value["features"]:
        for ring in feature["geometry"]["coordinates"]:
            ring[:] = [[lon + 20, lat] for lon, lat in ring]


def test_one_port_without_overpasses_is_said_and_the_other_planned(tmp_path: Path) -> None:
    told: list[str] = []
    plan = make_plan(read_job(two_ports(tmp_path, moved)), tell=told.append)
    assert [plan.count(port.id) for port in plan.ports] == [1, 0]
    [line] = told
    assert line.startswith("no overpass of other, sentinel-2-c1-l2a in ")
    assert "no item touches the port's area" in line


def rotterdam_turned_round(value: Any) -> None:
    for feature in value["features"]:
        for ring in feature["geometry"]["coordinates"]:
            ring[:] = [[lat + 51.97 + 4.65, lon + 4.05 + 40] for lon, lat in ring]


def test_a_port_whose_axes_look_swapped_is_said(tmp_path: Path) -> None:
    told: list[str] = []
    make_plan(read_job(two_ports(tmp_path, rotterdam_turned_round)), tell=told.append)
    assert "port other: longitude and latitude look swapped: around [51.97, 4.05]" in told[0]


def test_a_berth_that_two_ports_share_is_said(tmp_path: Path) -> None:
    told: list[str] = []
    make_plan(read_job(two_ports(tmp_path, lambda value: None)), tell=told.append)
    [line] = told
    assert "ports 'ceara' and 'other' share a place: 100%" in line
    assert "twice in sums" in line


def test_a_port_listed_twice_in_another_spelling_is_refused(tmp_path: Path) -> None:
    job = write_job(tmp_path, items_on(3))
    text = job.read_text().replace("{id: ceara, file: port.geojson}", "RUVYP, ruvyp")
    job.write_text(text)
    with pytest.raises(InputError, match="'RUVYP' is listed twice"):
        make_plan(read_job(job))


def test_a_port_file_that_changed_since_is_said(tmp_path: Path) -> None:
    job = write_job(tmp_path, items_on(3))
    path = tmp_path / "port.geojson"
    told: list[str] = []
    pinned_plan(job)
    pinned_plan(job, tell=told.append)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1))  # only the layout
    pinned_plan(job, tell=told.append)
    assert told == []
    value = json.loads(path.read_text())
    value["features"][1]["properties"]["capacity"] = 2
    path.write_text(json.dumps(value))
    plan = pinned_plan(job, tell=told.append).plan
    assert plan.ports[0].berths[0].capacity == 1
    assert "port ceara has changed since the plan was pinned" in told[0]
    assert "--replan takes it as it is now" in told[0]
    assert pinned_plan(job, replan=True).plan.ports[0].berths[0].capacity == 2
    path.write_text("{")
    pinned_plan(job, tell=told.append)
    assert "port.geojson: not JSON" in told[1]


def test_overlapping_berths_of_an_older_plan_file_are_said(tmp_path: Path) -> None:
    plan = make_plan(read_job(write_job(tmp_path, items_on(3))))
    [port] = plan.ports
    twice = replace(port, berths=(*port.berths, replace(port.berths[0], id="again")))
    path = tmp_path / "plan.jsonl"
    write_plan(replace(plan, ports=(twice,)), path)
    told: list[str] = []
    pinned_plan(path, tell=told.append)
    assert "port ceara: berths 'quay' and 'again' overlap: 100%" in told[0]


def test_a_plan_file_without_an_overpass_is_refused(tmp_path: Path) -> None:
    plan = make_plan(read_job(write_job(tmp_path, items_on(3))))
    path = tmp_path / "plan.jsonl"
    write_plan(replace(plan, overpasses=()), path)
    with pytest.raises(PlanError, match="has no overpass, so that there is nothing to do"):
        pinned_plan(path)


def test_an_empty_plan_that_an_older_version_pinned_is_searched_again(tmp_path: Path) -> None:
    job = write_job(tmp_path, items_on(3))
    plan = pinned_plan(job).plan
    [pinned] = (tmp_path / "archive" / "plans").iterdir()
    write_plan(replace(plan, overpasses=()), pinned)
    found = pinned_plan(job)
    assert found.searched
    assert len(found.plan.overpasses) == 1


def test_a_plan_that_is_not_to_be_pinned_leaves_nothing(tmp_path: Path) -> None:
    job = write_job(tmp_path, items_on(3, 8))
    before = sorted(tmp_path.rglob("*"))
    made = pinned_plan(job, pin=False).plan
    assert sorted(tmp_path.rglob("*")) == before
    assert made.hash == pinned_plan(job).plan.hash
