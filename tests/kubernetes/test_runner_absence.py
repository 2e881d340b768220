"""A runner whose Kubernetes API is away: while its cluster starts, and at its end."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from distributed import Client
from rich.console import Console

from jobs.archive import pool
from jobs.errors import KubernetesLostError
from jobs.kubernetes import absence, cluster_startup
from jobs.kubernetes import runner as runner_module
from jobs.kubernetes.absence import Absence
from jobs.kubernetes.api import CLUSTERS, KINDS, PODS, Kind, Manifest
from jobs.kubernetes.cluster_startup import StartupMonitor, _wait_for_scheduler
from jobs.kubernetes.records import log_names, write_cancellation
from jobs.kubernetes.runner import WHOM, Pod, _Runner
from jobs.run import ExitCode
from jobs.storage import LocalFolder
from tests.support.cluster_here import cluster_here
from tests.support.kubernetes.clocks import Clock
from tests.support.kubernetes.objects import Objects, cluster, job, pod, run
from tests.support.small_runs import a_plan, go, root_of

RUN = run(workers=1)
WORKER = pod(RUN, "worker")


class Away(Objects):
    """An API that answers nothing for its first requests; then ``back`` is called."""

    def __init__(self, away: int, *objects: Any, back: Callable[[], None] = lambda: None) -> None:
        super().__init__(*objects)
        self.away = away
        self.back = back

    def _ask(self, verb: str, kind: Kind) -> None:
        self.away -= 1
        if self.away >= 0:
            raise KubernetesLostError("503", "503")
        if self.away == -1:
            self.back()
        super()._ask(verb, kind)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(absence, "RETRY_S", 0.05)
    monkeypatch.setattr(cluster_startup, "POLL_S", 0.1)
    monkeypatch.setattr(cluster_startup, "POLL_EVERY_S", 0.1)


def test_a_scheduler_has_its_whole_time_after_an_absence() -> None:
    with socket.socket() as scheduler:
        scheduler.bind(("127.0.0.1", 0))
        said: list[str] = []
        api = Away(30, cluster(RUN, "Pending"), back=scheduler.listen)
        absence = Absence(said.append, accepted=True, whom=WHOM)
        monitor = StartupMonitor(api, RUN, 0, said.append, absence)
        _wait_for_scheduler(f"tls://127.0.0.1:{scheduler.getsockname()[1]}", monitor, 1.0)
    assert said[0] == (
        "the Kubernetes API does not answer the runner (503); what runs there goes on, and it is "
        "asked again for 30 minutes"
    )
    assert "answers the runner again" in said[1]


def test_an_absence_from_the_start_of_the_workers_to_their_end_is_told_once(
    tmp_path: Path,
) -> None:
    api, said = Away(6, job(RUN), WORKER, cluster(RUN, "Running")), StringIO()
    runner = made(api, LocalFolder(tmp_path), said)
    StartupMonitor(api, RUN, 0, runner._say, runner._absence).poll()
    runner._remove_cluster()
    assert api.find(CLUSTERS, RUN.cluster_name(0)) is None
    text = said.getvalue()
    assert text.count("does not answer the runner") == 1, text
    assert text.count("answers the runner again") == 1, text


@pytest.mark.parametrize("stopped", [False, True])
def test_last_words_await_the_api_unless_the_pod_is_being_stopped(
    tmp_path: Path, stopped: bool
) -> None:
    class AwayLogs(Away):
        def log(self, pod: str, previous: bool = False) -> str:
            self._ask("get", PODS)
            return super().log(pod, previous)

    back: list[bool] = []
    runner = made(AwayLogs(5, job(RUN), back=lambda: back.append(True)), LocalFolder(tmp_path))
    if stopped:
        runner.stop.set()
    runner.await_api()
    assert back == ([] if stopped else [True])


def made(api: Objects, storage: LocalFolder, said: StringIO | None = None) -> _Runner:
    mine = Pod("x", "job-uid", 0, None)
    return _Runner(RUN, mine, storage, api, Console(file=said or StringIO(), width=500), Event())


def test_logs_are_archived_once_the_api_is_back_and_before_the_cluster_goes(
    tmp_path: Path,
) -> None:
    name = WORKER["metadata"]["name"]
    api = Away(3, job(RUN), WORKER, cluster(RUN, "Running"))
    api.logs = {name: "its last words\n"}
    storage = LocalFolder(tmp_path)
    made(api, storage)._remove_cluster()
    assert log_names(storage, RUN) == [name]
    assert api.find(CLUSTERS, RUN.cluster_name(0)) is None


class AwayAtTheEnd(Away):
    """An API that answers until ``gone``, and never again."""

    def __init__(self, *objects: Any) -> None:
        super().__init__(0, *objects)

    def create(self, manifest: Manifest) -> Manifest:
        self._ask("create", KINDS[manifest["kind"]])
        self.objects.append(manifest)
        return manifest

    def gone(self) -> None:
        self.away = 1_000_000


def test_what_was_verified_is_kept_although_its_cluster_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, said, api = a_plan(tmp_path, 1, 2), StringIO(), AwayAtTheEnd(job(RUN))
    storage = root_of(plan)

    @contextmanager
    def started(*_: Any) -> Iterator[Client]:
        yield client
        api.gone()

    monkeypatch.setattr(pool, "make_land_mask", lambda grid: np.zeros(grid.shape, bool))
    monkeypatch.setattr(runner_module, "started_cluster", started)
    monkeypatch.setattr(absence, "time", Clock())
    with cluster_here() as here, Client(here) as client:
        assert go(plan, client)[0].done == 2
        ended = made(api, storage, said)._verify(plan, 2)
    assert (ended.exit, ended.done) == (ExitCode.DONE, 2), ended.reason
    rows = json.loads(storage.read(f"{RUN.folder}/verified.json"))
    assert [row["result"] for row in rows] == ["equal", "equal"]
    text = said.getvalue()
    assert "asked again for 15 minutes" in text
    assert "the Dask cluster is left: 503" in text
    assert "DaskCluster" in [one["kind"] for one in api.objects]


def test_what_is_not_known_when_a_runner_is_stopped_is_not_said(tmp_path: Path) -> None:
    storage = LocalFolder(tmp_path)
    ended = made(Away(100, job(RUN)), storage)._stopped((3, 0, 1))
    assert ended.exit == ExitCode.TERMINATED
    assert "whether another runner follows is not known (503)" in ended.reason
    assert "another runner goes on" in made(Objects(job(RUN)), storage)._stopped((3, 0, 1)).reason
    write_cancellation(storage, RUN)
    assert "the run was cancelled" in made(Away(0, job(RUN)), storage)._stopped((3, 0, 1)).reason


def test_a_dead_node_is_no_absence(tmp_path: Path) -> None:
    """The log of a pod on it is answered with 500; those of others are archived all the same."""
    lost, name = pod(RUN, "worker", number=1), WORKER["metadata"]["name"]

    class Dead(Objects):
        def log(self, pod: str, previous: bool = False) -> str:
            if pod == lost["metadata"]["name"]:
                raise KubernetesLostError("500")
            return super().log(pod, previous)

    api = Dead(job(RUN), lost, WORKER, cluster(RUN, "Running"))
    api.logs = {name: "words\n"}
    storage = LocalFolder(tmp_path)
    made(api, storage)._remove_cluster()
    assert log_names(storage, RUN) == [name]
