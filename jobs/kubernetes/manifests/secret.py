"""Manifest of the Secret with the TLS key of a run."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from jobs.kubernetes.manifests.pods import owner, tls_name
from jobs.kubernetes.names import labels
from jobs.kubernetes.spec import Run
from jobs.kubernetes.tls import AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, KeyPair


def tls_secret(run: Run, pair: KeyPair | None, job_uid: str | None) -> dict[str, Any]:
    """The Secret, owned by the Job; without a pair (dry run) with a text in place of the key."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": tls_name(run),
            "namespace": run.namespace,
            "labels": labels(run.job, run.id),
            **owner(run, job_uid),
        },
        "type": "kubernetes.io/tls",
        "immutable": True,
        **_content(pair),
    }


def _content(pair: KeyPair | None) -> dict[str, Any]:
    if pair is None:
        names = (CERTIFICATE_FILE, KEY_FILE, AUTHORITY_FILE)
        return {"stringData": dict.fromkeys(names, "made when the run is submitted")}
    parts = {
        CERTIFICATE_FILE: pair.certificate,
        KEY_FILE: pair.key,
        AUTHORITY_FILE: pair.certificate,
    }
    return {"data": {name: b64encode(content).decode() for name, content in parts.items()}}
