"""Units that do nothing, and archives that keep nothing: what is left is what the cluster costs."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from types import SimpleNamespace
from typing import Any

import numpy as np

from jobs.archive import PortArchive
from jobs.archive.pool import Archives
from jobs.domain import (
    Overpass,
    OverpassStore,
    Port,
    Settings,
    StageName,
    Unit,
    UnitResult,
    UnitState,
)
from jobs.plan import Estimate, stage_cpu_s
from jobs.plan.grouping import group_overpasses
from jobs.run import task
from jobs.run.batches import Batch, WorkItem
from jobs.storage import storage_at
from tests.bench.many_ports import header, many_ports, scenes

PORTS = 8


def do_nothing(for_s: float = 0.0) -> None:
    """From here on the stages of this process do nothing, well, and take that long for a unit: each
    its share by the measured rates.
    """
    shares = {stage.name: stage_cpu_s(stage.name, Estimate(pixels=10**6)) for stage in task.STAGES}
    whole = sum(shares.values())
    task.STAGES = tuple(
        replace(stage, run=_stage(stage.name, for_s * shares[stage.name] / whole))
        for stage in task.STAGES
    )


def _stage(name: StageName, seconds: float) -> Any:
    def run(unit: Unit, _settings: Settings, _store: OverpassStore, _gpu: bool) -> UnitResult:
        time.sleep(seconds)
        return UnitResult(unit.overpass.id, name, UnitState.DONE)

    return run


class NoStore:
    """In the place of a fork: as small, and written by nobody."""

    def __init__(self) -> None:
        self.session = b"x" * 900  # a fork of Icechunk pickles to under 1 kB

    def copy(self) -> NoStore:
        return NoStore()


class NoArchives(dict[str, Any]):
    """In the place of a run's archives: every port has one, and a commit is free."""

    root = SimpleNamespace(url="nowhere")

    def __missing__(self, port_id: str) -> Any:
        return SimpleNamespace(commit=lambda *_: "snapshot")

    def fork(self, port_id: str) -> NoStore:
        return NoStore()

    def hold(self, port_id: str) -> None:
        pass

    def release(self, port_id: str) -> None:
        pass


def batches(units: int, in_batch: int = 1) -> Iterator[Batch]:
    """Units of real overpasses of a few ports, each with an id of its own, so many in a batch."""
    items = work_items(units)
    while group := tuple(islice(items, in_batch)):
        yield Batch(group)


def work_items(units: int) -> Iterator[WorkItem]:
    """Units of real overpasses of a few ports, each with an id of its own."""
    ports = many_ports(PORTS)
    known = [(port, group_overpasses(port, list(scenes(port, 1)))) for port in ports]
    return islice(_work_items(known), units)


def _work_items(known: Sequence[tuple[Port, Sequence[Overpass]]]) -> Iterator[WorkItem]:
    pairs = cycle((port, overpass) for port, overpasses in known for overpass in overpasses)
    for number, (port, overpass) in enumerate(pairs):
        scenes_of_its_own = tuple(
            replace(scene, item_id=f"{scene.item_id}-{number}") for scene in overpass.scenes
        )
        own = replace(overpass, id=f"{overpass.id}-{number}", scenes=scenes_of_its_own)
        yield WorkItem(Unit(port, own, number), tuple(StageName), "new", UnitState.PENDING)


def real_archives(folder: str, units: int) -> Archives:
    """Archives of those ports on the local disk, with a step for each unit."""
    found: dict[str, list[Overpass]] = defaultdict(list)
    for batch in batches(units):
        found[batch.units[0].port.id].append(batch.units[0].overpass)
    ports = tuple(port for port in many_ports(PORTS) if port.id in found)
    root = storage_at(f"{folder}/archive")
    for port in ports:
        archive = PortArchive.create_or_open(root, port, np.zeros(port.grid.shape, bool))
        archive.ensure(found[port.id])
    return Archives(header(ports, 1).ports, root)
