"""Estimates visits from looks: how many ships came to each berth, seen or not, with intervals.

Each berth is fitted alone; then the berths of a port are pooled and histories are drawn, from which
every number is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from jobs.domain import EstimateSettings, Period
from jobs.visits.berth_models import fit, seed_of
from jobs.visits.cargo import (
    CargoEntry,
    StayVolumes,
    VolumeSettings,
    counted_stays,
    volumes_of,
)
from jobs.visits.columns import table
from jobs.visits.estimate_rows import barrels_row, berth_row, visit_table
from jobs.visits.occupancy.detector import MeasuredError
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.occupancy.partial_pooling import pooled
from jobs.visits.panels import panel_of
from jobs.visits.schema import (
    ESTIMATE_COLUMNS,
    ESTIMATED_VISIT_COLUMNS,
    FULL_VISIT_COLUMNS,
    TRAFFIC_COLUMNS,
    PortEstimate,
    PortTables,
)
from jobs.visits.traffic_rows import traffic_rows

T = TypeVar("T")

FITTING = "fitting"
HISTORIES = "histories"
OTHER_DWELLS = "half and double dwell"
"""The steps of an estimate, each of them a berth at a time, in their order."""


def estimate_port(
    tables: PortTables,
    period: Period,
    settings: EstimateSettings,
    errors: Sequence[MeasuredError],
    entries: Sequence[CargoEntry] = (),
    tell: Callable[[str, int, int], None] | None = None,
) -> PortEstimate:
    """Histories of every berth of a port, with visits, dwell, recall and barrels computed from
    them.

    errors: of the network, as its evaluation measured them; entries: cargoes entered by analysts;
    ``tell`` is called with each step, how many berths are through it, and of how many.
    """
    berths = tables.port.berths
    panels = [panel_of(tables, berth, period, errors) for berth in berths]
    fits = [
        fit(panel, berth, settings)
        for panel, berth in _told(FITTING, list(zip(panels, berths, strict=True)), tell)
    ]
    chosen = pooled([one.member for one in fits], settings.draws, seed_of(settings, tables.port.id))
    posteriors = [
        one.posterior(points, seed_of(settings, one.panel.port, one.panel.berth))
        for one, points in _told(HISTORIES, list(zip(fits, chosen, strict=True)), tell)
    ]
    stays = tuple(one.draws for one in posteriors)
    volumes = volumes_at(tables, stays, settings, entries)
    rows, months = [], []
    for one, berth in _told(OTHER_DWELLS, list(zip(posteriors, berths, strict=True)), tell):
        changed, by_month = traffic_rows(one, berth, settings)
        months += by_month
        rows.append(berth_row(one, berth, tables, settings) | changed | barrels_row(volumes, berth))
    return PortEstimate(
        port=tables.port,
        berths=table(ESTIMATE_COLUMNS, rows),
        visits=visit_table(stays),
        stays=stays,
        volumes=volumes,
        traffic=table(TRAFFIC_COLUMNS, months),
    )


def _told(
    step: str, items: Sequence[T], tell: Callable[[str, int, int], None] | None
) -> Iterator[T]:
    """The items of a step, whose beginning and end are told."""
    for number, item in enumerate(items):
        if tell is not None:
            tell(step, number, len(items))
        yield item
    if tell is not None:
        tell(step, len(items), len(items))


def with_estimates(tables: PortTables, estimate: PortEstimate) -> PortTables:
    """The tables with FULL_VISIT_COLUMNS in the visits table."""
    visits = tables.visits.merge(estimate.visits, on="visit_id", how="left", validate="1:1")
    typed = visits[list(FULL_VISIT_COLUMNS)].astype(dict(ESTIMATED_VISIT_COLUMNS))
    return replace(tables, visits=typed)


def volumes_at(
    tables: PortTables,
    stays: Sequence[StayDraws],
    settings: EstimateSettings,
    entries: Sequence[CargoEntry],
) -> tuple[StayVolumes, ...]:
    """Deadweight and barrels of the stays at the port's oil terminals."""
    believed = VolumeSettings(cap_barrels=settings.cap_barrels, seed=settings.seed)
    here = set(tables.visits["visit_id"])
    mine = [entry for entry in entries if entry.visit_id in here]
    counted = counted_stays(stays, [tables.port], believed)
    return volumes_of(counted, believed, mine) if counted else ()
