"""A runner whose cluster is lost while visits are counted keeps those that were."""

from __future__ import annotations

from contextlib import ExitStack
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any, cast

import numpy as np
import pytest
from rich.console import Console

from jobs.archive import pool
from jobs.kubernetes.api import Api
from jobs.kubernetes.runner import Pod, _Runner
from jobs.plan import Plan
from jobs.run import ExitCode, RunOptions, connect, futures, run_plan
from jobs.run.kept_results import KeptResults
from tests.support.kubernetes.objects import Objects, run
from tests.support.remote_cluster import RemoteCluster, remote_cluster
from tests.support.remote_worlds import published
from tests.support.small_runs import a_plan, elsewhere, root_of

pytestmark = pytest.mark.slow
PORTS = ("A", "B", "C")


class Clusters:
    """Schedulers with a worker each; the first is lost after so many ports."""

    def __init__(self, folder: Path, stack: ExitStack, number: int) -> None:
        self.made: list[RemoteCluster] = []
        for name in range(number):
            place = folder / f"cluster-{name}"
            place.mkdir()
            self.made.append(stack.enter_context(remote_cluster(place)))
        self.next = iter(self.made)
        self.kept: list[int] = []

    def of(self, plan: Plan) -> Any:
        return connect(next(self.next).address)


def runner_on(plan: Plan, clusters: Clusters, said: StringIO) -> _Runner:
    pod, console = Pod("pod", "job-uid", 0, None), Console(file=said, width=500)
    api = cast(Api, Objects())
    made = _Runner(run(), pod, root_of(plan), api, console, Event())
    setattr(made, "_cluster", clusters.of)  # noqa: B010 - mypy refuses to replace a method
    return made


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    monkeypatch.setattr(futures, "POLL_S", 0.3)


@pytest.mark.parametrize("lost_after", [1, 2])
def test_a_lost_cluster_costs_no_port_that_was_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lost_after: int
) -> None:
    plan, said = a_plan(tmp_path, 1, 2, ports=PORTS), StringIO()
    calm = elsewhere(plan, "calm")
    keep = KeptResults.keep
    with ExitStack() as stack:
        clusters = Clusters(tmp_path, stack, 2)

        def keep_and_lose(self: KeptResults, number: int, *result: Any) -> None:
            keep(self, number, *result)
            clusters.kept.append(number)
            if len(clusters.kept) == lost_after:
                clusters.made[0].kill_scheduler()

        last = connect(clusters.made[1].address)
        assert run_plan(calm, RunOptions(), last, Console(file=StringIO())).code == 0
        monkeypatch.setattr(KeptResults, "keep", keep_and_lose)
        ended = runner_on(plan, clusters, said)._done(plan)
    assert ended.exit == ExitCode.DONE, ended.reason
    assert sorted(clusters.kept) == [0, 1, 2]
    assert f"the visits of {lost_after} of 3 ports are counted and kept" in said.getvalue()
    assert published(root_of(plan)) == published(root_of(calm))


def test_a_cluster_that_counts_nothing_is_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, said = a_plan(tmp_path, 1, ports=PORTS), StringIO()
    with ExitStack() as stack:
        clusters = Clusters(tmp_path, stack, 1)

        def lose(self: KeptResults) -> dict[int, Any]:
            clusters.made[0].kill_scheduler()
            return {}

        monkeypatch.setattr(KeptResults, "take", lose)
        ended = runner_on(plan, clusters, said)._done(plan)
    assert ended.exit == ExitCode.LOST
    assert "the scheduler at" in ended.reason
    assert "counted and kept" not in said.getvalue()
