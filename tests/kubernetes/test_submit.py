"""Submitting: once, repeatedly, interrupted and at once gives one run, or an error."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from kubernetes import config

from jobs.domain import Period
from jobs.errors import InputError, KubernetesError
from jobs.kubernetes import absence
from jobs.kubernetes import api as api_module
from jobs.kubernetes import submit as submission
from jobs.kubernetes.api import JOBS, Api
from jobs.kubernetes.cancel import cancel_run
from jobs.kubernetes.manifests import runner_job
from jobs.kubernetes.partitions import WHOLE, make_partitions
from jobs.kubernetes.records import PartitionRecord, list_runs, read_run, write_partition_record
from jobs.kubernetes.settings import ClusterSettings, Gpu, Workers
from jobs.kubernetes.spec import Run, run_from_json, run_to_json
from jobs.kubernetes.submit import SubmissionState, make_run, resized, submit_run
from jobs.kubernetes.wait import worst
from jobs.plan import Plan
from jobs.storage import LocalFolder
from tests.support.kubernetes import objects
from tests.support.kubernetes.world import DASK, Outage, Phase, World, kubernetes_world
from tests.support.remote_worlds import plan_on

IMAGE = f"registry.test/shell@sha256:{'e' * 64}"
SETTINGS = ClusterSettings(
    image=IMAGE, runner_account="default", workers=Workers(count=3), keep_finished_s=60
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    # its containers have no `runner` command and fail, which is sufficient here
    with kubernetes_world(tmp_path_factory.mktemp("world"), images={IMAGE: DASK}) as made:
        yield made


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    made = Api(config.new_client_from_config(str(world.kubeconfig())), world.namespace)
    yield made
    for job in made.list(JOBS):
        made.delete(JOBS, job["metadata"]["name"])
    world.wait_until(lambda: not world.list("jobs") + world.list("secrets"), 30)


@pytest.fixture
def storage(tmp_path: Path) -> LocalFolder:
    return LocalFolder(tmp_path / "archive")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_on(tmp_path, "s3://bucket/imagery", "s3://bucket/archive", (1, 3), "small")


@pytest.fixture
def run(plan: Plan, world: World) -> Run:
    return made(plan, world.namespace)


def made(plan: Plan, namespace: str = "ocean", settings: ClusterSettings = SETTINGS) -> Run:
    return make_run(plan, settings, namespace, (WHOLE,), "m" * 16, "0.1.0+abc")


def ended(run: Run, code: int) -> PartitionRecord:
    return PartitionRecord(0, code, 2, 0, 0, "", "", "", run.identity.code, "pod", run.submitted)


# --- refused runs ---------------------------------------------------------------------------------


def test_an_archive_in_a_folder_is_refused(plan: Plan) -> None:
    with pytest.raises(InputError, match="a folder of this machine, which no pod sees"):
        made(replace(plan, archive="/data/archive"))


def test_imagery_in_a_folder_is_refused(tmp_path: Path) -> None:
    local = plan_on(tmp_path, str(tmp_path), "s3://bucket/archive", (1,), "small")
    with pytest.raises(InputError, match="a file of this machine"):
        made(local)


def test_a_plan_that_needs_more_memory_than_a_worker_has_is_refused(plan: Plan) -> None:
    small = replace(SETTINGS, workers=Workers(memory="300Mi"))
    with pytest.raises(InputError, match=r"set workers\.memory to"):
        made(plan, settings=small)


def test_an_image_by_tag_is_refused_unless_requested(plan: Plan) -> None:
    loose = replace(SETTINGS, image="registry.test/shell:latest")
    with pytest.raises(InputError, match="--unpinned"):
        made(plan, settings=loose)
    found = make_run(plan, loose, "ocean", (WHOLE,), "m" * 16, "0.1.0+abc", unpinned=True)
    assert found.identity.images == ("registry.test/shell:latest",)


def test_the_same_plan_in_another_archive_is_another_run_with_the_same_identity(plan: Plan) -> None:
    here, there = made(plan), made(replace(plan, archive="s3://bucket/other"))
    assert here.identity == there.identity
    assert here.id != there.id


# --- the record -----------------------------------------------------------------------------------


def test_a_run_reads_back_as_it_was_written(plan: Plan) -> None:
    within = Period(plan.period.start, plan.period.end)
    parts = make_partitions("2024-05", "month", within)
    found = replace(
        made(plan), partitions=parts, verify=3, use_reviews=False, submitted="2024-01-01T00:00:00Z"
    )
    assert run_from_json(run_to_json(found)) == found


def test_a_record_from_before_reviews_could_be_left_out_counts_them(plan: Plan) -> None:
    content = run_to_json(made(plan)).replace(b'  "use_reviews": true,\n', b"")
    assert b"use_reviews" not in content
    assert run_from_json(content).use_reviews


def test_a_record_of_a_newer_format_is_refused(plan: Plan) -> None:
    content = run_to_json(made(plan)).replace(b'"format": 1', b'"format": 2')
    with pytest.raises(InputError, match="a newer Berthwatch wrote it"):
        run_from_json(content)


# --- submitting -----------------------------------------------------------------------------------


def test_the_job_owns_the_key_and_is_unsuspended(
    api: Api, storage: LocalFolder, plan: Plan, run: Run, world: World
) -> None:
    done = submit_run(api, storage, plan, run)
    assert done.state is SubmissionState.SUBMITTED
    job = world.job(run.id)
    assert job["spec"]["suspend"] is False
    (secret,) = world.list("secrets")
    assert secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]
    assert read_run(storage, run.job, run.id) == done.run
    assert done.run.submitted.startswith(job["metadata"]["creationTimestamp"])
    assert storage.exists(run.plan_name)


def test_an_active_run_is_not_changed(
    api: Api, storage: LocalFolder, plan: Plan, run: Run, world: World
) -> None:
    first = submit_run(api, storage, plan, run)
    uid = world.job(run.id)["metadata"]["uid"]
    second = submit_run(api, storage, plan, run, again=True)
    assert second == replace(first, state=SubmissionState.RUNNING)
    assert world.job(run.id)["metadata"]["uid"] == uid


def test_two_at_once_make_one_run(api: Api, storage: LocalFolder, plan: Plan, run: Run) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: submit_run(api, storage, plan, run), range(4)))
    assert sorted(one.state for one in done).count(SubmissionState.SUBMITTED) == 1
    assert len(api.list(JOBS)) == 1
    assert len(list_runs(storage, run.job)) == 1


REQUESTS = {
    "first": ("GET", "/jobs/", False),
    "creating the Job": ("POST", "/jobs$", False),
    "answer on the Job lost": ("POST", "/jobs$", True),
    "answer on the Secret lost": ("POST", "/secrets$", True),
    "unsuspending": ("PATCH", "/jobs/", False),
    "answer on unsuspending lost": ("PATCH", "/jobs/", True),
}


@pytest.mark.parametrize("at", REQUESTS)
def test_an_api_that_goes_away_at_any_request_leaves_a_whole_run(
    api: Api,
    storage: LocalFolder,
    plan: Plan,
    run: Run,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
) -> None:
    monkeypatch.setattr(absence, "RETRY_S", 0.1)
    monkeypatch.setattr(api_module, "FIRST_WAIT_S", 0.01)
    method, path, done = REQUESTS[at]
    said: list[str] = []
    outage = world.outage_at(Outage(Phase(method, path, done=done), 1.0))
    found = submit_run(api.patient(said.append), storage, plan, run)
    assert outage.over.is_set()
    assert found.state is SubmissionState.SUBMITTED
    assert world.job(run.id)["spec"]["suspend"] is False
    assert len(world.list("secrets")) == 1
    assert read_run(storage, run.job, run.id) == found.run
    assert ["does not answer" in text for text in said] == [True, False]


def test_a_submission_whose_answer_was_lost_is_completed(
    api: Api, storage: LocalFolder, plan: Plan, run: Run, world: World
) -> None:
    """Also where the API is back before anybody has called it away."""
    world.outage_at(Outage(Phase("POST", "/jobs$", done=True), 0.2))
    assert submit_run(api, storage, plan, run).state is SubmissionState.SUBMITTED
    assert world.job(run.id)["spec"]["suspend"] is False


def test_an_interrupted_submission_is_completed_by_the_next(
    api: Api, storage: LocalFolder, plan: Plan, run: Run, world: World
) -> None:
    submission._upload(storage, plan, run)
    api.create(runner_job(run))  # interrupted here
    done = submit_run(api, storage, plan, run)
    assert done.state is SubmissionState.RUNNING
    assert world.job(run.id)["spec"]["suspend"] is False
    assert len(world.list("secrets")) == 1
    assert read_run(storage, run.job, run.id) is not None
    assert storage.exists(run.plan_name)


def test_a_run_that_finished_is_not_done_again_unless_requested(
    api: Api, storage: LocalFolder, plan: Plan, run: Run, world: World
) -> None:
    first = submit_run(api, storage, plan, run).run
    write_partition_record(storage, first, ended(first, 0))
    submission.delete_and_wait(api, run.id)  # as at the end of its time to live
    assert submit_run(api, storage, plan, run).state is SubmissionState.FINISHED
    assert world.list("jobs") == []
    assert submit_run(api, storage, plan, run, again=True).state is SubmissionState.SUBMITTED


@pytest.mark.parametrize("code", [1, 2])
def test_a_run_that_failed_is_not_submitted_again(
    api: Api, storage: LocalFolder, plan: Plan, run: Run, code: int
) -> None:
    first = submit_run(api, storage, plan, run).run
    write_partition_record(storage, first, ended(first, code))
    submission.delete_and_wait(api, run.id)
    assert submit_run(api, storage, plan, run).state is SubmissionState.FAILED


def test_a_cancelled_run_goes_on_when_resumed(
    api: Api, storage: LocalFolder, plan: Plan, run: Run
) -> None:
    first = submit_run(api, storage, plan, run).run
    assert cancel_run(api, storage, first, 30, poll_s=0.2).left == ()
    assert submit_run(api, storage, plan, run).state is SubmissionState.CANCELLED
    again = submit_run(api, storage, None, resized(first, SETTINGS, None), again=True)
    assert again.state is SubmissionState.SUBMITTED
    assert again.run.retry_failed
    assert (again.run.id, again.run.identity) == (first.id, first.identity)


def test_a_run_without_job_or_record_of_its_end_is_submitted_again(
    api: Api, storage: LocalFolder, plan: Plan, run: Run
) -> None:
    submit_run(api, storage, plan, run)
    submission.delete_and_wait(api, run.id)
    assert submit_run(api, storage, plan, run).state is SubmissionState.SUBMITTED


@pytest.mark.parametrize("silent", [False, True])
def test_a_job_that_does_not_go_is_told_with_what_holds_it(
    monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    monkeypatch.setattr(submission, "DELETION_LIMIT_S", 0.0)
    runner = objects.pod(objects.run(), "runner", node="node-7")
    stuck = objects.on_silent_node(runner) if silent else runner
    held = objects.Objects(objects.job(objects.run()), stuck)
    held.stays |= {objects.run().id, runner["metadata"]["name"]}
    said = "a pod of it is on node-7, which does not answer" if silent else "kubectl describe job"
    with pytest.raises(KubernetesError, match=said):
        submission.delete_and_wait(held, objects.run().id, lambda _: None)  # type: ignore[arg-type]


def test_resuming_may_change_sizes_and_nothing_of_the_identity(run: Run) -> None:
    other = replace(
        SETTINGS,
        image="registry.test/other:1",
        start_timeout_s=7,
        gpu=Gpu(count=4, image="registry.test/gpu:1", wait_s=5),
    )
    found = resized(run, other, workers=9)
    assert (found.workers, found.settings.start_timeout_s, found.settings.gpu.wait_s) == (9, 7, 5)
    assert found.settings.images == run.settings.images
    assert found.identity == run.identity


def test_of_several_exit_codes_the_worst_counts() -> None:
    assert worst([0, 1, 0]) == 1
    assert worst([1, 3]) == 3
    assert worst([3, 2, 1]) == 2
    assert worst([0, 0]) == 0
    assert worst([137]) == 3
    assert worst([]) == 3
