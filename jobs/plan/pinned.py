"""The plan pinned for a job in its archive: found there, or made and stored there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from jobs.catalog import Progress
from jobs.domain import (
    Job,
    Period,
    check_days,
    job_digest,
    overlap_text,
    overlaps,
    read_job,
    refuse_unknown_berths,
    today_utc,
)
from jobs.errors import PlanError
from jobs.plan.file import read_plan
from jobs.plan.plan import Plan
from jobs.plan.port_files import changed_ports
from jobs.storage import Storage, storage_at


@dataclass(frozen=True)
class PinnedPlan:
    """A plan, and whether it was found or made."""

    plan: Plan
    found: bool
    """It was pinned in the archive by an earlier call for an equal job."""
    searched: bool
    """The catalogs were searched for it by this call."""


def is_job(path: Path) -> bool:
    """Whether a path names a job file, not a plan file."""
    return path.suffix in (".yaml", ".yml")


def pinned_plan(
    source: Path,
    replan: bool = False,
    period: Period | None = None,
    progress: Progress = lambda _: None,
    *,
    tell: Progress = lambda _: None,
    pin: bool = True,
) -> PinnedPlan:
    """The plan of a plan file, or of a job file the plan pinned for an equal job, or a new one.

    A new plan is pinned in the job's archive, unless ``pin`` is False: then nothing is written.
    ``replan`` makes a new one always. ``period`` takes the place of the job's own; a plan file
    keeps its period. ``progress`` is called with lines of text while catalogs are searched,
    ``tell`` with those that are to stay. Raises InputError, CatalogError, ArchiveError, and
    PlanError, with the reasons, for a plan without any overpass, which is never pinned.
    """
    if not is_job(source):
        plan = _not_empty(read_plan(source), source)
        for port in plan.ports:
            for pair in overlaps(port.berths):
                tell(f"port {port.id}: {overlap_text(pair)}")
        return PinnedPlan(plan, found=False, searched=False)
    job = read_job(source)
    if period is not None:
        check_days(period, today_utc())
        job = replace(job, period=period)
    storage = storage_at(job.archive)
    before = None if replan else _found(job, storage)
    if before is not None:
        for line in changed_ports(job, before):
            tell(line)
        return PinnedPlan(before, found=True, searched=False)
    if pin:
        made = _pin(job, storage, progress, tell)
    else:
        from jobs.plan.make import make_plan  # what searches catalogs, which a found plan spares

        made = make_plan(job, progress=progress, tell=tell)
    return PinnedPlan(made, found=False, searched=True)


def plan_without_search(source: Path) -> Plan | None:
    """The plan of a plan file, or pinned for an equal job; None where a search is needed."""
    if not is_job(source):
        return read_plan(source)
    job = read_job(source)
    return _found(job, storage_at(job.archive))


def _not_empty(plan: Plan, path: Path) -> Plan:
    if plan.overpasses:
        return plan
    raise PlanError(
        f"{path} has no overpass, so that there is nothing to do; `berthwatch plan` of the job "
        "says why none was found"
    )


def _pin(job: Job, storage: Storage, progress: Progress, tell: Progress) -> Plan:
    from jobs.plan.make import plan_to_file

    name = _plan_name(job)
    with TemporaryDirectory(prefix="berthwatch-") as folder:
        path = Path(folder) / "plan.jsonl.gz"
        plan_to_file(job, path, progress=progress, tell=tell)
        storage.put(name, path)
    return replace(read_plan(storage.local(name)), fresh=True)


def _found(job: Job, storage: Storage) -> Plan | None:
    """The plan in the archive pinned for a job, with the job's present settings of results."""
    name = _plan_name(job)
    if not storage.exists(name):
        return None
    found = read_plan(storage.local(name))
    if not found.overpasses:
        return None  # of an earlier version: by now there may be some
    refuse_unknown_berths(job.estimates, found.ports)
    return replace(
        found,
        estimates=job.estimates,
        fixed_structure=job.fixed_structure,
        reviews=job.reviews,
        engine=job.engine,
    )


def _plan_name(job: Job) -> str:
    return f"plans/{job.name}-{job_digest(job)}.jsonl.gz"
