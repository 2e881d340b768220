"""A cluster of two kinds of workers: what needs no GPU keeps away from those that have one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client

from jobs.archive import pool
from jobs.errors import ClusterError
from jobs.run import cluster, futures
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect, count_workers
from jobs.run.results import collect
from jobs.run.settings import settings_for
from jobs.run.verify import verify_sample
from tests.support.cluster_here import kinds_here
from tests.support.faults import killing, spoil
from tests.support.remote_cluster import remote_cluster
from tests.support.small_runs import a_plan, go, root_of


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    monkeypatch.setattr(futures, "POLL_S", 0.3)


def worked(client: Client) -> dict[str, set[str]]:
    """The kinds of tasks that were begun, by the resource that their worker offers."""

    def begun(dask_worker: Any) -> tuple[str, list[str]]:
        offered = next(iter(dask_worker.state.total_resources))
        keys = {str(entry[0]) for entry in dask_worker.state.log if "executing" in entry[1:4]}
        return offered, sorted({key.partition("-")[0] for key in keys})

    # the call by which workers are asked for may run anywhere
    return {kind: set(names) - {"sleep"} for kind, names in client.run(begun).values()}


def test_each_kind_of_work_goes_to_its_own_workers(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, 1, 2, 3)
    with (
        kinds_here("CPU", "GPU") as made,
        connect(made.scheduler_address, needs=("CPU", "GPU")) as client,
    ):
        counted = count_workers(client, 10)
        assert (counted.cpus, counted.gpus, counted.without_gpu) == (1, 1, 1)
        done, _, opened = go(plan, client)
        assert done.done == 3
        collect(plan, opened, settings_for(plan), root_of(plan), client)
        rows = verify_sample(plan, root_of(plan), 5, 0, client)
        assert rows == verify_sample(plan, root_of(plan), 5, 0)
        assert [row["result"] for row in rows] == ["equal"] * 3
        found = worked(client)
    assert found == {"CPU": {"tile", "count_port", "_result"}, "GPU": {"segment"}}


def test_a_cluster_of_gpu_workers_only_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "HOLD_S", 0.1)  # a thread is waited for to its end
    plan = a_plan(tmp_path, 1)
    with kinds_here("GPU") as made:
        address = made.scheduler_address
        with connect(address) as client, pytest.raises(ClusterError, match="can tile"):
            go(plan, client)
        waiting = connect(address, wait_for_workers_s=0.5, needs=("CPU", "GPU"))
        with pytest.raises(ClusterError, match="no worker that offers CPU after"), waiting:
            pass


def test_work_that_waits_for_a_kind_of_worker_that_is_gone_ends(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, 1, 2, 3)
    with remote_cluster(tmp_path, workers=0) as remote:
        remote.add_worker("CPU=1")
        remote.add_worker("GPU=1")
        with connect(remote.address, needs=("CPU", "GPU")) as client:
            spoil(client, killing("TESTP-002"))  # there is no nanny: the CPU worker stays dead
            ended, _, _ = go(plan, client, RunOptions(without_workers_s=0.5))
            assert "has had no worker that offers CPU for" in ended.lost
            assert ended.pending > 0
            spoil(client, lambda unit: None)
            remote.add_worker("CPU=1")
            cluster._wait_for_workers(client, 30, ("CPU",))
            remote.kill_worker(1)
            while count_workers(client, 10).gpus:
                time.sleep(0.05)
            rest, _, _ = go(plan, client)  # in a cluster without GPU, CPU workers do it all
    assert (rest.done, rest.lost) == (3, "")
