"""Manifests of a partition's Dask cluster, for the dask-kubernetes operator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from jobs.kubernetes.manifests.environment import (
    common_variables,
    credentials,
    scheduler_variables,
    settings_variables,
    worker_variables,
)
from jobs.kubernetes.manifests.pods import Port, owner, pod_spec, ports
from jobs.kubernetes.names import SCHEDULER_CONTAINER, WORKER_CONTAINER, labels
from jobs.kubernetes.settings import Group, Toleration
from jobs.kubernetes.sizing import memory_limit
from jobs.kubernetes.spec import Run

API_VERSION = "kubernetes.dask.org/v1"

COMM = Port("tcp-comm", 8786)
DASHBOARD = Port("http-dashboard", 8787)
"""Ports of the scheduler; the operator requires both names."""
WORKER_DASHBOARD = Port("http-dashboard", 8788)

GRACE_S = 60
"""Termination grace period, in which a worker moves its data to other workers."""

DEATH_TIMEOUT_S = 60
"""Seconds without a scheduler after which a worker ends; its container is restarted."""


def dask_cluster_manifest(run: Run, index: int, job_uid: str | None) -> dict[str, Any]:
    """The DaskCluster of a partition: its scheduler and its CPU workers.

    ``job_uid``: uid of the run's Job, the owner; None in a dry run.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": "DaskCluster",
        "metadata": _metadata(run, run.cluster_name(index), index, job_uid),
        "spec": {
            "idleTimeout": run.settings.idle_timeout_s,
            "scheduler": {
                "metadata": _pod_metadata(run, "scheduler", index, DASHBOARD),
                "spec": _scheduler(run),
                "service": _service(run.cluster_name(index)),
            },
            "worker": {
                "replicas": run.workers,
                "metadata": _pod_metadata(run, "worker", index, WORKER_DASHBOARD),
                "spec": _cpu_worker(run, index),
            },
        },
    }


def gpu_group(run: Run, index: int, job_uid: str | None) -> dict[str, Any] | None:
    """The DaskWorkerGroup of a partition's GPU workers; None where ``gpu.count`` is 0.

    To be created after the cluster: the operator does not adopt a group created before it.
    """
    if not run.settings.gpu.count:
        return None
    return {
        "apiVersion": API_VERSION,
        "kind": "DaskWorkerGroup",
        "metadata": _metadata(run, f"{run.cluster_name(index)}-gpu", index, job_uid),
        "spec": {
            "cluster": run.cluster_name(index),
            "worker": {
                "replicas": run.settings.gpu.count,
                "metadata": _pod_metadata(run, "gpu-worker", index, WORKER_DASHBOARD),
                "spec": _gpu_worker(run, index),
            },
        },
    }


def scheduler_address(run: Run, index: int) -> str:
    """Address of a partition's scheduler, for its runner and workers."""
    return f"tls://{run.cluster_name(index)}-scheduler.{run.namespace}.svc:{COMM.number}"


def _metadata(run: Run, name: str, index: int, job_uid: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": run.namespace,
        "labels": labels(run.job, run.id, partition=index),
        **owner(run, job_uid),
    }


def _pod_metadata(run: Run, component: str, index: int, metrics: Port) -> dict[str, Any]:
    """Metadata that the operator copies to the Deployment and its pods."""
    return {
        "labels": labels(run.job, run.id, component, index),
        "annotations": {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(metrics.number),
            "prometheus.io/path": "/metrics",
        },
    }


def _service(cluster: str) -> dict[str, Any]:
    return {
        "type": "ClusterIP",
        "selector": {"dask.org/cluster-name": cluster, "dask.org/component": "scheduler"},
        "ports": [
            {
                "name": port.name,
                "protocol": "TCP",
                "port": port.number,
                "targetPort": port.name,
            }
            for port in (COMM, DASHBOARD)
        ],
    }


def _scheduler(run: Run) -> dict[str, Any]:
    container = {
        "name": SCHEDULER_CONTAINER,
        "image": run.settings.image,
        "command": ["dask", "scheduler"],
        "args": [
            *("--protocol", "tls", "--port", str(COMM.number)),
            *("--dashboard-address", f":{DASHBOARD.number}"),
        ],
        "env": [*common_variables(), *scheduler_variables()],
        "ports": ports(COMM, DASHBOARD),
        "readinessProbe": _health(period_s=5, failures=3),
        # lenient: a scheduler that reads a large graph is silent, and killing it costs the run
        "livenessProbe": _health(period_s=20, failures=9),
    }
    return pod_spec(run, run.settings.scheduler, run.settings.dask_account, container, GRACE_S)


def _health(period_s: int, failures: int) -> dict[str, Any]:
    return {
        "httpGet": {"path": "/health", "port": DASHBOARD.name},
        "initialDelaySeconds": period_s,
        "periodSeconds": period_s,
        "timeoutSeconds": period_s,
        "failureThreshold": failures,
    }


def _cpu_worker(run: Run, index: int) -> dict[str, Any]:
    workers = run.settings.workers
    return _worker(run, index, workers, run.settings.image, threads=workers.threads, offers="CPU")


def _gpu_worker(run: Run, index: int) -> dict[str, Any]:
    """With the GPUs as limits, in strings: the operator's schema allows no numbers there."""
    gpu = run.settings.gpu
    taint = Toleration(key=gpu.resource, operator="Exists", effect="NoSchedule")
    tolerations = gpu.tolerations if taint in gpu.tolerations else (taint, *gpu.tolerations)
    limits = {gpu.resource: str(gpu.per_worker)}
    tolerant = replace(gpu, tolerations=tolerations)
    return _worker(run, index, tolerant, gpu.image, threads=1, offers="GPU", limits=limits)


def _worker(
    run: Run,
    index: int,
    group: Group,
    image: str,
    threads: int,
    offers: str,
    limits: dict[str, str] | None = None,
) -> dict[str, Any]:
    container = {
        "name": WORKER_CONTAINER,
        "image": image,
        "command": ["dask", "worker"],
        "args": [
            *("--name", "$(DASK_WORKER_NAME)", "--nthreads", str(threads)),
            *("--resources", f"{offers}={threads}", "--memory-limit", str(memory_limit(group))),
            *("--death-timeout", str(DEATH_TIMEOUT_S)),
            *("--dashboard-address", f":{WORKER_DASHBOARD.number}"),
        ],
        "env": [
            *settings_variables(run),
            *common_variables(),
            *worker_variables(scheduler_address(run, index)),
        ],
        **credentials(run),
        "ports": ports(WORKER_DASHBOARD),
        "resources": {"limits": limits or {}},
    }
    return pod_spec(run, group, run.settings.dask_account, container, GRACE_S)
