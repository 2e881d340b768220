"""Defaults that the API server sets in new objects."""

from __future__ import annotations

import base64
import secrets

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest, Resource
from tests.support.servers.kubernetes.problems import ProblemError
from tests.support.servers.kubernetes.store import Store

_NO_LIMIT = 2**31 - 1


class Defaults:
    """Completes Jobs, Secrets, Services and pods when they are created."""

    def __init__(self, store: Store, service_address: str) -> None:
        self.store = store
        self.service_address = service_address

    def fill(self, resource: Resource, manifest: Manifest, old: Manifest | None) -> None:
        """Change a manifest in place."""
        if resource == kinds.SECRETS:
            _encode(manifest)
        if old is not None:
            return
        if resource == kinds.JOBS:
            _fill_job(manifest)
        if resource == kinds.SERVICES:
            manifest["spec"].setdefault("type", "ClusterIP")
            manifest["spec"].setdefault("clusterIP", self.service_address)
        if resource == kinds.PODS:
            self._fill_pod(manifest)

    def _fill_pod(self, pod: Manifest) -> None:
        about, spec = pod["metadata"], pod["spec"]
        spec.setdefault("restartPolicy", "Always")
        spec.setdefault("terminationGracePeriodSeconds", 30)
        account = spec.setdefault("serviceAccountName", "default")
        place = about["namespace"]
        if account != "default" and not self.store.find(kinds.SERVICE_ACCOUNTS, place, account):
            raise ProblemError(
                403,
                f'pods "{about["name"]}" is forbidden: error looking up service account '
                f'{place}/{account}: serviceaccount "{account}" not found',
            )
        pod["status"] = {"phase": "Pending"}


def _encode(secret: Manifest) -> None:
    written = secret.pop("stringData", None) or {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in written.items()}
    secret["data"] = {**(secret.get("data") or {}), **encoded}
    for key, value in secret["data"].items():
        try:
            base64.b64decode(value, validate=True)
        except ValueError as error:
            raise ProblemError(400, f"Secret data.{key}: illegal base64 data") from error


def _fill_job(job: Manifest) -> None:
    spec, about = job["spec"], job["metadata"]
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("parallelism", 1)
    if spec.get("completions") is None and spec["completionMode"] == "NonIndexed":
        spec["completions"] = 1
    per_index = spec.get("backoffLimitPerIndex") is not None
    spec.setdefault("backoffLimit", _NO_LIMIT if per_index else 6)
    policy = spec.get("podFailurePolicy")
    spec.setdefault("podReplacementPolicy", "Failed" if policy else "TerminatingOrFailed")
    labels = {"controller-uid": about["uid"], "job-name": about["name"]}
    labels |= {f"batch.kubernetes.io/{name}": value for name, value in labels.items()}
    template = spec["template"].setdefault("metadata", {})
    template["labels"] = {**(template.get("labels") or {}), **labels}
    key = "batch.kubernetes.io/controller-uid"
    spec["selector"] = {"matchLabels": {key: about["uid"]}}


def node(name: str, *, taints: tuple[Manifest, ...] = (), **offered: str) -> Manifest:
    """A node with its resources (``cpu="4"``, ``gpu="1"`` for nvidia.com/gpu) and taints."""
    gpu = offered.pop("gpu", None)
    allocatable = {"cpu": "64", "memory": "256Gi", "pods": "110", "ephemeral-storage": "1Ti"}
    allocatable |= {**offered, **({"nvidia.com/gpu": gpu} if gpu else {})}
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {"taints": list(taints), "providerID": f"local://{secrets.token_hex(4)}"},
        "status": {
            "allocatable": allocatable,
            "capacity": allocatable,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }
