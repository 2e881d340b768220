"""How controllers make pods, and what they say where they may not."""

from __future__ import annotations

import copy
from typing import Any

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.events import tell
from tests.support.servers.kubernetes.kinds import Manifest
from tests.support.servers.kubernetes.problems import ProblemError
from tests.support.servers.kubernetes.store import Store


def owner_reference(owner: Manifest) -> Manifest:
    """What a pod says of the object that made it."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod_of(template: Manifest, owner: Manifest, prefix: str, **extra: dict[str, str]) -> Manifest:
    """A pod after a template; extra are labels and annotations."""
    about: dict[str, Any] = {
        name: {**(template.get("metadata", {}).get(name) or {}), **extra.get(name, {})}
        for name in ("labels", "annotations")
    }
    about |= {"generateName": f"{prefix[:58]}-", "ownerReferences": [owner_reference(owner)]}
    return {"metadata": about, "spec": copy.deepcopy(template["spec"])}


def create_pod(store: Store, pod: Manifest, owner: Manifest, about: Manifest, source: str) -> bool:
    """Create it and tell so; False where it was refused, with an event that says why."""
    try:
        made = store.create(kinds.PODS, owner["metadata"]["namespace"], pod)
    except ProblemError as problem:
        message = f"Error creating: {problem.message}"
        tell(store, about, "FailedCreate", message, source, warning=True)
        return False
    told = f"Created pod: {made['metadata']['name']}"
    tell(store, about, "SuccessfulCreate", told, source)
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
    """Whether it has ended, one way or the other."""
    return phase_of(pod) in ("Succeeded", "Failed")


def is_going(pod: Manifest) -> bool:
    """Whether it was deleted."""
    return "deletionTimestamp" in pod["metadata"]
