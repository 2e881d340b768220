"""What is left out of a plan is counted and listed with its reason, in text and in JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from shapely.geometry import Polygon
from typer.testing import CliRunner

import jobs.plan.make as making
from jobs import cli
from jobs.catalog.query import Rejected, SearchResult
from jobs.domain import Period, SourceSpec
from jobs.plan.estimate import summarise
from jobs.plan.left_out import left_out, left_out_json, left_out_lines
from jobs.plan.make import make_plan
from tests.plan.test_plan import job_for
from tests.support.plans import make, scene


def no_red(id: str) -> Rejected:
    return Rejected(id, "https://earth.example/v1", "c", f"item {id!r} has no red band")


NO_TIME = Rejected("x", "https://earth.example/v1", "c", "item 'x' has no datetime")
SEVERAL = (NO_TIME, *(no_red(f"item-{number}") for number in range(4)))


def test_equal_faults_of_several_items_are_one_reason() -> None:
    groups = left_out(make(rejected=SEVERAL))
    assert [(each.reason, len(each.items)) for each in groups] == [
        ("the item has no red band", 4),
        ("the item has no datetime", 1),
    ]


def test_text_counts_every_item_and_lists_all_when_asked() -> None:
    plan = make(rejected=SEVERAL)
    short = left_out_lines(plan, most=1)
    assert short == [
        "5 items cannot be used and are left out:",
        "  4: the item has no red band (item-0 ...)",
        "  1: for 1 other reasons",
        "  --all lists every one with its reason, --json too",
    ]
    assert len(left_out_lines(plan, most=None)) == 1 + 5
    assert left_out_lines(make(), most=3) == []


def test_json_has_every_item_with_its_reason() -> None:
    told = left_out_json(make(scene("a"), scene("a2"), rejected=SEVERAL))
    assert told["superseded"] == 1
    rejected = told["rejected"]
    assert isinstance(rejected, dict)
    assert rejected["count"] == 5
    assert rejected["reasons"] == [
        {"reason": "the item has no red band", "count": 4},
        {"reason": "the item has no datetime", "count": 1},
    ]
    assert rejected["items"] == [dataclasses.asdict(each) for each in SEVERAL]


def test_search_counts_scenes_of_which_another_is_used() -> None:
    (row,) = summarise(make(scene("a"), scene("a2")))
    assert (row["scenes"], row["superseded"]) == (1, 1)


def test_a_scene_whose_raster_lies_elsewhere_is_left_out_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = scene("away", grid={"epsg": 32601})

    def answer(source: SourceSpec, area: Polygon, period: Period, **_: object) -> SearchResult:
        return SearchResult((scene("here"), away) if source.catalog == "first" else (), ())

    monkeypatch.setattr(making, "search_catalog", answer)
    plan = make_plan(job_for(tmp_path))
    assert [each.item_id for overpass in plan.overpasses for each in overpass.scenes] == ["here"]
    (left,) = plan.rejected
    assert (left.item_id, left.catalog) == ("away", "first")
    assert "the raster of its files does not" in left.reason


@pytest.mark.parametrize("command", [["search"], ["plan", "--show"]])
def test_search_and_plan_tell_what_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(
        making, "search_catalog", lambda *_, **__: SearchResult((scene("here"),), SEVERAL)
    )
    job = tmp_path / "job.yaml"
    job.write_text(JOB, encoding="utf-8")
    name, *options = command
    asked = CliRunner().invoke(cli.app, [name, str(job), *options, "--json"])
    assert json.loads(asked.stdout)["rejected"]["count"] == 5
    assert "5 items cannot be used" in asked.stderr
    assert "item-3: item 'item-3' has no red band" not in asked.stderr
    listed = CliRunner().invoke(cli.app, [name, str(job), *options, "--all"])
    assert "item-3: item 'item-3' has no red band" in listed.stderr


JOB = """
name: t
ports: [RUVYP]
period: {start: 2024-03-01, end: 2024-03-31}
sources: [{catalog: catalog.json, collection: c}]
archive: out
"""
