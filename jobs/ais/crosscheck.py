"""Cross-check of a published result with AIS, at every port.

In a notebook::

    result = read_published(Path("archive/published/my-port-2024/3f2a9c1d77d2"))
    check = cross_check(result, [Path("aisdk-2024-03-01.zip")])
    check.ports[0].matches                        # the ship of every vessel, or dark
    write_cross_check(check, result, Path("ais-2024"))

``write_cross_check`` is in ``jobs.ais.crosscheck_files``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, radians
from pathlib import Path
from typing import overload

import numpy as np
import pandas as pd

from jobs.ais.compare import compare_visits
from jobs.ais.counts import ReadSummary
from jobs.ais.dwell import dwell_table
from jobs.ais.gaps import ais_gaps, visit_gaps
from jobs.ais.geodesy import DEGREE_M, east_of
from jobs.ais.hulls import Hulls, hulls_of
from jobs.ais.match import match_ais
from jobs.ais.reader import read_ais
from jobs.ais.schema import MONTH_COMPARISON_COLUMNS, PORT_GAP_COLUMNS
from jobs.ais.visits import AisVisits, ais_visits
from jobs.ais.window import AnyWindow, Window
from jobs.domain import Port
from jobs.errors import InputError
from jobs.publish import PublishedResult
from jobs.visits import credible, days_since, typed

MARGIN_KM = 30.0
"""Around a port's area: far enough to include arrivals and to measure reception."""
MARGIN = timedelta(days=1)
EDGE_KM = 5.0
"""A ship whose last and next message lie this near the window's edge has only been outside:
16 knots for ten minutes, the longest usual interval of tables of positions."""
MASS = 0.9
"""Of the intervals of estimated visits."""

Progress = Callable[[str], object]


@dataclass(frozen=True)
class PortCrossCheck:
    """The cross-check of one port's result."""

    port: Port
    matches: pd.DataFrame
    """AIS_MATCH_COLUMNS."""
    gaps: pd.DataFrame
    """PORT_GAP_COLUMNS."""
    visit_gaps: pd.DataFrame
    """VISIT_GAP_COLUMNS, without the gaps of ships that may have left."""
    visits: AisVisits
    comparison: pd.DataFrame
    """MONTH_COMPARISON_COLUMNS."""
    total: tuple[float, float, float]
    """Estimated visits at all berths during the AIS record: mean and 90 %; NaN without a
    record."""
    excess_probability: float
    """Probability of more visits than AIS has; NaN without a record."""


@dataclass(frozen=True)
class CrossCheck:
    """The cross-check of one published result with AIS tables."""

    files: tuple[Path, ...]
    summary: ReadSummary
    hulls: Hulls
    """The positions of all ports by hull, and what is odd about their MMSIs."""
    ports: tuple[PortCrossCheck, ...]

    def table(self, name: str) -> pd.DataFrame:
        """One of AIS_TABLES, of all ports."""
        if name == "ais_flags":
            return self.hulls.flags
        parts = [_tables(port)[name] for port in self.ports]
        filled = [part for part in parts if len(part)]
        return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _tables(port: PortCrossCheck) -> dict[str, pd.DataFrame]:
    return {
        "ais_matches": port.matches,
        "ais_gaps": port.gaps,
        "visit_gaps": port.visit_gaps,
        "ais_visits": port.visits.visits,
        "ais_stays": port.visits.stays,
        "ais_comparison": port.comparison,
        "ais_dwell": dwell_table(port.visits, port.port),
    }


def cross_check(
    result: PublishedResult, files: Sequence[Path], progress: Progress = lambda message: None
) -> CrossCheck:
    """Read AIS tables around the ports; match vessels, list gaps, count visits and compare.

    The files are read once, whatever their number of ports; memory is that of the messages around
    the ports. InputError for no file, or one that cannot be read.
    """
    if not files:
        raise InputError("no AIS file was given; expected one table of positions or more")
    windows = {port.id: window_of(port, result) for port in result.ports}
    everywhere = AnyWindow(parts=tuple(windows.values()))
    positions, summary = read_ais(_WithProgress(files, progress), everywhere)
    progress("telling apart the hulls behind each MMSI")
    hulls = hulls_of(positions)
    found = []
    for port in result.ports:
        progress(f"{port.id}: matching, gaps and visits")
        mine = windows[port.id].holds(hulls.positions)
        found.append(cross_check_port(result, port, hulls.positions[mine].reset_index(drop=True)))
    return CrossCheck(tuple(files), summary, hulls, tuple(found))


def window_of(port: Port, result: PublishedResult) -> Window:
    """The window of messages of a port: MARGIN_KM around its area, MARGIN around the period."""
    end = result.origin + timedelta(days=(result.period.end - result.period.start).days + 1)
    return Window.around(port.area, MARGIN_KM, result.origin - MARGIN, end + MARGIN)


class _WithProgress(Sequence[Path]):
    """A sequence of files that reports progress as each is read."""

    def __init__(self, files: Sequence[Path], progress: Progress) -> None:
        self.files, self.progress = files, progress

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | Sequence[Path]:
        return self.files[index]

    def __iter__(self) -> Iterator[Path]:
        for number, path in enumerate(self.files, 1):
            self.progress(f"reading {path.name} ({number} of {len(self.files)})")
            yield path


def cross_check_port(
    result: PublishedResult, port: Port, positions: pd.DataFrame
) -> PortCrossCheck:
    """The cross-check of one port with the messages around it, as ``hulls_of`` gives them."""
    seen = result.of_port(port.id)
    matches = match_ais(seen.ships, positions)
    gaps = silences(positions, port, window_of(port, result))
    inside = gaps[~gaps["may_have_left"]]
    visits = ais_visits(positions, port)
    months = month_edges(result, positions)
    mean, low, high, excess = _total(result, port, visits.stays, months)
    return PortCrossCheck(
        port=port,
        matches=matches,
        gaps=gaps,
        visit_gaps=visit_gaps(seen.visits, seen.ships, matches, inside),
        visits=visits,
        comparison=_comparison(result, port, positions, visits.stays, months),
        total=(mean, low, high),
        excess_probability=excess,
    )


def silences(positions: pd.DataFrame, port: Port, window: Window) -> pd.DataFrame:
    """PORT_GAP_COLUMNS of a port; the window's edge may be the reason where ``may_have_left``.

    A ship silent to the end of the record has an open gap.
    """
    gaps = ais_gaps(positions, until=positions["time"].max() if len(positions) else None)
    leaves = edge_km(gaps["start_lon"], gaps["start_lat"], window) <= EDGE_KM
    returns = edge_km(gaps["end_lon"], gaps["end_lat"], window) <= EDGE_KM
    may_have_left = leaves & (returns | gaps["end"].isna())
    return typed(gaps.assign(port=port.id, may_have_left=may_have_left), PORT_GAP_COLUMNS)


def edge_km(lon: pd.Series, lat: pd.Series, window: Window) -> pd.Series:
    """Kilometres from places inside a window to its nearest edge; NaN where lon and lat are."""
    shrunk = cos(radians((window.south + window.north) / 2))
    inside_deg = east_of(lon, window.west)
    across = np.minimum(inside_deg, window.east - window.west - inside_deg) * shrunk
    along = np.minimum(lat - window.south, window.north - lat)
    return np.minimum(across, along) * DEGREE_M / 1000


def month_edges(result: PublishedResult, positions: pd.DataFrame) -> list[datetime]:
    """Edges of the months in both the period and the AIS record; empty where they do not overlap.

    Outside the record AIS has no visits: a comparison there would make every ship a dark one.
    """
    if not len(positions):
        return []
    days = (result.period.end - result.period.start).days + 1
    start = max(result.origin, positions["time"].min().to_pydatetime())
    end = min(result.origin + timedelta(days=days), positions["time"].max().to_pydatetime())
    if start >= end:
        return []
    firsts = pd.date_range(start, end, freq="MS", normalize=True, inclusive="both")
    return [start, *(day.to_pydatetime() for day in firsts if start < day < end), end]


def _comparison(
    result: PublishedResult,
    port: Port,
    positions: pd.DataFrame,
    stays: pd.DataFrame,
    months: Sequence[datetime],
) -> pd.DataFrame:
    draws = [one for one in result.stays if one.port == port.id] if months else []
    table = compare_visits(stays, draws, months, MASS)
    received = pd.DatetimeIndex(positions["time"].dt.floor("D").unique()).sort_values()
    first = received.searchsorted(table["start"].dt.floor("D"), side="left")
    last = received.searchsorted(table["end"], side="left")
    days = (table["end"] - table["start"]) / pd.Timedelta(1, "D")
    return typed(table.assign(days=days, days_heard=last - first), MONTH_COMPARISON_COLUMNS)


def _total(
    result: PublishedResult, port: Port, stays: pd.DataFrame, months: Sequence[datetime]
) -> tuple[float, float, float, float]:
    """Estimated visits at the port's berths over the record, 90 %, and the chance of an excess."""
    berths = result.calls(port.id)
    if not months or not berths:
        return np.nan, np.nan, np.nan, np.nan
    edges = [days_since(result.origin, months[0]), days_since(result.origin, months[-1])]
    visits = np.sum([one.arrivals(edges)[:, 0] for one in berths], axis=0)
    counted = ais_arrivals(stays, [one.berth for one in berths], months[0], months[-1])
    low, high = credible(visits, MASS)
    return float(visits.mean()), low, high, float(np.mean(visits > counted))


def ais_arrivals(stays: pd.DataFrame, berths: Sequence[str], start: datetime, end: datetime) -> int:
    """Number of AIS stays at those berths that began inside [start, end)."""
    began = stays["begin_seen"] & (stays["begin"] >= start) & (stays["begin"] < end)
    return int((began & stays["berth"].isin(berths)).sum())
