"""The report of a run: one HTML page that needs nothing else and says the same every time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import jinja2
import numpy as np
import pandas as pd
import xarray as xr

from jobs.domain import Berth, LookState, Period, Port
from jobs.pictures import Chip, Overview, chips, overview
from jobs.publication import PortTables, Publication

TEMPLATE = Path(__file__).parent / "data" / "report.html.j2"
MAX_VISITS = 40
"""Rows of a port's table of visits; all of them lie in visits.csv beside the page."""
MAX_FAILURES = 60
MAX_CHIPS, MAX_CHIPS_OF_ALL = 12, 60
"""Chips of a port and of all ports; one takes about 12 kB."""
WEEKS_IN_A_ROW = 54
"""Up to this the calendar is one strip; beyond, a strip for each calendar year."""
WEEKS_AS_BARS = 17
"""Up to this the bars are weeks; beyond, months."""

LooksByDay: TypeAlias = dict[tuple[str, date], list[tuple[LookState, int]]]

CELL_W, CELL_H, GAP = 10, 6, 2
BAR_W, BAR_GAP, BAR_ROOM, LOOK_ROOM = 14, 4, 46, 30
LABEL_W = 46
"""What a label such as 2024-03-04 takes, with air."""
OCCUPIED, EMPTY, PARTLY, CLOUDED, UNSEEN = "occupied", "empty", "partly", "clouded", "unseen"
"""What a day at a berth can be, from the most telling to the least."""


@dataclass(frozen=True)
class Mark:
    """One occupied day in the calendar."""

    x: int
    y: int
    title: str


@dataclass(frozen=True)
class Strip:
    """One berth's days over the weeks of a block: SVG paths of the days without a ship."""

    berth: str
    y: int
    occupied: tuple[Mark, ...]
    paths: tuple[tuple[str, str], ...]
    """(class, path data)."""
    summary: str


@dataclass(frozen=True)
class Block:
    """A calendar of up to a year: columns are ISO weeks, each berth seven rows."""

    title: str
    width: int
    height: int
    months: tuple[tuple[int, str], ...]
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Bar:
    """One period at one berth."""

    x: int
    label: str
    visits: int
    clear_looks: int
    looks: int
    visits_px: float
    clear_px: float
    looks_px: float


@dataclass(frozen=True)
class Chart:
    """Visits seen at one berth, with the looks they rest on hanging beneath."""

    berth: str
    kind: str
    width: int
    bars: tuple[Bar, ...]
    ticks: tuple[Bar, ...]
    """Those that are given a label."""
    most_visits: int
    most_looks: int


@dataclass(frozen=True)
class BerthRow:
    """A berth in the table beside the picture."""

    number: int
    name: str
    id: str
    kind: str
    capacity: str
    looks: int
    clear_looks: int
    vessels: int
    visits: int


@dataclass(frozen=True)
class VisitRow:
    """A visit as a line of text."""

    visit_id: str
    berth: str
    arrival: str
    departure: str
    stay: str
    length: str
    vessels: int
    looks: int
    confidence: str


@dataclass(frozen=True)
class PortPage:
    """All the page says about one port."""

    port: Port
    overview: Overview | None
    berths: tuple[BerthRow, ...]
    blocks: tuple[Block, ...]
    charts: tuple[Chart, ...]
    frequency: str
    visits: tuple[VisitRow, ...]
    visits_of_all: int
    vessels_at_berths: int
    vessels_elsewhere: int
    unscreened_looks: int
    chips: tuple[Chip, ...]


def render(publication: Publication) -> str:
    """The page as HTML; the same publication gives the same text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    environment.filters["utc"] = utc
    environment.filters["words"] = lambda text: text.replace("_", " ")
    return environment.get_template(TEMPLATE.name).render(
        publication=publication,
        pages=[port_page(publication, port) for port in publication.ports],
        failures=publication.failures[:MAX_FAILURES],
        attributions=publication.provenance.attributions,
        cell=(CELL_W, CELL_H),
        bars=(BAR_W, BAR_ROOM, LOOK_ROOM),
    )


def utc(time: datetime) -> str:
    """Date and minute, as 2024-03-07 02:10."""
    return f"{time:%Y-%m-%d %H:%M}"


def port_page(publication: Publication, port: Port) -> PortPage:
    """What the page shows of one port."""
    tables = publication.tables[port.id]
    series, frequency = _bars_of(publication, port)
    at_berths = int((tables.vessels["berth"] != "").sum())
    per_port = max(1, min(MAX_CHIPS, MAX_CHIPS_OF_ALL // len(publication.tables)))
    return PortPage(
        port=port,
        overview=overview(tables, publication.imagery),
        berths=berth_rows(tables),
        blocks=calendar(tables, publication.period),
        charts=tuple(
            chart(series.isel(port_berth=n), frequency) for n in range(series.sizes["port_berth"])
        ),
        frequency=frequency,
        visits=visit_rows(tables),
        visits_of_all=len(tables.visits),
        vessels_at_berths=at_berths,
        vessels_elsewhere=len(tables.vessels) - at_berths,
        unscreened_looks=int((~tables.looks["screened"]).sum()),
        chips=chips(tables, publication.imagery, per_port),
    )


# --- berths and visits --------------------------------------------------------------------------


def berth_rows(tables: PortTables) -> tuple[BerthRow, ...]:
    """The berths in the order of the port file, numbered as on the picture."""
    return tuple(
        _berth_row(number, berth, tables)
        for number, berth in enumerate(tables.port.berths, start=1)
    )


def _berth_row(number: int, berth: Berth, tables: PortTables) -> BerthRow:
    looks = tables.looks[tables.looks["berth"] == berth.id]
    return BerthRow(
        number=number,
        name=berth.name,
        id=berth.id,
        kind=berth.kind.value,
        capacity="any" if berth.capacity is None else str(berth.capacity),
        looks=int((looks["state"] != LookState.OUTSIDE.value).sum()),
        clear_looks=int((looks["state"] == LookState.CLEAR.value).sum()),
        vessels=int(looks["vessels"].sum()),
        visits=int((tables.visits["berth"] == berth.id).sum()),
    )


def visit_rows(tables: PortTables) -> tuple[VisitRow, ...]:
    """The newest visits, newest first."""
    names = {berth.id: berth.name for berth in tables.port.berths}
    newest = tables.visits.iloc[::-1].head(MAX_VISITS)
    return tuple(_visit_row(row, names[row.berth]) for row in newest.itertuples())


def _visit_row(row: object, berth_name: str) -> VisitRow:
    # itertuples gives rows without a type of their own
    visit = pd.Series(row._asdict())  # type: ignore[attr-defined]
    return VisitRow(
        visit_id=visit["visit_id"],
        berth=berth_name,
        arrival=interval(visit["arrival_after"], visit["arrival_before"]),
        departure=interval(visit["departure_after"], visit["departure_before"]),
        stay=stay_days(visit),
        length=f"{'≥ ' if visit['truncated'] else ''}{visit['length_m']:.0f} "
        f"± {visit['length_sd_m']:.0f}",
        vessels=visit["vessels"],
        looks=visit["looks"],
        confidence="> 0.99" if visit["confidence"] > 0.995 else f"{visit['confidence']:.2f}",
    )


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


# --- calendar -----------------------------------------------------------------------------------


def calendar(tables: PortTables, period: Period) -> tuple[Block, ...]:
    """Every day of the period at every berth, in blocks of at most a year."""
    looks = looks_by_day(tables)
    return tuple(_block(tables.port, looks, part) for part in calendar_parts(period))


def looks_by_day(tables: PortTables) -> LooksByDay:
    """State and number of vessels of every look, by berth id and day."""
    found: LooksByDay = defaultdict(list)
    names = ("berth", "time", "state", "vessels")
    for berth, time, state, count in zip(*(tables.looks[name] for name in names), strict=True):
        found[berth, time.date()].append((LookState(state), count))
    return found


def calendar_parts(period: Period) -> tuple[Period, ...]:
    """The period whole where its weeks fit in one row, else its calendar years."""
    if _week(period.end, period.start) < WEEKS_IN_A_ROW:
        return (period,)
    return tuple(
        Period(max(period.start, date(year, 1, 1)), min(period.end, date(year, 12, 31)))
        for year in range(period.start.year, period.end.year + 1)
    )


def _week(day: date, start: date) -> int:
    """Column of a day: weeks since the Monday on or before the start."""
    return (day - (start - timedelta(days=start.weekday()))).days // 7


def _block(port: Port, looks: LooksByDay, part: Period) -> Block:
    strip_h = 7 * (CELL_H + GAP) + 26
    strips = [
        _strip(berth, looks, part, 22 + number * strip_h)
        for number, berth in enumerate(port.berths)
    ]
    return Block(
        title=f"{part.start} to {part.end}",
        width=(_week(part.end, part.start) + 1) * (CELL_W + GAP),
        height=22 + len(strips) * strip_h,
        months=tuple(_months(part)),
        strips=tuple(strips),
    )


def _months(part: Period) -> Iterator[tuple[int, str]]:
    """The months as (x, name), but of a last few days that leave no room for one."""
    firsts = [day for day in days_of(part) if day.day == 1 or day == part.start]
    columns = [_week(day, part.start) for day in firsts]
    for day, column, following in zip(firsts, columns, [*columns[1:], 999], strict=True):
        if following - column >= 3:
            named = day.month == 1 or day == part.start
            yield column * (CELL_W + GAP), f"{day:%b %Y}" if named else f"{day:%b}"


def days_of(period: Period) -> Iterator[date]:
    """Each day of the period."""
    for number in range((period.end - period.start).days + 1):
        yield period.start + timedelta(days=number)


def _strip(berth: Berth, looks: LooksByDay, part: Period, y: int) -> Strip:
    kinds = {day: day_kind(looks.get((berth.id, day), [])) for day in days_of(part)}
    places = {day: _place(day, part, y) for day in kinds}
    counts = {kind: list(kinds.values()).count(kind) for kind in PATHS | {OCCUPIED: ""}}
    return Strip(
        berth=berth.name,
        y=y,
        occupied=tuple(
            Mark(*places[day], _day_title(day, looks[berth.id, day]))
            for day, kind in kinds.items()
            if kind == OCCUPIED
        ),
        paths=tuple((kind, _path(kind, kinds, places)) for kind in PATHS),
        summary=f"{berth.name}: {counts[OCCUPIED]} days with a ship, {counts[EMPTY]} imaged and "
        f"empty, {counts[PARTLY]} partly seen, {counts[CLOUDED]} clouded, "
        f"{counts[UNSEEN]} not imaged",
    )


PATHS = {
    EMPTY: f"h{CELL_W}v{CELL_H}h-{CELL_W}z",
    PARTLY: f"v{CELL_H}h{CELL_W}z",
    CLOUDED: f"m0 {CELL_H // 2}h{CELL_W}",
    UNSEEN: f"m{CELL_W // 2 - 1} {CELL_H // 2 - 1}h2v2h-2z",
}
"""A shape of its own for each kind of day without a ship, so that nothing hangs on colour."""


def _path(kind: str, kinds: dict[date, str], places: dict[date, tuple[int, int]]) -> str:
    found = (places[day] for day, other in kinds.items() if other == kind)
    return "".join(f"M{x} {y}{PATHS[kind]}" for x, y in found)


def _place(day: date, part: Period, y: int) -> tuple[int, int]:
    x = _week(day, part.start) * (CELL_W + GAP)
    return x, y + day.weekday() * (CELL_H + GAP)


def day_kind(looks: Sequence[tuple[LookState, int]]) -> str:
    """The most telling of what the day's looks say of a berth."""
    if any(vessels for _, vessels in looks):
        return OCCUPIED
    states = {state for state, _ in looks}
    order = ((LookState.CLEAR, EMPTY), (LookState.PARTLY, PARTLY), (LookState.CLOUDED, CLOUDED))
    return next((kind for state, kind in order if state in states), UNSEEN)


def _day_title(day: date, looks: Sequence[tuple[LookState, int]]) -> str:
    most = max(vessels for _, vessels in looks)
    return f"{day}: {most} ship{'s' if most > 1 else ''}"


# --- bars ---------------------------------------------------------------------------------------


def _bars_of(publication: Publication, port: Port) -> tuple[xr.Dataset, str]:
    """The port's series in the frequency that can be read, and that frequency."""
    weekly = publication.series["week"].sizes["period"] <= WEEKS_AS_BARS
    frequency = "week" if weekly else "month"
    series = publication.series[frequency]
    return series.isel(port_berth=np.flatnonzero(series["port"].values == port.id)), frequency


def chart(series: xr.Dataset, frequency: str) -> Chart:
    """One berth's bars, scaled to their own greatest."""
    visits = series["visits_seen"].values.tolist()
    looks = series["looks"].values.tolist()
    bars = _bars(series, visits, looks, "%Y-%m-%d" if frequency == "week" else "%Y-%m")
    return Chart(
        berth=str(series["berth_name"].values),
        kind=str(series["kind"].values),
        width=len(bars) * (BAR_W + BAR_GAP),
        bars=bars,
        ticks=_ticks(bars),
        most_visits=max(visits),
        most_looks=max(looks),
    )


def _bars(series: xr.Dataset, visits: list[int], looks: list[int], label: str) -> tuple[Bar, ...]:
    clear = series["clear_looks"].values.tolist()
    labels = pd.DatetimeIndex(series["period"].values).strftime(label)
    visit_px = BAR_ROOM / max(*visits, 1)
    look_px = LOOK_ROOM / max(*looks, 1)
    return tuple(
        Bar(
            x=number * (BAR_W + BAR_GAP),
            label=labels[number],
            visits=visits[number],
            clear_looks=clear[number],
            looks=looks[number],
            visits_px=round(visits[number] * visit_px, 1),
            clear_px=round(clear[number] * look_px, 1),
            looks_px=round(looks[number] * look_px, 1),
        )
        for number in range(len(visits))
    )


def _ticks(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    """The bars that are given a label: at most four, and none where it would run into another."""
    apart = max(-(-len(bars) // 4), -(-LABEL_W // (BAR_W + BAR_GAP)))
    return tuple(bars[::apart])
