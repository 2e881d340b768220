"""Number of a run's overpasses by state, per partition, port and stage, from the archive."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from jobs.archive import Archives
from jobs.domain import Settings, UnitState
from jobs.kubernetes.spec import Run
from jobs.plan import read_plan
from jobs.run import STAGES, port_steps, port_units, state_of
from jobs.storage import Storage


@dataclass(frozen=True)
class PortStage:
    """Numbers of overpasses of one port in one stage, by state."""

    port: str
    stage: str
    done: int = 0
    failed: int = 0
    stale: int = 0
    """Done, with other code, another model or other inputs than the run's."""
    pending: int = 0


def stage_counts(storage: Storage, run: Run) -> dict[int, tuple[PortStage, ...]]:
    """Counts of the run's pinned plan by partition, in the order of ports and stages.

    Reads every port's steps once, whatever the number of partitions. Ports without an overpass in
    a partition are left out of it.
    """
    plan = read_plan(storage.local(run.plan_name))
    archives = Archives(plan.ports, storage)
    settings = Settings(run.identity.code, plan.model, run.identity.model, engine=plan.engine)
    find = partition_finder(run)
    found: defaultdict[int, list[PortStage]] = defaultdict(list)
    for port in plan.ports:
        steps = port_steps(archives.existing(port.id))
        counts: Counter[tuple[int, str, UnitState]] = Counter()
        for unit, step in port_units(plan, port, steps):
            index = find(unit.overpass.acquired)
            for stage in STAGES:
                counts[index, stage.name, state_of(stage, unit, step, settings)] += 1
        for index in sorted({key[0] for key in counts} - {-1}):
            for stage in STAGES:
                states = {str(state): counts[index, stage.name, state] for state in UnitState}
                found[index].append(PortStage(port.id, str(stage.name), **states))
    return {index: tuple(rows) for index, rows in found.items()}


def partition_finder(run: Run) -> Callable[[datetime], int]:
    """Function from acquisition time to the index of its partition.

    It returns -1 for none: a slice of a backfill leaves some dates out.
    """
    parts = [(part.period, index) for index, part in enumerate(run.partitions)]
    dated = sorted((period.start, period.end, i) for period, i in parts if period is not None)
    whole = next((index for period, index in parts if period is None), -1)
    starts = [start for start, _, _ in dated]

    def find(acquired: datetime) -> int:
        day = acquired.astimezone(UTC).date()
        place = bisect_right(starts, day) - 1
        if place >= 0 and day <= dated[place][1]:
            return dated[place][2]
        return whole

    return find
