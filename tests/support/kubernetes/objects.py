"""Pods, Jobs and events as a real API server returns them, and an ``Api`` over a list of them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from jobs.errors import KubernetesError
from jobs.kubernetes.api import CLUSTERS, EVENTS, JOBS, PODS, WORKER_GROUPS, Kind, Manifest
from jobs.kubernetes.partitions import WHOLE
from jobs.kubernetes.settings import ClusterSettings, Gpu
from jobs.kubernetes.spec import Identity, Run

IMAGE = "registry.example/berthwatch@sha256:" + "1" * 64
MADE = "2026-11-24T02:00:00Z"
SETTINGS = ClusterSettings(image=IMAGE, gpu=Gpu(count=2, image=IMAGE))
SUFFIX = {
    "runner": "x7k2p",
    "scheduler": "scheduler-6d4cf56db6-2jx8q",
    "worker": "default-worker-4fbd1c2a3e-7d9c5b8f6d-m2v4c",
    "gpu-worker": "gpu-worker-9a8b7c6d5e-5f6d7c8b9a-q8w2z",
}


def run(**change: Any) -> Run:
    """A run with two GPU workers and three others."""
    made = Run(
        id="bw-east-sea-0a1b2c3d",
        job="east-sea",
        archive="s3://bucket/prefix",
        namespace="team",
        identity=Identity("p" * 64, "0.1.0+abc", "m" * 16, (IMAGE,), "w" * 16),
        settings=SETTINGS,
        partitions=(WHOLE,),
        parallel=1,
        workers=3,
        submitted=MADE,
    )
    return dataclasses.replace(made, **change)


def pod(
    run: Run,
    component: str = "worker",
    index: int = 0,
    *,
    number: int = 0,
    phase: str = "Running",
    made: str = MADE,
    node: str | None = "node-1",
    ready: bool | None = None,
    state: Mapping[str, Any] | None = None,
    last: Mapping[str, Any] | None = None,
    restarts: int = 0,
    **metadata: Any,
) -> Manifest:
    """A pod with one container, ready unless specified otherwise."""
    working = phase == "Running" if ready is None else ready
    if state is None:
        done = {"terminated": {"exitCode": 0, "reason": "Completed"}}
        state = {"Running": {"running": {"startedAt": made}}, "Succeeded": done}.get(phase)
    labels = {
        "app.kubernetes.io/name": "berthwatch",
        "app.kubernetes.io/component": component,
        "berthwatch/job": run.job,
        "berthwatch/run": run.id,
    }
    if component == "runner":
        labels["batch.kubernetes.io/job-completion-index"] = str(index)
        owner = {"kind": "Job", "name": run.id, "uid": "job-uid", "controller": True}
    else:
        labels["berthwatch/partition"] = str(index)
        owner = {"kind": "ReplicaSet", "name": f"rs-{component}-{number}", "uid": f"rs-{number}"}
    container = {
        "name": "worker",
        "image": IMAGE,
        "resources": {"requests": {"memory": "4Gi"}, "limits": {"memory": "4Gi"}},
    }
    status: dict[str, Any] = {
        "phase": phase,
        "conditions": [
            {"type": "Ready", "status": "True" if working else "False"},
            {"type": "PodScheduled", "status": "True" if node else "False"},
        ],
    }
    if state is not None:
        status["containerStatuses"] = [
            {
                "name": "worker",
                "image": IMAGE,
                "ready": working,
                "restartCount": restarts,
                "state": dict(state),
                "lastState": dict(last or {}),
            }
        ]
    tail = SUFFIX[component] + (f"{number}" if number else "")
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{run.id}-{index}-{tail}",
            "creationTimestamp": made,
            "labels": labels,
            "ownerReferences": [owner],
            **metadata,
        },
        "spec": {"containers": [container], **({"nodeName": node} if node else {})},
        "status": status,
    }


def on_silent_node(pod: Manifest) -> Manifest:
    """The pod as the control plane marks it once its node no longer answers."""
    others = [one for one in pod["status"]["conditions"] if one["type"] != "Ready"]
    ready = {"type": "Ready", "status": "False"}
    alive = {"type": "ContainersReady", "status": "True"}
    return {**pod, "status": {**pod["status"], "conditions": [ready, alive, *others]}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def terminated(code: int, reason: str = "Error", message: str = "") -> dict[str, Any]:
    found = {"exitCode": code, "reason": reason, "startedAt": MADE, "finishedAt": MADE}
    return {"terminated": {**found, **({"message": message} if message else {})}}


def unplaced(run: Run, message: str, component: str = "gpu-worker", number: int = 0) -> Manifest:
    found = pod(run, component, number=number, phase="Pending", node=None)
    found["status"]["conditions"] = [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": message,
            "lastTransitionTime": MADE,
        }
    ]
    return found


def event(
    about: Manifest | str,
    reason: str,
    message: str,
    time: str = MADE,
    kind: str = "Pod",
    *,
    new_style: bool = False,
) -> Manifest:
    """As the kubelet and the controllers write them; new_style: as the scheduler does."""
    name = about if isinstance(about, str) else about["metadata"]["name"]
    uid = "some-uid" if isinstance(about, str) else about["metadata"].get("uid", "")
    times: dict[str, Any] = {"firstTimestamp": time, "lastTimestamp": time, "eventTime": None}
    if new_style:
        precise = time.replace("Z", ".123456Z")
        times = {"firstTimestamp": None, "lastTimestamp": None, "eventTime": precise}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.17c0ffee", "creationTimestamp": time},
        "involvedObject": {"kind": kind, "name": name, "namespace": "team", "uid": uid},
        "reason": reason,
        "message": message,
        "type": "Warning",
        "count": 1,
        **times,
    }


def job(run: Run, *, suspend: bool = False, **status: Any) -> Manifest:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": run.id,
            "uid": "job-uid",
            "creationTimestamp": MADE,
            "labels": {"berthwatch/job": run.job, "berthwatch/run": run.id},
            "annotations": {"berthwatch/archive": run.archive},
        },
        "spec": {"suspend": suspend, "parallelism": run.parallel},
        "status": status,
    }


def cluster(run: Run, phase: str, index: int = 0, owned: bool = True) -> Manifest:
    """A DaskCluster with a phase in the operator's status."""
    owners = [{"kind": "Job", "name": run.id, "uid": "job-uid"}] if owned else []
    return {
        "apiVersion": "kubernetes.dask.org/v1",
        "kind": "DaskCluster",
        "metadata": {
            "name": f"{run.id}-{index}",
            "labels": {"berthwatch/run": run.id, "berthwatch/partition": str(index)},
            **({"ownerReferences": owners} if owners else {}),
        },
        "spec": {},
        "status": {"phase": phase},
    }


def group(run: Run, index: int = 0, owned: bool = True) -> Manifest:
    return {
        **cluster(run, "", index, owned),
        "kind": "DaskWorkerGroup",
        "metadata": {**cluster(run, "", index, owned)["metadata"], "name": f"{run.id}-{index}-gpu"},
    }


KINDS = {kind.name: kind for kind in (JOBS, PODS, EVENTS, CLUSTERS, WORKER_GROUPS)}


def timed(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Lines of a log, a nanosecond apart."""
    for number, line in enumerate(lines):
        yield f"2026-11-24T02:00:00.{number:09}Z", line


class Objects:
    """An ``Api`` over a list of objects: deleting a Job deletes what it owns."""

    def __init__(self, *objects: Manifest, namespace: str = "team") -> None:
        self.namespace = namespace
        self.objects = [copy.deepcopy(each) for each in objects]
        self.logs: dict[str, str] = {}
        self.previous: dict[str, str] = {}
        self.refused: set[tuple[str, str]] = set()
        """(verb, kind) that the account may not use."""
        self.stays: set[str] = set()
        """Names of objects that a deletion does not remove."""
        self.asked: list[str] = []
        self.away_s = 0.0

    def patient(self, say: Callable[[str], None], limit_s: float = 0.0) -> Objects:
        return self

    def _ask(self, verb: str, kind: Kind) -> None:
        self.asked.append(f"{verb} {kind.plural}")
        if (verb, kind.plural) in self.refused:
            raise KubernetesError(f"Kubernetes does not allow: {verb} {kind.plural}")

    def find(self, kind: Kind, name: str) -> Manifest | None:
        self._ask("get", kind)
        return next((o for o in self._of(kind) if o["metadata"]["name"] == name), None)

    def list(self, kind: Kind, labels: Mapping[str, str] | None = None) -> list[Manifest]:
        self._ask("list", kind)
        wanted = (labels or {}).items()
        return [o for o in self._of(kind) if wanted <= o["metadata"].get("labels", {}).items()]

    def delete(self, kind: Kind, name: str, foreground: bool = False) -> bool:
        self._ask("delete", kind)
        if not any(o["metadata"]["name"] == name for o in self._of(kind)):
            return False
        gone = [o for o in self.objects if self._is_deleted(o, kind, name)]
        self.objects = [o for o in self.objects if o not in gone]
        return True

    def log(self, pod: str, previous: bool = False) -> str:
        try:
            return (self.previous if previous else self.logs)[pod]
        except KeyError:
            raise KubernetesError(f"not found: get pods/log {pod}") from None

    def follow(self, pod: str) -> Iterator[tuple[str, str]]:
        return timed(self.log(pod).splitlines())

    def _of(self, kind: Kind) -> list[Manifest]:
        return [o for o in self.objects if o["kind"] == kind.name]

    def _is_deleted(self, thing: Manifest, kind: Kind, name: str) -> bool:
        if thing["metadata"]["name"] in self.stays:
            return False
        if thing["kind"] == kind.name and thing["metadata"]["name"] == name:
            return True
        owned = bool(thing["metadata"].get("ownerReferences"))
        return kind is JOBS and owned and thing["metadata"]["labels"]["berthwatch/run"] == name
