"""Manifest of a run's Job: one index for each partition; its pods are the runners."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jobs.kubernetes.manifests.environment import (
    common_variables,
    credentials,
    runner_variables,
    settings_variables,
)
from jobs.kubernetes.manifests.pods import pod_spec
from jobs.kubernetes.names import ARCHIVE, RUNNER_CONTAINER, labels
from jobs.kubernetes.spec import Run
from jobs.run import FINAL, ExitCode

GRACE_S = 120
"""Termination grace period, in which a runner commits finished overpasses and ends its tasks."""

STOPPED = (ExitCode.INTERRUPTED, ExitCode.TERMINATED)
"""Exit codes of a runner after SIGINT or SIGTERM, mostly from a drained node."""

UNSUCCESSFUL = tuple(code for code in FINAL if code != ExitCode.DONE)
"""Exit codes for failed overpasses and for a refused run: a retry would end in the same way."""


def runner_job(run: Run) -> dict[str, Any]:
    """The Job, suspended until its Secret exists.

    An evicted runner is replaced without limit; one that lost its cluster is retried ``retries``
    times; one with an exit code in UNSUCCESSFUL is not.
    """
    settings = run.settings
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": run.id,
            "namespace": run.namespace,
            "labels": labels(run.job, run.id),
            "annotations": {ARCHIVE: run.archive},
        },
        "spec": {
            "suspend": True,
            "completionMode": "Indexed",
            "completions": len(run.partitions),
            "parallelism": min(run.parallel, len(run.partitions)),
            "backoffLimitPerIndex": settings.retries,
            "activeDeadlineSeconds": settings.deadline_s,
            "ttlSecondsAfterFinished": settings.keep_finished_s,
            # two runners of one partition must never run at once
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": _failure_policy(),
            "template": _template(run),
        },
    }


def _failure_policy() -> dict[str, Any]:
    """The first rule that matches applies; a failure that matches none counts as a retry."""
    return {
        "rules": [
            {
                "action": "Ignore",
                "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
            },
            {"action": "Ignore", "onExitCodes": _exit_codes(STOPPED)},
            {"action": "FailIndex", "onExitCodes": _exit_codes(UNSUCCESSFUL)},
        ]
    }


def _exit_codes(codes: Iterable[ExitCode]) -> dict[str, Any]:
    values = [int(code) for code in codes]
    return {"containerName": RUNNER_CONTAINER, "operator": "In", "values": values}


def _template(run: Run) -> dict[str, Any]:
    container = {
        "name": RUNNER_CONTAINER,
        "image": run.settings.image,
        "args": ["runner", run.archive, run.job, run.id],
        "env": [*settings_variables(run), *common_variables(), *runner_variables()],
        **credentials(run),
        "terminationMessagePath": "/dev/termination-log",
    }
    spec = pod_spec(run, run.settings.runner, run.settings.runner_account, container, GRACE_S)
    return {
        "metadata": {
            "labels": labels(run.job, run.id, "runner"),
            "annotations": {ARCHIVE: run.archive},
        },
        "spec": {"restartPolicy": "Never", **spec},
    }
