"""End a run before its end, and see to it that nothing of it stays behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobs.errors import KubernetesError
from jobs.kubernetes.api import CLUSTERS, JOBS, PODS, WORKER_GROUPS, Api, Kind, Manifest
from jobs.kubernetes.names import RUN
from jobs.kubernetes.pods import job_over
from jobs.kubernetes.records import write_cancellation
from jobs.kubernetes.spec import Run
from jobs.storage import Storage

WAIT_S = 180.0
"""A runner has 120 s to commit what is finished, ship its logs and end."""
POLL_S = 2.0

WATCHED = (JOBS, CLUSTERS, WORKER_GROUPS, PODS)
"""Kinds of objects that a run consists of; its Secret goes with its Job."""


@dataclass(frozen=True)
class Cancellation:
    """What cancelling did; objects are named as ``kind/name``."""

    gone: tuple[str, ...]
    left: tuple[str, ...]
    """Still there when the wait was over."""
    notes: tuple[str, ...] = ()
    """What could not be deleted, and why."""
    recorded: bool = True
    """Whether the archive says now that the run was cancelled; not where it was over before."""


def cancel(
    api: Api,
    storage: Storage,
    run: Run,
    wait_s: float = WAIT_S,
    progress: Callable[[str], None] = lambda _: None,
    poll_s: float = POLL_S,
) -> Cancellation:
    """Delete the run's Job, and with it everything it owns; wait until all of it is gone.

    What finished is committed and stays. A cluster or group that no Job owns is deleted as well.
    """
    before = set(remaining(api, run))
    job = api.find(JOBS, run.id)
    recorded = job is not None and not job_over(job)
    if recorded:
        write_cancellation(storage, run)
    if job is not None:
        api.delete(JOBS, run.id, foreground=True)
    notes = tuple(_delete_unowned(api, run))
    left = _wait(api, run, wait_s, progress, poll_s)
    return Cancellation(tuple(sorted(before - left)), tuple(sorted(left)), notes, recorded)


def remaining(api: Api, run: Run) -> Iterator[str]:
    """Everything of the run that Kubernetes still has, as ``kind/name``."""
    for kind in WATCHED:
        for found in _of_run(api, kind, run):
            yield f"{kind.name}/{found['metadata']['name']}"


def _of_run(api: Api, kind: Kind, run: Run) -> list[Manifest]:
    return api.list(kind, {RUN: run.id})


def _delete_unowned(api: Api, run: Run) -> Iterator[str]:
    """Groups before their clusters; those that have an owner go with it."""
    for kind in (WORKER_GROUPS, CLUSTERS):
        for found in _of_run(api, kind, run):
            if found["metadata"].get("ownerReferences"):
                continue
            try:
                api.delete(kind, found["metadata"]["name"])
            except KubernetesError as error:
                yield f"{kind.name}/{found['metadata']['name']} has no owner: {error}"


def _wait(
    api: Api, run: Run, wait_s: float, progress: Callable[[str], None], poll_s: float
) -> set[str]:
    """Until nothing is left or the time is over; returns what is left."""
    until = time.monotonic() + wait_s
    said = ""
    while True:
        left = set(remaining(api, run))
        if not left or time.monotonic() >= until:
            return left
        words = count_by_kind(left)
        if words != said:
            progress(f"waiting for {words} to go")
            said = words
        time.sleep(poll_s)


def count_by_kind(things: set[str]) -> str:
    """``1 Job, 3 Pods`` of ``kind/name`` each."""
    kinds = [thing.partition("/")[0] for thing in things]
    numbers = [(kinds.count(kind.name), kind.name) for kind in WATCHED]
    return ", ".join(f"{n} {name}{'s' if n > 1 else ''}" for n, name in numbers if n)
