"""The state of units, per stage and as a whole, as the archive holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC

from jobs.archive import Archives, PortArchive, Step, pending_step
from jobs.domain import Overpass, Period, Port, Settings, StageName, Unit, UnitState
from jobs.plan import Plan
from jobs.run import task
from jobs.run.task import Stage


def port_units(
    plan: Plan, port: Port, steps: Mapping[str, Step], within: Period | None = None
) -> Iterator[tuple[Unit, Step]]:
    """Every unit of a port with its step, in the plan's order; a pending step where it has none."""
    for overpass in plan.of(port.id):
        if not is_within(overpass, within):
            continue
        step = steps.get(overpass.id) or pending_step(overpass)
        yield Unit(port, overpass, step.index), step


def is_within(overpass: Overpass, within: Period | None) -> bool:
    """Whether an overpass was acquired in the period, by its day in UTC."""
    day = overpass.acquired.astimezone(UTC).date()
    return within is None or within.start <= day <= within.end


def port_steps(archive: PortArchive | None) -> Mapping[str, Step]:
    """The steps of a port by overpass id; none where no run has begun it."""
    return {} if archive is None else archive.steps()


def state_of(stage: Stage, unit: Unit, step: Step, settings: Settings) -> UnitState:
    """The state of a unit in a stage: as stored, or stale where the stage's key has changed."""
    stored = step.state[stage.name]
    if stored is UnitState.PENDING or step.key[stage.name] == stage.key(unit, settings):
        return stored
    return UnitState.STALE


def overall(unit: Unit, step: Step, settings: Settings) -> UnitState:
    """One state for a unit: failed where a stage is, else stale, else pending, else done."""
    return overall_of(state_of(stage, unit, step, settings) for stage in task.STAGES)


def failed_stage(unit: Unit, step: Step, settings: Settings) -> StageName:
    """The stage that failed, of a unit whose overall state is failed."""
    return next(
        stage.name
        for stage in task.STAGES
        if state_of(stage, unit, step, settings) is UnitState.FAILED
    )


def overall_of(states: Iterable[UnitState]) -> UnitState:
    """The overall state of a unit with these states of its stages."""
    found = set(states)
    for state in (UnitState.FAILED, UnitState.STALE, UnitState.PENDING):
        if state in found:
            return state
    return UnitState.DONE


def count_states(
    plan: Plan, archives: Archives, settings: Settings, within: Period | None = None
) -> Counter[UnitState]:
    """How many overpasses of a plan are in each overall state now, read from the archives."""
    counts: Counter[UnitState] = Counter()
    for port in plan.ports:
        steps = port_steps(archives.existing(port.id))
        for unit, step in port_units(plan, port, steps, within):
            counts[overall(unit, step, settings)] += 1
    return counts


def overpasses_within(plan: Plan, within: Period | None) -> int:
    """How many overpasses of a plan were acquired in a period; a period makes it read them all."""
    if within is None:
        return len(plan.overpasses)
    return sum(is_within(each, within) for port in plan.ports for each in plan.of(port.id))
