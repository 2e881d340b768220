"""The backfill: ports at many places of a scene, an overpass of each every few days, for months."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from shapely.geometry import box

from jobs.domain import WGS84, Grid, Overpass, Period, Port, Source, transformer
from jobs.plan import Plan
from tests.support.long_run.imagery import BANDS, BLOCK, SIDE, address
from tests.support.scenes import GRID, NOON, overpass, scene, small_port

FIRST = date(2023, 1, 1)
PORTS = 8
ROWS = (0, 2, 1, 3, 4, 6, 5, 7)
"""Of each port by its column, so that a port is across blocks of one direction whether it is across
those of the other or not."""
CORNER = 512
"""Pixels from the scene's corner to the first port."""


def long_plan(
    folder: Path,
    archive: str,
    name: str,
    months: int,
    per_month: int,
    pixels: int,
    ports: int = PORTS,
) -> Plan:
    """``per_month`` overpasses of each port in each month; the files are those of ``imagery``.

    ``pixels``: along each side of a port's grid.
    """
    end = date(FIRST.year + (months // 12), months % 12 + 1, 1) - timedelta(days=1)
    places = tuple(_port(number, pixels, ports) for number in range(ports))
    return Plan(
        name=name,
        period=Period(FIRST, end),
        archive=archive,
        model=None,
        sources=(),
        ports=places,
        overpasses=tuple(
            _overpass(folder, port, moment, number)
            for port in places
            for number, moment in enumerate(_moments(months, per_month))
        ),
    )


def _port(number: int, pixels: int, ports: int) -> Port:
    """Spread evenly over the file's blocks, so that their mean is that of all places."""
    column = CORNER + (2 * number + 1) * BLOCK // ports
    row = CORNER + (2 * ROWS[number % len(ROWS)] + 1) * BLOCK // len(ROWS)
    left, top = GRID.left + 10.0 * column, GRID.top - 10.0 * row
    grid = Grid(GRID.epsg, left, top, pixels, pixels)
    area = box(*transformer(grid.epsg, WGS84).transform_bounds(*grid.bounds))
    return replace(small_port(grid=grid, id=f"PORT{number}"), area=area, berths=())


def _moments(months: int, per_month: int) -> Iterator[datetime]:
    for month in range(months):
        first = NOON.replace(year=FIRST.year + month // 12, month=month % 12 + 1, day=1)
        for number in range(per_month):
            yield first + timedelta(hours=number * 27 * 24 // per_month)


def _overpass(folder: Path, port: Port, moment: datetime, number: int) -> Overpass:
    item = f"{port.id}-{moment:%Y%m%dT%H}"
    sources = {band: _source(folder, item, band, number) for band in (*BANDS, "mask")}
    mask = sources.pop("mask")
    seen = replace(scene(sources, id=item, mask=mask), acquired=moment)
    return replace(overpass(seen, id=item, acquired=moment), port=port.id)


def _source(folder: Path, item: str, band: str, number: int) -> Source:
    path, href = address(folder, item, band, number)
    metres = 20.0 if band == "mask" else 10.0
    side = SIDE // 2 if band == "mask" else SIDE
    return Source(
        href=href,
        index=1,
        epsg=GRID.epsg,
        transform=(metres, 0.0, GRID.left, 0.0, -metres, GRID.top),
        shape=(side, side),
        scale=1.0 if band == "mask" else 1e-4,
        offset=0.0 if band == "mask" else -0.1,
        nodata=0.0,
        size_bytes=path.stat().st_size,
    )
