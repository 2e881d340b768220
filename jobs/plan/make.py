"""Making a plan: search the catalogs for each port, and pin what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from jobs.catalog.query import Progress, Rejected
from jobs.catalog.search import search
from jobs.domain import Overpass, Port, Scene
from jobs.domain.job import Job, PortRef
from jobs.domain.ports import load_port
from jobs.errors import InputError
from jobs.plan.file import PortFindings, read_plan, write_findings
from jobs.plan.grouping import group_overpasses
from jobs.plan.plan import Plan


def make_plan(job: Job, *, progress: Progress | None = None) -> Plan:
    """Search the job's catalogs for each of its ports and pin what they hold, all in memory.

    Raises InputError for a port that cannot be read and CatalogError for a catalog that fails.
    """
    ports = _ports(job)
    findings = list(_findings(job, ports, progress))
    overpasses = tuple(chain.from_iterable(found.overpasses for found in findings))
    rejected = dict.fromkeys(chain.from_iterable(found.rejected for found in findings))
    return _plan(job, ports, overpasses, tuple(rejected))


def plan_to_file(job: Job, path: Path, *, progress: Progress | None = None) -> Plan:
    """The same, written port by port while the search goes on: memory holds one port at a time.

    The file is there when the last port has been searched, and not before; the plan is then read
    from it. Raises as ``make_plan`` does.
    """
    ports = _ports(job)
    write_findings(_plan(job, ports), _findings(job, ports, progress), path)
    return read_plan(path)


def _plan(
    job: Job,
    ports: tuple[Port, ...],
    overpasses: tuple[Overpass, ...] = (),
    rejected: tuple[Rejected, ...] = (),
) -> Plan:
    return Plan(
        name=job.name,
        period=job.period,
        archive=job.archive,
        model=job.model,
        sources=job.sources,
        ports=ports,
        overpasses=overpasses,
        rejected=rejected,
        estimates=job.estimates,
        fixed_structure=job.fixed_structure,
    )


def _findings(
    job: Job, ports: tuple[Port, ...], progress: Progress | None
) -> Iterator[PortFindings]:
    for number, port in enumerate(ports, start=1):
        if progress is not None and len(ports) > 1:
            progress(f"{port.id}, port {number} of {len(ports)}")
        scenes: list[Scene] = []
        rejected: list[Rejected] = []
        for source in job.sources:
            result = search(source, port.area, job.period, progress=progress)
            scenes += result.scenes
            rejected += result.rejected
        yield PortFindings(port.id, group_overpasses(port, scenes), rejected)


def _ports(job: Job) -> tuple[Port, ...]:
    return tuple(_load(ref) for ref in job.ports)


def _load(ref: PortRef) -> Port:
    port = load_port(ref.id if ref.file is None else ref.file)
    if ref.file is not None and port.id != ref.id:
        raise InputError(
            f"the job calls the port of {ref.file} {ref.id!r}, the file calls it {port.id!r}; "
            "make the two ids the same"
        )
    return port
