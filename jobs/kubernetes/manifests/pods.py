"""Pod specification shared by a run's pods: security, resources, nodes, volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobs.kubernetes.settings import Group, Toleration
from jobs.kubernetes.spec import Run

TLS_FOLDER = "/etc/berthwatch/tls"
SCRATCH_FOLDER = "/tmp"
"""The only writable folder: home, Dask's spilled data, compiled code."""

DEAD_NODE = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
"""Taints of a node that does not answer."""
DEAD_NODE_S = 30
"""Seconds until a pod leaves such a node: an API server that is replaced takes less."""

USER = 10001
"""Id of the image's user and group; no account of the node has it."""

READABLE_BY_GROUP = 0o440
"""File mode of the key."""


@dataclass(frozen=True)
class Port:
    """A named port of a container."""

    name: str
    number: int


def tls_name(run: Run) -> str:
    """Name of the Secret with the run's key."""
    return f"{run.id}-tls"


def pod_spec(
    run: Run, group: Group, account: str, container: dict[str, Any], grace_s: int
) -> dict[str, Any]:
    """A pod of one container, within the Pod Security Standard "restricted".

    ``container`` has name, image, command or args, and env; resources, security context and volume
    mounts are added. ``grace_s``: termination grace period.
    """
    return {
        "serviceAccountName": account,
        "automountServiceAccountToken": account == run.settings.runner_account,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": grace_s,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **_pull_secrets(run),
        **({"nodeSelector": dict(group.nodes)} if group.nodes else {}),
        **_tolerations(group),
        "containers": [_container(group, container)],
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": group.scratch}},
            {
                "name": "tls",
                "secret": {"secretName": tls_name(run), "defaultMode": READABLE_BY_GROUP},
            },
        ],
    }


def toleration(entry: Toleration) -> dict[str, str]:
    """A toleration as JSON, without the fields that are None."""
    fields = {
        "key": entry.key,
        "operator": entry.operator,
        "value": entry.value,
        "effect": entry.effect,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _container(group: Group, container: dict[str, Any]) -> dict[str, Any]:
    sizes: dict[str, Any] = container.get("resources", {})
    return {
        **container,
        "resources": {
            "requests": {"cpu": group.cpu, "memory": group.memory},
            "limits": {"memory": group.memory, **sizes.get("limits", {})},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "scratch", "mountPath": SCRATCH_FOLDER},
            {"name": "tls", "mountPath": TLS_FOLDER, "readOnly": True},
        ],
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _pull_secrets(run: Run) -> dict[str, Any]:
    names = run.settings.image_pull_secrets
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}


def _tolerations(group: Group) -> dict[str, Any]:
    """The group's tolerations, and short ones of nodes that do not answer.

    Kubernetes' own are 300 s, for which a run would stand still. One for all taints, or for one of
    these, is the group's own business.
    """
    given = [toleration(entry) for entry in group.tolerations]
    own = {entry.key for entry in group.tolerations}
    if None in own:
        return {"tolerations": given}
    return {"tolerations": [*given, *(_of_dead_node(key) for key in DEAD_NODE if key not in own)]}


def _of_dead_node(key: str) -> dict[str, Any]:
    return {
        "key": key,
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": DEAD_NODE_S,
    }


def ports(*listed: Port) -> list[dict[str, Any]]:
    """``ports`` of a container."""
    return [{"name": port.name, "containerPort": port.number} for port in listed]


def owner(run: Run, job_uid: str | None) -> dict[str, Any]:
    """``ownerReferences`` to the run's Job, for garbage collection; empty without a uid.

    The Job is not the controller, so that the operator may adopt the objects.
    """
    if job_uid is None:
        return {}
    reference = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": run.id,
        "uid": job_uid,
        "controller": False,
    }
    return {"ownerReferences": [reference]}
