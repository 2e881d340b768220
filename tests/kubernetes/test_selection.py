"""Runs found by job, plan and id, and their status with and without a Kubernetes API."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.errors import InputError
from jobs.kubernetes.selection import RunApis, find_run, find_status, poll_status
from jobs.kubernetes.status import RunState
from jobs.plan import write_plan
from tests.support.kubernetes.recorded_runs import API_FOR, RecordedRuns, no_cluster, recorded_runs
from tests.support.small_runs import a_plan


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordedRuns:
    made = recorded_runs(tmp_path)
    monkeypatch.setattr(API_FOR, lambda context, namespace: made.api)
    return made


def test_a_run_is_found_by_job_by_id_and_by_the_annotation_of_its_job(
    recorded: RecordedRuns,
) -> None:
    assert find_run(recorded.plan)[1] == recorded.newer
    assert find_run(str(recorded.plan), recorded.older.id)[1] == recorded.older
    storage, run = find_run(recorded.newer.id)
    assert (storage.url, run) == (recorded.storage.url, recorded.newer)
    with pytest.raises(InputError, match="has no run 'bw-x'"):
        find_run(recorded.plan, "bw-x")
    with pytest.raises(InputError, match="neither a file nor a run"):
        find_run(recorded.older.id)
    recorded.api.objects[0]["metadata"]["annotations"] = {}
    with pytest.raises(InputError, match="not made by Berthwatch"):
        find_run(recorded.newer.id)


def test_a_job_that_was_never_submitted_has_no_run_and_no_status(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    write_plan(a_plan(tmp_path, 1), path)
    with pytest.raises(InputError, match="berthwatch submit"):
        find_run(path)
    assert find_status(path) is None


def test_a_status_is_that_of_the_newest_run_unless_an_id_is_given(recorded: RecordedRuns) -> None:
    newest = find_status(recorded.plan)
    assert newest is not None
    assert (newest.run, newest.state, newest.polled) == (recorded.newer, RunState.RUNNING, True)
    assert find_status(recorded.newer.id) == newest
    older = find_status(recorded.plan, recorded.older.id)
    assert older is not None
    assert (older.run, older.state) == (recorded.older, RunState.FAILED)


def test_kubernetes_is_polled_only_for_a_run_that_its_records_do_not_settle(
    recorded: RecordedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    apis = RunApis()
    assert poll_status(recorded.storage, recorded.older, apis).state is RunState.FAILED
    assert recorded.api.asked == []
    monkeypatch.setattr(API_FOR, no_cluster)
    with pytest.warns(UserWarning, match="from the archive alone: no Kubernetes cluster"):
        found = poll_status(recorded.storage, recorded.newer, apis)
    assert (found.state, found.polled) == (RunState.UNKNOWN, False)


def test_an_api_that_does_not_answer_is_reported_once(
    recorded: RecordedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(API_FOR, no_cluster)
    warned: list[str] = []
    apis = RunApis(warn=warned.append)
    for _ in range(2):
        assert poll_status(recorded.storage, recorded.newer, apis).state is RunState.UNKNOWN
    assert len(warned) == 1


def test_an_api_that_fails_between_two_requests_leaves_the_records(recorded: RecordedRuns) -> None:
    recorded.api.refused.add(("list", "events"))
    warned: list[str] = []
    found = poll_status(recorded.storage, recorded.newer, RunApis(warn=warned.append))
    assert (found.state, found.polled) == (RunState.UNKNOWN, False)
    assert ["from the archive alone: Kubernetes does not allow" in text for text in warned] == [
        True
    ]
