"""What is done together, what lies in a period, and which exit code goes before which."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from jobs.domain import Period, StageName, Unit, UnitState
from jobs.run import backlog
from jobs.run.backlog import WorkItem, in_batches, windows
from jobs.run.exit_codes import exit_code
from jobs.run.summary import Summary
from jobs.run.unit_state import is_within
from tests.support.small_runs import a_plan

BOTH = (StageName.TILE, StageName.SEGMENT)


def work_item(folder: Path, port: str, day: int, stages: tuple[StageName, ...] = BOTH) -> WorkItem:
    plan = a_plan(folder, day, ports=(port,))
    unit = Unit(plan.ports[0], plan.overpasses[0], 0)
    return WorkItem(unit, stages, "new", UnitState.PENDING)


def names(items: list[WorkItem]) -> list[list[str]]:
    return [[unit.overpass.id for unit in batch.units] for batch in in_batches(items)]


def test_units_of_one_scene_go_together_where_they_need_the_same_stages(tmp_path: Path) -> None:
    one, two = work_item(tmp_path, "TESTA", 1), work_item(tmp_path, "TESTB", 1)
    other_day = work_item(tmp_path, "TESTA", 2)
    assert names([one, other_day, two]) == [["TESTA-001", "TESTB-001"], ["TESTA-002"]]
    alone = replace(two, stages=(StageName.TILE,))
    assert names([one, alone]) == [["TESTA-001"], ["TESTB-001"]]
    no_file = [replace(item, stages=(StageName.SEGMENT,)) for item in (one, two)]
    assert names(no_file) == [["TESTA-001"], ["TESTB-001"]]


def test_a_batch_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MOST_IN_BATCH", 2)
    items = [work_item(tmp_path, f"TEST{letter}", 1) for letter in "ABCDE"]
    assert [len(batch) for batch in names(items)] == [2, 2, 1]


def test_neighbours_are_laid_side_by_side_within_both_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, 2, ports=tuple(f"TEST{letter}" for letter in "ABCDE"))

    def sizes(ports: int, overpasses: int) -> list[int]:
        monkeypatch.setattr(backlog, "WINDOW_PORTS", ports)
        monkeypatch.setattr(backlog, "WINDOW_OVERPASSES", overpasses)
        return [len(window) for window in windows(plan)]

    assert sizes(2, 100) == [2, 2, 1]
    assert sizes(100, 4) == [2, 2, 1]  # two overpasses a port
    assert sizes(100, 5) == [2, 2, 1]
    assert sizes(100, 1) == [1] * 5  # a port may have more than that by itself
    assert sizes(100, 100) == [5]


MAY = Period(date(2024, 5, 1), date(2024, 5, 31))
EAST = timezone(timedelta(hours=10))


@pytest.mark.parametrize(
    ("acquired", "inside"),
    [
        (datetime(2024, 5, 1, 9, 59, tzinfo=EAST), False),  # 30 April, 23:59 UTC
        (datetime(2024, 5, 1, 10, 0, tzinfo=EAST), True),
        (datetime(2024, 6, 1, 9, 59, tzinfo=EAST), True),  # 31 May, 23:59 UTC
        (datetime(2024, 6, 1, 10, 0, tzinfo=EAST), False),
    ],
)
def test_a_part_of_a_plan_holds_whole_days_in_utc_both_ends_included(
    tmp_path: Path, acquired: datetime, inside: bool
) -> None:
    overpass = replace(a_plan(tmp_path, 1).overpasses[0], acquired=acquired)
    assert is_within(overpass, MAY) is inside
    assert is_within(overpass, None)


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        (Summary(), 0),
        (Summary(pending=3), 0),
        (Summary(failed=1, pending=3), 1),
        (Summary(failed=1, lost="the scheduler is gone"), 3),
        (Summary(lost="the scheduler is gone"), 3),
        (Summary(failed=1, lost="the scheduler is gone", interrupted=True), 130),
    ],
)
def test_what_ended_a_run_early_goes_before_what_failed_in_it(summary: Summary, code: int) -> None:
    assert int(exit_code(summary)) == code
