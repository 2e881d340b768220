"""The report of a run: one HTML page that needs nothing else and says the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import floor, log10
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jobs.domain import Berth, BerthKind, EstimateSettings, LookState, Port
from jobs.publish import charts
from jobs.publish.charts import Block, Chart, YearCurve, calendar, chart, year_curves
from jobs.publish.html import pages
from jobs.publish.pictures import Chip, Overview, chips, overview
from jobs.publish.publication import Publication
from jobs.visits.cargo import (
    OFFICIAL_LOADS,
    CapYear,
    StayVolumes,
    cap_years,
    outside_fit_share,
    scenario_in,
)
from jobs.visits.cargo.deadweight import FIT_LENGTH_M
from jobs.visits.occupancy.draws import credible
from jobs.visits.schema import PortEstimate, PortTables

TEMPLATE = Path(__file__).parent / "templates" / "report.html.j2"
MAX_VISITS = 40
"""Rows of a port's table of visits; all of them lie in visits.csv beside the page."""
MAX_VOYAGES = 40
MAX_FAILURES = 60
MAX_CHIPS, MAX_CHIPS_OF_ALL = 12, 60
"""Chips of a port and of all ports; one takes about 12 kB."""
WEEKS_AS_BARS = 17
"""Up to this the bars are weeks; beyond, months."""
NONE = "—"
"""Where there is no number."""
FEW_POINTS = 100.0
"""Effective points below which an interval's own ends are rough."""


@dataclass(frozen=True)
class Estimate:
    """A number and its 90 % interval as text, rounded to what the interval bears."""

    value: str
    low: str
    high: str

    def __str__(self) -> str:
        return f"{self.value} ({self.low} to {self.high})"


@dataclass(frozen=True)
class BerthRow:
    """A berth in the table of a port."""

    number: int
    name: str
    id: str
    kind: str
    capacity: str
    seen: int
    visits: Estimate
    occupancy: str
    looks: int
    usable_looks: int
    recall: str


@dataclass(frozen=True)
class Road:
    """An anchorage: how many ships lie there, and how long each."""

    name: str
    queue: Estimate
    wait: Estimate
    visits: Estimate
    seen: int


@dataclass(frozen=True)
class Basis:
    """What the interval of one berth rests on."""

    berth: str
    words: str
    believed: str
    believed_source: int
    stay: Estimate
    learned: str
    share: str
    half: Estimate
    same: Estimate
    double: Estimate
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
    hours: Estimate
    distance_km: str
    from_length: str
    to_length: str


@dataclass(frozen=True)
class PortPage:
    """All the page says about one port."""

    port: Port
    overview: Overview | None
    visits: Estimate | None
    """At all berths together; None where there is no berth but anchorages."""
    seen_at_berths: int
    seen_at_roads: int
    roads: tuple[Road, ...]
    blind_berths: int
    """Places without any usable look."""
    berths: tuple[BerthRow, ...]
    bases: tuple[Basis, ...]
    sources: tuple[str, ...]
    caps: tuple[CapReading, ...]
    outside_fit: str
    blocks: tuple[Block, ...]
    charts: tuple[Chart, ...]
    frequency: str
    visit_rows: tuple[VisitRow, ...]
    visits_of_all: int
    vessels_at_berths: int
    vessels_elsewhere: int
    fixed: int
    """Detections taken for fixed structure, in all looks."""
    background_known: bool
    """Whether that could be told of any vessel."""
    unscreened_looks: int
    chips: tuple[Chip, ...]


def render(publication: Publication) -> str:
    """The page as HTML; the same publication gives the same text."""
    environment = pages(TEMPLATE.parent)
    environment.filters["utc"] = utc
    environment.filters["words"] = lambda text: text.replace("_", " ")
    estimates = [publication.estimates[port.id] for port in publication.ports]
    return environment.get_template(TEMPLATE.name).render(
        publication=publication,
        pages=[port_page(publication, port) for port in publication.ports],
        visits=visits_at_berths(estimates),
        voyages=voyage_rows(publication),
        failures=publication.failures[:MAX_FAILURES],
        attributions=publication.provenance.attributions,
        fit_m=FIT_LENGTH_M,
        shapes=charts,
    )


def utc(time: datetime) -> str:
    """Date and minute, as 2024-03-07 02:10."""
    return f"{time:%Y-%m-%d %H:%M}"


def port_page(publication: Publication, port: Port) -> PortPage:
    """What the page shows of one port."""
    tables, estimate = publication.tables[port.id], publication.estimates[port.id]
    series, frequency = _bars_of(publication, port)
    ships = tables.ships
    at_berths = int((ships["berth"] != "").sum())
    per_port = max(1, min(MAX_CHIPS, MAX_CHIPS_OF_ALL // len(publication.tables)))
    rows = list(zip(port.berths, _rows(estimate.berths), strict=True))
    sources = _sources(row for _, row in rows)
    return PortPage(
        port=port,
        overview=overview(tables, publication.imagery),
        visits=visits_at_berths([estimate]),
        seen_at_berths=sum(int(row["visits_seen"]) for berth, row in rows if not is_road(berth)),
        seen_at_roads=sum(int(row["visits_seen"]) for berth, row in rows if is_road(berth)),
        roads=tuple(_road(berth, row) for berth, row in rows if is_road(berth)),
        blind_berths=sum(row["usable_looks"] == 0 for _, row in rows),
        berths=berth_rows(tables, estimate),
        bases=tuple(basis(berth, row, sources, estimate) for berth, row in rows),
        sources=sources,
        caps=cap_readings(estimate.volumes, publication.settings),
        outside_fit=_share(outside_fit_share(estimate.volumes)),
        blocks=calendar(tables, publication.period),
        charts=tuple(
            chart(series.isel(port_berth=n), frequency) for n in range(series.sizes["port_berth"])
        ),
        frequency=frequency,
        visit_rows=visit_rows(tables),
        visits_of_all=len(tables.visits),
        vessels_at_berths=at_berths,
        vessels_elsewhere=len(ships) - at_berths,
        fixed=len(tables.vessels) - len(ships),
        background_known=bool(tables.vessels["background"].notna().any()),
        unscreened_looks=int((~tables.looks["screened"]).sum()),
        chips=chips(tables, publication.imagery, per_port),
    )


def _bars_of(publication: Publication, port: Port) -> tuple[xr.Dataset, str]:
    """The port's series in the frequency that can be read, and that frequency."""
    weekly = publication.series["week"].sizes["period"] <= WEEKS_AS_BARS
    frequency = "week" if weekly else "month"
    series = publication.series[frequency]
    return series.isel(port_berth=np.flatnonzero(series["port"].values == port.id)), frequency


def _rows(table: pd.DataFrame) -> list[pd.Series]:
    """The rows of a table, one after another."""
    return [table.iloc[number] for number in range(len(table))]


def is_road(berth: Berth) -> bool:
    """True for an anchorage: what lies there waits, and is no visit at a berth."""
    return berth.kind is BerthKind.ANCHORAGE


# --- numbers as text ----------------------------------------------------------------------------


def estimate_text(value: float, low: float, high: float, least: float = 1.0) -> Estimate:
    """Rounded to the power of ten at or below a twentieth of the interval, but to ``least``."""
    step = bearable_step(low, high, least)
    return Estimate(rounded(value, step), rounded(low, step), rounded(high, step))


def bearable_step(low: float, high: float, least: float = 1.0) -> float:
    """What numbers with that interval are rounded to: digits beyond it would say nothing."""
    return max(10.0 ** floor(log10((high - low) / 20)), least) if high > low else least


def rounded(value: float, step: float) -> str:
    """To a multiple of a power of ten, with commas and no more decimals than that has."""
    return f"{round(value / step) * step:,.{max(0, round(-log10(step)))}f}"


def _spread(row: pd.Series, name: str, unit: str = "", least: float = 1.0) -> Estimate:
    """Three columns of an estimate's row."""
    value, low, high = (row[f"{name}{end}{unit}"] for end in ("", "_low", "_high"))
    return estimate_text(value, low, high, least)


def _percent(row: pd.Series, name: str, whole: float = 1.0) -> str:
    value, low, high = (100 * row[f"{name}{end}"] / whole for end in ("", "_low", "_high"))
    return str(estimate_text(value, low, high))


def _share(value: float) -> str:
    """A share as per cent, never 0 or 100 where it is not just that; empty where there is none."""
    if pd.isna(value):
        return ""
    if 0 < value < 0.01:
        return "< 1 %"
    return "> 99 %" if 0.99 < value < 1 else f"{100 * value:.0f} %"


def _all_or_none(share: float) -> str:
    """A share of the histories; of a finite number of them, none is not never."""
    return {0.0: "none", 1.0: "all"}.get(share, _share(share))


def probability_text(probability: float) -> str:
    """Two decimals, never 0 or 1; a dash where nothing is said."""
    if pd.isna(probability):
        return NONE
    if probability > 0.995:
        return "> 0.99"
    return "< 0.01" if probability < 0.005 else f"{probability:.2f}"


# --- berths -------------------------------------------------------------------------------------


def visits_at_berths(estimates: Sequence[PortEstimate]) -> Estimate | None:
    """Visits at all berths but anchorages, added up in each history; None without such a berth."""
    kinds = {(e.port.id, berth.id): berth for e in estimates for berth in e.port.berths}
    parts: list[NDArray[np.int32]] = [
        stays.arrivals([0.0, stays.end])[:, 0]
        for estimate in estimates
        for stays in estimate.stays
        if not is_road(kinds[stays.port, stays.berth])
    ]
    if not parts:
        return None
    total = np.sum(parts, axis=0)
    return estimate_text(float(total.mean()), *credible(total, 0.9))


def berth_rows(tables: PortTables, estimate: PortEstimate) -> tuple[BerthRow, ...]:
    """The berths in the order of the port file, numbered as on the picture."""
    pairs = zip(tables.port.berths, _rows(estimate.berths), strict=True)
    return tuple(
        _berth_row(number, berth, tables, row) for number, (berth, row) in enumerate(pairs, start=1)
    )


def _berth_row(number: int, berth: Berth, tables: PortTables, row: pd.Series) -> BerthRow:
    states = tables.looks.loc[tables.looks["berth"] == berth.id, "state"]
    usable = int(row["usable_looks"])
    if berth.capacity is None:
        occupancy = f"{_spread(row, 'occupancy', least=0.01)} ships"
    else:
        occupancy = _percent(row, "occupancy", berth.capacity)
    return BerthRow(
        number=number,
        name=berth.name,
        id=berth.id,
        kind=berth.kind.value,
        capacity="any" if berth.capacity is None else str(berth.capacity),
        seen=int(row["visits_seen"]),
        visits=_spread(row, "visits"),
        occupancy=occupancy,
        looks=int((states != LookState.OUTSIDE.value).sum()),
        usable_looks=usable,
        recall=_percent(row, "recall") if usable else NONE,
    )


def _road(berth: Berth, row: pd.Series) -> Road:
    return Road(
        name=berth.name,
        queue=_spread(row, "occupancy", least=0.1),
        wait=_spread(row, "dwell", "_days", least=0.1),
        visits=_spread(row, "visits"),
        seen=int(row["visits_seen"]),
    )


# --- what the intervals rest on -----------------------------------------------------------------


def _sources(rows: Iterable[pd.Series]) -> tuple[str, ...]:
    """Every source named, once, in the order of first mention."""
    named = [row[name] for row in rows for name in ("dwell_prior_source", "recall_source")]
    return tuple(dict.fromkeys(source for source in named if source))


def basis(berth: Berth, row: pd.Series, sources: Sequence[str], estimate: PortEstimate) -> Basis:
    """What one berth's interval rests on; sources are referred to by number, from 1."""
    days = estimate.stays[0].end
    recall_source = row["recall_source"] if row["usable_looks"] else ""
    return Basis(
        berth=berth.name,
        words=basis_words(row, days),
        believed=f"{row['dwell_prior_days']:.2g}",
        believed_source=sources.index(row["dwell_prior_source"]) + 1,
        stay=_spread(row, "dwell", "_days", least=0.1),
        learned=_share(row["dwell_learned"]),
        share=_share(row["dwell_share"]),
        half=_spread(row, "visits_half_dwell"),
        same=_spread(row, "visits"),
        double=_spread(row, "visits_double_dwell"),
        recall_source=sources.index(recall_source) + 1 if recall_source else None,
    )


def basis_words(row: pd.Series, days: float) -> str:
    """What limits the number of visits at one berth, in plain words."""
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
    if row["effective_points"] < FEW_POINTS:
        words += f" Computed from {row['effective_points']:.0f} effective points only: the ends of "
        words += "the interval are rough."
    return words


# --- barrels ------------------------------------------------------------------------------------


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
            chance=f"{_all_or_none(year.probability)} of the {len(year.total):,} histories",
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
        over=_all_or_none(float((total > cap_barrels).mean())),
    )


# --- visits and voyages -------------------------------------------------------------------------


def visit_rows(tables: PortTables) -> tuple[VisitRow, ...]:
    """The newest visits, newest first."""
    names = {berth.id: berth.name for berth in tables.port.berths}
    newest = tables.visits.iloc[::-1].head(MAX_VISITS)
    return tuple(_visit_row(visit, names[visit["berth"]]) for visit in _rows(newest))


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
        + _plus_minus(visit["length_m"], visit["length_sd_m"]),
        vessels=visit["vessels"],
        looks=visit["looks"],
        confidence=probability_text(visit["confidence"]),
        probability=probability_text(visit["probability"]),
    )


def _hours(low: pd.Timestamp, high: pd.Timestamp) -> str:
    """An estimated interval, to the hour: no history knows better."""
    return " – ".join(f"{time.round('h'):%Y-%m-%d %H} h" for time in (low, high))


def _plus_minus(value: float, sd: float) -> str:
    return NONE if pd.isna(value) else f"{value:.0f} ± {sd:.0f}"


def interval(after: datetime | None, before: datetime | None) -> str:
    """Bounds as text; one that nothing gives is left open."""
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
    return tuple(_voyage_row(row, names) for row in _rows(likeliest.head(MAX_VOYAGES)))


def _voyage_row(row: pd.Series, names: dict[str, str]) -> VoyageRow:
    return VoyageRow(
        from_visit=row["from_visit"],
        to_visit=row["to_visit"],
        from_port=names.get(row["from_port"], row["from_port"]),
        to_port=names.get(row["to_port"], row["to_port"]),
        probability=probability_text(row["probability"]),
        hours=estimate_text(row["hours_median"], row["hours_min"], row["hours_max"]),
        distance_km=rounded(row["distance_km"], 10.0),
        from_length=_plus_minus(row["from_length_m"], row["from_length_sd_m"]),
        to_length=_plus_minus(row["to_length_m"], row["to_length_sd_m"]),
    )
