"""Workers, schedulers and clocks that misbehave; every run ends as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from jobs.archive import pool
from jobs.run import futures
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.events import Event, EventName
from tests.support.fault_table import came_through, line
from tests.support.faults import killing, slow, spoil, with_jumping_clock
from tests.support.remote_cluster import RemoteCluster, remote_cluster
from tests.support.small_runs import a_plan, content, elsewhere, go

pytestmark = pytest.mark.faults

DAYS = tuple(range(1, 13))
OFTEN = RunOptions(commit_every_s=1.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    monkeypatch.setattr(futures, "POLL_S", 0.5)


def test_workers_killed_at_random(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, *DAYS, ports=("TESTA", "TESTB"))
    calm = elsewhere(plan, "calm")
    with connect("local", workers=2) as client:
        go(calm, client)
        spoil(client, slow(0.5))
        with a_killer(client, seed=5, kills=5) as killed:
            summary, _, _ = go(plan, client, OFTEN)
    came_through("worker killed at random", len(killed), calm, plan, summary)


def killer_at_second_commit(remote: RemoteCluster) -> Callable[[Event], None]:
    """An observer that kills the scheduler when the second commit is made."""
    commits: list[Event] = []

    def watch(event: Event) -> None:
        if event.name is EventName.COMMITTED:
            commits.append(event)
            if len(commits) == 2:
                remote.kill_scheduler()

    return watch


@contextmanager
def a_killer(client: Client, seed: int, kills: int) -> Iterator[list[int]]:
    """A thread that kills a worker process at random every few seconds."""
    chance = random.Random(seed)
    killed: list[int] = []
    over = threading.Event()

    def kill() -> None:
        while len(killed) < kills and not over.wait(chance.uniform(0.5, 2.5)):
            alive = _children(client)
            if alive:
                killed.append(chance.choice(alive))
                os.kill(killed[-1], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        over.set()
        thread.join()


def _children(client: Client) -> list[int]:
    """The worker processes that the nannies of a local cluster look after now."""
    nannies = client.cluster.workers.values()
    return [nanny.process.pid for nanny in nannies if nanny.process and nanny.process.pid]


def test_the_scheduler_killed_again_and_again(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, *DAYS[:8])
    calm = elsewhere(plan, "calm")
    kills = 0
    while True:
        with remote_cluster(tmp_path) as remote, connect(remote.address) as client:
            if not kills:
                go(calm, client)
            watch = (lambda event: None) if kills == 3 else killer_at_second_commit(remote)
            summary, _, _ = go(plan, client, RunOptions(commit_every_s=0), watch)
        if not summary.lost:
            break
        kills += 1
    came_through("scheduler killed, resumed on a new one", kills, calm, plan, summary)


def test_all_workers_killed_and_others_come(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, *DAYS[:6])
    calm = elsewhere(plan, "calm")
    with remote_cluster(tmp_path) as remote, connect(remote.address) as client:
        go(calm, client)
        units: list[Event] = []

        def at_first_unit(event: Event) -> None:
            if event.name is EventName.UNIT:
                units.append(event)
                if len(units) == 1:
                    remote.kill_workers()
                    remote.add_worker()

        summary, _, _ = go(plan, client, RunOptions(commit_every_s=0), at_first_unit)
    came_through("all workers killed, another one comes", 1, calm, plan, summary)


def test_a_unit_that_always_kills_its_worker(tmp_path: Path) -> None:
    """With Dask's own number of allowed failures: four workers, and four more in solitary."""
    plan = a_plan(tmp_path, 1, 2, 3, 4)
    calm = elsewhere(plan, "calm")
    with connect("local", workers=2) as client:
        go(calm, client)
        spoil(client, killing("TESTP-002"))
        summary, events, _ = go(plan, client)
        (quarantined,) = [e for e in events if e.name is EventName.QUARANTINED]
        assert quarantined.facts["overpass"] == "TESTP-002"
        assert (summary.done, summary.failed, summary.pending) == (3, 1, 0)
        spoil(client, lambda unit: None)
        go(plan, client, RunOptions(retry_failed=True))
    deaths = int(quarantined.facts["deaths"])
    equal = content(plan) == content(calm)
    line("a unit kills every worker: quarantined, then mended", deaths, 0, equal)
    assert equal


def test_a_clock_that_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = a_plan(tmp_path, *DAYS[:6])
    calm = elsewhere(plan, "calm")
    with connect("local", workers=1) as client:
        go(calm, client)
        spoil(client, with_jumping_clock())
        real, jumps, mine = time.time, [], threading.current_thread()

        def ours() -> bool:
            return threading.current_thread() is mine  # not Dask's loop, which is not under test

        def at_commit(event: Event) -> None:
            """The clock stays wrong until the next commit, then it is wrong otherwise."""
            if event.name is EventName.COMMITTED:
                jumps.append((-5 * 3600, 7 * 3600)[len(jumps) % 2])
                monkeypatch.setattr(time, "time", lambda: real() + jumps[-1] * ours())

        summary, _, _ = go(plan, client, RunOptions(commit_every_s=0), at_commit)
        monkeypatch.undo()
    came_through("clock jumps by hours", len(jumps), calm, plan, summary)
