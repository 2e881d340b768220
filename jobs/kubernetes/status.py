"""How a run truly stands, whatever the operator's phases say.

What a partition's record in the archive says holds; then what the Job and the pods say; the
operator's own ``status.phase`` is never asked, for it sticks at Pending while everything works.
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
    phase_of,
    ready,
)
from jobs.kubernetes.records import PartitionRecord, partition_records, was_cancelled
from jobs.kubernetes.spec import Run
from jobs.kubernetes.throughput import Throughput, throughputs
from jobs.kubernetes.unit_counts import PortStage, stage_counts
from jobs.storage import Storage


class RunState(StrEnum):
    """Where a run, or one of its partitions, stands."""

    SUBMITTED = "submitted"
    """It waits for its turn; no pod of it has been made yet."""
    STARTING = "starting"
    """Its runner or its workers are on their way, for the first time or again."""
    RUNNING = "running"
    """A runner and at least one worker work."""
    STOPPING = "stopping"
    """It was told to end and has not ended yet."""
    FINISHED = "finished"
    """Every overpass is done."""
    FAILED = "failed"
    """It is over, and something is missing."""
    CANCELLED = "cancelled"
    """A person ended it before its end."""
    LOST = "lost"
    """Its Job is gone, and it left no record of how it ended."""
    UNKNOWN = "unknown"
    """It left no record, and no Kubernetes cluster could be asked."""


ACTIVE = (RunState.SUBMITTED, RunState.STARTING, RunState.RUNNING, RunState.STOPPING)
"""States that change by themselves."""

FINAL_EXIT_CODES = (0, 1, 2)
"""Exit codes after which the Job does not start a partition again by itself."""


@dataclass(frozen=True)
class PodCount:
    """The pods of one component."""

    component: str
    ready: int
    wanted: int


@dataclass(frozen=True)
class PartitionStatus:
    """One index of the Job."""

    index: int
    name: str
    state: RunState
    why: str
    """In a few words; empty where the state says it all."""
    pods: tuple[PodCount, ...] = ()
    """None where no cluster was asked, or the partition is not under way."""
    record: PartitionRecord | None = None
    stages: tuple[PortStage, ...] = ()
    """Counts of overpasses as the archive holds them; none where they were not asked for."""
    throughput: Throughput | None = None


@dataclass(frozen=True)
class RunStatus:
    """A run with its partitions, and what keeps it from working."""

    run: Run
    state: RunState
    partitions: tuple[PartitionStatus, ...]
    troubles: tuple[Trouble, ...] = ()
    polled: bool = False
    """Whether a Kubernetes cluster was asked; records only otherwise."""


@dataclass(frozen=True)
class RunObjects:
    """What Kubernetes says of a run just now."""

    job: Manifest | None
    pods: tuple[Manifest, ...]
    events: tuple[Manifest, ...] = ()


def poll(api: Api, run: Run) -> RunObjects:
    """Ask Kubernetes: three requests, however many pods. KubernetesError where it does not say."""
    return RunObjects(
        api.find(JOBS, run.id),
        tuple(api.list(PODS, {RUN: run.id})),
        tuple(events_of(run.id, api.list(EVENTS))),
    )


def run_status(api: Api | None, storage: Storage, run: Run, units: bool = True) -> RunStatus:
    """How the run stands, from records, Kubernetes (where there is an ``api``) and the archive.

    ``units``: count overpasses per port and stage, and the pace, which reads the archive of every
    port of the plan.
    """
    live = None if api is None else poll(api, run)
    found = status_from(run, partition_records(storage, run), was_cancelled(storage, run), live)
    return _with_units(found, storage) if units else found


def status_from(
    run: Run, records: Mapping[int, PartitionRecord], cancelled: bool, live: RunObjects | None
) -> RunStatus:
    """The same from what was read; asks nothing."""
    partitions = tuple(
        _partition(run, index, records.get(index), cancelled, live)
        for index in range(len(run.partitions))
    )
    state = _of_run([part.state for part in partitions])
    return RunStatus(run, state, partitions, _troubles(partitions, live), live is not None)


def _troubles(
    partitions: Sequence[PartitionStatus], live: RunObjects | None
) -> tuple[Trouble, ...]:
    """Of what still moves; a partition that is over has told why it ended."""
    moving = {part.index for part in partitions if part.state in ACTIVE}
    if live is None or not moving:
        return ()
    pods = [pod for pod in live.pods if index_of(pod) in moving]
    return tuple(troubles(pods, list(live.events)))


def _of_run(states: Sequence[RunState]) -> RunState:
    """One state for all partitions: what still moves first, then the worst."""
    for state in (RunState.RUNNING, RunState.STOPPING, RunState.STARTING):
        if state in states:
            return state
    if RunState.SUBMITTED in states:  # between two partitions a run has no pod, and goes on
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
    """Where there is no Job any more, or none can be asked for."""
    if record is not None and record.exit in FINAL_EXIT_CODES:
        return _of_exit(record.exit), record.reason
    if cancelled:
        return RunState.CANCELLED, ""
    if not polled:
        why = "no Kubernetes cluster was asked, and it left no record of its end"
        return RunState.UNKNOWN, why
    if record is not None:
        return RunState.FAILED, f"{record.reason}; its Job is gone: `berthwatch resume` goes on"
    return RunState.LOST, "its Job is gone, and it left no record of its end"


def _of_exit(code: int) -> RunState:
    return RunState.FINISHED if code == 0 else RunState.FAILED


# --- a partition by its Job and pods -------------------------------------------------------------


def _by_job(
    run: Run,
    index: int,
    record: PartitionRecord | None,
    job: Manifest,
    pods: Sequence[Manifest],
    counts: Sequence[PodCount],
) -> tuple[RunState, str]:
    """What the Job has settled stands; then the newest runner's pod decides."""
    if record is not None and record.exit in FINAL_EXIT_CODES:
        return _of_exit(record.exit), record.reason
    runners = sorted((pod for pod in pods if component_of(pod) == "runner"), key=made_at)
    settled = _settled(job, index)
    if settled is not None:
        return settled, _last_words(record, runners, job)
    if "deletionTimestamp" in job["metadata"]:
        return RunState.STOPPING, "its Job is being deleted"
    if job["spec"].get("suspend"):
        return RunState.SUBMITTED, "its Job is suspended: `berthwatch submit` again lets it go on"
    if not runners:
        return _without_runner(run, job)
    return _by_runner(runners, counts, len(pods) > len(runners))


def _settled(job: Manifest, index: int) -> RunState | None:
    """How the Job says that this index ended; None while it may still end well."""
    status = job.get("status") or {}
    if index in indexes(status.get("completedIndexes") or ""):
        return RunState.FINISHED
    if index in indexes(status.get("failedIndexes") or ""):
        return RunState.FAILED
    failed = condition_of(job, "Failed")
    return RunState.FAILED if failed is not None and failed["status"] == "True" else None


def indexes(text: str) -> set[int]:
    """Those of a Job's status, such as ``1,3-5,7``."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _last_words(record: PartitionRecord | None, runners: Sequence[Manifest], job: Manifest) -> str:
    """Why it ended badly: its record, its runner's last line, or what the Job says."""
    if record is not None:
        return record.reason
    said = _said(runners[-1]) if runners else ""
    failed = condition_of(job, "Failed")
    return said or (str(failed.get("message", "")) if failed else "")


def _said(runner: Manifest) -> str:
    """The last line of a runner that ended badly, which Kubernetes keeps with its pod."""
    told = [one.what for one in troubles([runner], [])]
    return told[0] if told else ""


def _without_runner(run: Run, job: Manifest) -> tuple[RunState, str]:
    active = int((job.get("status") or {}).get("active") or 0)
    if active >= run.parallel:
        return RunState.SUBMITTED, f"waits for its turn: {run.parallel} at once"
    return RunState.STARTING, "its runner is not there yet"


def _by_runner(
    runners: Sequence[Manifest], counts: Sequence[PodCount], others: bool
) -> tuple[RunState, str]:
    runner = runners[-1]
    if ended(runner):
        code = exit_of(runner)
        said = f" (exit code {code})" if code is not None else ""
        return RunState.STARTING, f"its runner ended early{said} and is started again"
    if leaving(runner):
        return RunState.STOPPING, "its runner was told to end"
    if phase_of(runner) == "Pending":
        return RunState.STARTING, "its runner is about to start"
    workers = [one for one in counts if one.component in ("worker", "gpu-worker")]
    if not others:
        why = "its Dask cluster has no pods yet; the dask-kubernetes operator makes them"
        return RunState.STARTING, why
    if not any(one.ready for one in workers):
        return RunState.STARTING, "no worker is ready yet"
    return RunState.RUNNING, f"{len(runners)} runners so far" if len(runners) > 1 else ""


def _counts(run: Run, pods: Sequence[Manifest]) -> tuple[PodCount, ...]:
    """Ready and wanted pods per component; GPU workers where there are to be any."""
    wanted = dict(zip(COMPONENTS, (1, 1, run.workers, run.settings.gpu.count), strict=True))
    there = Counter(component_of(pod) for pod in pods if ready(pod))
    return tuple(
        PodCount(component, there[component], number)
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
