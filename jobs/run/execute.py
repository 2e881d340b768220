"""Run a plan: everything that is still missing, on a Dask cluster, committed as it goes.

The unit of work is one overpass; its stages run one after another in one fork of the archive's
session, possibly on different workers. What is to do is told in `todo`, what a worker does in
`work`, how batches get to workers and back in `dispatch`, what is committed in `ledger`, and the
loop over all of it is the `coordinator`. A unit that fails is a value with its reason.
"""

from __future__ import annotations

from distributed import Client

from jobs.archive.pool import Archives
from jobs.domain import Settings, UnitState
from jobs.plan import Plan
from jobs.run.backlog import Backlog, Options, Todo
from jobs.run.backlog import still_to_do as preview
from jobs.run.committer import Ledger, Summary
from jobs.run.coordinator import Coordinator
from jobs.run.events import Event, EventName, Facts, Observer
from jobs.run.executor import Dispatch
from jobs.run.settings import detector_errors, settings_for
from jobs.run.status import dry_rows, stale_rows, status_rows
from jobs.run.unit_state import overpasses_within

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
