"""Creation of pods by controllers, with its events."""

from __future__ import annotations

import copy
from typing import Any

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.events import record_event
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.problems import ProblemError
from tests.support.servers.kubernetes.store import Store


def owner_reference(owner: Manifest) -> Manifest:
    """Reference of a pod to the object that created it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_of(template: Manifest, owner: Manifest, prefix: str, **extra: dict[str, str]) -> Manifest:
    """A pod from a template; ``extra``: labels and annotations."""
    about: dict[str, Any] = {
        name: {**(template.get("metadata", {}).get(name) or {}), **extra.get(name, {})}
        for name in ("labels", "annotations")
    }
    about |= {"generateName": f"{prefix[:58]}-", "ownerReferences": [owner_reference(owner)]}
    return {"metadata": about, "spec": copy.deepcopy(template["spec"])}


def create_pod(store: Store, pod: Manifest, owner: Manifest, about: Manifest, source: str) -> bool:
    """Create a pod and record an event; False where it was refused."""
    try:
        made = store.create(kinds.PODS, owner["metadata"]["namespace"], pod)
    except ProblemError as problem:
        message = f"Error creating: {problem.message}"
        record_event(store, about, "FailedCreate", message, source, warning=True)
        return False
    message = f"Created pod: {made['metadata']['name']}"
    record_event(store, about, "SuccessfulCreate", message, source)
    return True


def owned_pods(store: Store, owner: Manifest) -> list[Manifest]:
    """The pods that an object controls."""
    return [
        pod
        for pod in store.list(kinds.PODS, owner["metadata"]["namespace"])
        for reference in pod["metadata"].get("ownerReferences", ())
        if reference["uid"] == owner["metadata"]["uid"] and reference.get("controller")
    ]


def phase_of(pod: Manifest) -> str:
    return str(pod.get("status", {}).get("phase", "Pending"))


def is_over(pod: Manifest) -> bool:
    """Whether it has succeeded or failed."""
    return phase_of(pod) in ("Succeeded", "Failed")


def is_going(pod: Manifest) -> bool:
    """Whether it is being deleted."""
    return "deletionTimestamp" in pod["metadata"]
