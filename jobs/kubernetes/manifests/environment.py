"""Environment variables of the pods, which hold all of Dask's configuration."""

from __future__ import annotations

import json
from typing import Any

from jobs.kubernetes.manifests.pods import SCRATCH_FOLDER, TLS_FOLDER
from jobs.kubernetes.spec import Run
from jobs.kubernetes.tls import AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE
from jobs.run import WORKER_ENVIRONMENT

Variable = dict[str, Any]

PRE_SPAWN = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    **WORKER_ENVIRONMENT,
}
"""Dask's defaults, overridden by ours; effective only where set before Python starts."""

SCHEDULER_ROUTES = (
    "distributed.http.scheduler.prometheus",
    "distributed.http.scheduler.info",
    "distributed.http.scheduler.json",
    "distributed.http.health",
    "distributed.http.proxy",
    "distributed.http.statics",
    "distributed.http.scheduler.api",
)
"""Dask's defaults and the API.

Without the API the operator removes the newest workers with the data that they hold, and cannot
read the idle time."""

JOB_UID_LABEL = "batch.kubernetes.io/controller-uid"
"""Label that Kubernetes sets on a Job's pods."""


def variable(name: str, value: str) -> Variable:
    """A variable with its value."""
    return {"name": name, "value": value}


def field(name: str, path: str) -> Variable:
    """A variable whose value is a field of the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def common_variables() -> list[Variable]:
    """Variables of every pod: writable folders, and TLS for all connections of Dask."""
    certificate, key = f"{TLS_FOLDER}/{CERTIFICATE_FILE}", f"{TLS_FOLDER}/{KEY_FILE}"
    tls = "DASK_DISTRIBUTED__COMM__TLS"
    return [
        variable("HOME", SCRATCH_FOLDER),
        variable("NUMBA_CACHE_DIR", f"{SCRATCH_FOLDER}/numba"),
        variable("DASK_TEMPORARY_DIRECTORY", SCRATCH_FOLDER),
        variable("DASK_DISTRIBUTED__COMM__DEFAULT_SCHEME", "tls"),
        variable("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION", "True"),
        variable(f"{tls}__MIN_VERSION", "1.3"),
        variable(f"{tls}__CA_FILE", f"{TLS_FOLDER}/{AUTHORITY_FILE}"),
        *(
            entry
            for role in ("SCHEDULER", "WORKER", "CLIENT")
            for entry in (
                variable(f"{tls}__{role}__CERT", certificate),
                variable(f"{tls}__{role}__KEY", key),
            )
        ),
    ]


def runner_variables() -> list[Variable]:
    """Variables of the runner; Kubernetes adds its index as JOB_COMPLETION_INDEX."""
    return [
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        field("BERTHWATCH_JOB_UID", f"metadata.labels['{JOB_UID_LABEL}']"),
        variable("BERTHWATCH_TERMINATION_LOG", "/dev/termination-log"),
    ]


def scheduler_variables() -> list[Variable]:
    """Variables of the scheduler: its HTTP routes."""
    return [variable("DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES", json.dumps(SCHEDULER_ROUTES))]


def worker_variables(scheduler: str) -> list[Variable]:
    """Variables of a worker: the scheduler's address, and the environment of its process."""
    return [
        variable("DASK_SCHEDULER_ADDRESS", scheduler),
        variable("DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON", json.dumps(PRE_SPAWN)),
    ]


def settings_variables(run: Run) -> list[Variable]:
    """Variables of the cluster settings, for the pods that read and write files."""
    return [variable(name, value) for name, value in sorted(run.settings.environment.items())]


def credentials(run: Run) -> dict[str, Any]:
    """``envFrom`` with references to the Secrets of the settings, where there are any."""
    names = run.settings.credentials
    return {"envFrom": [{"secretRef": {"name": name}} for name in names]} if names else {}
