"""Scheduling of pods to nodes, and reasons where none is suitable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.events import record_event
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.quantities import demand, quantity
from tests.support.servers.kubernetes.store import Store, now

_UNSELECTED = "node(s) didn't match Pod's node affinity/selector"


def schedule(store: Store) -> None:
    """Bind each pending pod to the suitable node with the fewest pods, or record why none is."""
    for pod in store.list(kinds.PODS):
        phase = pod.get("status", {}).get("phase", "Pending")
        free = not pod["spec"].get("nodeName") and phase == "Pending"
        if free and "deletionTimestamp" not in pod["metadata"]:
            _schedule(store, pod)


def _schedule(store: Store, pod: Manifest) -> None:
    nodes, refusals = store.list(kinds.NODES), Counter[str]()
    placed = {node["metadata"]["name"]: _placed(store, node) for node in nodes}
    for node in sorted(nodes, key=lambda one: len(placed[one["metadata"]["name"]])):
        reasons = list(_refusals(pod, node, placed[node["metadata"]["name"]]))
        if not reasons:
            _place(store, pod, node["metadata"]["name"])
            return
        refusals.update(reasons)
    refused = ", ".join(f"{count} {reason}" for reason, count in sorted(refusals.items()))
    count = len(nodes)
    message = (
        f"0/{count} nodes are available: {refused}. preemption: 0/{count} nodes are available: "
        f"{count} Preemption is not helpful for scheduling."
        if nodes
        else "no nodes available to schedule pods"
    )
    _refuse(store, pod, message)


def _place(store: Store, pod: Manifest, node: str) -> None:
    about = pod["metadata"]

    def bind(draft: Manifest) -> None:
        draft["spec"]["nodeName"] = node

    store.change(kinds.PODS, about["namespace"], about["name"], bind)
    place = f"Successfully assigned {about['namespace']}/{about['name']} to {node}"
    record_event(store, pod, "Scheduled", place, "default-scheduler")


def _refuse(store: Store, pod: Manifest, message: str) -> None:
    old = pod.get("status", {}).get("conditions", [{}])[0]
    if old.get("message") == message:
        return
    condition = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": now(),
    }
    store.set_status(kinds.PODS, pod, {"phase": "Pending", "conditions": [condition]})
    record_event(store, pod, "FailedScheduling", message, "default-scheduler", warning=True)


def _placed(store: Store, node: Manifest) -> list[Manifest]:
    return [
        pod
        for pod in store.list(kinds.PODS, fields=f"spec.nodeName={node['metadata']['name']}")
        if pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")
    ]


def _refusals(pod: Manifest, node: Manifest, placed: list[Manifest]) -> Iterable[str]:
    spec = node.get("spec", {})
    if spec.get("unschedulable"):
        yield "node(s) were unschedulable"
    taint = _untolerated(pod, spec.get("taints", ()))
    if taint is not None:
        yield f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    elif not _selected(pod, node):
        yield _UNSELECTED
    else:
        yield from _lacking(pod, node, placed)


def _lacking(pod: Manifest, node: Manifest, placed: list[Manifest]) -> Iterable[str]:
    offered = node["status"]["allocatable"]
    used = Counter[str]()
    for other in placed:
        used.update(demand(other))
    if len(placed) >= quantity(offered.get("pods", "110")):
        yield "Too many pods"
    for name, wanted in sorted(demand(pod).items()):
        if wanted and used[name] + wanted > quantity(offered.get(name, "0")):
            yield f"Insufficient {name}"


def _untolerated(pod: Manifest, taints: Iterable[Manifest]) -> Manifest | None:
    tolerations = pod["spec"].get("tolerations") or ()
    for taint in taints:
        hard = taint["effect"] in ("NoSchedule", "NoExecute")
        if hard and not any(_tolerates(one, taint) for one in tolerations):
            return taint
    return None


def _tolerates(toleration: Manifest, taint: Manifest) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    same = toleration.get("key") == taint["key"]
    return same and toleration.get("value", "") == taint.get("value", "")


def _selected(pod: Manifest, node: Manifest) -> bool:
    labels = node["metadata"].get("labels") or {}
    wanted = pod["spec"].get("nodeSelector") or {}
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    required = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    terms = required["nodeSelectorTerms"] if required else [{}]
    return all(labels.get(name) == value for name, value in wanted.items()) and any(
        all(_holds(one, labels) for one in term.get("matchExpressions", ())) for term in terms
    )


def _holds(expression: Manifest, labels: Manifest) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values", ())
    answers = {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }
    return bool(answers[expression["operator"]])
