"""Results: from the archive's content to the publication of a job.

One task per port makes its tables and estimates; the rest is small and done by the client.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import geopandas as gpd
import pandas as pd
import xarray as xr
from distributed import Client

from jobs import segment
from jobs.archive import Archives, PortArchive, with_retries
from jobs.domain import (
    SENSORS,
    EstimateSettings,
    FixedStructure,
    OverpassRecord,
    Period,
    Port,
    Settings,
    UnitResult,
    UnitState,
    content_id,
    item_names,
)
from jobs.plan import Plan
from jobs.publish import ArchiveImagery, Provenance, Publication, UnitCounts, publish
from jobs.run.parallel_map import parallel_map
from jobs.run.settings import detector_errors
from jobs.run.task import worker_offers_gpu
from jobs.run.unit_state import failed_stage, overall, port_steps, port_units
from jobs.storage import Storage
from jobs.visits import (
    VOYAGE_COLUMNS,
    CargoEntry,
    MeasuredError,
    PortEstimate,
    PortTables,
    estimate_port,
    joined_series,
    link,
    port_series,
    port_tables,
    read_entries,
    sea_routes,
    seen_visits,
    table,
    voyage_table,
    with_estimates,
)

MOST_PORTS_LINKED = 40
"""With more ports, sea routes and matchings grow beyond what one process should do at the end."""


@dataclass(frozen=True)
class Basis:
    """What the estimates depend on, besides the looks."""

    period: Period
    settings: EstimateSettings
    errors: tuple[MeasuredError, ...]
    """The network's measured errors, from its evaluation."""
    entries: tuple[CargoEntry, ...] = ()
    structure_settings: Settings | None = None
    """Settings whose model finds fixed structure; None where all vessels count as ships."""


@dataclass(frozen=True)
class PortResult:
    """What one port contributes to a publication; made by one task."""

    tables: PortTables
    estimate: PortEstimate
    series: Mapping[str, xr.Dataset]


def count_port(root: Storage, port: Port, overpass_ids: Sequence[str], basis: Basis) -> PortResult:
    """The tables, estimates and series of one port from its newest commit; runs on a worker."""
    archive = PortArchive.create_or_open(root, port, None)
    if basis.structure_settings is None:
        return _count(archive.records(overpass_ids), port, basis)
    records = mark_fixed(archive, overpass_ids, basis.structure_settings, worker_offers_gpu())
    return _count(records, port, basis)


def mark_fixed(
    archive: PortArchive, overpass_ids: Sequence[str], settings: Settings, prefer_gpu: bool
) -> Iterator[OverpassRecord]:
    """The records of overpasses in time order, vessels on fixed structure marked as such.

    The marks depend on all these overpasses together, so they are not stored: another overpass may
    change them. ``prefer_gpu``: run the network on a GPU where there is one.
    """
    steps = archive.steps()
    found = segment.structures(
        archive.records(overpass_ids),
        lambda overpass_id: archive.image(steps[overpass_id]),
        archive.port.grid,
        settings,
        prefer_gpu,
    )
    for record in archive.records(overpass_ids):
        yield found[record.sensor].mark_record(record)


def _count(records: Iterable[OverpassRecord], port: Port, basis: Basis) -> PortResult:
    seen = port_tables(port, records)
    found = estimate_port(seen, basis.period, basis.settings, basis.errors, basis.entries)
    counted = with_estimates(seen, found)
    return PortResult(counted, found, port_series(counted, found, basis.period))


def basis_of(plan: Plan, settings: Settings) -> Basis:
    """What the plan's estimates depend on; InputError for entries that cannot be used."""
    for_structure = settings if plan.fixed_structure is FixedStructure.REJECT else None
    errors = detector_errors(plan.model)
    return Basis(plan.period, plan.estimates, errors, _entries(plan), for_structure)


def _entries(plan: Plan, visit_ids: Collection[str] | None = None) -> tuple[CargoEntry, ...]:
    """The cargo entries of analysts; given the visits, each entry must name one of them."""
    path = plan.estimates.cargo
    return () if path is None else read_entries(Path(path), visit_ids)


def collect(
    plan: Plan,
    archives: Archives,
    settings: Settings,
    root: Storage,
    client: Client,
) -> Publication:
    """The publication of the job as the archive holds it now, with a tag derived from its content.

    Raises ClusterLostError where the cluster is lost meanwhile.
    """
    basis = basis_of(plan, settings)
    states = {port.id: _port_state(plan, port, archives, settings) for port in plan.ports}
    found = _results(plan, states, root, client, basis)
    _entries(plan, {name for one in found.values() for name in one.tables.visits["visit_id"]})
    done = [overpass for one in states.values() for overpass in one.done]
    counts = UnitCounts(
        done=len(done),
        failed=sum(len(one.failures) for one in states.values()),
        pending=sum(one.pending for one in states.values()),
    )
    entries = [asdict(entry) for entry in basis.entries]
    read = {id: digest for one in states.values() for id, digest in one.read.items()}
    identity = [
        plan.hash,
        settings.code_version,
        settings.model_digest,
        sorted(done),
        entries,
        read,
    ]
    tag = content_id([*identity, counts.failed], 12)
    complete = counts.pending == 0
    return Publication(
        job=plan.name,
        tag=tag if complete else f"partial-{tag}",
        period=plan.period,
        complete=complete and counts.failed == 0,
        units=counts,
        tables={port_id: result.tables for port_id, result in found.items()},
        estimates={port_id: result.estimate for port_id, result in found.items()},
        voyages=voyages_between(list(found.values()), plan.estimates.seed),
        settings=plan.estimates,
        series=joined_series([found[port_id].series for port_id in sorted(found)], plan.period),
        provenance=_provenance(plan, settings, list(states.values())),
        imagery=ArchiveImagery(archives),
        failures=tuple(unit for one in states.values() for unit in one.failures),
    )


@dataclass(frozen=True)
class _PortState:
    """The overpasses of one port by overall state."""

    done: tuple[str, ...]
    failures: tuple[UnitResult, ...]
    pending: int
    items: Mapping[str, tuple[str, ...]]
    """Names of the catalogs' items by overpass id, unambiguous within the port."""
    read: Mapping[str, str]
    """sha256 of what was read by overpass id, of those done of which it was kept."""


def _port_state(plan: Plan, port: Port, archives: Archives, settings: Settings) -> _PortState:
    done, failures, pending = [], [], 0
    archive = archives.existing(port.id)
    units = list(port_units(plan, port, port_steps(archive)))
    names = item_names(unit.overpass.scenes for unit, _ in units)
    items = {unit.overpass.id: each for (unit, _), each in zip(units, names, strict=True)}
    for unit, step in units:
        match overall(unit, step, settings):
            case UnitState.DONE:
                done.append(unit.overpass.id)
            case UnitState.FAILED:
                stage = failed_stage(unit, step, settings)
                failures.append(UnitResult(unit.overpass.id, stage, UnitState.FAILED, step.reason))
            case _:
                pending += 1
    kept = {} if archive is None else archive.digests_of_read()
    read = {id: kept[id] for id in done if id in kept}
    return _PortState(tuple(done), tuple(failures), pending, items, read)


def voyages_between(results: Sequence[PortResult], seed: int) -> gpd.GeoDataFrame:
    """Links between seen visits that may be stops of one ship; no row for one port, or for more
    than MOST_PORTS_LINKED.
    """
    draws = [d for result in results for d in result.estimate.stays if (d.visit >= 0).any()]
    ports = {d.port for d in draws}
    if not 2 <= len(ports) <= MOST_PORTS_LINKED:
        return table(VOYAGE_COLUMNS, [])
    tables = pd.concat([result.tables.visits for result in results])
    lengths = zip(tables["length_m"], tables["length_sd_m"], strict=True)
    measured = dict(zip(tables["visit_id"], lengths, strict=True))
    places = {
        result.tables.port.id: result.tables.port.area.centroid.coords[0]
        for result in results
        if result.tables.port.id in ports
    }
    routes = sea_routes(places)
    return voyage_table(link(seen_visits(draws, measured), routes, seed=seed), routes)


def publish_run(
    publication: Publication, archives: Mapping[str, PortArchive], root: Storage
) -> str:
    """Write the results and tag the archives they came from; returns the folder's name.

    The tags come first: a published folder always has its pixels.
    """
    if publication.units.pending == 0:
        for archive in archives.values():
            with_retries(partial(archive.tag, f"{publication.job}-{publication.tag}"), _ignore)
    return publish(publication, root)


def _ignore(reason: str) -> None:
    """For storage errors that a retry mends once the journal of the run is complete."""


def _results(
    plan: Plan, states: Mapping[str, _PortState], root: Storage, client: Client, basis: Basis
) -> dict[str, PortResult]:
    """The results by port id, in the plan's order whichever worker ends first: the sampler of
    voyages gives other numbers for another order.
    """
    seen = [port for port in plan.ports if states[port.id].done]
    calls = ((root, port, states[port.id].done, basis) for port in seen)
    empty = [port for port in plan.ports if not states[port.id].done]
    found = {port.id: _count([], port, basis) for port in empty}
    counted = parallel_map(client, count_port, calls)
    found |= {seen[number].id: result for number, result in counted}
    return {port.id: found[port.id] for port in plan.ports}


def _provenance(plan: Plan, settings: Settings, states: Iterable[_PortState]) -> Provenance:
    return Provenance(
        plan_hash=plan.hash,
        code_version=settings.code_version,
        model_digest=settings.model_digest,
        items={id: names for one in states for id, names in one.items.items()},
        read={id: digest for one in states for id, digest in one.read.items()},
        attributions=tuple(sorted({SENSORS[o.sensor].attribution for o in plan.overpasses})),
    )
