"""What is done together, what lies in a period, and which exit code goes before which."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from jobs.domain import Period, StageName, Unit, UnitState
from jobs.run import backlog, batches
from jobs.run.backlog import windows
from jobs.run.batches import BatchSize, WorkItem, batch_size, in_batches
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
    monkeypatch.setattr(batches, "MOST_IN_BATCH", 2)
    items = [work_item(tmp_path, f"TEST{letter}", 1) for letter in "ABCDE"]
    assert [len(batch) for batch in names(items)] == [2, 2, 1]


def test_short_units_of_different_scenes_are_joined_up_to_the_size(tmp_path: Path) -> None:
    items = [work_item(tmp_path, "TESTA", day) for day in range(1, 8)]
    short = items[0].seconds
    assert 0.02 < short < 0.4  # a port of some thousand pixels, at the rates of the plan

    def sizes(of: list[WorkItem], size: BatchSize) -> list[int]:
        return [len(batch.items) for batch in in_batches(of, size)]

    assert sizes(items, BatchSize(units=3, seconds=60)) == [3, 3, 1]
    assert sizes(items, BatchSize(units=16, seconds=2.5 * short)) == [2, 2, 2, 1]
    assert sizes(items, BatchSize()) == [1] * 7
    other = [replace(item, stages=(StageName.TILE,)) for item in items[2:4]]
    mixed = [*items[:2], *other, *items[4:]]
    found = [batch.items for batch in in_batches(mixed, BatchSize(units=4, seconds=60))]
    assert found == [tuple(mixed[:2]), tuple(mixed[2:4]), tuple(mixed[4:])]
    again = work_item(tmp_path, "TESTB", 1)  # of the first's scene, which goes before the size
    pair = [batch.items for batch in in_batches([*items[:2], again], BatchSize())]
    assert pair == [(items[0], again), (items[1],)]


def test_batches_are_longer_the_more_workers_wait_and_leave_none_of_them_idle() -> None:
    assert batch_size(2, 20_000, 20_000) == BatchSize(16, 1.0)
    assert batch_size(1000, 10_000, 200_000) == BatchSize(10, 20.0)
    assert batch_size(1000, 10_000, 24_000) == BatchSize(3, 20.0)
    assert batch_size(1000, 500, 200_000).units == 1
    assert batch_size(2, 60, 60).units == 3
    assert batch_size(2, 3, 20_000).units == 1
    assert batch_size(0, 100, 100).units == 12  # a cluster that adapts has none at first


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
