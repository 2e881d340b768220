"""Makes a plan: searches the catalogs for each port and pins what they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import shapely

from jobs.catalog import Progress, Rejected, SilentFiles, search_catalog
from jobs.domain import (
    Job,
    Port,
    Scene,
    SourceSpec,
    looks_swapped,
    overlaps,
    refuse_unknown_berths,
)
from jobs.errors import InputError
from jobs.plan.file import PortFindings, read_plan, write_findings
from jobs.plan.grouping import group_overpasses, on_grid
from jobs.plan.header import PlanHeader
from jobs.plan.nothing_found import EmptyPort, SourceFindings, reasons, refusal
from jobs.plan.passes_twice import passes_twice
from jobs.plan.plan import Plan
from jobs.plan.planet_requests import refuse_to_order
from jobs.plan.port_files import port_of
from jobs.plan.unscreened import unscreened


def make_plan(
    job: Job,
    *,
    progress: Progress | None = None,
    tell: Progress | None = None,
    to_order: bool = False,
) -> Plan:
    """The plan of a job, in memory: what its catalogs hold of each of its ports.

    ``tell`` is called with lines on ports without any overpass, on scenes without a mask, on
    passes that are read as two products, on ports whose axes look swapped, and on berths that two
    ports have in common. With ``to_order`` the plan is one to look at: scenes of Planet's Data API,
    which no run can read before they are ordered, are in it. Raises InputError for a
    port that cannot be read, PlanError, with the reasons, where no port has an overpass or a source
    has to be ordered first, and CatalogError for a catalog that fails.
    """
    if not to_order:
        refuse_to_order(job)
    ports = _ports(job)
    findings = list(_findings(job, ports, progress, tell))
    overpasses = tuple(chain.from_iterable(found.overpasses for found in findings))
    rejected = dict.fromkeys(chain.from_iterable(found.rejected for found in findings))
    found = Plan.of_header(_header(job, ports), overpasses, tuple(rejected))
    return replace(found, fresh=True)


def plan_to_file(
    job: Job, path: Path, *, progress: Progress | None = None, tell: Progress | None = None
) -> Plan:
    """As ``make_plan``, but written to a file, with one port in memory at a time.

    The file appears when the last port has been searched; the plan returned is read from it.
    Raises what ``make_plan`` raises.
    """
    refuse_to_order(job)
    ports = _ports(job)
    write_findings(_header(job, ports), _findings(job, ports, progress, tell), path)
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
        reviews=job.reviews,
        sensors=job.sensors,
        engine=job.engine,
    )


def _findings(
    job: Job, ports: tuple[Port, ...], progress: Progress | None, tell: Progress | None
) -> Iterator[PortFindings]:
    tell = tell or (lambda _: None)
    for line in chain(_swapped_ports(job, ports), _shared_berths(ports)):
        tell(line)
    empty: list[EmptyPort] = []
    files = SilentFiles()
    for number, port in enumerate(ports, start=1):
        if progress is not None and len(ports) > 1:
            progress(f"{port.id}, port {number} of {len(ports)}")
        sources = [_search(job, source, port, progress) for source in job.sources]
        scenes = tuple(chain.from_iterable(found.scenes for found in sources))
        rejected = tuple(chain.from_iterable(found.rejected for found in sources))
        overpasses = group_overpasses(port, files.asked(scenes))
        for line in chain(unscreened(port, overpasses), passes_twice(port, overpasses)):
            tell(line)
        if not overpasses:
            empty.append(EmptyPort(port, sources))
        yield PortFindings(port.id, overpasses, rejected)
    if len(empty) == len(ports):
        raise refusal(job, empty)
    for line in reasons(empty, job.period):
        tell(f"no overpass of {line}")


def _search(job: Job, source: SourceSpec, port: Port, progress: Progress | None) -> SourceFindings:
    found = search_catalog(source, port.area, job.period, progress=progress)
    return SourceFindings(
        source, found.scenes, (*found.rejected, *_off_the_grid(port, source, found.scenes))
    )


def _off_the_grid(port: Port, source: SourceSpec, scenes: Sequence[Scene]) -> Iterator[Rejected]:
    """Scenes whose footprint touches the port and whose raster does not: one of them is wrong."""
    for scene in scenes:
        if not on_grid(port, scene):
            reason = f"its footprint touches the port {port.id}, the raster of its files does not"
            yield Rejected(scene.item_id, source.catalog, source.collection, reason)


def _ports(job: Job) -> tuple[Port, ...]:
    ports = tuple(port_of(ref) for ref in job.ports)
    twice = [name for name, count in Counter(port.id for port in ports).items() if count > 1]
    if twice:
        raise InputError(f"port {twice[0]!r} is listed twice in the job; list it once")
    refuse_unknown_berths(job.estimates, ports)
    return ports


def _swapped_ports(job: Job, ports: Sequence[Port]) -> Iterator[str]:
    """A line for each port of a file that looks as if its axes were swapped."""
    for ref, port in zip(job.ports, ports, strict=True):
        line = None if ref.file is None else looks_swapped(port)
        if line is not None:
            yield line


def _shared_berths(ports: Sequence[Port]) -> Iterator[str]:
    """A line for each two ports that have a berth in one place."""
    areas = [port.area for port in ports]
    for one, other in shapely.STRtree(areas).query(areas, predicate="intersects").T:
        first, second = ports[one], ports[other]
        pair = next(overlaps((*first.berths, *second.berths)), None) if one < other else None
        if pair is not None:
            yield (
                f"ports {first.id!r} and {second.id!r} share a place: {pair.share:.0%} of the "
                f"smaller of their berths {pair.first.id!r} and {pair.second.id!r} lies in the "
                "other; a ship there counts at both, and twice in sums"
            )
