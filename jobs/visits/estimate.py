"""Estimates visits from looks: how many ships came to each berth, seen or not, with intervals.

Each berth is fitted alone; then the berths of a port are pooled and histories are drawn, from which
every number is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jobs.domain import EstimateSettings, Period
from jobs.visits.berth_models import fit
from jobs.visits.cargo import CargoEntry
from jobs.visits.columns import table
from jobs.visits.estimate_rows import barrels_row, berth_row, visit_table
from jobs.visits.occupancy.detector import MeasuredError
from jobs.visits.panels import panel_of
from jobs.visits.port_fit import Tell, pooled_histories, told
from jobs.visits.port_volumes import volumes_at
from jobs.visits.schema import (
    ESTIMATE_COLUMNS,
    ESTIMATED_VISIT_COLUMNS,
    FULL_VISIT_COLUMNS,
    SENSOR_COLUMNS,
    TRAFFIC_COLUMNS,
    PortEstimate,
    PortTables,
)
from jobs.visits.sensor_recall import with_recall
from jobs.visits.sensor_rows import sensor_rows
from jobs.visits.traffic_rows import traffic_rows
from jobs.visits.without_sensor import without_each

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
    tell: Tell = None,
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
        for panel, berth in told(FITTING, list(zip(panels, berths, strict=True)), tell)
    ]
    posteriors = pooled_histories(fits, settings, HISTORIES, tell)
    stays = tuple(one.draws for one in posteriors)
    volumes = volumes_at(tables, stays, settings, entries)
    without = without_each(tables, fits, period, settings, errors, entries, tell)
    sensors = sensor_rows(tables, posteriors, volumes, without, settings)
    rows, months = [], []
    for one, berth in told(OTHER_DWELLS, list(zip(posteriors, berths, strict=True)), tell):
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
        sensors=table(SENSOR_COLUMNS, sensors),
    )


def with_estimates(tables: PortTables, estimate: PortEstimate) -> PortTables:
    """The tables with FULL_VISIT_COLUMNS in the visits and FULL_LOOK_COLUMNS in the looks."""
    visits = tables.visits.merge(estimate.visits, on="visit_id", how="left", validate="1:1")
    typed = visits[list(FULL_VISIT_COLUMNS)].astype(dict(ESTIMATED_VISIT_COLUMNS))
    return replace(tables, visits=typed, looks=with_recall(tables.looks, estimate.sensors))
