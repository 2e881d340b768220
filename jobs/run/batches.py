"""Which units go through their stages together, in one task per stage.

Units that read the same scene do, so that its files are opened once. Other units do where each
alone is short: a task costs scheduler and coordinator some milliseconds whatever it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from jobs.domain import StageName, Unit, UnitState
from jobs.plan import BATCH_S, MOST_IN_BATCH, estimate_overpass, stage_cpu_s

BATCHES_A_SECOND = 50
"""That a scheduler is to be asked for; it can do twice as many (tests/bench/bench_scheduler.py)."""

PER_THREAD = 8
"""Batches that a thread gets in a run at least, if there are units for them."""


@dataclass(frozen=True)
class WorkItem:
    """One unit and the stages it still needs, in order."""

    unit: Unit
    stages: tuple[StageName, ...]
    why: str
    """new, stale or retry."""
    before: UnitState
    """The unit's overall state."""
    key: str = ""
    """The stored key of its first stage; empty where that has never run."""
    because: str = ""
    """Why its pixels are stale, in words; empty where they are not."""

    @cached_property
    def seconds(self) -> float:
        """What it takes by the measured rates, on a CPU."""
        counted = estimate_overpass(self.unit.overpass, self.unit.port.grid)
        return sum(stage_cpu_s(stage, counted) for stage in self.stages)


@dataclass(frozen=True)
class Batch:
    """Units that go through their stages together, in one task per stage."""

    items: tuple[WorkItem, ...]

    @property
    def stages(self) -> tuple[StageName, ...]:
        """The same for all its units."""
        return self.items[0].stages

    @property
    def units(self) -> tuple[Unit, ...]:
        """Its units, in order."""
        return tuple(item.unit for item in self.items)


@dataclass(frozen=True)
class BatchSize:
    """How far units that share no scene are joined."""

    units: int = 1
    seconds: float = BATCH_S


def batch_size(threads: int, here: int, in_all: int) -> BatchSize:
    """The size for so many threads, with so many units to do now, and in the whole run at most.

    The more workers, the longer the batches, for one scheduler serves them all; but no worker goes
    idle because the units of others are joined.
    """
    threads = max(threads, 1)
    most = min(MOST_IN_BATCH, here // threads, in_all // (PER_THREAD * threads))
    return BatchSize(max(most, 1), max(BATCH_S, threads / BATCHES_A_SECOND))


def in_batches(items: Iterable[WorkItem], size: BatchSize = BatchSize()) -> Iterator[Batch]:
    """Batches in the order of their first units: those that read the same scene together, up to
    MOST_IN_BATCH; neighbours that need the same stages joined up to ``size``.
    """
    groups: dict[object, list[WorkItem]] = {}
    for item in items:
        groups.setdefault(_scene_key(item), []).append(item)
    joined: list[WorkItem] = []
    for group in groups.values():
        for start in range(0, len(group), MOST_IN_BATCH):
            part = group[start : start + MOST_IN_BATCH]
            if joined and not _fit(joined, part, size):
                yield Batch(tuple(joined))
                joined = []
            joined += part
    if joined:
        yield Batch(tuple(joined))


def _fit(joined: list[WorkItem], more: list[WorkItem], size: BatchSize) -> bool:
    return (
        joined[0].stages == more[0].stages
        and len(joined) + len(more) <= size.units
        and sum(item.seconds for item in (*joined, *more)) <= size.seconds
    )


def _scene_key(item: WorkItem) -> object:
    """Equal for units that read the same scene and need the same stages."""
    if StageName.TILE not in item.stages:  # no file is read: the pixels are in the archive
        return item.unit.overpass.id
    scene = item.unit.overpass.scenes[0]
    return (item.stages, scene.catalog, scene.collection, scene.item_id)
