"""Whole runs on a real cluster of processes: failures, limits, resuming, staleness, publishing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from jobs.archive import pool
from jobs.archive.pool import Archives
from jobs.domain import StageName, UnitState
from jobs.run import backlog, execute, results, task
from jobs.run.backlog import RunOptions, work_items
from jobs.run.cluster import connect
from jobs.run.common_ground import CommonGround
from jobs.run.events import EventName
from jobs.run.execute import run_units
from jobs.run.parallel_map import parallel_map
from jobs.run.results import collect, publish_run
from jobs.run.settings import settings_for
from jobs.run.status import status_rows
from jobs.run.verify import verify_sample
from jobs.segment import digest as segment_digest
from jobs.tile import digest as tile_digest
from models.weights import weights_digest
from tests.support.scenes import GRID, noise, write_band
from tests.support.small_runs import a_plan, go, root_of


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with connect("local", workers=1) as made:
        yield made


@pytest.fixture(autouse=True)
def no_land(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))


def test_a_bad_scene_fails_alone_and_a_retry_mends_it(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1, 2, 3)
    broken = tmp_path / "2.tif"
    good = broken.read_bytes()
    broken.unlink()
    summary, events, _ = go(plan, client)
    assert (summary.done, summary.failed, summary.pending) == (2, 1, 0)
    (failed,) = [e for e in events if e.facts.get("state") == "failed"]
    assert failed.facts["overpass"] == "TESTP-002"
    assert "cannot read" in str(failed.facts["reason"])
    assert "2.tif" in str(failed.facts["reason"])

    again, _, _ = go(plan, client)
    assert again.worked == 0
    broken.write_bytes(good)
    mended, _, opened = go(plan, client, RunOptions(retry_failed=True))
    assert (mended.worked, mended.done, mended.failed) == (1, 3, 0)
    assert opened["TESTP"].steps()["TESTP-002"].reason == ""


def test_a_limited_run_goes_on_where_it_stopped(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1, 2, 3)
    first, _, _ = go(plan, client, RunOptions(limit=2))
    assert (first.worked, first.done, first.pending) == (2, 2, 1)
    second, _, _ = go(plan, client)
    assert (second.worked, second.done, second.pending) == (1, 3, 0)
    third, events, _ = go(plan, client)
    assert third.worked == 0
    assert [event.name for event in events] == [EventName.STARTED, EventName.PORT]


def test_a_stage_at_a_time(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1)
    go(plan, client, RunOptions(last_stage=StageName.TILE))
    rows = status_rows(plan, root_of(plan))
    assert [(row["stage"], row["done"], row["pending"]) for row in rows] == [
        ("tile", 1, 0),
        ("segment", 0, 1),
    ]
    _, events, _ = go(plan, client)
    assert [e.facts["stage"] for e in events if e.name is EventName.UNIT] == ["segment"]


def test_a_new_segment_version_redoes_only_segment(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1)
    _, _, opened = go(plan, client)
    monkeypatch.setattr("jobs.segment.digest.VERSION", segment_digest.VERSION + 1)
    rows = status_rows(plan, root_of(plan))
    assert [(row["stage"], row["done"], row["stale"]) for row in rows] == [
        ("tile", 1, 0),
        ("segment", 0, 1),
    ]
    (item,) = work_items(plan, opened, settings_for(plan), RunOptions())
    assert (item.stages, item.why) == ((StageName.SEGMENT,), "stale")


def test_a_later_plan_appends_earlier_dates(tmp_path: Path, client: Client) -> None:
    go(a_plan(tmp_path, 5, 9), client)
    plan = a_plan(tmp_path, 1, 5, 9)
    summary, _, opened = go(plan, client)
    assert (summary.worked, summary.done) == (1, 3)
    ids = [o.id for o in plan.overpasses]
    assert [record.overpass_id for record in opened["TESTP"].records(ids)] == ids


def test_what_a_failing_stage_wrote_is_not_merged(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1)
    opened = Archives(plan.ports, root_of(plan))
    steps = opened.begin("TESTP", plan.overpasses)
    unit, _ = next(backlog.port_units(plan, plan.ports[0], steps))
    settings = settings_for(plan)
    fresh = task.UnitProgress(store=opened.fork("TESTP"))
    (tiled,) = task.run_stage(StageName.TILE, (unit,), settings, (fresh,))

    def half(unit: object, settings: object, store: object, prefer_gpu: bool) -> None:
        store.write_pixels(unit.overpass.sensor, 0, bad)  # type: ignore[attr-defined]
        raise ValueError("half way")

    assert tiled.store is not None
    bad = replace(
        tiled.store.read_pixels("sentinel-2-l2a", 0), image=np.zeros((4, *GRID.shape), "u2")
    )
    stages = (task.STAGES[0], replace(task.STAGES[1], run=half))
    monkeypatch.setattr(task, "STAGES", stages)
    (after,) = task.run_stage(StageName.SEGMENT, (unit,), settings, (tiled,))
    assert after.failed
    assert after.results[-1].state is UnitState.FAILED
    assert after.results[-1].reason == "ValueError: half way"
    assert after.store is not None
    assert after.store.read_pixels("sentinel-2-l2a", 0).image.all()


def test_equal_content_is_published_once_under_one_tag(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1, 2)
    root = root_of(plan)
    settings = settings_for(plan)
    _, _, opened = go(plan, client, RunOptions(limit=1))
    partial = collect(plan, opened, settings, root, client)
    assert partial.tag.startswith("partial-")
    assert not partial.complete
    _, _, opened = go(plan, client)
    publication = collect(plan, opened, settings, root, client)
    folder = tmp_path / "archive" / publish_run(publication, opened, root)
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}
    again = collect(plan, opened, settings, root, client)
    assert tmp_path / "archive" / publish_run(again, opened, root) == folder
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()} == before
    assert f"test-{publication.tag}" in opened["TESTP"].tags()
    latest = json.loads((folder.parent / "latest.json").read_text())
    assert latest["tag"] == publication.tag == folder.name
    assert latest["complete"] is True
    provenance = json.loads((folder / "provenance.json").read_text())
    assert provenance["plan_hash"] == plan.hash
    assert provenance["items"]["TESTP-001"] == ["item-1"]


def test_ports_are_published_in_the_plans_order_whichever_is_counted_first(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, ports=("PORTB", "PORTA", "PORTC"))
    _, _, opened = go(plan, client)

    def last_first(*arguments: Any) -> Iterator[tuple[int, Any]]:
        return reversed(list(parallel_map(*arguments)))

    monkeypatch.setattr(results, "parallel_map", last_first)
    publication = collect(plan, opened, settings_for(plan), root_of(plan), client)
    assert list(publication.tables) == list(publication.estimates) == ["PORTB", "PORTA", "PORTC"]


@pytest.fixture
def workers_with_other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are let in with their own weights, whatever the run's settings say."""
    marked = execute.marked

    @contextmanager
    def with_their_own(*arguments: Any) -> Iterator[CommonGround]:
        with marked(*arguments) as ground:
            yield replace(ground, model_digest=weights_digest())

    monkeypatch.setattr(execute, "marked", with_their_own)


@pytest.mark.usefixtures("workers_with_other_weights")
def test_published_failures_name_the_stage_that_failed(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1, 2)
    (tmp_path / "2.tif").unlink()
    root = root_of(plan)
    # no worker has a model of this digest, so every overpass that can be tiled fails in segment
    settings = replace(settings_for(plan), model_digest="0" * 64)
    opened = Archives(plan.ports, root)
    summary = run_units(plan, opened, settings, RunOptions(), client, lambda event: None)
    assert (summary.done, summary.failed, summary.pending) == (0, 2, 0)
    publication = collect(plan, opened, settings, root, client)
    folder = tmp_path / "archive" / publish_run(publication, opened, root)
    failures = json.loads((folder / "provenance.json").read_text())["failed"]
    assert [(f["overpass_id"], f["stage"]) for f in failures] == [
        ("TESTP-001", "segment"),
        ("TESTP-002", "tile"),
    ]
    assert failures[0]["reason"].startswith("InputError: the model here has digest")
    assert "cannot read" in failures[1]["reason"]
    rows = re.findall(
        r"<td><code>(TESTP-\d+)</code></td><td>(\w+)</td>", (folder / "report.html").read_text()
    )
    assert rows == [("TESTP-001", "segment"), ("TESTP-002", "tile")]


def test_verify_tells_equal_from_changed_inputs(tmp_path: Path, client: Client) -> None:
    plan = a_plan(tmp_path, 1, 2)
    assert verify_sample(plan, root_of(plan), 5, seed=0) == []
    go(plan, client)
    rows = verify_sample(plan, root_of(plan), 5, seed=0)
    assert [row["result"] for row in rows] == ["equal", "equal"]
    write_band(tmp_path / "2.tif", noise(seed=99))
    (tmp_path / "1.tif").unlink()
    gone, changed = verify_sample(plan, root_of(plan), 5, seed=0)
    assert gone["result"].startswith("cannot be recomputed: cannot read")
    assert changed["result"].startswith("differs: image")
    assert len(verify_sample(plan, root_of(plan), 1, seed=0)) == 1


def test_a_tile_made_anew_leaves_no_old_vessels_behind_it(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redone alone, the earlier stage makes the later one pending: that saw other pixels."""
    plan = a_plan(tmp_path, 1)
    go(plan, client)
    monkeypatch.setattr("jobs.tile.digest.VERSION", tile_digest.VERSION + 1)
    summary, _, opened = go(plan, client, RunOptions(last_stage=StageName.TILE))
    assert (summary.worked, summary.done, summary.pending) == (1, 0, 1)
    step = opened["TESTP"].steps()["TESTP-001"]
    assert step.state == {StageName.TILE: UnitState.DONE, StageName.SEGMENT: UnitState.PENDING}
    assert step.key[StageName.SEGMENT] == ""
    assert list(opened["TESTP"].records(["TESTP-001"])) == []
    again, events, _ = go(plan, client)
    assert [e.facts["stage"] for e in events if e.name is EventName.UNIT] == ["segment"]
    assert (again.done, again.pending) == (1, 0)


def test_a_tile_that_fails_anew_leaves_no_old_vessels_behind_it(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1)
    go(plan, client)
    monkeypatch.setattr("jobs.tile.digest.VERSION", tile_digest.VERSION + 1)
    (tmp_path / "1.tif").unlink()
    summary, _, opened = go(plan, client)
    assert (summary.failed, summary.done) == (1, 0)
    step = opened["TESTP"].steps()["TESTP-001"]
    assert step.state == {StageName.TILE: UnitState.FAILED, StageName.SEGMENT: UnitState.PENDING}
    assert list(opened["TESTP"].records(["TESTP-001"])) == []


def test_a_stale_tile_is_redone_together_with_the_stage_behind_it(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1)
    go(plan, client)
    monkeypatch.setattr("jobs.tile.digest.VERSION", tile_digest.VERSION + 1)
    summary, events, _ = go(plan, client)
    stages = [e.facts["stage"] for e in events if e.name is EventName.UNIT]
    assert stages == ["tile", "segment"]
    assert (summary.worked, summary.done) == (1, 1)
