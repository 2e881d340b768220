"""Commits of two runs to one port at once: both come through, and nothing is overwritten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest

from jobs.archive import PortArchive, repository, retry
from jobs.archive.pool import Archives
from jobs.archive.retry import with_conflict_retries, with_retries
from jobs.domain import Pixels, StageName, UnitResult, UnitState
from jobs.errors import ArchiveError
from jobs.storage import LocalFolder
from tests.support.scenes import GRID
from tests.support.small_runs import a_plan, root_of

LAND = np.zeros(GRID.shape, bool)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "LONGEST_PAUSE_S", 0.0)
    monkeypatch.setattr("jobs.archive.pool.make_land_mask", lambda grid: LAND)


def done(overpass_id: str) -> tuple[UnitResult, str]:
    return UnitResult(overpass_id, StageName.TILE, UnitState.DONE), f"key of {overpass_id}"


def test_a_commit_that_another_gets_in_before_builds_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, 2)
    ours, theirs = Archives(plan.ports, root_of(plan)), Archives(plan.ports, root_of(plan))
    for each in (ours, theirs):
        each.begin("TESTP", plan.overpasses)
    forks = {}
    for step, each in ((0, ours), (1, theirs)):
        forks[step] = each.fork("TESTP").copy()
        image = np.full((4, *GRID.shape), step + 7, np.uint16)
        pixels = Pixels(image, np.zeros(GRID.shape, np.uint8))
        forks[step].write_pixels("sentinel-2-l2a", step, pixels)
    write_status, between = repository.write_status, [True]

    def overtaken(group: Any, results: Sequence[Any]) -> None:
        write_status(group, results)
        if between and between.pop():
            theirs["TESTP"].commit([done("TESTP-002")], [forks[1]], "theirs", {})

    monkeypatch.setattr(repository, "write_status", overtaken)
    told: list[str] = []
    with_retries(
        lambda: ours["TESTP"].commit([done("TESTP-001")], [forks[0]], "ours", {}), told.append
    )
    assert not told
    steps = Archives(plan.ports, root_of(plan))["TESTP"].steps()
    assert {id: step.key[StageName.TILE] for id, step in steps.items()} == {
        "TESTP-001": "key of TESTP-001",
        "TESTP-002": "key of TESTP-002",
    }
    for index, step in enumerate(steps.values()):
        assert (ours["TESTP"].image(step).image == index + 7).all()


def test_conflicts_are_borne_many_times_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []

    def conflicting() -> None:
        times.append(1)
        if len(times) <= 20:
            conflict = icechunk.ConflictError("ours", "theirs")
            raise ArchiveError("another run committed") from conflict

    with_conflict_retries(conflicting)
    assert len(times) == 21
    times.clear()
    monkeypatch.setattr(retry, "MOST_CONFLICTS", 5)
    with pytest.raises(ArchiveError, match="another run committed"):
        with_conflict_retries(conflicting)
    assert len(times) == 6


def test_two_who_make_one_archive_find_it_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1)
    root, port = LocalFolder(tmp_path / "archive"), plan.ports[0]
    existing, misses = PortArchive.existing, [True]

    def missed(place: Any, wanted: Any) -> PortArchive | None:
        if misses and misses.pop():  # the other one makes it right after we looked
            PortArchive.create_or_open(place, wanted, LAND)
            return None
        return existing(place, wanted)

    monkeypatch.setattr(PortArchive, "existing", missed)
    archive = PortArchive.create_or_open(root, port, LAND)
    archive.ensure(plan.overpasses)
    assert set(archive.steps()) == {"TESTP-001"}
    other = replace(port, grid=replace(port.grid, width=7))
    misses.append(True)
    with pytest.raises(ArchiveError, match="another id"):
        PortArchive.create_or_open(root, other, LAND)
