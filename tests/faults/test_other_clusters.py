"""Runs on clusters that other tools make: Dask Gateway, and SLURM through dask-jobqueue."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from jobs.archive import pool
from jobs.run import futures
from jobs.run.backlog import RunOptions
from jobs.run.cluster import checked, connect
from jobs.run.events import Event, EventName
from tests.support import slurm
from tests.support.fault_table import came_through
from tests.support.faults import Spoiled, slow, spoil
from tests.support.gateway import gateway
from tests.support.small_runs import a_plan, elsewhere, go

pytestmark = [
    pytest.mark.faults,
    # both packages and their clients' event loops leave sockets to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

WAIT_S = 180.0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    monkeypatch.setattr(futures, "POLL_S", 0.5)


def test_dask_gateway_starts_at_zero_and_ends_in_mid_run(tmp_path: Path) -> None:
    pytest.importorskip("dask_gateway", reason="dask-gateway is not installed")
    pytest.importorskip("dask_gateway_server", reason="dask-gateway-server is not installed")
    plan = a_plan(tmp_path, *range(1, 7))
    calm = elsewhere(plan, "calm")
    options = RunOptions(commit_every_s=0, without_workers_s=WAIT_S)
    with gateway(tmp_path) as hub:
        with hub.new_cluster() as cluster:
            cluster.adapt(minimum=0, maximum=1)
            with cluster.get_client() as client, checked(client, WAIT_S):
                go(calm, client, options)
        with hub.new_cluster() as cluster:
            cluster.scale(1)

            def at_first_unit(event: Event) -> None:
                if event.name is EventName.UNIT and cluster.status == "running":
                    cluster.shutdown()

            with cluster.get_client() as client, checked(client, WAIT_S):
                spoil(client, slow(1.0))
                lost, _, _ = go(plan, client, options, at_first_unit)
        assert lost.lost.startswith("the cluster was lost: the scheduler at gateway://")
        assert lost.pending > 0
        with hub.new_cluster() as cluster:
            cluster.scale(1)
            with cluster.get_client() as client, checked(client, WAIT_S):
                summary, _, _ = go(plan, client, options)
    came_through("a gateway ends the cluster, a new one goes on", 1, calm, plan, summary)


def test_slurm_ends_a_job_and_another_one_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    commands = slurm.install(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    plan = a_plan(tmp_path, *range(1, 7))
    calm = elsewhere(plan, "calm")
    with connect("local", workers=1) as client:
        go(calm, client)
    with jobqueue.SLURMCluster(
        cores=1,
        memory="3GB",
        walltime="00:30:00",
        interface="lo",
        local_directory=str(tmp_path),
        scheduler_options={"dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        cluster.adapt(minimum_jobs=0, maximum_jobs=1)
        ended: list[str] = []

        def at_first_unit(event: Event) -> None:
            if event.name is EventName.UNIT and not ended:
                ended.extend(slurm.jobs(commands))
                subprocess.run(["scancel", ended[-1]], check=True)

        with cluster.get_client() as client, checked(client, WAIT_S):
            with suppress(OSError):  # of a worker that goes meanwhile
                client.register_plugin(Spoiled(slow(1.0)))
            options = RunOptions(commit_every_s=0, without_workers_s=WAIT_S)
            summary, _, _ = go(plan, client, options, at_first_unit)
    assert len(slurm.jobs(commands)) > len(ended) > 0
    came_through("SLURM ends a job, another one comes", 1, calm, plan, summary)
