"""What the control plane does about pods whose node no longer answers.

Its node controller marks them not ready and taints the node; each is deleted once its toleration
of the taint is over, and stays Terminating, for no kubelet confirms its end, until the Node object
is deleted.
"""

from __future__ import annotations

import time

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.events import record_event
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.store import Store, now
from tests.support.servers.kubernetes.timing import Timing

UNREACHABLE = "node.kubernetes.io/unreachable"
ADMITTED_S = 300.0
"""Toleration that admission adds to a pod which has none of its own."""


class DeadNodes:
    """Pods on nodes that died, by uid: when their node died, and what was done since."""

    def __init__(self, store: Store, timing: Timing) -> None:
        self.store = store
        self.timing = timing
        self._died: dict[str, float] = {}
        self._not_ready: set[str] = set()

    def add(self, uid: str) -> None:
        """A pod's node has died."""
        self._died[uid] = time.monotonic()

    def step(self, pod: Manifest) -> None:
        """Do what is due about a pod."""
        uid = pod["metadata"]["uid"]
        if uid not in self._died:
            return
        silent_s = time.monotonic() - self._died[uid] - self.timing.not_ready_s
        if silent_s >= 0 and uid not in self._not_ready:
            self._not_ready.add(uid)
            self._mark(pod, {"type": "Ready", "status": "False", "lastTransitionTime": now()})
            record_event(
                self.store, pod, "NodeNotReady", "Node is not ready", "node-controller", True
            )
        due_s = tolerated_s(pod) * self.timing.toleration_scale
        if silent_s >= due_s and "deletionTimestamp" not in pod["metadata"]:
            self._mark(
                pod,
                {
                    "type": "DisruptionTarget",
                    "status": "True",
                    "reason": "DeletionByTaintManager",
                    "message": "Taint manager: deleting due to NoExecute taint",
                    "lastTransitionTime": now(),
                },
            )
            self.store.delete(kinds.PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _mark(self, pod: Manifest, condition: Manifest) -> None:
        def mark(draft: Manifest) -> None:
            own = draft.setdefault("status", {})
            kept = [one for one in own.get("conditions", ()) if one["type"] != condition["type"]]
            own["conditions"] = [*kept, condition]

        about = pod["metadata"]
        self.store.change(kinds.PODS, about["namespace"], about["name"], mark, "status")


def tolerated_s(pod: Manifest) -> float:
    """Seconds that a pod stays on a node that does not answer."""
    found = [
        float(one["tolerationSeconds"])
        for one in pod["spec"].get("tolerations") or ()
        if one.get("key") == UNREACHABLE and "tolerationSeconds" in one
    ]
    return min(found, default=ADMITTED_S)
