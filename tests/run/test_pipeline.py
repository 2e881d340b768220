"""Whole runs whose cluster is lost at any time: exit code 3 and the reason, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from distributed.core import ConnectionPool
from rich.console import Console

from jobs.archive import pool
from jobs.errors import ClusterLostError
from jobs.run import cluster, futures, pipeline
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.events import Event, EventName
from jobs.run.pipeline import run_plan
from jobs.run.summary import Summary
from tests.support.remote_cluster import remote_cluster
from tests.support.small_runs import a_plan

pytestmark = pytest.mark.early

CONSOLE = Console(stderr=True)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    monkeypatch.setattr(futures, "POLL_S", 0.3)
    monkeypatch.setattr(cluster, "CONNECT_TIMEOUT", "5s")


def test_a_scheduler_lost_while_visits_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1, 2)
    collect = pipeline.collect
    seen: list[Event] = []
    with remote_cluster(tmp_path) as remote:

        def just_before(*arguments: Any, **options: Any) -> Any:
            remote.kill_scheduler()
            return collect(*arguments, **options)

        monkeypatch.setattr(pipeline, "collect", just_before)
        lost = run_plan(plan, RunOptions(), connect(remote.address), CONSOLE, seen.append)
    assert (lost.code, lost.folder) == (3, None)
    assert (lost.summary.done, lost.summary.pending) == (2, 0)
    assert lost.summary.lost.startswith(f"the cluster was lost: the scheduler at {remote.address}")
    assert [event.name for event in seen][-2:] == [EventName.LOST, EventName.ENDED]
    assert seen[-1].facts.items() > {"exit": 3, "done": 2}.items()
    assert seen[-1].facts.keys() <= {"exit", "done", "cpu_s", "cpu_factor"}


@contextmanager
def never_there() -> Iterator[Client]:
    raise ClusterLostError("the cluster was lost: it went as it came")
    yield


def test_a_cluster_lost_on_the_way_in_is_seen_with_the_counts(tmp_path: Path) -> None:
    lost = run_plan(a_plan(tmp_path, 1, 2), RunOptions(), never_there(), CONSOLE)
    assert (lost.code, lost.summary.pending) == (3, 2)
    assert lost.summary.lost == "the cluster was lost: it went as it came"


def test_a_scheduler_lost_while_connecting_is_a_lost_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with remote_cluster(tmp_path) as remote:
        wait = cluster._wait_for_workers

        def then_gone(*arguments: Any) -> Any:
            call = wait(*arguments)
            remote.kill_scheduler()
            return call

        monkeypatch.setattr(cluster, "_wait_for_workers", then_gone)
        with pytest.raises(ClusterLostError, match="is gone"), connect(remote.address):
            pass


def test_a_client_that_cannot_be_closed_hides_nothing(tmp_path: Path) -> None:
    async def raced(pool: ConnectionPool) -> None:
        raise RuntimeError("Cannot change state of expiring Timeout")

    with remote_cluster(tmp_path) as remote, pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConnectionPool, "close", raced)
        with pytest.raises(ClusterLostError, match="gone"), connect(remote.address) as client:
            raise ClusterLostError("gone")
        patch.undo()
        client.close()


def test_a_cluster_lost_when_all_is_done_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline._Run, "_work", lambda self, client: Summary())
    monkeypatch.setattr(pipeline._Run, "_publish", lambda self, client, units: None)
    seen: list[Event] = []

    class Client:
        scheduler = None
        status = "closed"

    @contextmanager
    def lost_at_the_end() -> Iterator[Any]:
        yield Client()
        raise ClusterLostError("its deletion failed")

    ended = run_plan(a_plan(tmp_path, 1), RunOptions(), lost_at_the_end(), CONSOLE, seen.append)
    assert (ended.code, ended.summary.lost) == (0, "")
    assert [event.name for event in seen] == [EventName.WARNING, EventName.ENDED]
