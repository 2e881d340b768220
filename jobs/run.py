"""Run a plan: everything that is still missing, on a Dask cluster, committed as it goes.

The unit of work is one overpass; its stages run one after another in one fork of the archive's
session, possibly on different workers. What is to do is told in `todo`, what a worker does in
`work`, how batches get to workers and back in `dispatch`, what is committed in `ledger`, and the
loop over all of it is the `coordinator`. A unit that fails is a value with its reason.
"""

from __future__ import annotations

from collections import Counter

from distributed import Client

from jobs.archives import Archives
from jobs.cluster import code_version
from jobs.coordinator import Coordinator
from jobs.detector import MeasuredError
from jobs.dispatch import Dispatch
from jobs.domain import Settings, UnitState
from jobs.journal import Event, EventName, Observer
from jobs.ledger import Ledger, Summary
from jobs.plan import Plan
from jobs.storage import Storage
from jobs.todo import Backlog, Options, Todo, port_steps, port_units, state_of
from jobs.todo import still_to_do as preview
from jobs.work import STAGES
from models.predictor import weights_digest
from models.weights import load

__all__ = [
    "Options",
    "Summary",
    "Todo",
    "detector_errors",
    "preview",
    "run_units",
    "settings_for",
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


def run_units(
    plan: Plan,
    archives: Archives,
    settings: Settings,
    options: Options,
    client: Client,
    observe: Observer,
) -> Summary:
    """Bring the plan's units to their end; the summary counts the whole plan afterwards.

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
    summary.pending = len(plan.overpasses) - summary.done - summary.failed
    return summary


def _sizes(plan: Plan, options: Options) -> dict[str, int]:
    limit = {} if options.limit is None else {"limit": options.limit}
    return {"ports": len(plan.ports), "overpasses": len(plan.overpasses), **limit}
