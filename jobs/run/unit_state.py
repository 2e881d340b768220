"""The state of units, per stage and as a whole, as the archive holds it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC

from jobs.archive import Archives, PortArchive, Step, pending_step
from jobs.domain import Overpass, Period, Port, Settings, StageName, Unit, UnitState
from jobs.plan import Inputs, Plan, items_of
from jobs.run import task
from jobs.run.task import Stage


def port_units(
    plan: Plan, port: Port, steps: Mapping[str, Step], within: Period | None = None
) -> Iterator[tuple[Unit, Step]]:
    """Every unit of a port with its step, in the plan's order; a pending step where it has none.

    The inputs of a step are left out where they are newer than those of a plan that was pinned
    before: what lies at an item's addresses now is not what that plan knew, and never will be.
    """
    wanted = (each for each in plan.of(port.id) if is_within(each, within))
    for overpass, step in in_archive(wanted, steps):
        if not plan.fresh and Inputs(step.inputs).newer_than(overpass):
            step = replace(step, inputs="")
        yield Unit(port, overpass, step.index), step


def in_archive(
    overpasses: Iterable[Overpass], steps: Mapping[str, Step]
) -> Iterator[tuple[Overpass, Step]]:
    """Overpasses with their steps; one whose items the archive has under another id bears that id.

    An id covers the files' checksums and addresses. Where the catalog now gives others for the same
    items, what was made of the former ones is stale and is made again in its place: a step of its
    own would be a second look at the same moment.
    """
    earlier: dict[object, list[Step]] | None = None
    for overpass in overpasses:
        step = steps.get(overpass.id)
        if step is None:
            earlier = _by_items(steps) if earlier is None else earlier
            step = _of_same_pass(overpass, earlier)
            overpass = overpass if step is None else replace(overpass, id=step.overpass_id)
        yield overpass, step or pending_step(overpass)


def _by_items(steps: Mapping[str, Step]) -> dict[object, list[Step]]:
    """Steps by sensor and items; those without known inputs are left out."""
    found: dict[object, list[Step]] = {}
    for step in steps.values():
        items = frozenset(Inputs(step.inputs).items)
        if items:
            found.setdefault((step.sensor, items), []).append(step)
    return found


def _of_same_pass(overpass: Overpass, earlier: Mapping[object, list[Step]]) -> Step | None:
    """The newest step of the same items and pass; None where there is none."""
    of_items = earlier.get((overpass.sensor, items_of(overpass)), [])
    return next((s for s in reversed(of_items) if Inputs(s.inputs).same_pass(overpass)), None)


def is_within(overpass: Overpass, within: Period | None) -> bool:
    """Whether an overpass was acquired in the period, by its day in UTC."""
    day = overpass.acquired.astimezone(UTC).date()
    return within is None or within.start <= day <= within.end


def port_steps(archive: PortArchive | None) -> Mapping[str, Step]:
    """The steps of a port by overpass id; none where no run has begun it."""
    return {} if archive is None else archive.steps()


def state_of(stage: Stage, unit: Unit, step: Step, settings: Settings) -> UnitState:
    """The state of a unit in a stage: as stored, or stale where what it was made of has changed."""
    stored = step.state[stage.name]
    if stored is UnitState.PENDING:
        return stored
    if step.key[stage.name] != stage.key(unit, settings) or changed_inputs(stage, unit, step):
        return UnitState.STALE
    return stored


def changed_inputs(stage: Stage, unit: Unit, step: Step) -> tuple[str, ...]:
    """What the catalogs now say otherwise of a stage's inputs, in words; tile alone has any."""
    if stage.name is not StageName.TILE:
        return ()
    return Inputs(step.inputs).differences(unit.overpass)


def why_stale(
    stage: Stage, unit: Unit, step: Step, settings: Settings, models: Iterable[str]
) -> str:
    """Why a unit is stale in a stage, in words; ``models`` are ids of earlier models."""
    words = changed_inputs(stage, unit, step)
    stored = step.key[stage.name]
    if stored != stage.key(unit, settings):
        words = (*words, stage.changed(unit, settings, stored, models))
    return ", ".join(words)


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
