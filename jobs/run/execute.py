"""Run a plan: everything that is still missing, on a Dask cluster, committed as it proceeds.

The unit of work is one overpass; its stages run one after another in one fork of the archive's
session, possibly on different workers. ``backlog`` finds what is missing, ``task`` is what a worker
runs, ``executor`` submits batches and returns their outcomes, ``committer`` commits them, and
``coordinator`` is the loop over all of it.
"""

from __future__ import annotations

from collections import Counter
from statistics import median

from distributed import Client

from jobs.archive import Archives
from jobs.domain import Settings, UnitState
from jobs.plan import Plan
from jobs.run.backlog import Backlog, RunOptions
from jobs.run.committer import Committer, Tally
from jobs.run.common_ground import marked, refuse_strangers
from jobs.run.coordinator import Coordinator, Ending
from jobs.run.events import Event, EventName, Facts, Observer, warner
from jobs.run.executor import Executor
from jobs.run.memory import memory_doubt
from jobs.run.summary import Summary
from jobs.run.unit_state import overpasses_within


def run_units(
    plan: Plan,
    archives: Archives,
    settings: Settings,
    options: RunOptions,
    client: Client,
    observe: Observer,
) -> Summary:
    """Bring the plan's units to their end; the summary counts the plan afterwards, all of it or
    what lies within the options' period.

    The summary says whether the cluster was lost or Ctrl-C pressed. Raises ArchiveError where the
    archive cannot be written; what was committed before stays. Raises SetupError where a worker
    has not in common with the run what it must.
    """
    observe(_started(plan, options))
    committer = Committer(archives, settings, _provenance(plan, settings), observe)
    backlog = Backlog(plan, archives, settings, options, observe)
    with marked(settings, archives.root, next(iter(plan.overpasses), None)) as ground:
        refuse_strangers(client, ground)
        doubt = memory_doubt(plan, client)
        if doubt:
            warner(observe)(doubt)
        root, patience_s = archives.root.url, options.without_workers_s
        executor = Executor(client, settings, ground, root, patience_s)
        coordinator = Coordinator(executor, committer, archives, options.commit_every_s, observe)
        ending = coordinator.run(backlog.batches(executor.threads))
    backlog.count_rest()
    return _summary(backlog.states, committer.tally, ending)


def count_units(
    plan: Plan,
    archives: Archives,
    settings: Settings,
    options: RunOptions,
    observe: Observer,
) -> Summary:
    """The summary of a plan of which no unit is to do; says of it what ``run_units`` says."""
    observe(_started(plan, options))
    backlog = Backlog(plan, archives, settings, options, observe)
    to_do = list(backlog.batches())
    assert not to_do
    backlog.count_rest()
    return _summary(backlog.states, Tally(), Ending())


def _provenance(plan: Plan, settings: Settings) -> dict[str, str]:
    return {"plan": plan.hash, "code": settings.code_version, "model": settings.model_id}


def _started(plan: Plan, options: RunOptions) -> Event:
    facts: Facts = {"plan": plan.hash, "job": plan.name, **_sizes(plan, options)}
    return Event(EventName.STARTED, facts)


def _sizes(plan: Plan, options: RunOptions) -> Facts:
    """What is known at the beginning, for displays of progress."""
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


def _summary(before: Counter[UnitState], tally: Tally, ending: Ending) -> Summary:
    states = before.copy()
    states.update(tally.changes)
    done, failed = states[UnitState.DONE], states[UnitState.FAILED]
    return Summary(
        done=done,
        failed=failed,
        pending=states.total() - done - failed,
        worked=tally.worked,
        retried=tally.retried,
        copied_files=tally.copied_files,
        vessels=tally.vessels,
        ghosts=tally.ghosts,
        reasons=tally.reasons,
        quarantined=tuple(tally.quarantined),
        unmerged=tally.unmerged,
        cpu_factor=median(tally.cpu_factors) if tally.cpu_factors else None,
        cpu_measured=len(tally.cpu_factors),
        interrupted=ending.interrupted,
        lost=ending.lost,
    )
