"""Waiting for a run: an API that is away for a while, deadlines, troubles after the start."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config

from jobs.errors import KubernetesLostError
from jobs.kubernetes import absence as absence_module
from jobs.kubernetes import api as api_module
from jobs.kubernetes import log_stream
from jobs.kubernetes.absence import Absence
from jobs.kubernetes.api import JOBS, Api, Kind
from jobs.kubernetes.diagnosis import DEADLINE
from jobs.kubernetes.log_stream import follow_log
from jobs.kubernetes.said_once import SaidOnce
from jobs.kubernetes.wait import wait_for_run
from jobs.run import ExitCode
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import Objects, event, job, pod, run, terminated, timed
from tests.support.kubernetes.world import DASK, World, kubernetes_world

RUN = run()
RUNNER = pod(RUN, "runner")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.kubernetes.wait.POLL_S", 0.1)
    monkeypatch.setattr(absence_module, "RETRY_S", 0.1)
    monkeypatch.setattr(log_stream, "REOPEN_S", 0.1)
    monkeypatch.setattr(api_module, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with kubernetes_world(tmp_path / "cluster", images={"shell": DASK}) as made:
        yield made


@pytest.fixture
def api(world: World) -> Api:
    return Api(config.new_client_from_config(str(world.kubeconfig())), world.namespace)


def runner_job(script: str, **spec: Any) -> dict[str, Any]:
    found = job(RUN)
    labels = {"berthwatch/run": RUN.id, "app.kubernetes.io/component": "runner"}
    container = {"name": "runner", "image": "shell", "command": ["sh", "-c", script]}
    pods = {"containers": [container], "restartPolicy": "Never", "terminationGracePeriodSeconds": 1}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": RUN.id, "labels": found["metadata"]["labels"]},
        "spec": {
            "completionMode": "Indexed",
            "completions": 1,
            "parallelism": 1,
            "backoffLimit": 0,
            **spec,
            "template": {"metadata": {"labels": labels}, "spec": pods},
        },
    }


@pytest.mark.usefixtures("quick")
def test_an_api_that_is_away_is_waited_for_and_no_line_is_lost_or_said_twice(
    world: World, api: Api, tmp_path: Path
) -> None:
    world.apply(runner_job("for n in 1 2 3 4 5 6 7 8 9; do echo line $n; sleep 0.5; done; exit 1"))
    said: list[str] = []

    def away() -> None:
        world.wait_until(lambda: "line 2" in said, 30)
        with world.outage():
            time.sleep(1.5)

    thread = threading.Thread(target=away)
    thread.start()
    found = wait_for_run(api, LocalFolder(tmp_path), RUN, said.append)
    thread.join()
    lines = [text for text in said if text.startswith("line")]
    assert lines == [f"line {n}" for n in range(1, 10)]
    assert len([text for text in said if "does not answer" in text]) == 1
    assert len([text for text in said if "answers again" in text]) == 1
    assert found.code is ExitCode.FAILED
    assert found.started


@pytest.mark.usefixtures("quick")
def test_an_api_that_stays_away_ends_the_waiting_and_not_the_run(
    world: World, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.apply(runner_job("sleep 60"))
    monkeypatch.setattr(Absence.__init__, "__defaults__", (0.3,))
    with world.outage():
        found = wait_for_run(api, LocalFolder(tmp_path), RUN, lambda _: None)
    assert found.code is ExitCode.INTERRUPTED
    assert "the run goes on" in found.reason
    assert found.started
    assert api.find(JOBS, RUN.id) is not None


@pytest.mark.usefixtures("quick")
def test_the_time_that_the_api_is_away_is_none_that_a_runner_took_to_start(tmp_path: Path) -> None:
    slow = replace(RUN, settings=replace(RUN.settings, start_timeout_s=1))
    began = time.monotonic()

    class Away(Objects):
        """Away for two seconds; then without a runner for a moment, then with one that ends."""

        def list(self, kind: Kind, labels: Any = None) -> list[dict[str, Any]]:
            passed_s = time.monotonic() - began
            if passed_s < 2:
                raise KubernetesLostError("503")
            if passed_s > 2.5:
                ended = pod(RUN, "runner", phase="Failed", state=terminated(1))
                over = job(RUN, conditions=[{"type": "Failed", "status": "True"}])
                self.objects = [over, ended]
            return super().list(kind, labels)

    api = Away(job(RUN, active=1))
    api.logs = {RUNNER["metadata"]["name"]: "at work\n"}
    found = wait_for_run(api, LocalFolder(tmp_path), slow, lambda _: None)
    assert found.started
    assert found.code is ExitCode.FAILED


@pytest.mark.usefixtures("quick")
def test_a_run_past_its_deadline_says_so(world: World, api: Api, tmp_path: Path) -> None:
    world.apply(runner_job("echo here; sleep 60", activeDeadlineSeconds=2))
    found = wait_for_run(api, LocalFolder(tmp_path), RUN, lambda _: None)
    assert (found.code, found.reason) == (ExitCode.LOST, f"all: {DEADLINE}")


@pytest.mark.usefixtures("quick")
def test_trouble_is_told_after_a_runner_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.kubernetes.wait.TROUBLES_EVERY_S", 0.0)
    quota = event(f"{RUN.id}-0-worker", "FailedCreate", "exceeded quota: q, requested: pods=1, "
                  "used: pods=4, limited: pods=4", kind="ReplicaSet")  # fmt: skip
    api = Objects(job(RUN, active=1), RUNNER, quota)
    api.logs = {RUNNER["metadata"]["name"]: "at work\n"}
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if "quota" in text:
            api.objects[0]["status"]["conditions"] = [{"type": "Failed", "status": "True"}]
            api.objects[1] = pod(RUN, "runner", phase="Failed", state=terminated(1))

    wait_for_run(api, LocalFolder(tmp_path), RUN, say)
    assert any("quota 'q' of the namespace refused pods" in text for text in said)


@pytest.mark.usefixtures("quick")
def test_a_controller_that_pauses_after_refusals_is_awaited(
    world: World, api: Api, tmp_path: Path
) -> None:
    """A Job tries at 0, 1, 3 and 7 s; the quota is lifted after 3 s, the limit is 5 s."""
    impatient = replace(RUN, settings=replace(RUN.settings, start_timeout_s=5))
    world.set_quota({"pods": "0"})
    said: list[str] = []
    raised = threading.Thread(target=lambda: _lift_quota(world))
    raised.start()
    world.apply(runner_job("echo here"))
    found = wait_for_run(api, LocalFolder(tmp_path), impatient, said.append)
    raised.join()
    assert found.started, found
    assert "here" in said
    (line,) = [text for text in said if "quota" in text]
    assert "Kubernetes tries again by itself" in line


def _lift_quota(world: World) -> None:
    def refusals() -> int:
        return sum(event["count"] for event in world.events("FailedCreate"))

    world.wait_until(lambda: refusals() == 3)
    world.set_quota({})


@pytest.mark.usefixtures("quick")
def test_a_quota_that_stays_used_up_ends_the_wait_at_the_next_try(
    world: World, api: Api, tmp_path: Path
) -> None:
    impatient = replace(RUN, settings=replace(RUN.settings, start_timeout_s=2))
    world.set_quota({"pods": "0"})
    world.apply(runner_job("echo here"))
    found = wait_for_run(api, LocalFolder(tmp_path), impatient, lambda _: None)
    assert (found.started, found.code) == (False, ExitCode.REFUSED)
    assert "no runner started within 2 s: quota 'quota'" in found.reason


@pytest.mark.parametrize("log_first", [False, True])
def test_a_trouble_that_a_runner_tells_too_is_said_once(log_first: bool) -> None:
    """Lines of the log that are no troubles are all passed on."""
    said: list[str] = []
    once = SaidOnce(said.append)
    if log_first:
        once.line("refused at 10:03:00 on node-7, used pods=2", "2024: ")
    once.trouble("refused at 10:02:00 on node-7, used pods=1")
    if not log_first:
        once.line("refused at 10:03:00 on node-7, used pods=2", "2024: ")
    once.line("at work")
    once.line("at work")
    once.trouble("refused at 10:04:00 on node-8, used pods=1")
    first = (
        "2024: refused at 10:03:00 on node-7, used pods=2"
        if log_first
        else "refused at 10:02:00 on node-7, used pods=1"
    )
    assert said[:-1] == [first, "at work", "at work"]
    assert "node-8" in said[-1]


class Breaking(Objects):
    """Its log breaks off after two lines, twice, and then ends with the container."""

    opened = 0

    def follow(self, of: str) -> Iterator[tuple[str, str]]:
        self.opened += 1
        lines = list(timed(["one", "two", "three", "four"]))
        yield from lines[: 2 * min(self.opened, 2)]
        if self.opened < 3:
            raise KubernetesLostError("broke off")
        self.objects = []


@pytest.mark.usefixtures("quick")
def test_a_log_goes_on_after_its_last_line() -> None:
    assert list(follow_log(Breaking(RUNNER), RUNNER)) == ["one", "two", "three", "four"]


@pytest.mark.usefixtures("quick")
def test_a_log_is_given_up_where_the_api_stays_away() -> None:
    class Away(Objects):
        def follow(self, of: str) -> Iterator[tuple[str, str]]:
            raise KubernetesLostError("503")

    with pytest.raises(KubernetesLostError):
        list(follow_log(Away(RUNNER), RUNNER, limit_s=0.3))


@pytest.mark.usefixtures("quick")
def test_a_stream_that_ends_while_its_container_runs_is_opened_again() -> None:
    class Ending(Objects):
        lines: tuple[str, ...] = ("one",)

        def follow(self, of: str) -> Iterator[tuple[str, str]]:
            yield from timed(self.lines)
            if len(self.lines) == 2:
                self.objects = []
            self.lines = ("one", "two")

    assert list(follow_log(Ending(job(RUN, active=1), RUNNER), RUNNER)) == ["one", "two"]


@pytest.mark.usefixtures("quick")
def test_a_pod_that_is_called_running_after_its_run_is_not_followed_for_ever() -> None:
    over = job(RUN, conditions=[{"type": "Failed", "status": "True"}])
    api = Objects(over, RUNNER)
    api.logs = {RUNNER["metadata"]["name"]: "at work\n"}
    assert list(follow_log(api, RUNNER)) == ["at work"]


@pytest.mark.usefixtures("quick")
def test_an_absence_is_borne_up_to_its_limit() -> None:
    def lost() -> None:
        raise KubernetesLostError("503")

    said: list[str] = []
    with pytest.raises(KubernetesLostError):
        Absence(said.append, 0.3).bear(lost)
    assert len(said) == 1


@pytest.mark.usefixtures("quick")
def test_a_log_whose_end_is_not_read_in_time_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.kubernetes.wait.LAST_LINES_LIMIT_S", 0.2)
    over = threading.Event()

    class Hanging(Objects):
        def follow(self, of: str) -> Iterator[tuple[str, str]]:
            yield from timed(["one"])
            over.wait()
            yield from timed(["", "two"])

    failed = job(RUN, conditions=[{"type": "Failed", "status": "True"}])
    said: list[str] = []
    wait_for_run(Hanging(failed, RUNNER), LocalFolder(tmp_path), RUN, said.append)
    over.set()
    time.sleep(0.5)
    assert said == [  # and nothing any more, while Python ends
        "one",
        f"the last lines of {RUNNER['metadata']['name']} are missing: berthwatch logs {RUN.id}",
    ]


@pytest.mark.usefixtures("quick")
def test_a_right_that_is_lost_ends_the_waiting_and_not_the_run(tmp_path: Path) -> None:
    api = Objects(job(RUN, active=1), RUNNER)
    api.logs = {RUNNER["metadata"]["name"]: "at work\n"}
    api.refused.add(("list", "pods"))
    found = wait_for_run(api, LocalFolder(tmp_path), RUN, lambda _: None)
    assert found.code is ExitCode.INTERRUPTED
    assert "the run goes on" in found.reason
