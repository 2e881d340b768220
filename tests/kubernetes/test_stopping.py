"""Why a runner was stopped, and whether another one follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jobs.kubernetes.diagnosis import DEADLINE
from jobs.kubernetes.records import write_cancellation
from jobs.kubernetes.stopping import why_over
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import Objects, job, run

RUN = run()


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path)


def failing(condition: str, **fields: Any) -> Objects:
    return Objects(job(RUN, conditions=[{"type": condition, "status": "True", **fields}]))


def test_of_an_eviction_alone_another_runner_follows(storage: LocalFolder) -> None:
    assert why_over(Objects(job(RUN, active=1)), storage, RUN) == ""
    assert why_over(failing("Suspended"), storage, RUN) == ""


@pytest.mark.parametrize("condition", ["FailureTarget", "Failed"])
def test_after_the_deadline_none_follows(storage: LocalFolder, condition: str) -> None:
    assert why_over(failing(condition, reason="DeadlineExceeded"), storage, RUN) == DEADLINE


def test_of_a_job_that_fails_otherwise_none_follows(storage: LocalFolder) -> None:
    found = why_over(failing("FailureTarget", reason="X", message="too often"), storage, RUN)
    assert found == "the run's Job failed (too often)"


def test_of_a_cancelled_run_none_follows(storage: LocalFolder) -> None:
    write_cancellation(storage, RUN)
    assert "was cancelled" in why_over(Objects(job(RUN)), storage, RUN)


def test_of_a_deleted_job_none_follows(storage: LocalFolder) -> None:
    going = job(RUN)
    going["metadata"]["deletionTimestamp"] = "2026-11-24T03:00:00Z"
    assert "was deleted" in why_over(Objects(going), storage, RUN)
    assert "was deleted" in why_over(Objects(), storage, RUN)
