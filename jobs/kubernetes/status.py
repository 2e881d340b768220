"""Status of a run and its partitions, from records, Job and pods.

A partition's record in the archive takes precedence, then the Job and the pods. The operator's
``status.phase`` is not used: it stays Pending while the cluster works.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from jobs.kubernetes.api import EVENTS, JOBS, PODS, Api, Manifest
from jobs.kubernetes.diagnosis import Trouble, events_of, troubles
from jobs.kubernetes.names import RUN
from jobs.kubernetes.pods import (
    COMPONENTS,
    component_of,
    condition_of,
    ended,
    exit_of,
    index_of,
    leaving,
    made_at,
    node_of,
    on_silent_node,
    phase_of,
    ready,
)
from jobs.kubernetes.records import PartitionRecord, partition_records, was_cancelled
from jobs.kubernetes.spec import Run
from jobs.kubernetes.throughput import Throughput, throughputs
from jobs.kubernetes.unit_counts import PortStage, stage_counts
from jobs.run import FINAL, ExitCode
from jobs.storage import Storage


class RunState(StrEnum):
    """State of a run or of a partition."""

    SUBMITTED = "submitted"
    """It waits for its turn; none of its pods has been created."""
    STARTING = "starting"
    """Its runner or its workers are starting, for the first time or again."""
    RUNNING = "running"
    """Its runner and at least one worker are ready."""
    STALLED = "stalled"
    """It cannot go on: its runner, its scheduler or all workers are on a node that is silent."""
    STOPPING = "stopping"
    """It is being deleted and has not ended yet."""
    FINISHED = "finished"
    """Every overpass is done."""
    FAILED = "failed"
    """It has ended without all of its overpasses done."""
    CANCELLED = "cancelled"
    """A person cancelled it before its end."""
    LOST = "lost"
    """Its Job is deleted, and there is no record of its end."""
    UNKNOWN = "unknown"
    """There is no record of its end, and Kubernetes was not polled."""


ACTIVE = (
    RunState.SUBMITTED,
    RunState.STARTING,
    RunState.RUNNING,
    RunState.STALLED,
    RunState.STOPPING,
)
"""States of what has not ended."""


@dataclass(frozen=True)
class PodCount:
    """Numbers of pods of one component: ready, and wanted."""

    component: str
    ready: int
    wanted: int


@dataclass(frozen=True)
class PartitionStatus:
    """Status of a partition."""

    index: int
    name: str
    state: RunState
    why: str
    """Cause of the state, in a few words; or empty."""
    pods: tuple[PodCount, ...] = ()
    """Empty where Kubernetes was not polled, or the partition is not active."""
    record: PartitionRecord | None = None
    stages: tuple[PortStage, ...] = ()
    """Counts of overpasses from the archive; empty where they were not requested."""
    throughput: Throughput | None = None


@dataclass(frozen=True)
class RunStatus:
    """Status of a run, with its partitions and what prevents it from running."""

    run: Run
    state: RunState
    partitions: tuple[PartitionStatus, ...]
    troubles: tuple[Trouble, ...] = ()
    polled: bool = False
    """Whether Kubernetes was polled; otherwise the status rests on records alone."""


@dataclass(frozen=True)
class RunObjects:
    """The objects of a run in Kubernetes."""

    job: Manifest | None
    pods: tuple[Manifest, ...]
    events: tuple[Manifest, ...] = ()


def poll(api: Api, run: Run) -> RunObjects:
    """Read the run's objects in three requests; KubernetesError where one fails."""
    job, pods = api.find(JOBS, run.id), api.list(PODS, {RUN: run.id})
    events = events_of(run.id, api.list(EVENTS), job, pods)
    return RunObjects(job, tuple(pods), tuple(events))


def run_status(api: Api | None, storage: Storage, run: Run, units: bool = True) -> RunStatus:
    """Status of a run, from its records and, with an ``api``, from Kubernetes.

    ``units``: with counts of overpasses per port and stage and the throughput, which reads the
    archive of every port of the plan.
    """
    live = None if api is None else poll(api, run)
    found = status_from(run, partition_records(storage, run), was_cancelled(storage, run), live)
    return _with_units(found, storage) if units else found


def status_from(
    run: Run, records: Mapping[int, PartitionRecord], cancelled: bool, live: RunObjects | None
) -> RunStatus:
    """Status of a run from records and objects that were read before."""
    partitions = tuple(
        _partition(run, index, records.get(index), cancelled, live)
        for index in range(len(run.partitions))
    )
    state = _of_run([part.state for part in partitions])
    return RunStatus(run, state, partitions, _troubles(partitions, live), live is not None)


def _troubles(
    partitions: Sequence[PartitionStatus], live: RunObjects | None
) -> tuple[Trouble, ...]:
    """Troubles of active partitions; the status of an ended one has its cause."""
    active = {part.index for part in partitions if part.state in ACTIVE}
    if live is None or not active:
        return ()
    pods = [pod for pod in live.pods if index_of(pod) in active]
    return tuple(troubles(pods, list(live.events)))


def _of_run(states: Sequence[RunState]) -> RunState:
    """State of a run: that of an active partition, otherwise the worst."""
    for state in (RunState.RUNNING, RunState.STALLED, RunState.STOPPING, RunState.STARTING):
        if state in states:
            return state
    if RunState.SUBMITTED in states:  # between two partitions no pod exists
        return RunState.SUBMITTED if set(states) == {RunState.SUBMITTED} else RunState.STARTING
    for state in (RunState.CANCELLED, RunState.LOST, RunState.UNKNOWN, RunState.FAILED):
        if state in states:
            return state
    return RunState.FINISHED


def _partition(
    run: Run, index: int, record: PartitionRecord | None, cancelled: bool, live: RunObjects | None
) -> PartitionStatus:
    name = run.partitions[index].name
    if live is None or live.job is None:
        state, why = _by_record(record, cancelled, live is not None)
        return PartitionStatus(index, name, state, why, record=record)
    mine = [pod for pod in live.pods if index_of(pod) == index]
    counts = _counts(run, mine)
    state, why = _by_job(run, index, record, live.job, mine, counts)
    if state not in ACTIVE:
        counts = ()
    return PartitionStatus(index, name, state, why, counts, record)


# --- a partition by its record -------------------------------------------------------------------


def _by_record(
    record: PartitionRecord | None, cancelled: bool, polled: bool
) -> tuple[RunState, str]:
    """State and cause where the Job is deleted, or Kubernetes was not polled."""
    if record is not None and record.exit in FINAL:
        return _of_exit(record.exit), record.reason
    if cancelled:
        return RunState.CANCELLED, ""
    if not polled:
        why = "there is no record of its end, and no answer of Kubernetes"
        return RunState.UNKNOWN, why
    if record is not None:
        return RunState.FAILED, f"{record.reason}; its Job is gone: `berthwatch resume` goes on"
    return RunState.LOST, "its Job is gone, and there is no record of its end"


def _of_exit(code: int) -> RunState:
    return RunState.FINISHED if code == ExitCode.DONE else RunState.FAILED


# --- a partition by its Job and pods -------------------------------------------------------------


def _by_job(
    run: Run,
    index: int,
    record: PartitionRecord | None,
    job: Manifest,
    pods: Sequence[Manifest],
    counts: Sequence[PodCount],
) -> tuple[RunState, str]:
    """State and cause by record, Job and newest runner, in this order."""
    if record is not None and record.exit in FINAL:
        return _of_exit(record.exit), record.reason
    runners = sorted((pod for pod in pods if component_of(pod) == "runner"), key=made_at)
    settled = _settled(job, index)
    if settled is not None:
        return settled, _cause(record, runners, job)
    if "deletionTimestamp" in job["metadata"]:
        return RunState.STOPPING, "its Job is being deleted"
    if job["spec"].get("suspend"):
        return RunState.SUBMITTED, "its Job is suspended: `berthwatch submit` again lets it go on"
    if not runners:
        return _without_runner(run, job)
    return _by_runner(runners, counts, [pod for pod in pods if pod not in runners])


def _settled(job: Manifest, index: int) -> RunState | None:
    """State of an index that the Job has completed or failed; None for others."""
    status = job.get("status") or {}
    if index in indexes(status.get("completedIndexes") or ""):
        return RunState.FINISHED
    if index in indexes(status.get("failedIndexes") or ""):
        return RunState.FAILED
    failed = condition_of(job, "Failed")
    return RunState.FAILED if failed is not None and failed["status"] == "True" else None


def indexes(text: str) -> set[int]:
    """Indexes in a Job's status, such as ``1,3-5,7``."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _cause(record: PartitionRecord | None, runners: Sequence[Manifest], job: Manifest) -> str:
    """Why it failed: by its record, its runner's termination message or the Job's condition."""
    if record is not None:
        return record.reason
    diagnosed = _diagnosed(runners[-1]) if runners else ""
    failed = condition_of(job, "Failed")
    return diagnosed or (str(failed.get("message", "")) if failed else "")


def _diagnosed(runner: Manifest) -> str:
    """Diagnosis of a runner that failed, from its pod's status."""
    return next((one.what for one in troubles([runner], [])), "")


def _without_runner(run: Run, job: Manifest) -> tuple[RunState, str]:
    active = int((job.get("status") or {}).get("active") or 0)
    if active >= run.parallel:
        return RunState.SUBMITTED, f"waits for its turn: {run.parallel} at once"
    return RunState.STARTING, "its runner is not there yet"


def _by_runner(
    runners: Sequence[Manifest], counts: Sequence[PodCount], others: Sequence[Manifest]
) -> tuple[RunState, str]:
    """State and cause by the newest runner, then by the ``others``, the pods of its cluster."""
    runner = runners[-1]
    if ended(runner):
        code = exit_of(runner)
        with_code = f" (exit code {code})" if code is not None else ""
        return RunState.STARTING, f"its runner ended early{with_code} and is started again"
    if on_silent_node(runner):
        return RunState.STALLED, f"{node_of(runner)}, the node of its runner, does not answer"
    if leaving(runner):
        return RunState.STOPPING, "its runner is being stopped"
    if phase_of(runner) == "Pending":
        return RunState.STARTING, "its runner is about to start"
    return _by_cluster(counts, others) or (
        RunState.RUNNING,
        f"{len(runners)} runners so far" if len(runners) > 1 else "",
    )


def _by_cluster(
    counts: Sequence[PodCount], pods: Sequence[Manifest]
) -> tuple[RunState, str] | None:
    """State and cause of a partition whose runner works; None where there is nothing to say."""
    if not pods:
        why = "its Dask cluster has no pods yet; the dask-kubernetes operator creates them"
        return RunState.STARTING, why
    working = {one.component for one in counts if one.ready}
    silent = {component_of(pod): node_of(pod) for pod in pods if on_silent_node(pod)}
    if "scheduler" in silent and "scheduler" not in working:
        where = f"{silent['scheduler']}, the node of its scheduler, does not answer"
        return RunState.STALLED, f"{where}; another one is made"
    workers = [node for component, node in silent.items() if component in WORKERS]
    if working.isdisjoint(WORKERS):
        if not workers:
            return RunState.STARTING, "no worker is ready yet"
        where = f"{workers[0]}, the node of its workers, does not answer"
        return RunState.STALLED, f"{where}; others are made"
    if workers:
        return RunState.RUNNING, f"{workers[0]}, the node of some workers, does not answer"
    return None


WORKERS = ("worker", "gpu-worker")


def _counts(run: Run, pods: Sequence[Manifest]) -> tuple[PodCount, ...]:
    """Ready and wanted pods per component; GPU workers where any are wanted."""
    wanted = dict(zip(COMPONENTS, (1, 1, run.workers, run.settings.gpu.count), strict=True))
    working = Counter(component_of(pod) for pod in pods if ready(pod))
    return tuple(
        PodCount(component, working[component], number)
        for component, number in wanted.items()
        if number
    )


# --- units ---------------------------------------------------------------------------------------


def _with_units(found: RunStatus, storage: Storage) -> RunStatus:
    stages = stage_counts(storage, found.run)
    running = [part.index for part in found.partitions if part.state is RunState.RUNNING]
    measured = throughputs(storage, found.run, running)
    parts = tuple(
        replace(part, stages=stages.get(part.index, ()), throughput=measured.get(part.index))
        for part in found.partitions
    )
    return replace(found, partitions=parts)
