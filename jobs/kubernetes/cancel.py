"""Cancelling a run: delete its objects in Kubernetes and wait until they are gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from jobs.errors import KubernetesError
from jobs.kubernetes.api import CLUSTERS, JOBS, PODS, WORKER_GROUPS, Api, Kind, Manifest
from jobs.kubernetes.names import RUN
from jobs.kubernetes.pods import job_over, name_of, node_of, on_silent_node
from jobs.kubernetes.records import write_cancellation
from jobs.kubernetes.spec import Run
from jobs.storage import Storage

WAIT_S = 180.0
"""Longer than a runner's grace period of 120 s, in which it commits and archives its logs."""
POLL_S = 2.0
"""Between two polls of the objects."""

WATCHED = (JOBS, CLUSTERS, WORKER_GROUPS, PODS)
"""Kinds of objects that a run consists of; its Secret goes with its Job."""


@dataclass(frozen=True)
class Cancellation:
    """Result of cancelling; objects are named ``kind/name``."""

    gone: tuple[str, ...]
    """Deleted objects."""
    left: tuple[str, ...]
    """Objects that still exist after ``wait_s``."""
    notes: tuple[str, ...] = ()
    """Objects that could not be deleted, or are not gone yet, and why."""
    recorded: bool = True
    """Whether the cancellation was written to the archive; False where the run had ended before."""


def cancel_run(
    api: Api,
    storage: Storage,
    run: Run,
    wait_s: float = WAIT_S,
    progress: Callable[[str], None] = lambda _: None,
    poll_s: float = POLL_S,
) -> Cancellation:
    """Delete the run's Job and everything it owns; wait until all of it is gone, or ``wait_s``.

    Finished overpasses are committed and stay. DaskClusters and DaskWorkerGroups without an owner
    are deleted as well.
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
    notes += tuple(_on_silent_nodes(api, run)) if left else ()
    return Cancellation(tuple(sorted(before - left)), tuple(sorted(left)), notes, recorded)


def remaining(api: Api, run: Run) -> Iterator[str]:
    """The run's objects that exist in Kubernetes, as ``kind/name``."""
    for kind in WATCHED:
        for found in _of_run(api, kind, run):
            yield f"{kind.name}/{found['metadata']['name']}"


def _of_run(api: Api, kind: Kind, run: Run) -> list[Manifest]:
    return api.list(kind, {RUN: run.id})


def _delete_unowned(api: Api, run: Run) -> Iterator[str]:
    """Delete groups, then clusters, that have no owner; yields a note for each failure."""
    for kind in (WORKER_GROUPS, CLUSTERS):
        for found in _of_run(api, kind, run):
            if found["metadata"].get("ownerReferences"):
                continue
            try:
                api.delete(kind, found["metadata"]["name"])
            except KubernetesError as error:
                yield f"{kind.name}/{found['metadata']['name']} has no owner: {error}"


def _on_silent_nodes(api: Api, run: Run) -> Iterator[str]:
    """A note for each pod that nobody ends, as its node does not answer."""
    for pod in filter(on_silent_node, _of_run(api, PODS, run)):
        yield (
            f"Pod/{name_of(pod)} is on node {node_of(pod)}, which does not answer: it goes once "
            f"the node does, or `kubectl delete node {node_of(pod)}`, if the machine is off"
        )


def _wait(
    api: Api, run: Run, wait_s: float, progress: Callable[[str], None], poll_s: float
) -> set[str]:
    """Poll until no object is left or ``wait_s`` is over; returns those left."""
    began = time.monotonic() - api.away_s
    reported = ""
    while True:
        left = set(remaining(api, run))
        if not left or time.monotonic() - began - api.away_s >= wait_s:
            return left
        counts = count_by_kind(left)
        if counts != reported:
            progress(f"waiting for {counts} to go")
            reported = counts
        time.sleep(poll_s)


def count_by_kind(objects: set[str]) -> str:
    """Number of objects of each kind, such as ``1 Job, 3 Pods``."""
    kinds = [name.partition("/")[0] for name in objects]
    numbers = [(kinds.count(kind.name), kind.name) for kind in WATCHED]
    return ", ".join(f"{n} {name}{'s' if n > 1 else ''}" for n, name in numbers if n)
