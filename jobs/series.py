"""The port-visit time series: what was seen per berth and day, week and month. No estimates.

A period in which nobody looked is there, with ``looks`` = 0: a zero under ``visits_seen`` means
something only together with the looks beneath it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jobs.domain import Berth, LookState, Period, Port
from jobs.publication import PortTables

FREQUENCIES = ("day", "week", "month")
LONG_NAMES = {
    "looks": "overpasses that imaged at least half of the berth, or a ship at it",
    "clear_looks": "looks in which all of the berth was free of cloud",
    "vessels_seen": "sightings of ships, summed over the looks",
    "visits_seen": "stays seen, each counted in the period of its first sighting",
}
"""The variables, in order."""


def port_visits(
    port_tables_by_port: Mapping[str, PortTables], period: Period
) -> dict[str, xr.Dataset]:
    """Datasets keyed day, week (from Monday) and month, each (port_berth, period) in int32."""
    tables = [port_tables_by_port[port_id] for port_id in sorted(port_tables_by_port)]
    return {frequency: _series(tables, period, frequency) for frequency in FREQUENCIES}


def period_starts(period: Period, frequency: str) -> tuple[date, ...]:
    """First days of all days, ISO weeks or months that touch the period, unclipped."""
    current, starts = _start_of(period.start, frequency), []
    while current <= period.end:
        starts.append(current)
        current = _next_start(current, frequency)
    return tuple(starts)


def _start_of(day: date, frequency: str) -> date:
    if frequency == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if frequency == "month" else day


def _next_start(start: date, frequency: str) -> date:
    if frequency == "month":
        return (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    return start + timedelta(days=7 if frequency == "week" else 1)


def _series(tables: Sequence[PortTables], period: Period, frequency: str) -> xr.Dataset:
    places = [(table.port, berth) for table in tables for berth in table.port.berths]
    starts = period_starts(period, frequency)
    counts = {name: np.zeros((len(places), len(starts)), np.int32) for name in LONG_NAMES}
    row_of = {(port.id, berth.id): row for row, (port, berth) in enumerate(places)}
    for table in tables:
        _count(counts, table, row_of, starts, period)
    return xr.Dataset(
        {name: (("port_berth", "period"), counts[name], _attrs(name)) for name in LONG_NAMES},
        coords=_place_coords(places) | _period_coords(starts, period, frequency),
        attrs={
            "Conventions": "CF-1.11",
            "title": f"Port visits seen from space, by berth and {frequency}",
            "comment": "Counts of what was seen; ships between looks or under cloud are in none.",
        },
    )


def _count(
    counts: Mapping[str, NDArray[np.int32]],
    tables: PortTables,
    row_of: Mapping[tuple[str, str], int],
    starts: Sequence[date],
    period: Period,
) -> None:
    """Add one port's rows to the counts; what lies outside the period is not counted."""
    looks = _inside(tables.looks, "time", period)
    visits = _inside(tables.visits, "arrival_before", period)
    cell = _cells(looks, "time", row_of, starts)
    state = looks["state"].to_numpy(dtype=object)
    np.add.at(counts["looks"], cell, (state != LookState.OUTSIDE.value).astype(np.int32))
    np.add.at(counts["clear_looks"], cell, (state == LookState.CLEAR.value).astype(np.int32))
    np.add.at(counts["vessels_seen"], cell, looks["vessels"].to_numpy(dtype=np.int32))
    np.add.at(counts["visits_seen"], _cells(visits, "arrival_before", row_of, starts), 1)


def _inside(table: pd.DataFrame, column: str, period: Period) -> pd.DataFrame:
    first = pd.Timestamp(period.start, tz="UTC")
    after = pd.Timestamp(period.end, tz="UTC") + pd.Timedelta(days=1)
    return table[(table[column] >= first) & (table[column] < after)]


def _cells(
    table: pd.DataFrame,
    column: str,
    row_of: Mapping[tuple[str, str], int],
    starts: Sequence[date],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    places = zip(table["port"], table["berth"], strict=True)
    rows = np.array([row_of[place] for place in places], dtype=np.intp)
    days = table[column].dt.tz_localize(None).to_numpy(dtype="datetime64[D]")
    periods = np.searchsorted(np.array(starts, "datetime64[D]"), days, side="right") - 1
    return rows, periods


def _attrs(name: str) -> dict[str, str]:
    return {"long_name": LONG_NAMES[name], "units": "1"}


def _place_coords(places: Sequence[tuple[Port, Berth]]) -> dict[str, object]:
    def text(values: list[str], long_name: str) -> tuple[str, NDArray[np.object_], dict[str, str]]:
        return "port_berth", np.array(values, dtype=object), {"long_name": long_name}

    return {
        "port_berth": text([f"{port.id}/{berth.id}" for port, berth in places], "port and berth"),
        "port": text([port.id for port, _ in places], "port id"),
        "berth": text([berth.id for _, berth in places], "berth id"),
        "berth_name": text([berth.name for _, berth in places], "berth name"),
        "kind": text([berth.kind.value for _, berth in places], "kind of berth"),
    }


def _period_coords(starts: Sequence[date], period: Period, frequency: str) -> dict[str, object]:
    ends = [_next_start(start, frequency) - timedelta(days=1) for start in starts]
    days = [
        (min(end, period.end) - max(start, period.start)).days + 1
        for start, end in zip(starts, ends, strict=True)
    ]

    def days_of(values: Sequence[date]) -> NDArray[np.datetime64]:
        return np.array(values, "datetime64[D]").astype("datetime64[ns]")

    return {
        "period": ("period", days_of(starts), {"long_name": f"first day of the {frequency}, UTC"}),
        "period_end": ("period", days_of(ends), {"long_name": "last day, inclusive, UTC"}),
        "days": (
            "period",
            np.array(days, np.int32),
            {"long_name": "days that belong to the job's period", "units": "d"},
        ),
    }
