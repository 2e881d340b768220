"""The port-visit time series: counts and estimates per berth and day, week and month.

A period without a look has ``looks`` = 0: a zero of ``visits_seen`` has a meaning only together
with the number of looks, and the interval of ``visits`` is then as wide as the prior's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jobs.domain import Berth, LookState, Period, Port
from jobs.visits.cargo import StayVolumes, barrels_in
from jobs.visits.occupancy.draws import credible
from jobs.visits.schema import PortEstimate, PortTables
from jobs.visits.series_meanings import COUNTS, ESTIMATES, PERIODS, PLACES

FREQUENCIES = ("day", "week", "month")


def port_visits(
    port_tables_by_port: Mapping[str, PortTables],
    estimates: Mapping[str, PortEstimate],
    period: Period,
) -> dict[str, xr.Dataset]:
    """Datasets keyed day, week (from Monday) and month, each (port_berth, period)."""
    ports = sorted(port_tables_by_port)
    parts = [port_series(port_tables_by_port[port], estimates[port], period) for port in ports]
    return joined_series(parts, period)


def port_series(
    tables: PortTables, estimate: PortEstimate, period: Period
) -> dict[str, xr.Dataset]:
    """``port_visits`` of one port, which needs no other port."""
    berths = _by_day(estimate, period)
    return {frequency: _series([(tables, berths)], period, frequency) for frequency in FREQUENCIES}


def joined_series(
    parts: Sequence[Mapping[str, xr.Dataset]], period: Period
) -> dict[str, xr.Dataset]:
    """The series of several ports as one, in the order given."""
    if not parts:
        return {frequency: _series([], period, frequency) for frequency in FREQUENCIES}
    return {
        frequency: xr.concat(
            [part[frequency] for part in parts],
            "port_berth",
            data_vars="minimal",
            coords="minimal",
            compat="override",
            join="exact",
            combine_attrs="override",
        )
        for frequency in FREQUENCIES
    }


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


def _series(
    ports: Sequence[tuple[PortTables, Sequence[ByDay]]], period: Period, frequency: str
) -> xr.Dataset:
    places = [(tables.port, berth) for tables, _ in ports for berth in tables.port.berths]
    starts = period_starts(period, frequency)
    counts = {name: np.zeros((len(places), len(starts)), np.int32) for name in COUNTS}
    row_of = {(port.id, berth.id): row for row, (port, berth) in enumerate(places)}
    for tables, _ in ports:
        _count(counts, tables, row_of, starts, period)
    estimates = _estimates([berth for _, berths in ports for berth in berths], starts, period)
    return xr.Dataset(
        {
            name: (("port_berth", "period"), values[name], meanings[name].attributes)
            for meanings, values in ((COUNTS, counts), (ESTIMATES, estimates))
            for name in meanings
        },
        coords=_place_coords(places) | _period_coords(starts, period, frequency),
        attrs={
            "Conventions": "CF-1.11",
            "title": f"Port visits from space, by berth and {frequency}",
            "comment": "looks, vessels_seen and visits_seen are counts of what was seen; visits, "
            "occupancy and barrels are estimates that include what was not, with 90 % intervals "
            "(low, high) and 50 % intervals (low_50, high_50). Intervals of periods do not add up; "
            "those of the whole are in estimates.parquet.",
        },
    )


@dataclass(frozen=True)
class ByDay:
    """Counts at one berth on every day of every history; arrays are (draw, day)."""

    visits: NDArray[np.int32]
    ship_days: NDArray[np.float64]
    barrels: NDArray[np.float64] | None
    """None but at oil terminals."""


def _by_day(estimate: PortEstimate, period: Period) -> list[ByDay]:
    """Each berth's days, counted once for all frequencies."""
    volumes = {volume.stays.berth: volume for volume in estimate.volumes}
    days = np.arange((period.end - period.start).days + 2, dtype=np.float64)
    return [
        ByDay(
            visits=stays.arrivals(days),
            ship_days=stays.occupied_days(days),
            barrels=_barrels_by_day(volumes.get(stays.berth), days),
        )
        for stays in estimate.stays
    ]


def _barrels_by_day(
    volume: StayVolumes | None, days: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    if volume is None:
        return None
    return barrels_in([volume], [volume.stays.origin + timedelta(days=float(day)) for day in days])


def _estimates(
    berths: Sequence[ByDay], starts: Sequence[date], period: Period
) -> dict[str, NDArray[np.float64]]:
    """Each of ESTIMATES as (port_berth, period)."""
    edges = _edges(starts, period)
    rows = [_berth_estimates(berth, edges) for berth in berths]
    none = np.empty((0, len(starts)))
    return {name: np.stack([row[name] for row in rows]) if rows else none for name in ESTIMATES}


def _edges(starts: Sequence[date], period: Period) -> NDArray[np.float64]:
    """Where the periods begin and the last one ends, in days, cut to the job's period."""
    days = [float((start - period.start).days) for start in starts]
    end = float((period.end - period.start).days + 1)
    return np.array([*np.clip(days, 0, end), end])


def _berth_estimates(berth: ByDay, edges: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Each of ESTIMATES for one berth, (period,)."""
    first = edges[:-1].astype(np.intp)
    visits = np.add.reduceat(berth.visits, first, axis=1)
    ships = np.add.reduceat(berth.ship_days, first, axis=1) / np.diff(edges)
    row = _mean_and_interval("visits", visits) | _mean_and_interval("occupancy", ships)
    row["visits_low_50"], row["visits_high_50"] = _interval(visits, 0.5)
    if berth.barrels is None:
        return row | {name: np.full(len(first), np.nan) for name in ESTIMATES if name not in row}
    return row | _mean_and_interval("barrels", np.add.reduceat(berth.barrels, first, axis=1))


def _mean_and_interval(name: str, values: NDArray[np.number]) -> dict[str, NDArray[np.float64]]:
    low, high = _interval(values, 0.9)
    mean = values.mean(axis=0, dtype=np.float64)
    return {name: mean, f"{name}_low": low, f"{name}_high": high}


def _interval(
    values: NDArray[np.number], mass: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the interval of each column of (draw, period)."""
    ends = np.array([credible(column, mass) for column in values.T], np.float64).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


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
    seen = looks[np.isin(state, (LookState.CLEAR.value, LookState.PARTLY.value))]
    days = seen.assign(day=seen["time"].dt.floor("D")).drop_duplicates(["berth", "day"])
    mine = [row_of[tables.port.id, berth.id] for berth in tables.port.berths]
    counts["days_without_look"][mine] = np.diff(_edges(starts, period)).astype(np.int32)
    np.add.at(counts["days_without_look"], _cells(days, "time", row_of, starts), -1)


def _inside(table: pd.DataFrame, column: str, period: Period) -> pd.DataFrame:
    first = pd.Timestamp(period.start, tz="UTC")
    after = pd.Timestamp(period.end, tz="UTC") + pd.Timedelta(1, "D")
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


def _place_coords(places: Sequence[tuple[Port, Berth]]) -> dict[str, object]:
    values = {
        "port_berth": [f"{port.id}/{berth.id}" for port, berth in places],
        "port": [port.id for port, _ in places],
        "berth": [berth.id for _, berth in places],
        "berth_name": [berth.name for _, berth in places],
        "kind": [berth.kind.value for _, berth in places],
    }
    return {
        name: ("port_berth", np.array(texts, dtype=object), PLACES[name].attributes)
        for name, texts in values.items()
    }


def _period_coords(starts: Sequence[date], period: Period, frequency: str) -> dict[str, object]:
    ends = [_next_start(start, frequency) - timedelta(days=1) for start in starts]
    days = [
        (min(end, period.end) - max(start, period.start)).days + 1
        for start, end in zip(starts, ends, strict=True)
    ]

    def days_of(values: Sequence[date]) -> NDArray[np.datetime64]:
        return np.array(values, "datetime64[D]").astype("datetime64[ns]")

    first = {**PERIODS["period"].attributes, "long_name": f"first day of the {frequency}, UTC"}
    return {
        "period": ("period", days_of(starts), first),
        "period_end": ("period", days_of(ends), PERIODS["period_end"].attributes),
        "days": ("period", np.array(days, np.int32), PERIODS["days"].attributes),
    }
