"""Fields of a pod's or Job's JSON: component, partition, phase, how its container ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jobs.kubernetes.names import COMPONENT, PARTITION

if TYPE_CHECKING:  # only its types: the kubernetes package takes a while to load
    from jobs.kubernetes.api import Manifest

COMPONENTS = ("runner", "scheduler", "worker", "gpu-worker")
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
"""Label and annotation that Kubernetes gives the pods of an indexed Job."""

_OF_CLUSTER = re.compile(
    r"(?P<index>\d+)-(?:(?P<scheduler>scheduler)|(?P<gpu>gpu-worker)|(?P<cpu>default-worker))-"
)
_OF_JOB = re.compile(r"(?P<index>\d+)-")


def name_of(pod: Manifest) -> str:
    """The pod's name."""
    return str(pod["metadata"]["name"])


def component_of(pod: Manifest) -> str:
    """One of COMPONENTS; empty where it has no such label."""
    return str((pod["metadata"].get("labels") or {}).get(COMPONENT, ""))


def index_of(pod: Manifest) -> int | None:
    """The pod's partition: our label, or in a Job's pods Kubernetes' completion index."""
    labels = pod["metadata"].get("labels") or {}
    annotations = pod["metadata"].get("annotations") or {}
    found = (
        labels.get(PARTITION) or labels.get(COMPLETION_INDEX) or annotations.get(COMPLETION_INDEX)
    )
    return None if found is None else int(found)


def role_by_name(pod: str, run_id: str) -> tuple[str, int | None]:
    """Component and partition of a deleted pod, from the name that Job or operator gave it."""
    rest = pod.removeprefix(f"{run_id}-")
    found = _OF_CLUSTER.match(rest)
    if found is None:
        job = _OF_JOB.match(rest)
        return "runner", None if job is None else int(job["index"])
    component = "scheduler" if found["scheduler"] else "gpu-worker" if found["gpu"] else "worker"
    return component, int(found["index"])


def phase_of(pod: Manifest) -> str:
    """Pending, Running, Succeeded, Failed or Unknown, as Kubernetes defines them."""
    return str((pod.get("status") or {}).get("phase", "Pending"))


def ended(pod: Manifest) -> bool:
    """Whether its containers have ended and are not restarted."""
    return phase_of(pod) in ("Succeeded", "Failed")


def leaving(pod: Manifest) -> bool:
    """Whether it is being deleted and has not ended yet."""
    return not ended(pod) and "deletionTimestamp" in pod["metadata"]


def ready(pod: Manifest) -> bool:
    """Whether its Ready condition is true and it is not being deleted."""
    condition = condition_of(pod, "Ready")
    return not leaving(pod) and condition is not None and condition["status"] == "True"


def made_at(pod: Manifest) -> str:
    """Creation time in ISO 8601, UTC; such texts sort by time."""
    return str(pod["metadata"].get("creationTimestamp") or "")


def owner_of(pod: Manifest) -> str:
    """Uid of the ReplicaSet or Job that owns it; empty where there is none."""
    owners = pod["metadata"].get("ownerReferences") or []
    return str(owners[0]["uid"]) if owners else ""


def condition_of(thing: Manifest, kind: str) -> dict[str, Any] | None:
    """The condition of a type in the status of a pod or Job, or None."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    return next((one for one in conditions if one["type"] == kind), None)


def job_over(job: Manifest) -> bool:
    """Whether a Job has completed or failed."""
    ends = (condition_of(job, end) for end in ("Complete", "Failed"))
    return any(end is not None and end["status"] == "True" for end in ends)


def node_of(pod: Manifest) -> str:
    """Name of its node; "?" before it has one."""
    return str((pod.get("spec") or {}).get("nodeName") or "?")


def on_silent_node(pod: Manifest) -> bool:
    """Whether its node no longer answers.

    The control plane then sets the condition Ready alone, and leaves ContainersReady as it was; a
    kubelet sets both.
    """
    unready = condition_of(pod, "Ready")
    alive = condition_of(pod, "ContainersReady")
    said = (unready or {}).get("status"), (alive or {}).get("status")
    gates = (pod.get("spec") or {}).get("readinessGates")
    return said == ("False", "True") and not gates and not ended(pod)


def containers(pod: Manifest) -> list[dict[str, Any]]:
    """Statuses of its init containers and containers; empty before it is scheduled to a node."""
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def restarts(pod: Manifest) -> int:
    """Number of restarts of its containers."""
    return sum(int(one.get("restartCount", 0)) for one in containers(pod))


def terminated(pod: Manifest) -> dict[str, Any] | None:
    """exitCode, reason and message of a container's end, of the last one where it was restarted."""
    for one in containers(pod):
        for state in ("state", "lastState"):
            found = (one.get(state) or {}).get("terminated")
            if found:
                return dict(found)
    return None


def exit_of(pod: Manifest) -> int | None:
    """Exit code of a pod that has ended; None where it runs or has no record of its end."""
    found = terminated(pod) if ended(pod) else None
    return None if found is None else int(found["exitCode"])
