"""What all pods of a run have in common: hardening, sizes, places, volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jobs.kubernetes.settings import Group, Toleration
from jobs.kubernetes.spec import Run

TLS_FOLDER = "/etc/berthwatch/tls"
SCRATCH_FOLDER = "/tmp"
"""The only folder that can be written to: home, Dask's spilled data, compiled code."""

USER = 10001
"""The image's user and group; no account of the node has this number."""

READABLE_BY_GROUP = 0o440


@dataclass(frozen=True)
class Port:
    """A named port of a container."""

    name: str
    number: int


def tls_name(run: Run) -> str:
    """Of the Secret with the run's key."""
    return f"{run.id}-tls"


def pod_spec(
    run: Run, group: Group, account: str, container: dict[str, Any], grace_s: int
) -> dict[str, Any]:
    """A pod of one container that a restricted namespace admits.

    ``container`` has name, image, command or args, and env; sizes, security and volumes are added.
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
    """As Kubernetes writes it; what is not given stands for anything."""
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
    if not group.tolerations:
        return {}
    return {"tolerations": [toleration(entry) for entry in group.tolerations]}


def ports(*listed: Port) -> list[dict[str, Any]]:
    """Ports of a container."""
    return [{"name": port.name, "containerPort": port.number} for port in listed]


def owner(run: Run, job_uid: str | None) -> dict[str, Any]:
    """``ownerReferences`` to the run's Job, once it has a uid: what is left goes when it goes.

    The Job is not their controller, so that the operator may adopt what it serves.
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
