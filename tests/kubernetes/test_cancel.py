"""Cancelling deletes all objects of a run, or lists those left."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.kubernetes.cancel import cancel_run, count_by_kind
from jobs.kubernetes.records import was_cancelled
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import Objects, cluster, group, job, on_silent_node, pod, run

RUN = run()


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path)


def whole(*more: dict) -> Objects:
    pods = [pod(RUN, component) for component in ("runner", "scheduler", "worker", "gpu-worker")]
    return Objects(job(RUN, active=1), cluster(RUN, "Running"), group(RUN), *pods, *more)


def test_all_objects_of_a_run_are_deleted_with_its_job(storage: LocalFolder) -> None:
    other = pod(run(id="bw-other-11111111"))
    api = whole(other)
    done = cancel_run(api, storage, RUN, poll_s=0)
    assert len(done.gone) == 7
    assert f"Job/{RUN.id}" in done.gone
    assert (done.left, done.notes, done.recorded) == ((), (), True)
    assert api.objects == [other]
    assert was_cancelled(storage, RUN)


def test_what_no_job_owns_is_deleted_as_well(storage: LocalFolder) -> None:
    api = Objects(cluster(RUN, "Running", owned=False), group(RUN, owned=False))
    done = cancel_run(api, storage, RUN, poll_s=0)
    assert done.gone == (f"DaskCluster/{RUN.id}-0", f"DaskWorkerGroup/{RUN.id}-0-gpu")
    assert not api.objects


def test_objects_that_the_account_may_not_delete_are_reported(storage: LocalFolder) -> None:
    api = whole(cluster(RUN, "Pending", index=1, owned=False))
    api.refused.add(("delete", "daskclusters"))
    done = cancel_run(api, storage, RUN, wait_s=0)
    assert done.left == (f"DaskCluster/{RUN.id}-1",)
    assert "does not allow" in done.notes[0]
    assert len(done.gone) == 7


def test_a_pod_that_is_not_gone_within_the_limit_is_reported(storage: LocalFolder) -> None:
    api = whole()
    stuck = pod(RUN)["metadata"]["name"]
    api.stays.add(stuck)
    said: list[str] = []
    done = cancel_run(api, storage, RUN, wait_s=0.05, progress=said.append, poll_s=0.01)
    assert done.left == (f"Pod/{stuck}",)
    assert said == ["waiting for 1 Pod to go"]


def test_the_silent_node_of_a_pod_that_stays_is_named(storage: LocalFolder) -> None:
    stuck = on_silent_node(pod(RUN, "runner", node="node-7"))
    api = Objects(job(RUN, active=1), stuck)
    api.stays.add(stuck["metadata"]["name"])
    done = cancel_run(api, storage, RUN, wait_s=0)
    assert done.left == (f"Pod/{stuck['metadata']['name']}",)
    (note,) = done.notes
    assert "is on node node-7, which does not answer" in note


def test_a_run_that_has_ended_is_deleted_but_not_recorded_as_cancelled(
    storage: LocalFolder,
) -> None:
    complete = {"type": "Complete", "status": "True"}
    api = Objects(job(RUN, conditions=[complete]), pod(RUN, "runner", phase="Succeeded"))
    done = cancel_run(api, storage, RUN, poll_s=0)
    assert (len(done.gone), done.recorded) == (2, False)
    assert not was_cancelled(storage, RUN)
    again = cancel_run(api, storage, RUN, poll_s=0)
    assert (again.gone, again.left) == ((), ())


def test_the_record_is_written_before_anything_is_deleted(storage: LocalFolder) -> None:
    """Otherwise a run whose runner ends by it would be lost, not cancelled."""
    api = whole()
    plain = api.delete
    known: list[bool] = []

    def delete(*args: object, **more: object) -> bool:
        known.append(was_cancelled(storage, RUN))
        return plain(*args, **more)

    api.delete = delete
    cancel_run(api, storage, RUN, poll_s=0)
    assert known[0]


def test_objects_are_counted_by_kind() -> None:
    assert count_by_kind({"Pod/a", "Pod/b", "Job/x"}) == "1 Job, 2 Pods"
