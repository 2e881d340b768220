"""Tables about a plan's overpasses: their states, why they are stale, what a run would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from jobs.archive import Archives
from jobs.domain import Settings, UnitState
from jobs.plan import Plan
from jobs.run.backlog import RunOptions, work_items
from jobs.run.batches import WorkItem
from jobs.run.settings import settings_for
from jobs.run.task import STAGES
from jobs.run.unit_state import port_steps, port_units, state_of, why_stale
from jobs.storage import Storage


def status_rows(plan: Plan, root: Storage) -> list[dict[str, str | int]]:
    """Per port, sensor and stage: how many overpasses are done, pending, failed, stale."""
    settings = settings_for(plan)
    archives = Archives(plan.ports, root)
    rows: list[dict[str, str | int]] = []
    for port in sorted(plan.ports, key=lambda port: port.id):
        counts: Counter[tuple[str, str, UnitState]] = Counter()
        steps = port_steps(archives.existing(port.id))
        for unit, step in port_units(plan, port, steps):
            for stage in STAGES:
                state = state_of(stage, unit, step, settings)
                counts[unit.overpass.sensor, stage.name, state] += 1
        for sensor in sorted({key[0] for key in counts}):
            rows += (
                {
                    "port": port.id,
                    "sensor": sensor,
                    "stage": str(stage.name),
                    **{str(state): counts[sensor, stage.name, state] for state in UnitState},
                }
                for stage in STAGES
            )
    return rows


def stale_rows(plan: Plan, root: Storage) -> list[dict[str, str | int]]:
    """How many overpasses are stale for each reason, by port, sensor and stage."""
    settings = settings_for(plan)
    archives = Archives(plan.ports, root)
    models = _models_of(archives)
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for port in sorted(plan.ports, key=lambda port: port.id):
        steps = port_steps(archives.existing(port.id))
        for unit, step in port_units(plan, port, steps):
            for stage in STAGES:
                if state_of(stage, unit, step, settings) is UnitState.STALE:
                    why = why_stale(stage, unit, step, settings, models(port.id))
                    counts[port.id, unit.overpass.sensor, str(stage.name), why] += 1
    return [
        {"port": port, "sensor": sensor, "stage": stage, "stale": count, "because": why}
        for (port, sensor, stage, why), count in counts.items()
    ]


def dry_rows(plan: Plan, root: Storage, options: RunOptions) -> list[dict[str, str]]:
    """What a run would do and why, one row per overpass; changes nothing."""
    settings = settings_for(plan)
    archives = Archives(plan.ports, root)
    models = _models_of(archives)
    return [
        {
            "overpass": item.unit.overpass.id,
            "why": _why(item, settings, models),
            "stages": " ".join(item.stages),
        }
        for item in work_items(plan, archives, settings, options)
    ]


def _why(item: WorkItem, settings: Settings, models: Callable[[str], Sequence[str]]) -> str:
    if item.why != "stale":
        return item.why
    if item.because:
        return f"stale: {item.because}"
    stage = next(stage for stage in STAGES if stage.name is item.stages[0])
    return f"stale: {stage.changed(item.unit, settings, item.key, models(item.unit.port.id))}"


def _models_of(archives: Archives) -> Callable[[str], Sequence[str]]:
    """A cached function: the ids of the models that a port's commits were made with."""
    return cache(lambda port_id: tuple(dict.fromkeys(archives[port_id].models())))
