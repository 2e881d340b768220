"""Results: from the archive's content to the publication of a job.

One task per port makes its tables and estimates; the rest is small and done by the client.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import xarray as xr
from distributed import Client

from jobs import segment
from jobs.archive import Archives, PortArchive, with_retries
from jobs.domain import (
    DEFAULT_REVIEWS,
    SENSORS,
    EstimateSettings,
    FixedStructure,
    OverpassRecord,
    Period,
    Port,
    ReviewSettings,
    Settings,
    content_id,
)
from jobs.plan import Plan
from jobs.publish import (
    ArchiveImagery,
    Provenance,
    Publication,
    is_published,
    name_newest,
    publish,
)
from jobs.review import Decision, Resolved, resolve, use_json, with_cargo
from jobs.run.common_ground import CommonGround, marked
from jobs.run.counting import READING, STRUCTURE, Tell, heard, tell_nobody, teller
from jobs.run.events import Event, EventName, Facts, Observer, unobserved
from jobs.run.identity import JobState, PortState, job_state
from jobs.run.kept_results import KeptResults
from jobs.run.parallel_map import WITHOUT_WORKERS_S, parallel_map
from jobs.run.reviews import PlanDecisions, decisions_of, reviewed_overpasses
from jobs.run.settings import detector_errors
from jobs.run.source_items import merged
from jobs.run.task import worker_offers_gpu
from jobs.run.task_cpu import TaskCpu
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
from models.inference import EngineName

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
    model: str = ""
    """Id of the network that found the vessels: decisions about another's are not used."""
    reviews: ReviewSettings = DEFAULT_REVIEWS


@dataclass(frozen=True)
class PortResult:
    """What one port contributes to a publication; made by one task."""

    tables: PortTables
    estimate: PortEstimate
    series: Mapping[str, xr.Dataset]
    reviewed: Resolved = Resolved()  # noqa: RUF009 - a frozen value
    """The decisions about the port that the numbers use, and those that they do not."""
    cpu_seconds: float = 0.0
    """CPU time of it; 0 where it is not known."""


def count_port(
    root: Storage,
    port: Port,
    overpass_ids: Sequence[str],
    basis: Basis,
    decisions: Sequence[Decision] = (),
    topic: str | None = None,
) -> PortResult:
    """The tables, estimates and series of one port from its newest commit; runs on a worker.

    ``decisions`` are those in force about its overpasses. How far it is, is told under the topic.
    """
    spent = TaskCpu()
    tell = teller(topic, port.id)
    archive = PortArchive.create_or_open(root, port, None)
    named = archive.records(reviewed_overpasses(decisions, overpass_ids)) if decisions else ()
    reviewed = resolve(port, decisions, named, basis.model, basis.reviews)
    if basis.structure_settings is None:
        records = archive.records(overpass_ids)
    else:
        gpu = worker_offers_gpu()
        records = mark_fixed(archive, overpass_ids, basis.structure_settings, gpu, tell)
    counted = _count(records, port, basis, reviewed, tell)
    return replace(counted, cpu_seconds=spent.seconds)


def mark_fixed(
    archive: PortArchive,
    overpass_ids: Sequence[str],
    settings: Settings,
    prefer_gpu: bool,
    tell: Tell = tell_nobody,
) -> Iterator[OverpassRecord]:
    """The records of overpasses in time order, vessels on fixed structure marked as such.

    The marks depend on all these overpasses together, so they are not stored: another overpass may
    change them. ``prefer_gpu``: run the network on a GPU where there is one; ``tell`` hears of each
    overpass that is read.
    """
    steps = archive.steps()

    def told(step: str) -> Iterator[OverpassRecord]:
        for number, record in enumerate(archive.records(overpass_ids)):
            tell(step, number, len(overpass_ids))
            yield record

    found = segment.structures(
        told(READING),
        lambda overpass_id: archive.image(steps[overpass_id]),
        archive.port.grid,
        settings,
        prefer_gpu,
    )
    for record in told(STRUCTURE):
        yield found[segment.seen_alike(record)].mark_record(record)


def _count(
    records: Iterable[OverpassRecord],
    port: Port,
    basis: Basis,
    reviewed: Resolved,
    tell: Tell = tell_nobody,
) -> PortResult:
    seen = port_tables(port, records, reviewed.review, basis.errors)
    entries, reviewed = with_cargo(reviewed, seen, basis.entries)
    found = estimate_port(seen, basis.period, basis.settings, basis.errors, entries, tell)
    counted = with_estimates(seen, found)
    return PortResult(counted, found, port_series(counted, found, basis.period), reviewed)


def basis_of(plan: Plan, settings: Settings) -> Basis:
    """What the plan's estimates depend on; InputError for entries that cannot be used."""
    for_structure = settings if plan.fixed_structure is FixedStructure.REJECT else None
    errors = detector_errors(plan.model)
    return Basis(
        plan.period,
        plan.estimates,
        errors,
        _entries(plan),
        for_structure,
        settings.model_id,
        plan.reviews,
    )


def cargo_entries(plan: Plan) -> tuple[CargoEntry, ...]:
    """The plan's cargo entries; InputError where they cannot be read."""
    return _entries(plan)


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
    state: JobState | None = None,
    observe: Observer = unobserved,
    use_reviews: bool = True,
    without_workers_s: float = WITHOUT_WORKERS_S,
    keep_counts: MutableMapping[str, Any] | None = None,
) -> Publication:
    """The publication of the job as the archive holds it now, with a tag derived from its content.

    ``state`` is that of the archive, where it is known already, and then says which decisions of
    reviewers count; else ``use_reviews`` does. ``observe`` hears how far the count is, also from a
    thread of the client. ``keep_counts``: as in ``RunOptions``. Raises ClusterLostError where the
    cluster is lost meanwhile.
    """
    basis = basis_of(plan, settings)
    if state is None:
        said = decisions_of(plan, root, use_reviews)
        state = job_state(plan, archives, settings, basis.entries, said)
    with marked(settings, root) as ground:
        found = _results(
            plan, state, root, client, basis, observe, ground, without_workers_s, keep_counts
        )
    _entries(plan, {name for one in found.values() for name in one.tables.visits["visit_id"]})
    counts = state.counts
    observe(Event(EventName.STAGE, {"stage": "linking voyages"}))
    voyages = voyages_between(list(found.values()), plan.estimates.seed)
    return Publication(
        job=plan.name,
        tag=state.tag,
        period=plan.period,
        complete=counts.pending == 0 and counts.failed == 0,
        units=counts,
        tables={port_id: result.tables for port_id, result in found.items()},
        estimates={port_id: result.estimate for port_id, result in found.items()},
        voyages=voyages,
        settings=plan.estimates,
        series=joined_series([found[port_id].series for port_id in sorted(found)], plan.period),
        provenance=_provenance(plan, settings, list(state.ports.values())),
        imagery=ArchiveImagery(archives),
        failures=tuple(unit for one in state.ports.values() for unit in one.failures),
        reviews=use_json((result.reviewed for result in found.values()), plan.reviews),
    )


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
        _tag(archives, publication.job, publication.tag)
    return publish(publication, root)


def published_before(
    plan: Plan,
    state: JobState,
    archives: Mapping[str, PortArchive],
    root: Storage,
    tell: Callable[[str], object],
) -> str | None:
    """The folder of the results of this state, where they are there unharmed; None else.

    They become the newest results. ``tell`` hears of damage.
    """
    if not is_published(root, plan.name, state.tag, tell):
        return None
    if state.counts.pending == 0:
        _tag(archives, plan.name, state.tag)
    return name_newest(root, plan.name, state.tag, state.counts)


def _tag(archives: Mapping[str, PortArchive], job: str, tag: str) -> None:
    for archive in archives.values():
        with_retries(partial(archive.tag, f"{job}-{tag}"), _ignore)


def _ignore(reason: str) -> None:
    """For storage errors that a retry mends once the journal of the run is complete."""


def _results(
    plan: Plan,
    state: JobState,
    root: Storage,
    client: Client,
    basis: Basis,
    observe: Observer,
    ground: CommonGround,
    without_workers_s: float,
    keep_counts: MutableMapping[str, Any] | None,
) -> dict[str, PortResult]:
    """The results by port id, in the plan's order whichever worker ends first: the sampler of
    voyages gives other numbers for another order.
    """
    states, said = state.ports, state.decisions
    seen = [port for port in plan.ports if states[port.id].done]
    berths = sum(len(port.berths) for port in seen)
    facts: Facts = {"stage": "counting visits", "ports": len(seen), "berths": berths}
    observe(Event(EventName.STAGE, facts))
    empty = [port for port in plan.ports if not states[port.id].done]
    found = {port.id: _count([], port, basis, _none_done(port, basis, said)) for port in empty}
    with heard(client, observe) as topic:
        calls = (
            (root, port, states[port.id].done, basis, said.by_port.get(port.id, ()), topic)
            for port in seen
        )
        names = [_call_id(root, state, port) for port in seen]
        kept = None if keep_counts is None else KeptResults(client, names, keep_counts)
        ended = parallel_map(client, ground, count_port, calls, without_workers_s, kept)
        for number, result in ended:
            port = seen[number]
            found[port.id] = result
            observe(_counted(port, result))
    return {port.id: found[port.id] for port in plan.ports}


def _call_id(root: Storage, state: JobState, port: Port) -> str:
    """What the count of a port depends on: the tag stands for all that any result does."""
    return content_id([root.url, state.tag, port.id], 64)


def _counted(port: Port, result: PortResult) -> Event:
    facts: Facts = {"port": port.id, "berths_done": len(port.berths)}
    if result.cpu_seconds:
        facts["cpu_s"] = round(result.cpu_seconds, 3)
    return Event(EventName.COUNTED, facts)


def _none_done(port: Port, basis: Basis, said: PlanDecisions) -> Resolved:
    """The decisions about a port of which nothing is done: none can be used."""
    decisions = said.by_port.get(port.id, ())
    return resolve(port, decisions, (), basis.model, basis.reviews)


def _provenance(plan: Plan, settings: Settings, states: Iterable[PortState]) -> Provenance:
    return Provenance(
        plan_hash=plan.hash,
        code_version=settings.code_version,
        model_digest=settings.model_digest,
        engine=settings.engine,
        number_format=EngineName(settings.engine).number_format,
        items={id: names for one in states for id, names in one.items.items()},
        read={id: digest for one in states for id, digest in one.read.items()},
        attributions=tuple(sorted({SENSORS[o.sensor].attribution for o in plan.overpasses})),
        sources=merged(item for one in states for item in one.sources),
    )
