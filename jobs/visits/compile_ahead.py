"""Compiles the loops of the estimates before they are needed, into numba's cache on disk.

    python -m jobs.visits.compile_ahead

A first run would otherwise spend about half a minute of CPU on it, in each of its workers. The
loops are called as a run calls them, with a few looks at an invented port, so that what is compiled
is what is needed. ``make install`` does it; without it, everything works and the first run waits.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
from shapely.geometry import Point

from jobs.domain import (
    EstimateSettings,
    OverpassRecord,
    Period,
    Port,
    Vessel,
    load_port,
    project,
)
from jobs.visits.estimate import estimate_port
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.tables import port_tables
from jobs.visits.voyages.fleet import ships_from_lengths
from jobs.visits.voyages.flows import flow_matrix
from jobs.visits.voyages.linking import link
from jobs.visits.voyages.sea_routes import SeaRoute
from jobs.visits.voyages.seen_visits import seen_visits

PORT = "RUVYP"
"""It has berths for one ship, for several, and an anchorage: every model."""
START = datetime(2024, 3, 1, 2, tzinfo=UTC)
DAYS = 12
SETTINGS = EstimateSettings(draws=20)


def compile_all() -> None:
    """Call everything that is compiled."""
    port = load_port(PORT)
    other = replace(port, id="OTHER")
    stays = [*_stays(port), *_stays(other)]
    way = SeaRoute(100.0, (_place(port), _place(other)))
    routes = {(port.id, other.id): way, (other.id, port.id): way}
    link(seen_visits(stays), routes, seed=0)
    flow_matrix(stays, routes, seed=0)
    ships_from_lengths(np.array([120.0, 180.0, 182.0]), np.full(3, 12.0), seed=0)


def _stays(port: Port) -> tuple[StayDraws, ...]:
    period = Period(START.date(), date(2024, 3, DAYS))
    return estimate_port(port_tables(port, _records(port)), period, SETTINGS, ()).stays


def _records(port: Port) -> Iterator[OverpassRecord]:
    """A clear look a day; a ship at every berth on two days of three."""
    for day in range(DAYS):
        berths = range(0 if day % 3 == 2 else len(port.berths))
        yield OverpassRecord(
            overpass_id=f"{port.id}-{day}",
            sensor="sentinel-2-l2a",
            platform="sentinel-2a",
            acquired=START + timedelta(days=day),
            item_ids=(f"item-{day}",),
            vessels=tuple(_vessel(port, number) for number in berths),
            quality=np.zeros(port.grid.shape, np.uint8),
        )


def _vessel(port: Port, number: int) -> Vessel:
    middle: Point = project(port.berths[number].polygon, port.grid.epsg).centroid
    x, y, length = middle.x, middle.y, 150.0 + 10 * number
    sides = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return Vessel(
        x=x,
        y=y,
        length_m=length,
        length_sd_m=15.0,
        beam_m=25.0,
        heading_deg=90.0,
        score=0.9,
        truncated=False,
        corners=tuple((x + a * length / 2, y + b * 12.5) for a, b in sides),
    )


def _place(port: Port) -> tuple[float, float]:
    lon, lat = port.area.centroid.coords[0]
    return lon, lat


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile_all()
