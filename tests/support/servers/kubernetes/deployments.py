"""Deployments: keep the wanted number of pods.

There are no ReplicaSets; events name one all the same, as in a real cluster.
"""

from __future__ import annotations

import hashlib
import json

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.backoff import REPLICA_SET, Backoff
from tests.support.servers.kubernetes.creating import (
    create_pod,
    is_going,
    is_over,
    owned_pods,
    pod_of,
)
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.network import is_ready
from tests.support.servers.kubernetes.store import Store, now

_HASH = "pod-template-hash"


class Deployments:
    """The controller of all Deployments."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.backoff = Backoff(*REPLICA_SET)

    def step(self) -> None:
        for deployment in self.store.list(kinds.DEPLOYMENTS):
            if "deletionTimestamp" not in deployment["metadata"]:
                self._step(deployment)

    def _step(self, deployment: Manifest) -> None:
        version = _version(deployment)
        alive = [one for one in owned_pods(self.store, deployment) if _alive(one)]
        current = [one for one in alive if one["metadata"]["labels"][_HASH] == version]
        wanted = int(deployment["spec"].get("replicas", 1))
        unwanted = [one for one in alive if one not in current] + current[wanted:]
        for pod in unwanted:
            self.store.delete(kinds.PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
        refused = not self._fill(deployment, version, wanted - len(current))
        self._report(deployment, current[:wanted], wanted, refused)

    def _fill(self, deployment: Manifest, version: str, lacking: int) -> bool:
        """Create missing pods; False where that is refused, or was and is not tried again yet."""
        uid = deployment["metadata"]["uid"]
        if lacking > 0 and not self.backoff.due(uid):
            return False
        name = f"{deployment['metadata']['name']}-{version}"
        replica_set = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {**deployment["metadata"], "name": name},
        }
        template = deployment["spec"]["template"]
        for _ in range(lacking):
            pod = pod_of(template, deployment, name, labels={_HASH: version})
            if not create_pod(self.store, pod, deployment, replica_set, "replicaset-controller"):
                self.backoff.refused(uid)
                return False
        self.backoff.succeeded(uid)
        return True

    def _report(
        self, deployment: Manifest, pods: list[Manifest], wanted: int, refused: bool
    ) -> None:
        ready = sum(is_ready(pod) for pod in pods)
        old = deployment.get("status", {})
        values = {"Available": ready >= wanted, "Progressing": True}
        values |= {"ReplicaFailure": True} if refused else {}
        status = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": len(pods),
            "updatedReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "unavailableReplicas": max(wanted - ready, 0),
            "conditions": [_condition(old, kind, holds) for kind, holds in values.items()],
        }
        self.store.set_status(kinds.DEPLOYMENTS, deployment, status)


def _alive(pod: Manifest) -> bool:
    return not is_over(pod) and not is_going(pod)


def _version(deployment: Manifest) -> str:
    template = json.dumps(deployment["spec"]["template"], sort_keys=True)
    return hashlib.sha256(template.encode()).hexdigest()[:10]


def _condition(status: Manifest, kind: str, holds: bool) -> Manifest:
    value = "True" if holds else "False"
    for old in status.get("conditions", ()):
        if old["type"] == kind and old["status"] == value:
            return dict(old)
    return {"type": kind, "status": value, "lastTransitionTime": now()}
