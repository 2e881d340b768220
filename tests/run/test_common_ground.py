"""Workers that lack what they must have in common with a run end it before anything is lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.archive import pool
from jobs.errors import SetupError
from jobs.plan import Plan
from jobs.run import common_ground
from jobs.run.backlog import RunOptions
from jobs.run.cluster import connect
from jobs.run.common_ground import marked, stranger
from jobs.run.events import Event, EventName
from jobs.run.settings import settings_for
from jobs.storage import LocalFolder
from tests.support.remote_cluster import RemoteCluster, remote_cluster
from tests.support.small_runs import a_plan, content, go, root_of


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))


NO_NAMESPACES = (
    shutil.which("unshare") is None
    or subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode != 0
)
other_mounts = pytest.mark.skipif(NO_NAMESPACES, reason="this system gives no mounts of one's own")


@contextmanager
def worker_that_sees(remote: RemoteCluster, copy: Path, at: Path) -> Iterator[None]:
    """A worker of the cluster that sees one folder in the place of another, as on its own disk."""
    worker = f"{sys.executable} -m distributed.cli.dask_worker {remote.address} --no-nanny"
    options = "--nthreads 1 --death-timeout 60 --no-dashboard"
    command = f"mount --bind '{copy}' '{at}' && exec {worker} {options}"
    process = subprocess.Popen(
        ["unshare", "-rm", "sh", "-c", command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def with_a_copy(plan: Plan) -> Path:
    """The plan's archive with its steps, none of them done, and a copy as a worker may have it."""
    root = Path(plan.archive)
    pool.Archives(plan.ports, root_of(plan)).begin(plan.ports[0].id, plan.overpasses)
    copy = root.with_name("copy")
    shutil.copytree(root, copy)
    return copy


@other_mounts
def test_a_worker_with_an_archive_of_its_own_is_refused(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, 1, 2, 3)
    copy = with_a_copy(plan)
    before = content(plan)
    with (
        remote_cluster(tmp_path, workers=0) as remote,
        worker_that_sees(remote, copy, Path(plan.archive)),
        connect(remote.address) as client,
        pytest.raises(SetupError, match="is not the archive that this run writes to"),
    ):
        go(plan, client)
    assert content(plan) == before
    assert not list(Path(plan.archive).rglob("*.partial"))


@other_mounts
@pytest.mark.slow
def test_a_worker_that_comes_late_with_an_archive_of_its_own(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, 1, 2, 3)
    copy = with_a_copy(plan)
    seen: list[Event] = []
    with remote_cluster(tmp_path) as remote, connect(remote.address) as client:
        other = worker_that_sees(remote, copy, Path(plan.archive))

        def at_first_unit(event: Event) -> None:
            seen.append(event)
            if event.name is EventName.UNIT and len(remote.workers) == 1:
                remote.workers.append(remote.workers[0])
                remote.kill_worker(0)
                other.__enter__()

        try:
            with pytest.raises(SetupError, match=r"worker tcp://.* is not the archive that this"):
                go(plan, client, RunOptions(commit_every_s=0), at_first_unit)
        finally:
            other.__exit__(None, None, None)
        assert seen[-1].name is EventName.REFUSED
        remote.add_worker()
        rest, _, _ = go(plan, client)
    assert rest.done == 3
    assert all(content(plan).values()), "every chunk is there"


def test_what_a_worker_may_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common_ground, "APPEARS_WITHIN_S", 0.0)
    plan = a_plan(tmp_path, 1)
    settings = settings_for(plan)
    with marked(settings, root_of(plan), plan.overpasses[0]) as ground:
        assert stranger(ground) == ""
        assert len(ground.files) == 1
        elsewhere_ = replace(ground, archive=LocalFolder(tmp_path / "other"))
        assert "is not the archive that this run writes to" in stranger(elsewhere_)
        no_file = replace(ground, files=("/nowhere/B02.tif",))
        assert "does not see /nowhere/B02.tif" in stranger(no_file)
        no_weights = replace(ground, model=str(tmp_path / "mine.safetensors"))
        assert "cannot read the weights" in stranger(no_weights)
        others = replace(ground, model_digest="0" * 64)
        assert "expected the same weights on every worker" in stranger(others)
        versions = tuple((name, "0" if name == "zarr" else at) for name, at in ground.versions)
        assert "install the same Berthwatch" in stranger(replace(ground, versions=versions))
    assert not list(Path(plan.archive).rglob("*.partial")), "the marks are gone"
    assert "is not the archive" in stranger(replace(ground, files=()))
