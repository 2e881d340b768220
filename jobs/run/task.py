"""The task that a worker runs: one stage of all units of a batch.

Each unit's stage writes into a fork of its archive's session. An exception in a stage becomes a
failed result with its reason. Two kinds of failures pass by themselves and are retried in place: a
file that could not be reached, and an archive that could not be written.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from jobs import segment, tile
from jobs.archive import ForkStore, is_storage_error
from jobs.domain import GPU, OverpassStore, Settings, StageName, Unit, UnitResult, UnitState
from jobs.errors import SetupError, UnreachableError
from jobs.run.task_cpu import TaskCpu

ATTEMPTS = 3
FIRST_WAIT_S = 2.0
"""Before the second attempt; twice as long before the next, each with a jitter of up to half."""
RETRY_FOR_S = 600.0
"""No attempt begins later than this after the first one began."""
REASON_LENGTH = 500
"""Characters of a reason that are kept."""


@dataclass(frozen=True)
class Stage:
    """One per-overpass stage: what it does, and what its output depends on."""

    name: StageName
    run: Callable[[Unit, Settings, OverpassStore, bool], UnitResult]
    """The last argument: whether to compute on a GPU where there is one."""
    key: Callable[[Unit, Settings], str]
    """Digest of everything the output depends on."""
    changed: Callable[[Unit, Settings, str, Iterable[str]], str]
    """Why a stored key differs from the current one, given the ids of earlier models."""


def _tile(unit: Unit, settings: Settings, store: OverpassStore, prefer_gpu: bool) -> UnitResult:
    return tile.run(unit, settings, store)


def _segment(unit: Unit, settings: Settings, store: OverpassStore, prefer_gpu: bool) -> UnitResult:
    return segment.run(unit, settings, store, prefer_gpu, tile.read_overpass)


STAGES = (
    Stage(StageName.TILE, _tile, tile.key, tile.changed),
    Stage(StageName.SEGMENT, _segment, segment.key, segment.changed),
)


@dataclass(frozen=True)
class UnitProgress:
    """What has become of one unit so far: its results and the fork they were written into."""

    results: tuple[UnitResult, ...] = ()
    """Of the stages that have run, in order."""
    store: ForkStore | None = None
    storage_error: str = ""
    """Why the archive could not be written; such a unit is not failed, it counts as not run."""

    @property
    def failed(self) -> bool:
        """Whether a stage has failed, so that the later ones cannot run."""
        return any(not result for result in self.results)


def run_stage(
    name: StageName, units: tuple[Unit, ...], settings: Settings, before: tuple[UnitProgress, ...]
) -> tuple[UnitProgress, ...]:
    """One stage of the units of one batch; files that several units read are opened once.

    Raises SetupError where GDAL or PROJ cannot work on this machine.
    """
    tile.check_setup()  # of a worker that came after the run's beginning
    prefer_gpu = worker_offers_gpu()
    with tile.sharing_files():
        return tuple(
            advance(name, unit, settings, progress, prefer_gpu)
            for unit, progress in zip(units, before, strict=True)
        )


def worker_offers_gpu() -> bool:
    """Whether this thread runs a task on a worker that was started with the resource GPU."""
    from distributed import get_worker  # status and its like need no cluster

    try:
        return GPU in get_worker().state.total_resources
    except ValueError:  # no worker's thread
        return False


def advance(
    name: StageName,
    unit: Unit,
    settings: Settings,
    before: UnitProgress,
    prefer_gpu: bool = False,
) -> UnitProgress:
    """One stage of one unit. An exception becomes a failed result, or a storage error; only
    SetupError is raised.
    """
    if before.failed or before.storage_error or before.store is None:
        return before
    stage = next(stage for stage in STAGES if stage.name is name)
    retries: list[str] = []
    started = time.perf_counter()
    waits = _waits(f"{name} {unit.overpass.id}")
    while True:
        # The stage writes into a copy, so that what a failing one has written is never merged.
        store = before.store.copy()
        spent = TaskCpu()
        try:
            result = stage.run(unit, settings, store, prefer_gpu)
        except SetupError:  # of this machine, not of the unit: the run ends
            raise
        except Exception as error:
            reason = described(error)
            wait_s = next(waits, None) if _may_pass(error) else None
            if wait_s is not None and time.perf_counter() - started + wait_s < RETRY_FOR_S:
                retries.append(reason)
                time.sleep(wait_s)
                continue
            if is_storage_error(error):
                return replace(before, storage_error=reason)
            result = failure(unit, name, reason, time.perf_counter() - started)
            store = before.store
        ended = replace(result, retries=tuple(retries), cpu_seconds=spent.seconds)
        return UnitProgress((*before.results, ended), store)


def _may_pass(error: Exception) -> bool:
    return isinstance(error, UnreachableError) or is_storage_error(error)


def _waits(seed: str) -> Iterator[float]:
    """Seconds before each further attempt; the jitter depends on the seed alone."""
    chance = random.Random(seed)
    for doubling in range(ATTEMPTS - 1):
        yield FIRST_WAIT_S * 2**doubling * chance.uniform(1.0, 1.5)


def described(error: BaseException) -> str:
    """An error in one line of at most REASON_LENGTH characters, its class first."""
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:REASON_LENGTH]


def failure(unit: Unit, stage: StageName, reason: str, seconds: float = 0.0) -> UnitResult:
    """The result of a unit that failed in a stage."""
    return UnitResult(
        overpass_id=unit.overpass.id,
        stage=stage,
        state=UnitState.FAILED,
        reason=reason,
        seconds=seconds,
    )
