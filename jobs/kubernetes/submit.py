"""Submitting and resuming a run. Every step is idempotent.

The Job is created suspended. Its name is the run's id, so that of two equal submissions at once
one creates it. Then the run's record is written, the Secret with the run's key is created, owned
by the Job, and the Job is unsuspended. A submission that is interrupted in between is completed by
the next one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from jobs.domain import content_id
from jobs.errors import AlreadyThereError, InputError, KubernetesError
from jobs.kubernetes.api import JOBS, PODS, Api, Manifest
from jobs.kubernetes.attachments import upload
from jobs.kubernetes.identity import digest, identity_of
from jobs.kubernetes.manifests import runner_job, tls_secret
from jobs.kubernetes.names import RUN, run_id
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.pods import job_over, node_of, on_silent_node
from jobs.kubernetes.records import partition_records, read_run, was_cancelled, write_run
from jobs.kubernetes.settings import ClusterSettings, unpinned_images
from jobs.kubernetes.sizing import memory_shortfall, workers_for
from jobs.kubernetes.spec import Run
from jobs.kubernetes.tls import key_pair
from jobs.plan import Plan, estimate_plan, write_plan
from jobs.storage import Storage

DELETION_LIMIT_S = 180.0
"""Limit for the deletion of a finished Job before it is created again."""
POLL_S = 1.0


class SubmissionState(StrEnum):
    """Result of submitting."""

    SUBMITTED = "submitted"
    """The run was created."""
    RUNNING = "running"
    """The same run is active; nothing was done."""
    FINISHED = "finished"
    """The same run has finished; nothing was done."""
    FAILED = "failed"
    """The same run ended with failures; it can be resumed."""
    CANCELLED = "cancelled"
    """The same run was cancelled; it can be resumed."""


@dataclass(frozen=True)
class Submission:
    """A run and the result of submitting it."""

    run: Run
    state: SubmissionState


def make_run(
    plan: Plan,
    settings: ClusterSettings,
    namespace: str,
    parts: tuple[Partition, ...],
    model_digest: str,
    code: str,
    *,
    parallel: int = 1,
    workers: int | None = None,
    verify: int | None = None,
    use_reviews: bool = True,
    unpinned: bool = False,
) -> Run:
    """The run of a plan with settings; InputError where pods could not execute it.

    ``workers`` of each partition's cluster; None for ``sizing.workers_for``. ``use_reviews``:
    decisions of reviewers count in what is published. ``unpinned``: accept
    images by tag, so that the results depend on what the tag names at the time.
    """
    _check_reach(plan)
    _check_images(settings, unpinned)
    estimate = estimate_plan(plan)
    shortfall = memory_shortfall(estimate, settings)
    if shortfall:
        raise InputError(shortfall)
    identity = identity_of(plan, settings, parts, verify, code, model_digest, use_reviews)
    return Run(
        # the same results in two archives are two runs
        id=run_id(plan.name, content_id([digest(identity), plan.archive]), len(parts)),
        job=plan.name,
        archive=plan.archive,
        namespace=namespace,
        identity=identity,
        settings=settings,
        partitions=parts,
        parallel=min(parallel, len(parts)),
        workers=workers or workers_for(estimate, settings, len(parts)),
        verify=verify,
        use_reviews=use_reviews,
    )


def _check_reach(plan: Plan) -> None:
    """InputError for an archive or imagery in a folder of the submitting machine."""
    if not plan.archive.startswith("s3://"):
        raise InputError(
            f"the archive of {plan.name} is {plan.archive}, a folder of this machine, which no pod "
            "sees; expected archive: s3://bucket/prefix"
        )
    for overpass in plan.overpasses:
        for scene in overpass.scenes:
            for band in scene.bands.values():
                if not urlsplit(band.href).scheme and not band.href.startswith("/vsi"):
                    raise InputError(
                        f"the imagery of {scene.item_id} is {band.href}, a file of this machine, "
                        "which no pod sees; expected a catalog whose files have addresses "
                        "(https://, s3://)"
                    )
            return  # one scene is enough: a catalog's files are in one place


def _check_images(settings: ClusterSettings, unpinned: bool) -> None:
    loose = unpinned_images(settings)
    if loose and not unpinned:
        raise InputError(
            f"the image {loose[0]} is named by a tag, which may mean something else tomorrow; "
            "expected NAME@sha256:... (docker images --digests, or what `make image` prints), or "
            "--unpinned to run it all the same"
        )


def submit_run(
    api: Api, storage: Storage, plan: Plan | None, run: Run, again: bool = False
) -> Submission:
    """Submit a run, unless it is active or has ended.

    ``plan``: None where the archive has it from an earlier submission. ``again``: submit a run that
    has ended once more; it does what is missing then.
    """
    job = api.find(JOBS, run.id)
    if job is not None and _is_active(job):
        return Submission(_unsuspend(api, storage, run, job), SubmissionState.RUNNING)
    state = _earlier_end(storage, run, job)
    if state is not None and not again:
        return Submission(read_run(storage, run.job, run.id) or run, state)
    if job is not None:
        delete_and_wait(api, run.id)
    return _create(api, storage, plan, run)


def resized(run: Run, settings: ClusterSettings, workers: int | None) -> Run:
    """A run to be resumed, with other nodes, sizes and limits; its identity and images stay."""
    gpu = replace(settings.gpu, count=run.settings.gpu.count, image=run.settings.gpu.image)
    kept = replace(settings, image=run.settings.image, gpu=gpu)
    return replace(run, settings=kept, workers=workers or run.workers, retry_failed=True)


def _earlier_end(storage: Storage, run: Run, job: Manifest | None) -> SubmissionState | None:
    """How the run ended before; None where it did not, or left neither record nor Job."""
    kept = read_run(storage, run.job, run.id)
    if kept is None:
        return None
    if was_cancelled(storage, kept):
        return SubmissionState.CANCELLED
    ended = partition_records(storage, kept)
    if len(ended) == len(kept.partitions) and not any(e.exit for e in ended.values()):
        return SubmissionState.FINISHED
    return SubmissionState.FAILED if ended or job is not None else None


def _create(api: Api, storage: Storage, plan: Plan | None, run: Run) -> Submission:
    if plan is not None:
        _upload(storage, plan, run)
    state = SubmissionState.SUBMITTED
    try:
        job = api.create(runner_job(run))
    except AlreadyThereError as error:
        # by an equal submission at the same time, or by this one, whose answer was lost: then
        # nobody else completes it
        found = api.find(JOBS, run.id)
        if found is None or not _is_active(found):
            raise
        job = found
        state = state if error.repeated else SubmissionState.RUNNING
    return Submission(_unsuspend(api, storage, run, job), state)


def _upload(storage: Storage, plan: Plan, run: Run) -> None:
    """Write the plan, and the local files that it names, to the archive."""
    upload(plan, storage, run.folder)
    with TemporaryDirectory(prefix="berthwatch-") as folder:
        path = Path(folder) / "plan.jsonl.gz"
        write_plan(plan, path)
        storage.put(run.plan_name, path)


def _unsuspend(api: Api, storage: Storage, run: Run, job: Manifest) -> Run:
    """Write the record, create the Secret and unsuspend the Job; returns the run as recorded.

    A submission is identified by its Job's creation time and uid, so that every process that
    completes it writes the same record.
    """
    metadata = job["metadata"]
    submitted = f"{metadata['creationTimestamp']} {metadata['uid'][:8]}"
    kept = read_run(storage, run.job, run.id)
    if kept is None or kept.submitted != submitted:
        kept = replace(run, submitted=submitted)
        write_run(storage, kept)
    if job["spec"].get("suspend"):
        with suppress(AlreadyThereError):
            api.create(tls_secret(kept, key_pair(kept.id), metadata["uid"]))
        api.patch(JOBS, kept.id, {"spec": {"suspend": False}})
    return kept


def _is_active(job: Manifest) -> bool:
    """Whether a Job has neither ended nor is being deleted."""
    return not job_over(job) and "deletionTimestamp" not in job["metadata"]


def delete_and_wait(api: Api, name: str, pause: Callable[[float], None] = time.sleep) -> None:
    """Delete the Job of an earlier submission and all it owns; wait until it is gone."""
    api.delete(JOBS, name, foreground=True)
    began = time.monotonic() - api.away_s
    while api.find(JOBS, name) is not None:
        if time.monotonic() - began - api.away_s > DELETION_LIMIT_S:
            raise KubernetesError(
                f"the Job {name} of an earlier submission is still being deleted after "
                f"{DELETION_LIMIT_S:.0f} s; {_what_holds(api, name)}"
            )
        pause(POLL_S)


def _what_holds(api: Api, name: str) -> str:
    """What prevents a Job from being deleted, as far as its pods show it."""
    nodes = {node_of(pod) for pod in api.list(PODS, {RUN: name}) if on_silent_node(pod)}
    if not nodes:
        return f"see `kubectl describe job {name}`"
    return (
        f"a pod of it is on {', '.join(sorted(nodes))}, which does not answer: submit again once "
        "that does, or, if the machine is off, after `kubectl delete node`"
    )
