"""What a worker does with trouble: try again what may pass, give the rest up at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import icechunk
import numpy as np
import pytest

from jobs.archive import pool
from jobs.archive.pool import Archives
from jobs.domain import Settings, StageName, Unit, UnitResult, UnitState
from jobs.errors import SceneError, SetupError, UnreachableError
from jobs.run import backlog, task
from jobs.run.task import ATTEMPTS, UnitProgress
from tests.support.small_runs import a_plan, root_of

SETTINGS = Settings("code", None, "digest")


@pytest.fixture
def unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Unit, UnitProgress]:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    plan = a_plan(tmp_path, 1)
    opened = Archives(plan.ports, root_of(plan))
    steps = opened.begin("TESTP", plan.overpasses)
    found, _ = next(backlog.port_units(plan, plan.ports[0], steps))
    return found, UnitProgress(store=opened.fork("TESTP"))


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that were waited, without waiting."""
    seconds: list[float] = []
    monkeypatch.setattr(task.time, "sleep", seconds.append)
    return seconds


def tile_that(monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> Callable[[], int]:
    """A tile stage that raises these, one a time, and then succeeds; returns a count of calls."""
    left = list(errors)
    calls = []

    def run(unit: Unit, settings: Settings, store: object, prefer_gpu: bool) -> UnitResult:
        calls.append(store)
        if left:
            raise left.pop(0)
        return UnitResult(unit.overpass.id, StageName.TILE, UnitState.DONE)

    monkeypatch.setattr(task, "STAGES", (replace(task.STAGES[0], run=run), task.STAGES[1]))
    return lambda: len(calls)


def test_an_unreachable_file_is_tried_again_and_each_attempt_recorded(
    unit: tuple[Unit, UnitProgress], waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tile_that(monkeypatch, UnreachableError("503"), UnreachableError("reset"))
    after = task.advance(StageName.TILE, unit[0], SETTINGS, unit[1])
    (result,) = after.results
    assert result
    assert result.retries == ("UnreachableError: 503", "UnreachableError: reset")
    first, second = waited
    assert task.FIRST_WAIT_S <= first < second


def test_retries_are_bounded_and_the_last_reason_stands(
    unit: tuple[Unit, UnitProgress], waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tile_that(monkeypatch, *(UnreachableError(str(n)) for n in range(9)))
    (result,) = task.advance(StageName.TILE, unit[0], SETTINGS, unit[1]).results
    assert result.state is UnitState.FAILED
    assert calls() == ATTEMPTS
    assert len(result.retries) == ATTEMPTS - 1
    assert result.reason == f"UnreachableError: {ATTEMPTS - 1}"


def test_patience_ends_however_many_attempts_are_left(
    unit: tuple[Unit, UnitProgress], waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "RETRY_FOR_S", task.FIRST_WAIT_S / 2)
    calls = tile_that(monkeypatch, UnreachableError("slow"))
    assert task.advance(StageName.TILE, unit[0], SETTINGS, unit[1]).failed
    assert calls() == 1
    assert waited == []


def test_a_broken_set_up_is_not_the_units_fault(
    unit: tuple[Unit, UnitProgress], waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tile_that(monkeypatch, SetupError("no proj.db"))
    with pytest.raises(SetupError):
        task.advance(StageName.TILE, unit[0], SETTINGS, unit[1])
    assert waited == []


def test_anything_else_fails_at_once(
    unit: tuple[Unit, UnitProgress], waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = tile_that(monkeypatch, SceneError("lies"))
    after = task.advance(StageName.TILE, unit[0], SETTINGS, unit[1])
    assert after.results[0].reason == "SceneError: lies"
    assert after.results[0].retries == ()
    assert calls() == 1


def test_an_archive_that_cannot_be_written_is_not_the_units_fault(
    unit: tuple[Unit, UnitProgress], waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = [icechunk.IcechunkError("No space left on device") for _ in range(9)]
    calls = tile_that(monkeypatch, *full)
    after = task.advance(StageName.TILE, unit[0], SETTINGS, unit[1])
    assert after.results == ()
    assert "No space left on device" in after.storage_error
    assert calls() == ATTEMPTS
    assert task.advance(StageName.SEGMENT, unit[0], SETTINGS, after) is after


def test_jitter_is_the_same_for_a_unit_and_apart_for_two() -> None:
    assert list(task._waits("a")) == list(task._waits("a"))
    assert list(task._waits("a")) != list(task._waits("b"))


def test_in_a_batch_one_units_failure_is_its_own(
    unit: tuple[Unit, UnitProgress], waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    tile_that(monkeypatch, SceneError("lies"))
    found, progress = unit
    bad, good = task.run_stage(StageName.TILE, (found, found), SETTINGS, (progress, progress))
    assert bad.failed
    assert not good.failed
