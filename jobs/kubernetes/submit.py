"""Submitting a run, and taking one up again. Every step may be repeated; nothing is made twice.

The Job is created suspended. Its name is the run's id, so that of two who submit the same at once
one creates it; only then the run's record is written, and the Job is let go when the Secret with
the run's key is there, which the Job owns. A submission that breaks off in between is finished by
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
from jobs.kubernetes.api import JOBS, Api, Manifest
from jobs.kubernetes.attachments import upload
from jobs.kubernetes.identity import digest, identity_of
from jobs.kubernetes.manifests import runner_job, tls_secret
from jobs.kubernetes.names import run_id
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.pods import job_over
from jobs.kubernetes.records import partition_records, read_run, was_cancelled, write_run
from jobs.kubernetes.settings import ClusterSettings, unpinned_images
from jobs.kubernetes.sizing import memory_shortfall, workers_for
from jobs.kubernetes.spec import Run
from jobs.kubernetes.tls import key_pair
from jobs.plan import Plan, estimate_plan, write_plan
from jobs.storage import Storage

DELETION_LIMIT_S = 180.0
"""How long a finished Job may take to disappear before it is made again."""
POLL_S = 1.0


class SubmissionState(StrEnum):
    """What submitting found, or did."""

    SUBMITTED = "submitted"
    """The run was created, and begins."""
    RUNNING = "running"
    """The same run is under way; nothing was done."""
    FINISHED = "finished"
    """The same run has been done; nothing was done."""
    FAILED = "failed"
    """The same run ended with failures; resuming does what is missing."""
    CANCELLED = "cancelled"
    """The same run was cancelled; resuming goes on with it."""


@dataclass(frozen=True)
class Submission:
    """A run and how it stands after it was submitted."""

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
    unpinned: bool = False,
) -> Run:
    """The run that follows from a plan and the settings; InputError where pods could not do it.

    ``workers`` of each partition's cluster: given, or as the settings say, or proposed from the
    plan. ``unpinned``: images by tag will do, and the results then rest on what the tag meant.
    """
    _check_reach(plan)
    _check_images(settings, unpinned)
    counted = estimate_plan(plan)
    trouble = memory_shortfall(counted, settings)
    if trouble:
        raise InputError(trouble)
    identity = identity_of(plan, settings, parts, verify, code, model_digest)
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
        workers=workers or workers_for(counted, settings, len(parts)),
        verify=verify,
    )


def _check_reach(plan: Plan) -> None:
    """Pods see no folder of the machine that submits."""
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
            return  # one scene tells: a catalog's files lie together


def _check_images(settings: ClusterSettings, unpinned: bool) -> None:
    loose = unpinned_images(settings)
    if loose and not unpinned:
        raise InputError(
            f"the image {loose[0]} is named by a tag, which may mean something else tomorrow; "
            "expected NAME@sha256:... (docker images --digests, or what `make image` prints), or "
            "--unpinned to run it all the same"
        )


def submit(
    api: Api, storage: Storage, plan: Plan | None, run: Run, again: bool = False
) -> Submission:
    """Bring the run to life, unless it lives or has been done already.

    ``plan``: None where the archive has it, from the first time. ``again``: also a run that has
    ended is done again, with everything that is missing then.
    """
    job = api.find(JOBS, run.id)
    if job is not None and _is_active(job):
        return Submission(_unsuspend(api, storage, run, job), SubmissionState.RUNNING)
    state = _earlier_end(storage, run, job)
    if state is not None and not again:
        return Submission(read_run(storage, run.job, run.id) or run, state)
    if job is not None:
        _delete_and_wait(api, run.id)
    return _create(api, storage, plan, run)


def resized(run: Run, settings: ClusterSettings, workers: int | None) -> Run:
    """The run to be taken up again: its identity stays, where and how large it runs may change."""
    gpu = replace(settings.gpu, count=run.settings.gpu.count, image=run.settings.gpu.image)
    kept = replace(settings, image=run.settings.image, gpu=gpu)
    return replace(run, settings=kept, workers=workers or run.workers, retry_failed=True)


def _earlier_end(storage: Storage, run: Run, job: Manifest | None) -> SubmissionState | None:
    """How the same run ended before; None where it never did, or vanished without a word."""
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
    try:
        job = api.create(runner_job(run))
    except AlreadyThereError:  # somebody else was quicker with the same, and goes on with it
        return Submission(run, SubmissionState.RUNNING)
    return Submission(_unsuspend(api, storage, run, job), SubmissionState.SUBMITTED)


def _upload(storage: Storage, plan: Plan, run: Run) -> None:
    """The lock file, and the files of this machine that it names."""
    upload(plan, storage, run.folder)
    with TemporaryDirectory(prefix="berthwatch-") as folder:
        path = Path(folder) / "plan.jsonl.gz"
        write_plan(plan, path)
        storage.put(run.plan_name, path)


def _unsuspend(api: Api, storage: Storage, run: Run, job: Manifest) -> Run:
    """Give the Job what its pods need, and let it begin; returns the run as recorded.

    What the Job says of itself stands for the submission, so that whoever finishes it writes the
    same.
    """
    about = job["metadata"]
    submitted = f"{about['creationTimestamp']} {about['uid'][:8]}"
    kept = read_run(storage, run.job, run.id)
    if kept is None or kept.submitted != submitted:
        kept = replace(run, submitted=submitted)
        write_run(storage, kept)
    if job["spec"].get("suspend"):
        with suppress(AlreadyThereError):
            api.create(tls_secret(kept, key_pair(kept.id), about["uid"]))
        api.patch(JOBS, kept.id, {"spec": {"suspend": False}})
    return kept


def _is_active(job: Manifest) -> bool:
    """Not ended, and not being deleted."""
    return not job_over(job) and "deletionTimestamp" not in job["metadata"]


def _delete_and_wait(api: Api, name: str, pause: Callable[[float], None] = time.sleep) -> None:
    """Delete the Job of an earlier submission with all it owns, and wait until it is gone."""
    api.delete(JOBS, name, foreground=True)
    deadline = time.monotonic() + DELETION_LIMIT_S
    while api.find(JOBS, name) is not None:
        if time.monotonic() > deadline:
            raise KubernetesError(
                f"the Job {name} of an earlier submission is still being deleted after "
                f"{DELETION_LIMIT_S:.0f} s; see `kubectl describe job {name}`"
            )
        pause(POLL_S)
