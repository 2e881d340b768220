"""The coordinator under small mishaps: retries, batches, workers that are killed, a full disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import icechunk
import numpy as np
import pytest
from distributed import Client

from jobs.archive import PortArchive, pool, retry
from jobs.domain import StageName, UnitResult, UnitState
from jobs.errors import ArchiveError, SetupError
from jobs.run import executor
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.events import Event, EventName
from jobs.run.exit_codes import ExitCode, exit_code
from tests.support import faults
from tests.support.faults import killing, misled, unreachable
from tests.support.small_runs import a_plan, content, elsewhere, go, root_of


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        connect("local", workers=1) as made,
    ):
        yield made


@pytest.fixture
def spoil(client: Client) -> Iterator[Callable[[Callable[[Any], None]], None]]:
    """Spoils the workers of the client until the test is over."""

    def put(mishap: Callable[[Any], None]) -> None:
        faults.spoil(client, mishap)

    yield put
    faults.spoil(client, lambda unit: None)


@pytest.fixture(autouse=True)
def no_land(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))


def named(events: list[Event], name: EventName) -> list[Event]:
    return [event for event in events if event.name is name]


def test_a_killer_is_quarantined_and_the_innocent_come_through(
    tmp_path: Path, client: Client, spoil: Any
) -> None:
    plan = a_plan(tmp_path, 1, 2, 3)
    calm, _, _ = go(elsewhere(plan, "calm"), client, RunOptions())
    assert calm.done == 3
    spoil(killing("TESTP-002"))
    summary, events, _ = go(plan, client)
    assert (summary.done, summary.failed, summary.pending) == (2, 1, 0)
    assert summary.quarantined == ("TESTP-002",)
    (quarantined,) = named(events, EventName.QUARANTINED)
    assert str(quarantined.facts["reason"]).startswith("killed its worker 2 times: KilledWorker")
    assert quarantined.facts["stage"] == "tile"
    (failed,) = [e for e in events if e.facts.get("state") == "failed"]
    assert failed.facts["overpass"] == "TESTP-002"

    spoil(lambda unit: None)
    mended, _, _ = go(plan, client, RunOptions(retry_failed=True))
    assert (mended.worked, mended.done) == (1, 3)
    assert content(plan) == content(elsewhere(plan, "calm"))


def test_retries_are_journalled_and_counted(tmp_path: Path, client: Client, spoil: Any) -> None:
    spoil(unreachable(1, tmp_path, "TESTP-001"))
    summary, events, _ = go(a_plan(tmp_path, 1, 2), client)
    assert (summary.done, summary.retried) == (2, 1)
    (retried,) = named(events, EventName.RETRIED)
    assert retried.facts["reason"] == "UnreachableError: 503 slow down"
    assert retried.facts["attempt"] == 1
    retries = {
        e.facts["overpass"]: e.facts["retries"]
        for e in named(events, EventName.UNIT)
        if e.facts["stage"] == "tile"
    }
    assert retries == {"TESTP-001": 1, "TESTP-002": 0}


def test_ports_of_one_scene_go_in_one_task_per_stage(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, 2, ports=("TESTA", "TESTB", "TESTC"))
    keys: list[str] = []
    submit = client.submit

    def noted(*arguments: Any, **options: Any) -> Any:
        keys.append(options["key"])
        return submit(*arguments, **options)

    monkeypatch.setattr(client, "submit", noted)
    summary, _, opened = go(plan, client)
    assert (summary.done, summary.worked) == (6, 6)
    assert [key.rpartition("-")[0] for key in keys] == [
        "tile-TESTA-001+2",
        "segment-TESTA-001+2",
        "tile-TESTA-002+2",
        "segment-TESTA-002+2",
    ]
    assert opened.open_now <= 3
    alone = elsewhere(plan, "alone")
    monkeypatch.setattr("jobs.run.batches.MOST_IN_BATCH", 1)
    go(alone, client)
    assert content(alone) == content(plan)


def test_a_commit_that_fails_refuses_and_the_same_command_goes_on(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, 2)
    commit = PortArchive.commit
    full = ArchiveError("the archive of TESTP cannot be written: no space left; mend the cause")

    def once_full(*arguments: Any) -> str:
        raise full

    monkeypatch.setattr(PortArchive, "commit", once_full)
    events: list[Event] = []
    with pytest.raises(ArchiveError, match="no space left"):
        go(plan, client, observe=events.append)
    assert events[-1].name is EventName.REFUSED
    assert not named(events, EventName.COMMITTED)
    monkeypatch.setattr(PortArchive, "commit", commit)
    summary, _, _ = go(plan, client)
    assert (summary.worked, summary.done) == (2, 2)


def test_a_worker_with_a_broken_set_up_ends_the_run_and_fails_nothing(
    tmp_path: Path, client: Client, spoil: Any
) -> None:
    plan = a_plan(tmp_path, 1, 2)
    spoil(misled("TESTP-001", "TESTP-002"))
    events: list[Event] = []
    with pytest.raises(SetupError, match="PROJ_LIB"):
        go(plan, client, observe=events.append)
    assert events[-1].name is EventName.REFUSED
    assert not [event for event in events if event.facts.get("state") == "failed"]
    spoil(lambda unit: None)
    summary, _, _ = go(plan, client)
    assert (summary.worked, summary.done) == (2, 2)


def test_many_ports_are_open_a_few_at_a_time(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, ports=tuple(f"P{n:04d}" for n in range(6)))
    monkeypatch.setattr(pool, "MOST_OPEN", 2)
    monkeypatch.setattr(executor, "IN_FLIGHT_PER_THREAD", 1)
    monkeypatch.setattr("jobs.run.batches.MOST_IN_BATCH", 1)
    most: list[int] = []
    opened: list[pool.Archives] = []
    init = pool.Archives.__init__

    def noted(self: pool.Archives, *arguments: Any) -> None:
        init(self, *arguments, most_open=2)
        opened.append(self)

    monkeypatch.setattr(pool.Archives, "__init__", noted)
    summary, _, _ = go(
        plan, client, RunOptions(commit_every_s=0), lambda event: most.append(opened[0].open_now)
    )
    assert summary.done == 6
    assert max(most) <= 3  # two, and the one at work
    assert len(opened[0]) == 6


def test_a_commit_whose_answer_was_lost_is_made_again(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "WAITS_S", (0.0, 0.0))
    plan = a_plan(tmp_path, 1, 2)
    commit = PortArchive.commit
    lost: list[str] = []

    def answered_late(self: PortArchive, *arguments: Any) -> str:
        snapshot = commit(self, *arguments)
        if not lost:
            lost.append(snapshot)
            raise icechunk.IcechunkError("connection reset by peer")
        return snapshot

    monkeypatch.setattr(PortArchive, "commit", answered_late)
    summary, events, _ = go(plan, client)
    assert (summary.done, summary.worked) == (2, 2)
    (warning,) = named(events, EventName.WARNING)
    assert warning.facts["reason"] == "connection reset by peer"
    again, _, _ = go(plan, client)
    assert again.worked == 0


def test_a_unit_whose_step_another_writer_changed_is_left_out_and_said(
    tmp_path: Path, client: Client
) -> None:
    plan = a_plan(tmp_path, 1, 2)
    archives = pool.Archives(plan.ports, root_of(plan))
    archives.begin("TESTP", plan.overpasses)
    theirs = [(UnitResult("TESTP-001", StageName.TILE, UnitState.DONE), "of other inputs")]

    def meanwhile(event: Event) -> None:
        if event.name is EventName.UNIT and not archives["TESTP"].steps()["TESTP-001"].key["tile"]:
            archives["TESTP"].commit(theirs, [], "theirs", {})

    summary, events, _ = go(plan, client, RunOptions(), meanwhile)
    assert (summary.done, summary.pending, summary.unmerged) == (1, 1, 1)
    assert exit_code(summary) is ExitCode.FAILED
    (warning,) = named(events, EventName.WARNING)
    assert "changed the steps of TESTP-001" in str(warning.facts["reason"])
    steps = archives["TESTP"].steps()
    assert steps["TESTP-001"].key[StageName.TILE] == "of other inputs"
    assert steps["TESTP-002"].state[StageName.SEGMENT] is UnitState.DONE
    again, _, _ = go(plan, client)
    assert (again.worked, again.done, again.unmerged) == (1, 2, 0)


def test_a_stop_while_a_commit_is_reported_counts_nothing_twice(
    tmp_path: Path, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.run.batches.MOST_IN_BATCH", 1)
    plan = a_plan(tmp_path, 1, 2, 3)
    stopped: list[Event] = []

    def stop(event: Event) -> None:
        if event.name is EventName.COMMITTED and not stopped:
            stopped.append(event)
            raise KeyboardInterrupt

    summary, _, archives = go(plan, client, RunOptions(commit_every_s=0), stop)
    assert summary.interrupted
    states = [step.state.get(StageName.SEGMENT) for step in archives["TESTP"].steps().values()]
    done = states.count(UnitState.DONE)
    assert 0 < done < 3
    assert (summary.done, summary.failed, summary.pending) == (done, 0, 3 - done)
