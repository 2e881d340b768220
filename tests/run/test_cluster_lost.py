"""Remote clusters that vanish in mid-run: no endless wait, nothing lost, and it goes on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Future

from jobs.archive import pool
from jobs.run import cluster, futures
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.events import Event, EventName
from tests.support.remote_cluster import remote_cluster
from tests.support.small_runs import a_plan, content, elsewhere, go


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    monkeypatch.setattr(futures, "POLL_S", 0.3)
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", "5s")


def test_a_lost_scheduler_and_then_lost_workers(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, 1, 2, 3, 4)
    with remote_cluster(tmp_path) as remote:

        def at_first_commit(event: Event) -> None:
            if event.name is EventName.COMMITTED:
                remote.kill_scheduler()

        with connect(remote.address) as client:
            lost, events, _ = go(plan, client, RunOptions(commit_every_s=0), at_first_commit)
    assert lost.lost.startswith(f"the cluster was lost: the scheduler at {remote.address}")
    assert "the same command goes on from here" in lost.lost
    assert [event.name for event in events if event.name is EventName.LOST]
    assert 1 <= lost.done <= 3
    assert (lost.failed, lost.pending) == (0, 4 - lost.done)

    with remote_cluster(tmp_path) as remote, connect(remote.address) as client:

        def at_first_unit(event: Event) -> None:
            if event.name is EventName.UNIT:
                remote.kill_workers()

        options = RunOptions(without_workers_s=0.5)
        unmanned, _, _ = go(plan, client, options, at_first_unit)
        assert "has had no worker for" in unmanned.lost
        assert lost.done < unmanned.done < 4

        remote.add_worker()
        client.wait_for_workers(1)
        rest, _, _ = go(plan, client)
        calm, _, _ = go(elsewhere(plan, "calm"), client)
    assert (rest.done, calm.done, rest.lost) == (4, 4, "")
    assert content(plan) == content(elsewhere(plan, "calm"))


def test_a_scheduler_lost_between_the_end_of_a_task_and_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1)
    with remote_cluster(tmp_path) as remote, connect(remote.address) as client:
        ask = Future.exception

        def then_gone(self: Future[Any], *arguments: Any, **options: Any) -> Any:
            error = ask(self, *arguments, **options)
            remote.kill_scheduler()
            until = time.monotonic() + 30
            while not self.cancelled() and time.monotonic() < until:
                time.sleep(0.01)
            return error

        monkeypatch.setattr(Future, "exception", then_gone)
        lost, _, _ = go(plan, client)
    assert lost.lost.startswith(f"the cluster was lost: the scheduler at {remote.address} broke")
    assert (lost.done, lost.failed, lost.pending) == (0, 0, 1)
