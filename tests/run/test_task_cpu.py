"""CPU time of tasks: known where a worker runs one at a time, and what a run makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster
from rich.console import Console

from jobs.archive import pool
from jobs.domain import GPU
from jobs.plan.cpu_factor import LEAST_MEASURED, kept_cpu_factor
from jobs.run.backlog import RunOptions
from jobs.run.events import Event, EventName
from jobs.run.pipeline import run_plan
from jobs.run.task_cpu import TaskCpu
from tests.support.small_runs import a_plan, go, root_of

pytestmark = pytest.mark.early


@contextmanager
def on_workers(threads: int = 1, **resources: float) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=threads,
            processes=False,
            protocol="tcp://",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            resources=resources,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def some_work() -> float:
    spent = TaskCpu()
    sum(number * number for number in range(200_000))
    return spent.seconds


def test_a_worker_with_one_thread_knows_what_its_task_takes() -> None:
    with on_workers() as client:
        assert 0.001 < client.submit(some_work).result() < 60


@pytest.mark.parametrize(("threads", "resources"), [(2, {}), (1, {GPU: 1.0})])
def test_others_do_not(threads: int, resources: dict[str, float]) -> None:
    with on_workers(threads, **resources) as client:
        assert client.submit(some_work).result() == 0


def test_nobody_does_outside_of_a_worker() -> None:
    assert some_work() == 0


def test_a_run_compares_it_with_the_plans_rates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    with on_workers() as client:
        summary, events, _ = go(a_plan(tmp_path, 1, 2, 3), client)
        again, _, _ = go(a_plan(tmp_path, 1, 2, 3), client)
    assert summary.done == summary.cpu_measured == 3
    assert summary.cpu_factor is not None
    assert summary.cpu_factor > 0
    units = [event for event in events if event.name is EventName.UNIT]
    assert len(units) == 6
    assert all(event.facts["cpu_s"] for event in units)
    assert (again.cpu_factor, again.cpu_measured) == (None, 0)


def test_a_whole_run_keeps_it_for_the_next_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    plan = a_plan(tmp_path, *range(1, LEAST_MEASURED + 1))
    seen: list[Event] = []
    with on_workers() as client:
        run_plan(plan, RunOptions(), nullcontext(client), Console(stderr=True), seen.append)
    kept = kept_cpu_factor(root_of(plan), plan.name)
    assert kept is not None
    factor, overpasses = kept
    assert overpasses == LEAST_MEASURED
    ended = seen[-1].facts
    assert ended["cpu_factor"] == factor
    assert float(ended["cpu_s"]) > 0
    (counted,) = [event for event in seen if event.name is EventName.COUNTED]
    assert float(counted.facts["cpu_s"]) > 0
