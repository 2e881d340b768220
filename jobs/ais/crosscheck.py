"""AIS held against a published result: read once, asked at every port, written down beside it.

In a notebook::

    result = read_published(Path("archive/published/my-port-2024/3f2a9c1d77d2"))
    heard = hear(result, [Path("aisdk-2024-03-01.zip")])
    heard.ports[0].matches                        # which vessel is which ship, and which are dark
    write_heard(heard, result, Path("ais-2024"))
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from math import cos, radians
from pathlib import Path
from typing import overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.ais import (
    AisVisits,
    ReadSummary,
    Tier,
    Window,
    ais_gaps,
    ais_visits,
    compare_visits,
    match_ais,
    read_ais,
    visit_gaps,
)
from jobs.ais.geodesy import DEGREE_M
from jobs.ais.schema import AIS_TABLES, MONTH_COMPARISON_COLUMNS, PORT_GAP_COLUMNS
from jobs.domain import Json, Port
from jobs.errors import InputError
from jobs.publish.read import PublishedResult
from jobs.publish.write import as_csv
from jobs.storage import whole_folder
from jobs.visits.columns import typed
from jobs.visits.occupancy.draws import credible, days_since

MARGIN_KM = 30.0
"""Around a port's area: far enough to see ships come and to know who is heard there."""
MARGIN = timedelta(days=1)
EDGE_KM = 5.0
"""A ship last heard this near the window's edge, and next heard there, has only been outside:
16 knots for ten minutes, which is as thin as tables of positions usually get."""
MASS = 0.9
SUMMARY = "ais_summary.json"

Progress = Callable[[str], object]


@dataclass(frozen=True)
class AnyWindow(Window):
    """What lies in at least one of several windows, so that a file is read once for all ports."""

    parts: tuple[Window, ...] = ()

    def holds(self, rows: pd.DataFrame) -> NDArray[np.bool_]:
        """Which rows of a frame with lon, lat and time lie in any part, (row,)."""
        inside = np.zeros(len(rows), np.bool_)
        for part in self.parts:
            inside |= part.holds(rows)
        return inside


@dataclass(frozen=True)
class PortHeard:
    """What AIS says of one port's result."""

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
    """Estimated visits at all berths while AIS was heard: mean and 90 %; NaN where it was not."""
    excess_probability: float
    """That there were more visits than AIS heard; NaN where it heard nobody."""


@dataclass(frozen=True)
class Heard:
    """AIS tables held against one published result."""

    files: tuple[Path, ...]
    summary: ReadSummary
    ports: tuple[PortHeard, ...]

    def table(self, name: str) -> pd.DataFrame:
        """One of AIS_TABLES, of all ports."""
        parts = [_tables(port)[name] for port in self.ports]
        filled = [part for part in parts if len(part)]
        return pd.concat(filled, ignore_index=True) if filled else parts[0]


def _tables(port: PortHeard) -> dict[str, pd.DataFrame]:
    return {
        "ais_matches": port.matches,
        "ais_gaps": port.gaps,
        "visit_gaps": port.visit_gaps,
        "ais_visits": port.visits.visits,
        "ais_stays": port.visits.stays,
        "ais_comparison": port.comparison,
    }


# --- hearing ------------------------------------------------------------------------------------


def hear(
    result: PublishedResult, files: Sequence[Path], progress: Progress = lambda said: None
) -> Heard:
    """Read AIS tables around the ports and match, look for silences, count and compare.

    The files are read once, whatever their number of ports; memory is that of the messages around
    the ports. InputError for no file, or one that cannot be read.
    """
    if not files:
        raise InputError("no AIS file was given; expected one table of positions or more")
    windows = {port.id: window_of(port, result) for port in result.ports}
    everywhere = AnyWindow(parts=tuple(windows.values()))
    positions, summary = read_ais(_Announced(files, progress), everywhere)
    heard = []
    for port in result.ports:
        progress(f"{port.id}: matching, gaps and visits")
        mine = positions[windows[port.id].holds(positions)].reset_index(drop=True)
        heard.append(hear_port(result, port, mine))
    return Heard(tuple(files), summary, tuple(heard))


def window_of(port: Port, result: PublishedResult) -> Window:
    """Where and when messages are asked for: MARGIN_KM and MARGIN around a port and the period."""
    end = result.origin + timedelta(days=(result.period.end - result.period.start).days + 1)
    return Window.around(port.area, MARGIN_KM, result.origin - MARGIN, end + MARGIN)


class _Announced(Sequence[Path]):
    """Files that say, one by one, that they are read."""

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


def hear_port(result: PublishedResult, port: Port, positions: pd.DataFrame) -> PortHeard:
    """What messages around one port say of its vessels and visits."""
    seen = result.of_port(port.id)
    matches = match_ais(seen.ships, positions)
    gaps = silences(positions, port, window_of(port, result))
    inside = gaps[~gaps["may_have_left"]]
    visits = ais_visits(positions, port)
    months = month_edges(result, positions)
    mean, low, high, excess = _total(result, port, visits.stays, months)
    return PortHeard(
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
    """Gaps around a port, with ``may_have_left``: nothing but the window's edge may be behind it.

    A ship silent to the end of the record has an open gap, unless it may have left.
    """
    gaps = ais_gaps(positions, until=positions["time"].max() if len(positions) else None)
    leaves = edge_km(gaps["start_lon"], gaps["start_lat"], window) <= EDGE_KM
    returns = edge_km(gaps["end_lon"], gaps["end_lat"], window) <= EDGE_KM
    may_have_left = leaves & (returns | gaps["end"].isna())
    return typed(gaps.assign(port=port.id, may_have_left=may_have_left), PORT_GAP_COLUMNS)


def edge_km(lon: pd.Series, lat: pd.Series, window: Window) -> pd.Series:
    """Kilometres from places inside a window to its nearest edge; NaN for no place."""
    shrunk = cos(radians((window.south + window.north) / 2))
    across = np.minimum(lon - window.west, window.east - lon) * shrunk
    along = np.minimum(lat - window.south, window.north - lat)
    return np.minimum(across, along) * DEGREE_M / 1000


# --- comparing ----------------------------------------------------------------------------------


def month_edges(result: PublishedResult, positions: pd.DataFrame) -> list[datetime]:
    """The months of the period as far as the record of AIS goes; none where it does not touch it.

    Outside its record AIS heard no visit, and to compare there would make every ship a dark one.
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
    heard = pd.DatetimeIndex(positions["time"].dt.floor("D").unique()).sort_values()
    first = heard.searchsorted(table["start"].dt.floor("D"), side="left")
    last = heard.searchsorted(table["end"], side="left")
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
    heard = arrivals_heard(stays, [one.berth for one in berths], months[0], months[-1])
    low, high = credible(visits, MASS)
    return float(visits.mean()), low, high, float(np.mean(visits > heard))


def arrivals_heard(
    stays: pd.DataFrame, berths: Sequence[str], start: datetime, end: datetime
) -> int:
    """Stays at those berths whose begin AIS heard inside [start, end)."""
    began = stays["begin_seen"] & (stays["begin"] >= start) & (stays["begin"] < end)
    return int((began & stays["berth"].isin(berths)).sum())


# --- for people ---------------------------------------------------------------------------------


def vessel_row(heard: PortHeard) -> dict[str, str | int]:
    """How many of a port's vessels AIS knows."""
    tiers = heard.matches["tier"].value_counts()
    return {
        "port": heard.port.id,
        "vessels": len(heard.matches),
        "matched": int(tiers.get(Tier.MATCHED, 0)),
        "possible": int(tiers.get(Tier.POSSIBLE, 0)),
        "dark": int(tiers.get(Tier.DARK, 0)),
        "coverage_unknown": int(tiers.get(Tier.UNKNOWN, 0)),
    }


def visit_row(heard: PortHeard, result: PublishedResult) -> dict[str, str | int | float]:
    """A port's gaps, and the visits that AIS heard at its berths beside those estimated."""
    candidates = int((heard.visit_gaps["relation"] == "candidate").sum())
    mean, low, high = heard.total
    compared = heard.comparison
    berths = [one.berth for one in result.calls(heard.port.id)]
    counted = compared[compared["berth"].isin(berths)]
    return {
        "port": heard.port.id,
        "gaps": int((~heard.gaps["may_have_left"]).sum()),
        "gaps_at_matched_visits": len(heard.visit_gaps) - candidates,
        "candidates": candidates,
        "ais_visits": int(counted["ais_visits"].sum()),
        "visits": mean,
        "visits_low": low,
        "visits_high": high,
        "excess_probability": heard.excess_probability,
    }


# --- files --------------------------------------------------------------------------------------


def default_name(result: PublishedResult) -> str:
    """Where in the archive the tables go unless told otherwise: ``ais/<job>/<tag>``."""
    return f"ais/{result.job}/{result.tag}"


def write_heard(heard: Heard, result: PublishedResult, folder: Path) -> None:
    """Write every table as Parquet and CSV, and the summary; the folder appears whole.

    An older one is replaced. InputError for a folder that holds anything else.
    """
    check_folder(folder)
    with whole_folder(folder) as hidden:
        write_tables(heard, result, hidden)


def write_tables(heard: Heard, result: PublishedResult, folder: Path) -> None:
    """Write the files into a folder that is there."""
    for name in AIS_TABLES:
        rows = heard.table(name)
        rows.to_parquet(folder / f"{name}.parquet", index=False)
        (folder / f"{name}.csv").write_text(as_csv(rows, points=False), encoding="utf-8")
    text = json.dumps(summary(heard, result), indent=2, sort_keys=True, ensure_ascii=False)
    (folder / SUMMARY).write_text(text + "\n", encoding="utf-8")


def summary(heard: Heard, result: PublishedResult) -> dict[str, Json]:
    """What was read, what it was held against, and how it came out, as JSON."""
    read: dict[str, Json] = {**asdict(heard.summary), "layouts": dict(heard.summary.layouts)}
    return {
        "job": result.job,
        "tag": result.tag,
        "margin_km": MARGIN_KM,
        "margin_days": MARGIN / timedelta(days=1),
        "files": [_file(path) for path in heard.files],
        "read": read,
        "tables": {name: published.description for name, published in AIS_TABLES.items()},
        "ports": [_plain({**vessel_row(p), **visit_row(p, result)}) for p in heard.ports],
    }


def _file(path: Path) -> dict[str, Json]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": path.name, "size_bytes": path.stat().st_size, "sha256": digest}


def _plain(row: Mapping[str, str | int | float]) -> dict[str, Json]:
    """JSON knows no NaN."""
    return {name: None if value != value else value for name, value in row.items()}


def check_folder(folder: Path) -> None:
    """InputError for a folder that holds anything but an older hearing, which may be replaced."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / SUMMARY).is_file():
        raise InputError(
            f"{folder} is there already and has no {SUMMARY}; expected a new folder, or one of an "
            "earlier `berthwatch ais`, which is replaced: name another with --output"
        )
