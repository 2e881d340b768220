"""Labels of a run's objects, and names that Kubernetes and the operator accept."""

from __future__ import annotations

import re

from jobs.errors import InputError

RUN = "berthwatch/run"
JOB = "berthwatch/job"
PARTITION = "berthwatch/partition"
"""Index of the partition, as a string."""
ARCHIVE = "berthwatch/archive"
"""Annotation: URL of the archive with the run's records."""
COMPONENT = "app.kubernetes.io/component"
"""runner, scheduler, worker or gpu-worker."""

RUNNER_CONTAINER = "runner"
SCHEDULER_CONTAINER = "scheduler"
WORKER_CONTAINER = "worker"

CLUSTER_NAME_LENGTH = 53
"""Longest name of a DaskCluster: its Service NAME-scheduler may have 63 characters."""

ID_HEX = 8
"""Characters of an identity's digest in a run's id."""

_PREFIX = "bw-"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
)
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def run_id(job: str, identity_digest: str, partitions: int) -> str:
    """``bw-<job, cut>-<8 hex>``; with ``-<index>`` appended it names a partition's cluster.

    The job's name is cut so that the operator accepts the name of the last partition's cluster.
    Pods of the Job are named ``<id>-<index>-<5 random>``, 59 characters at most.
    """
    hexadecimal = identity_digest[:ID_HEX]
    suffix = f"-{hexadecimal}"
    index = f"-{max(partitions, 1) - 1}"
    available = CLUSTER_NAME_LENGTH - len(_PREFIX) - len(suffix) - len(index)
    return f"{_PREFIX}{job[:available].strip('-')}{suffix}"


def job_label(job: str) -> str:
    """A job's name as the value of a label, which must not end with '-'."""
    return job.rstrip("-")


def labels(
    job: str, run: str, component: str | None = None, partition: int | None = None
) -> dict[str, str]:
    """What every object and pod of a run is found by."""
    return {
        "app.kubernetes.io/name": "berthwatch",
        "app.kubernetes.io/managed-by": "berthwatch",
        **({} if component is None else {COMPONENT: component}),
        JOB: job_label(job),
        RUN: run,
        **({} if partition is None else {PARTITION: str(partition)}),
    }


def checked_namespace(name: str) -> str:
    """The name of a namespace; InputError where Kubernetes does not accept it."""
    if not _LABEL.fullmatch(name):
        raise InputError(
            f"the namespace {name!r} will not do; expected at most 63 of a-z, 0-9 and '-', "
            "not beginning or ending with '-'"
        )
    return name


def checked_name(name: str, what: str) -> str:
    """The name of a Secret or ServiceAccount; InputError where Kubernetes does not accept it."""
    if not _SUBDOMAIN.fullmatch(name):
        raise InputError(
            f"the name {name!r} of {what} will not do; expected a-z, 0-9, '-' and '.', "
            "beginning and ending with a letter or digit"
        )
    return name


def checked_label_key(key: str) -> str:
    """The key of a label, taint or resource, with or without ``domain/``; InputError otherwise."""
    domain, slash, name = key.rpartition("/")
    if (slash and not _SUBDOMAIN.fullmatch(domain)) or not _LABEL_VALUE.fullmatch(name) or not name:
        raise InputError(
            f"the key {key!r} will not do; expected letters, digits, '-', '_' and '.', "
            "such as pool or nvidia.com/gpu"
        )
    return key


def checked_resource(name: str) -> str:
    """The name of a device's resource, ``domain/name``; InputError where no node can offer it."""
    checked_label_key(name)
    domain, slash, _ = name.rpartition("/")
    if not slash:
        raise InputError(
            f"the resource {name!r} has no domain, which every resource of a device plugin has; "
            "expected such as nvidia.com/gpu"
        )
    if domain == "kubernetes.io" or domain.endswith(".kubernetes.io"):
        raise InputError(
            f"the resource {name!r} is in Kubernetes' own domain, where no device plugin may "
            "offer one; expected such as nvidia.com/gpu"
        )
    if domain.startswith("requests."):
        raise InputError(
            f"the resource {name!r} begins as a quota does; expected such as nvidia.com/gpu"
        )
    return name


def checked_label_value(value: str) -> str:
    """The value of a label or taint; InputError where Kubernetes does not accept it."""
    if not _LABEL_VALUE.fullmatch(value):
        raise InputError(
            f"the value {value!r} will not do; expected at most 63 letters, digits, '-', '_' and "
            "'.', beginning and ending with a letter or digit"
        )
    return value
