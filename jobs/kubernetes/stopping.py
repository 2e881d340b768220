"""Why a runner was stopped: its pod alone, or the whole run."""

from __future__ import annotations

from jobs.kubernetes.api import JOBS, Api
from jobs.kubernetes.diagnosis import DEADLINE
from jobs.kubernetes.pods import condition_of
from jobs.kubernetes.records import was_cancelled
from jobs.kubernetes.spec import Run
from jobs.storage import Storage


def why_over(api: Api, storage: Storage, run: Run) -> str:
    """Why no other runner will follow; empty where one will.

    A Job that fails gets the condition FailureTarget before its pods are stopped, and Failed after.
    """
    if was_cancelled(storage, run):
        return "the run was cancelled; `berthwatch resume` goes on with it"
    job = api.find(JOBS, run.id)
    if job is None or "deletionTimestamp" in job["metadata"]:
        return "the run's Job was deleted; `berthwatch resume` goes on with it"
    failed = condition_of(job, "FailureTarget") or condition_of(job, "Failed")
    if failed is None or failed.get("status") != "True":
        return ""
    if failed.get("reason") == "DeadlineExceeded":
        return DEADLINE
    return f"the run's Job failed ({failed.get('message') or failed.get('reason')})"
