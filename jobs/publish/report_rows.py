"""Rows of the report's tables as text: berths, bases of the intervals, caps, visits, voyages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.domain import Berth, BerthKind, EstimateSettings, LookState
from jobs.publish.charts import YearCurve, year_curves
from jobs.publish.number_text import (
    NONE,
    EstimateText,
    bearable_step,
    estimate_text,
    interval_of,
    percent_of,
    plus_minus,
    probability_text,
    rounded,
    share_of_histories,
    share_text,
    utc,
)
from jobs.publish.publication import Publication
from jobs.visits import (
    OFFICIAL_LOADS,
    CapYear,
    PortEstimate,
    PortTables,
    StayVolumes,
    cap_years,
    credible,
    disagreement_text,
    is_doubted,
    scenario_in,
)

MAX_VISITS = 40
"""Rows of a port's table of visits; all of them are in visits.csv beside the page."""
MAX_VOYAGES = 40
FEW_POINTS = 100.0
"""Effective points below which the ends of an interval are rough."""


@dataclass(frozen=True)
class BerthRow:
    """A berth in the table of a port."""

    number: int
    name: str
    id: str
    kind: str
    capacity: str
    seen: int
    visits: EstimateText
    occupancy: str
    looks: int
    usable_looks: int
    recall: str


@dataclass(frozen=True)
class AnchorageRow:
    """An anchorage: the mean number of ships there, and the time of each."""

    name: str
    queue: EstimateText
    wait: EstimateText
    visits: EstimateText
    seen: int


@dataclass(frozen=True)
class Basis:
    """Assumptions and information behind the interval of one berth."""

    berth: str
    words: str
    believed: str
    believed_source: int
    stay: EstimateText
    learned: str
    share: str
    half: EstimateText
    same: EstimateText
    double: EstimateText
    recall_source: int | None


@dataclass(frozen=True)
class Reading:
    """Barrels of one year under one assumption about the load."""

    name: str
    median: str
    half: str
    wide: str
    over: str


@dataclass(frozen=True)
class CapReading:
    """A calendar year of a port's oil terminals against the cap."""

    curve: YearCurve
    year: CapYear
    last_day: date
    """That the histories cover."""
    chance: str
    dates: tuple[datetime, ...]
    """5, 50 and 95 % among the histories that cross; empty where none does."""
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class VisitRow:
    """A visit as a line of text."""

    visit_id: str
    berth: str
    arrival: str
    arrival_estimated: str
    departure: str
    stay: str
    length: str
    vessels: int
    looks: int
    confidence: str
    probability: str


@dataclass(frozen=True)
class VoyageRow:
    """Two visits that may be one ship's, as a line of text."""

    from_visit: str
    to_visit: str
    from_port: str
    to_port: str
    probability: str
    hours: EstimateText
    distance_km: str
    from_length: str
    to_length: str


def rows_of(table: pd.DataFrame) -> list[pd.Series]:
    """The rows of a table, one after another."""
    return [table.iloc[number] for number in range(len(table))]


def is_anchorage(berth: Berth) -> bool:
    """True for an anchorage, whose stays are waits and no visits at a berth."""
    return berth.kind is BerthKind.ANCHORAGE


def visits_at_berths(estimates: Sequence[PortEstimate]) -> EstimateText | None:
    """Visits at all berths but anchorages, added up in each history; None without such a berth."""
    kinds = {(e.port.id, berth.id): berth for e in estimates for berth in e.port.berths}
    parts: list[NDArray[np.int32]] = [
        stays.arrivals([0.0, stays.end])[:, 0]
        for estimate in estimates
        for stays in estimate.stays
        if not is_anchorage(kinds[stays.port, stays.berth])
    ]
    if not parts:
        return None
    total = np.sum(parts, axis=0)
    return estimate_text(float(total.mean()), *credible(total, 0.9))


def berth_rows(tables: PortTables, estimate: PortEstimate) -> tuple[BerthRow, ...]:
    """The berths in the order of the port file, numbered as on the picture."""
    pairs = zip(tables.port.berths, rows_of(estimate.berths), strict=True)
    return tuple(
        _berth_row(number, berth, tables, row) for number, (berth, row) in enumerate(pairs, start=1)
    )


def _berth_row(number: int, berth: Berth, tables: PortTables, row: pd.Series) -> BerthRow:
    states = tables.looks.loc[tables.looks["berth"] == berth.id, "state"]
    usable = int(row["usable_looks"])
    if berth.capacity is None:
        occupancy = f"{interval_of(row, 'occupancy', least=0.01)} ships"
    else:
        occupancy = percent_of(row, "occupancy", berth.capacity)
    return BerthRow(
        number=number,
        name=berth.name,
        id=berth.id,
        kind=berth.kind.value,
        capacity="any" if berth.capacity is None else str(berth.capacity),
        seen=int(row["visits_seen"]),
        visits=interval_of(row, "visits"),
        occupancy=occupancy,
        looks=int((states != LookState.OUTSIDE.value).sum()),
        usable_looks=usable,
        recall=percent_of(row, "recall") if usable else NONE,
    )


def anchorage_row(berth: Berth, row: pd.Series) -> AnchorageRow:
    return AnchorageRow(
        name=berth.name,
        queue=interval_of(row, "occupancy", least=0.1),
        wait=interval_of(row, "dwell", "_days", least=0.1),
        visits=interval_of(row, "visits"),
        seen=int(row["visits_seen"]),
    )


def sources_of(rows: Iterable[pd.Series]) -> tuple[str, ...]:
    """Every source named, once, in the order of first mention."""
    named = [row[name] for row in rows for name in ("dwell_prior_source", "recall_source")]
    return tuple(dict.fromkeys(source for source in named if source))


def basis(berth: Berth, row: pd.Series, sources: Sequence[str], estimate: PortEstimate) -> Basis:
    """The Basis of one berth; sources are numbered from 1."""
    days = estimate.stays[0].end
    recall_source = row["recall_source"] if row["usable_looks"] else ""
    return Basis(
        berth=berth.name,
        words=basis_words(row, days),
        believed=f"{row['dwell_prior_days']:.2g}",
        believed_source=sources.index(row["dwell_prior_source"]) + 1,
        stay=interval_of(row, "dwell", "_days", least=0.1),
        learned=share_text(row["dwell_learned"]),
        share=share_text(row["dwell_share"]),
        half=interval_of(row, "visits_half_dwell"),
        same=interval_of(row, "visits"),
        double=interval_of(row, "visits_double_dwell"),
        recall_source=sources.index(recall_source) + 1 if recall_source else None,
    )


def basis_words(row: pd.Series, days: float) -> str:
    """What limits the precision of the number of visits at one berth, as text."""
    if not row["usable_looks"]:
        return "No usable look: all of this is what was believed before, and no finding."
    apart, share = days / row["usable_looks"], row["dwell_share"]
    words = f"A usable look every {apart:.1f} days, stays of about {row['dwell_days']:.1f}: "
    if share >= 0.5 and apart > row["dwell_days"]:
        words += "the looks are sparser than stays: they tell the occupied time, hardly the number "
        words += "of ships."
    elif share >= 0.5:
        words += "most of the interval comes from not knowing how long ships stay."
    elif share >= 0.2:
        words += "part of the interval comes from not knowing how long ships stay, the rest from "
        words += "chance, recall and the few looks."
    else:
        words += "most of the interval comes from chance, recall and the few looks."
    words += seen_again_words(row)
    if row["effective_points"] < FEW_POINTS:
        words += f" Computed from {row['effective_points']:.0f} effective points only: the ends of "
        words += "the interval are rough."
    if is_doubted(row):
        words += f" In doubt: {disagreement_text(row)}."
    return words


def seen_again_words(row: pd.Series) -> str:
    """What ships of a road that were seen again tell of their stays, as text; empty for berths."""
    compared = row["compared_again"]
    if not compared:
        return ""
    return (
        f" Of {compared:,.0f} sure reports {row['seen_again']:,.0f} were there again at the next "
        "look, some perhaps by chance: the more they are, the longer ships stay."
    )


def cap_readings(
    volumes: Sequence[StayVolumes], settings: EstimateSettings
) -> tuple[CapReading, ...]:
    """Every calendar year of the oil terminals against the cap; empty where there is none."""
    if not volumes:
        return ()
    years = cap_years(volumes, settings.cap_barrels)
    curves = year_curves(volumes, years)
    return tuple(
        CapReading(
            curve=curve,
            year=year,
            last_day=(year.covered_to - timedelta(microseconds=1)).date(),
            chance=f"{share_of_histories(year.probability)} of the {len(year.total):,} histories",
            dates=tuple(
                moment for q in (0.05, 0.5, 0.95) if (moment := year.crossed_at(q)) is not None
            ),
            readings=tuple(_readings(volumes, year)),
        )
        for year, curve in zip(years, curves, strict=True)
    )


def _readings(volumes: Sequence[StayVolumes], year: CapYear) -> Iterable[Reading]:
    """The estimate first, then the official what-ifs."""
    yield reading("estimated", year.total, year.cap_barrels)
    edges = [year.covered_from, year.covered_to]
    for name in OFFICIAL_LOADS:
        total = scenario_in(volumes, edges, name)[:, 0]
        yield reading(f"official what-if, load {name}", total, year.cap_barrels)


def reading(name: str, total: NDArray[np.float64], cap_barrels: float) -> Reading:
    """Median, 50 % and 90 % of a year's barrels, and how often they exceed the cap."""
    wide, half = credible(total, 0.9), credible(total, 0.5)
    step = bearable_step(*wide)
    return Reading(
        name=name,
        median=rounded(float(np.median(total)), step),
        half=" to ".join(rounded(end, step) for end in half),
        wide=" to ".join(rounded(end, step) for end in wide),
        over=share_of_histories(float((total > cap_barrels).mean())),
    )


def visit_rows(tables: PortTables) -> tuple[VisitRow, ...]:
    """The newest visits, newest first."""
    names = {berth.id: berth.name for berth in tables.port.berths}
    newest = tables.visits.iloc[::-1].head(MAX_VISITS)
    return tuple(_visit_row(visit, names[visit["berth"]]) for visit in rows_of(newest))


def _visit_row(visit: pd.Series, berth_name: str) -> VisitRow:
    known = not pd.isna(visit["arrival_low"])
    return VisitRow(
        visit_id=visit["visit_id"],
        berth=berth_name,
        arrival=interval(visit["arrival_after"], visit["arrival_before"]),
        arrival_estimated=_hours(visit["arrival_low"], visit["arrival_high"]) if known else NONE,
        departure=interval(visit["departure_after"], visit["departure_before"]),
        stay=stay_days(visit),
        length=("≥ " if visit["truncated"] else "")
        + plus_minus(visit["length_m"], visit["length_sd_m"]),
        vessels=visit["vessels"],
        looks=visit["looks"],
        confidence=probability_text(visit["confidence"]),
        probability=probability_text(visit["probability"]),
    )


def _hours(low: pd.Timestamp, high: pd.Timestamp) -> str:
    """An estimated interval, to the hour: histories are no more precise."""
    return " – ".join(f"{time.round('h'):%Y-%m-%d %H} h" for time in (low, high))


def interval(after: datetime | None, before: datetime | None) -> str:
    """Bounds of a time as text; a missing one is left open."""
    if after is None or pd.isna(after):
        return f"by {utc(before)}" if before is not None else ""
    if before is None or pd.isna(before):
        return f"after {utc(after)}"
    return f"{utc(after)} – {utc(before)}"


def stay_days(visit: pd.Series) -> str:
    """Shortest and longest stay that the bounds allow, in days."""
    least = visit["departure_after"] - visit["arrival_before"]
    most = visit["departure_before"] - visit["arrival_after"]
    day = timedelta(days=1)
    if pd.isna(most):
        return f"≥ {least / day:.1f}" if least else "open"
    return f"{least / day:.1f} – {most / day:.1f}" if least else f"< {most / day:.1f}"


def voyage_rows(publication: Publication) -> tuple[VoyageRow, ...]:
    """The likeliest pairs of visits, likeliest first."""
    names = {port.id: port.name for port in publication.ports}
    likeliest = publication.voyages.sort_values(
        ["probability", "from_visit", "to_visit"], ascending=[False, True, True], kind="stable"
    )
    return tuple(_voyage_row(row, names) for row in rows_of(likeliest.head(MAX_VOYAGES)))


def _voyage_row(row: pd.Series, names: dict[str, str]) -> VoyageRow:
    return VoyageRow(
        from_visit=row["from_visit"],
        to_visit=row["to_visit"],
        from_port=names.get(row["from_port"], row["from_port"]),
        to_port=names.get(row["to_port"], row["to_port"]),
        probability=probability_text(row["probability"]),
        hours=estimate_text(row["hours_median"], row["hours_min"], row["hours_max"]),
        distance_km=rounded(row["distance_km"], 10.0),
        from_length=plus_minus(row["from_length_m"], row["from_length_sd_m"]),
        to_length=plus_minus(row["to_length_m"], row["to_length_sd_m"]),
    )
