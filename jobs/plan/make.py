"""Makes a plan: searches the catalogs for each port and pins what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from jobs.catalog import Progress, Rejected, search_catalog
from jobs.domain import Job, Port, PortRef, Scene, SourceSpec, load_port
from jobs.errors import InputError
from jobs.plan.file import PortFindings, read_plan, write_findings
from jobs.plan.grouping import group_overpasses, on_grid
from jobs.plan.header import PlanHeader
from jobs.plan.plan import Plan


def make_plan(job: Job, *, progress: Progress | None = None) -> Plan:
    """The plan of a job, in memory: what its catalogs hold of each of its ports.

    Raises InputError for a port that cannot be read and CatalogError for a catalog that fails.
    """
    ports = _ports(job)
    findings = list(_findings(job, ports, progress))
    overpasses = tuple(chain.from_iterable(found.overpasses for found in findings))
    rejected = dict.fromkeys(chain.from_iterable(found.rejected for found in findings))
    return Plan.of_header(_header(job, ports), overpasses, tuple(rejected))


def plan_to_file(job: Job, path: Path, *, progress: Progress | None = None) -> Plan:
    """As ``make_plan``, but written to a file, with one port in memory at a time.

    The file appears when the last port has been searched; the plan returned is read from it.
    Raises what ``make_plan`` raises.
    """
    ports = _ports(job)
    write_findings(_header(job, ports), _findings(job, ports, progress), path)
    return read_plan(path)


def _header(job: Job, ports: tuple[Port, ...]) -> PlanHeader:
    return PlanHeader(
        name=job.name,
        period=job.period,
        archive=job.archive,
        model=job.model,
        sources=job.sources,
        ports=ports,
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
            result = search_catalog(source, port.area, job.period, progress=progress)
            scenes += result.scenes
            rejected += [*result.rejected, *_off_the_grid(port, source, result.scenes)]
        yield PortFindings(port.id, group_overpasses(port, scenes), rejected)


def _off_the_grid(port: Port, source: SourceSpec, scenes: Sequence[Scene]) -> Iterator[Rejected]:
    """Scenes whose footprint touches the port and whose raster does not: one of them is wrong."""
    for scene in scenes:
        if not on_grid(port, scene):
            reason = f"its footprint touches the port {port.id}, the raster of its files does not"
            yield Rejected(scene.item_id, source.catalog, source.collection, reason)


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
