"""Diagnosis, logs and cancelling of a run, with an API server and its controllers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config

from jobs.kubernetes.api import EVENTS, PODS, Api
from jobs.kubernetes.cancel import cancel_run
from jobs.kubernetes.diagnosis import Trouble, events_of, troubles
from jobs.kubernetes.logs import PodFilter, archive_logs, follow, read_logs
from jobs.kubernetes.names import RUN as RUN_LABEL
from jobs.kubernetes.names import labels
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.pods import ready, restarts
from jobs.kubernetes.records import write_run
from jobs.kubernetes.status import RunState, run_status
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import SETTINGS, run
from tests.support.kubernetes.world import DASK, World, kubernetes_world
from tests.support.servers.kubernetes.defaults import node
from tests.support.servers.kubernetes.timing import Timing

FAST = Timing(job_backoff_s=0.3, crash_backoff_s=1.0)
RUN = run(
    namespace="ocean",
    partitions=(Partition("2023", None), Partition("2024", None)),
    parallel=2,
    workers=1,
    settings=replace(SETTINGS, gpu=replace(SETTINGS.gpu, count=0)),
)
WAITS = 'echo "I am $JOB_COMPLETION_INDEX"; sleep 60'


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with kubernetes_world(tmp_path, images={"shell": DASK}, timing=FAST) as running:
        yield running


@pytest.fixture
def api(world: World) -> Api:
    return Api(config.new_client_from_config(str(world.kubeconfig())), "ocean")


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    made = LocalFolder(tmp_path / "archive")
    write_run(made, RUN)
    return made


def template(component: str, script: str, index: int | None = None, **container: Any) -> Any:
    one = {"name": "main", "image": "shell", "command": ["sh", "-c", script], **container}
    return {
        "metadata": {"labels": labels(RUN.job, RUN.id, component, index)},
        "spec": {"containers": [one], "terminationGracePeriodSeconds": 1},
    }


def runners(script: str = WAITS) -> dict[str, Any]:
    made = template("runner", script)
    made["spec"]["restartPolicy"] = "Never"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": RUN.id, "labels": labels(RUN.job, RUN.id)},
        "spec": {
            "completionMode": "Indexed",
            "completions": 2,
            "parallelism": 2,
            "backoffLimitPerIndex": 3,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                    {
                        "action": "FailIndex",
                        "onExitCodes": {"operator": "In", "values": [2]},
                    },
                ]
            },
            "template": made,
        },
    }


OWNER = {"kind": "DaskCluster", "metadata": {"creationTimestamp": "2020-01-01T00:00:00Z"}}
"""In place of the cluster that owns Deployments."""


def workers(name: str = "default-worker-1", index: int = 0, **container: Any) -> dict[str, Any]:
    made = template("worker", "echo at work; sleep 60", index, **container)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{RUN.id}-{index}-{name}", "labels": labels(RUN.job, RUN.id)},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"group": name}},
            "template": {
                **made,
                "metadata": {"labels": {**made["metadata"]["labels"], "group": name}},
            },
        },
    }


def found(api: Api) -> list[Trouble]:
    pods = api.list(PODS, {RUN_LABEL: RUN.id})
    return troubles(pods, events_of(RUN.id, api.list(EVENTS), OWNER, pods))


def test_causes_that_prevent_pods_from_starting_are_found(world: World, api: Api) -> None:
    world.apply(
        workers("image", image="registry.example/lost:1"),
        workers("secret", envFrom=[{"secretRef": {"name": "berthwatch-s3"}}]),
        workers("gpu", resources={"limits": {"nvidia.com/gpu": "1"}}),
    )
    expected = ("registry.example/lost:1 cannot be pulled", "secret 'berthwatch-s3'", "nvidia.com")
    world.wait_until(lambda: len(found(api)) == 3, 20)
    said = [trouble.what for trouble in found(api)]
    assert all(any(words in what for what in said) for words in expected), said
    world.add_secret("berthwatch-s3", {"KEY": "value"})
    world.wait_until(lambda: len(found(api)) == 2, 20)
    world.set_nodes(node("node-1"), node("gpu-1", gpu="1"))
    world.wait_until(lambda: len(found(api)) == 1, 20)
    assert "cannot be pulled" in found(api)[0].what


def test_a_quota_is_a_trouble_until_it_suffices(world: World, api: Api) -> None:
    world.set_quota({"pods": "0"}, "team")
    world.apply(workers())
    (trouble,) = world.wait_until(lambda: found(api), 20)
    assert "quota 'team' of the namespace refused pods, last at " in trouble.what
    assert "(requested pods=1" in trouble.what
    world.set_quota({}, "team")
    world.wait_until(lambda: not found(api), 20)


def test_a_worker_killed_for_memory_is_a_trouble_while_it_is_down(world: World, api: Api) -> None:
    limit = {"limits": {"memory": "64Mi"}}
    world.apply(workers(resources=limit))
    for times in range(2):  # the second time it has to wait before it starts again
        world.wait_until(lambda times=times: _begun(world.pods(), times), 20)
        world.crash(_name(world.pods()[0]), out_of_memory=True)
    (trouble,) = world.wait_until(lambda: found(api), 20)
    assert "limit of 64Mi" in trouble.what
    world.wait_until(lambda: not found(api), 20)


def _begun(pods: list[dict[str, Any]], times: int) -> bool:
    return bool(pods) and ready(pods[0]) and restarts(pods[0]) == times


def test_the_status_of_a_run_from_submission_to_cancelling(
    world: World, api: Api, storage: LocalFolder
) -> None:
    def state() -> list[RunState]:
        return [part.state for part in run_status(api, storage, RUN, units=False).partitions]

    assert state() == [RunState.LOST, RunState.LOST]
    world.apply(runners())
    assert set(state()) <= {RunState.STARTING}
    world.apply(workers())
    world.wait_until(lambda: state() == [RunState.RUNNING, RunState.STARTING], 20)
    (runner,) = _names(world, 0)
    world.wait_until(lambda: "I am 0" in api.log(runner), 10)

    world.kill_pod(runner)
    world.wait_until(lambda: state()[0] is RunState.RUNNING and _names(world, 0) - {runner}, 20)
    archived = archive_logs(api, storage, RUN)
    assert {name.rpartition("-")[0] for name in archived.pods} >= {f"{RUN.id}-0", f"{RUN.id}-1"}

    world.delete("deployments", workers()["metadata"]["name"])
    done = cancel_run(api, storage, RUN, wait_s=20, poll_s=0.1)
    assert (done.left, done.recorded) == ((), True)
    assert f"Job/{RUN.id}" in done.gone
    assert not world.pods()
    assert state() == [RunState.CANCELLED, RunState.CANCELLED]
    kept = list(read_logs(api, storage, RUN, PodFilter("runner", 1)))
    assert [(log.live, log.text) for log in kept] == [(False, "I am 1\n")]


def _name(pod: dict[str, Any]) -> str:
    return str(pod["metadata"]["name"])


def _names(world: World, index: int) -> set[str]:
    """Names of the running runners of a partition."""
    return {
        _name(pod)
        for pod in world.pods("app.kubernetes.io/component=runner")
        if f"{RUN.id}-{index}-" in _name(pod) and pod["status"].get("phase") == "Running"
    }


def test_a_run_is_followed_over_all_its_runners_to_its_end(
    world: World, api: Api, storage: LocalFolder
) -> None:
    """Partition 0 fails once and is done by a second runner; partition 1 is refused."""
    mark = storage.path / "mark"
    script = (
        f"if [ $JOB_COMPLETION_INDEX = 1 ]; then echo no GPU; exit 2; fi; "
        f"if [ -e {mark} ]; then echo did it; else touch {mark}; echo lost; exit 3; fi"
    )
    world.apply(runners(script))
    lines = [line.text for line in follow(api, RUN, PodFilter("runner"), every_s=0.2)]
    assert sorted(lines) == ["did it", "lost", "no GPU"]
    assert lines.index("lost") < lines.index("did it")
    whole = run_status(api, storage, RUN, units=False)
    assert [part.state for part in whole.partitions] == [RunState.FINISHED, RunState.FAILED]
    assert "exit code 2" in whole.partitions[1].why
