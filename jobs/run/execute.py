"""Run a plan: everything that is still missing, on a Dask cluster, committed as it goes.

The unit of work is one overpass; its stages run one after another in one fork of the archive's
session, possibly on different workers. What is to do is told in `todo`, what a worker does in
`work`, how batches get to workers and back in `dispatch`, what is committed in `ledger`, and the
loop over all of it is the `coordinator`. A unit that fails is a value with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from distributed import Client

from jobs.archive.pool import Archives
from jobs.domain import Settings, UnitState
from jobs.plan import Plan
from jobs.run.backlog import (
    Backlog,
    Options,
    Todo,
    overpasses_within,
    port_steps,
    port_units,
    state_of,
)
from jobs.run.backlog import still_to_do as preview
from jobs.run.cluster import code_version
from jobs.run.committer import Ledger, Summary
from jobs.run.coordinator import Coordinator
from jobs.run.executor import Dispatch
from jobs.run.journal import Event, EventName, Facts, Observer
from jobs.run.task import STAGES
from jobs.storage import Storage
from jobs.visits.occupancy.detector import MeasuredError
from models.weights import load, weights_digest

__all__ = [
    "Options",
    "Summary",
    "Todo",
    "detector_errors",
    "dry_rows",
    "preview",
    "run_units",
    "settings_for",
    "stale_rows",
    "status_rows",
]


def settings_for(plan: Plan) -> Settings:
    """The settings of a run of this plan with the code and weights that are here."""
    return Settings(
        code_version=code_version(), model=plan.model, model_digest=weights_digest(plan.model)
    )


def detector_errors(model: str | None) -> tuple[MeasuredError, ...]:
    """How the network errs at each kind of place, as its weights say; empty if nobody knows."""
    return load(model).detector_errors


def status_rows(plan: Plan, root: Storage) -> list[dict[str, str | int]]:
    """Per port, sensor and stage: how many overpasses are done, pending, failed, stale."""
    settings = settings_for(plan)
    archives = Archives(plan, root)
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
    """Why overpasses are stale, and how many for each reason: by port, sensor and stage."""
    settings = settings_for(plan)
    archives = Archives(plan, root)
    models = _models_of(archives)
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for port in sorted(plan.ports, key=lambda port: port.id):
        steps = port_steps(archives.existing(port.id))
        for unit, step in port_units(plan, port, steps):
            for stage in STAGES:
                if state_of(stage, unit, step, settings) is UnitState.STALE:
                    why = stage.changed(unit, settings, step.key[stage.name], models(port.id))
                    counts[port.id, unit.overpass.sensor, str(stage.name), why] += 1
    return [
        {"port": port, "sensor": sensor, "stage": stage, "stale": count, "because": why}
        for (port, sensor, stage, why), count in counts.items()
    ]


def dry_rows(plan: Plan, root: Storage, options: Options) -> list[dict[str, str]]:
    """What a run would do and why, a row an overpass; changes nothing."""
    settings = settings_for(plan)
    archives = Archives(plan, root)
    models = _models_of(archives)
    return [
        {
            "overpass": item.unit.overpass.id,
            "why": _why(item, settings, models),
            "stages": " ".join(item.stages),
        }
        for item in preview(plan, archives, settings, options)
    ]


def _why(item: Todo, settings: Settings, models: Callable[[str], Sequence[str]]) -> str:
    if item.why != "stale":
        return item.why
    stage = next(stage for stage in STAGES if stage.name is item.stages[0])
    return f"stale: {stage.changed(item.unit, settings, item.key, models(item.unit.port.id))}"


def _models_of(archives: Archives) -> Callable[[str], Sequence[str]]:
    """Digests of the models that a port's commits were made with, each once; looked up once."""
    return cache(lambda port_id: tuple(dict.fromkeys(archives[port_id].models())))


def run_units(
    plan: Plan,
    archives: Archives,
    settings: Settings,
    options: Options,
    client: Client,
    observe: Observer,
) -> Summary:
    """Bring the plan's units to their end; the summary counts the plan afterwards, all of it or
    what lies within the options' period.

    A lost cluster and Ctrl-C are told in the summary. Raises ArchiveError where the archive cannot
    be written; what was committed before stays.
    """
    provenance = {
        "plan": plan.hash,
        "code": settings.code_version,
        "model": settings.model_digest,
    }
    observe(
        Event(EventName.STARTED, {"plan": plan.hash, "job": plan.name, **_sizes(plan, options)})
    )
    ledger = Ledger(archives, settings, provenance, observe)
    dispatch = Dispatch(client, settings, archives.root.url, options.without_workers_s)
    backlog = Backlog(plan, archives, settings, options, observe)
    coordinator = Coordinator(dispatch, ledger, archives, options.commit_every_s, observe)
    summary = coordinator.run(backlog.batches())
    backlog.count_rest()
    states = backlog.states
    states.update(ledger.moved)
    summary.done, summary.failed = states[UnitState.DONE], states[UnitState.FAILED]
    summary.pending = states.total() - summary.done - summary.failed
    return summary


def _sizes(plan: Plan, options: Options) -> Facts:
    """What is known at the beginning, for whoever shows how far it is."""
    facts: Facts = {
        "ports": len(plan.ports),
        "overpasses": overpasses_within(plan, options.within),
    }
    if options.limit is not None:
        facts["limit"] = options.limit
    if options.within is not None:
        facts["from"] = options.within.start.isoformat()
        facts["to"] = options.within.end.isoformat()
    return facts
