"""What the control plane does about a node that no longer answers, and its pods.

Its node controller taints the node and marks the pods not ready; each is deleted once its
toleration of the taint is over, and stays Terminating, for no kubelet confirms its end, until the
node answers again or its Node object is deleted.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.events import record_event
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.store import Store, now
from tests.support.servers.kubernetes.timing import Timing

UNREACHABLE = "node.kubernetes.io/unreachable"
ADMITTED_S = 300.0
"""Toleration that admission adds to a pod which has none of its own."""


@dataclass
class _Silence:
    since: float
    timing: Timing
    told: bool = False
    """Whether the control plane has noticed."""
    marked: set[str] = field(default_factory=set)
    """Uids of pods that it has marked not ready."""


class DeadNodes:
    """Nodes that do not answer, by name."""

    def __init__(self, store: Store, timing: Timing) -> None:
        self.store = store
        self.timing = timing
        self._silences: dict[str, _Silence] = {}

    def add(self, node: str, timing: Timing | None = None) -> None:
        """A node's kubelet no longer answers; ``timing`` instead of the cluster's own."""
        self._silences[node] = _Silence(time.monotonic(), timing or self.timing)

    def remove(self, node: str) -> None:
        """It answers again."""
        del self._silences[node]
        self._change_node(node, silent=False)

    def forget(self) -> None:
        """None is silent."""
        self._silences.clear()

    def silent(self, node: str) -> bool:
        """Whether its kubelet does not answer."""
        return node in self._silences

    def step(self) -> None:
        """Do what is due."""
        for node, silence in list(self._silences.items()):
            silent_s = time.monotonic() - silence.since - silence.timing.not_ready_s
            if silent_s < 0:
                continue
            if not silence.told:
                silence.told = True
                self._change_node(node, silent=True)
            for pod in self.store.list(kinds.PODS, fields=f"spec.nodeName={node}"):
                self._step(pod, silence, silent_s)

    def _step(self, pod: Manifest, silence: _Silence, silent_s: float) -> None:
        if pod["metadata"]["uid"] not in silence.marked:
            silence.marked.add(pod["metadata"]["uid"])
            self._mark_not_ready(pod)
        due_s = tolerated_s(pod) * silence.timing.toleration_scale
        if silent_s >= due_s and "deletionTimestamp" not in pod["metadata"]:
            condition = {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "DeletionByTaintManager",
                "message": "Taint manager: deleting due to NoExecute taint",
            }
            self._mark(pod, condition)
            self.store.delete(kinds.PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _mark_not_ready(self, pod: Manifest) -> None:
        """Of its conditions, Ready alone: the others are the kubelet's."""
        conditions = pod.get("status", {}).get("conditions", ())
        if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions):
            self._mark(pod, {"type": "Ready", "status": "False"})
            message = "Node is not ready"
            record_event(self.store, pod, "NodeNotReady", message, "node-controller", True)

    def _mark(self, pod: Manifest, condition: Manifest) -> None:
        def mark(draft: Manifest) -> None:
            own = draft.setdefault("status", {})
            kept = [one for one in own.get("conditions", ()) if one["type"] != condition["type"]]
            own["conditions"] = [*kept, {**condition, "lastTransitionTime": now()}]

        about = pod["metadata"]
        self.store.change(kinds.PODS, about["namespace"], about["name"], mark, "status")

    def _change_node(self, name: str, silent: bool) -> None:
        """Set its taints and its condition, where its Node object exists."""
        found = self.store.find(kinds.NODES, "", name)
        if found is None:
            return
        taints = [one for one in found["spec"].get("taints", ()) if one["key"] != UNREACHABLE]
        if silent:
            taints += [{"key": UNREACHABLE, "effect": one} for one in ("NoSchedule", "NoExecute")]

        def change(draft: Manifest) -> None:
            draft["spec"]["taints"] = taints

        node = self.store.change(kinds.NODES, "", name, change)
        ready = {"type": "Ready", "status": "Unknown" if silent else "True"}
        self.store.set_status(kinds.NODES, node, {**node["status"], "conditions": [ready]})


def tolerated_s(pod: Manifest) -> float:
    """Seconds that a pod stays on a node that does not answer."""
    found = [
        float(one["tolerationSeconds"])
        for one in pod["spec"].get("tolerations") or ()
        if one.get("key") == UNREACHABLE and "tolerationSeconds" in one
    ]
    return min(found, default=ADMITTED_S)
