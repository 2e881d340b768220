"""Shapes of the report's figures: calendar of looks, visits with their intervals, barrels by year.

Pure geometry in SVG units, y downwards; the template gives it colours and words. Marks of one kind
are one path, so that a page of ten years of forty berths still opens in a browser.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import ceil, floor, log10
from typing import TypeAlias

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from jobs.domain import Berth, LookState, Period, Port
from jobs.visits import CapYear, PortTables, StayVolumes, band, year_to_date

LooksByDay: TypeAlias = dict[tuple[str, date], list[tuple[LookState, int]]]
Floats: TypeAlias = NDArray[np.float64]

WEEKS_IN_A_ROW = 54
"""Up to this the calendar is one strip; beyond, a strip for each calendar year."""
CELL_W, CELL_H, GAP = 10, 6, 2
NAME_W = 6
"""Of a letter of a berth's name in the calendar, at most."""
OCCUPIED, EMPTY, PARTLY, CLOUDED, UNSEEN = "occupied", "empty", "partly", "clouded", "unseen"
"""Kinds of a day at a berth, from the most informative to the least."""
PATHS = {
    EMPTY: f"h{CELL_W}v{CELL_H}h-{CELL_W}z",
    PARTLY: f"v{CELL_H}h{CELL_W}z",
    CLOUDED: f"m0 {CELL_H // 2}h{CELL_W}",
    UNSEEN: f"m{CELL_W // 2 - 1} {CELL_H // 2 - 1}h2v2h-2z",
}
"""A shape of its own for each kind of day without a ship, so that nothing hangs on colour."""
BAR_W, BAR_GAP, BAR_ROOM, LOOK_ROOM = 14, 4, 72, 26
LETTER_W = 4.2
"""Of a label beneath the bars."""
YEAR_W, YEAR_H = 420, 150
"""Room of a calendar year's curve."""
CURVE_POINTS = 122
"""Of a year's curve: one in three days, which looks the same as all of them."""


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
    """One period at one berth, with its label and the text of a tooltip or screen reader."""

    x: int
    label: str
    title: str


@dataclass(frozen=True)
class Chart:
    """Visits seen and estimated at one berth, with the looks they rest on hanging beneath."""

    berth: str
    kind: str
    width: int
    bars: tuple[Bar, ...]
    ticks: tuple[Bar, ...]
    """Those that are given a label."""
    grid: tuple[tuple[float, str], ...]
    """(y, label) of the lines behind the bars."""
    paths: tuple[tuple[str, str], ...]
    """(class, path data), from the back to the front."""
    most_looks: int


@dataclass(frozen=True)
class YearCurve:
    """Barrels since 1 January against the cap; 50 % and 90 % bands about the median."""

    year: int
    grid: tuple[tuple[float, str], ...]
    cap_y: float
    paths: tuple[tuple[str, str], ...]
    """(class, path data), from the back to the front."""
    months: tuple[tuple[float, str], ...]


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
        width=max(
            (_week(part.end, part.start) + 1) * (CELL_W + GAP),
            max((len(berth.name) for berth in port.berths), default=0) * NAME_W,
        ),
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


def _path(kind: str, kinds: dict[date, str], places: dict[date, tuple[int, int]]) -> str:
    found = (places[day] for day, other in kinds.items() if other == kind)
    return "".join(f"M{x} {y}{PATHS[kind]}" for x, y in found)


def _place(day: date, part: Period, y: int) -> tuple[int, int]:
    x = _week(day, part.start) * (CELL_W + GAP)
    return x, y + day.weekday() * (CELL_H + GAP)


def day_kind(looks: Sequence[tuple[LookState, int]]) -> str:
    """The most informative kind among the day's looks at a berth."""
    if any(vessels for _, vessels in looks):
        return OCCUPIED
    states = {state for state, _ in looks}
    order = ((LookState.CLEAR, EMPTY), (LookState.PARTLY, PARTLY), (LookState.CLOUDED, CLOUDED))
    return next((kind for state, kind in order if state in states), UNSEEN)


def _day_title(day: date, looks: Sequence[tuple[LookState, int]]) -> str:
    most = max(vessels for _, vessels in looks)
    return f"{day}: {most} ship{'s' if most > 1 else ''}"


# --- visits per period --------------------------------------------------------------------------


def chart(series: xr.Dataset, frequency: str) -> Chart:
    """One berth's bars and whiskers, scaled to their own greatest."""
    top = _top(max(float(series[name].max()) for name in ("visits_seen", "visits_high")))
    bars = _bars(series, "%Y-%m-%d" if frequency == "week" else "%Y-%m")
    return Chart(
        berth=str(series["berth_name"].values),
        kind=str(series["kind"].values),
        width=len(bars) * (BAR_W + BAR_GAP),
        bars=bars,
        ticks=_ticks(bars),
        grid=tuple((_y(value, top, BAR_ROOM), f"{value:,.0f}") for value in levels(top)),
        paths=_visit_paths(series, top),
        most_looks=int(series["looks"].max()),
    )


def _visit_paths(series: xr.Dataset, top: float) -> tuple[tuple[str, str], ...]:
    """Blind periods, bars and looks as boxes; whiskers and points as strokes."""
    blind = series["days_without_look"].values >= series["days"].values
    look_px = LOOK_ROOM / max(int(series["looks"].max()), 1)
    room = BAR_ROOM + 2 + LOOK_ROOM

    def px(name: str) -> Floats:
        return np.asarray(BAR_ROOM * series[name].values / top, np.float64)

    def looks(name: str) -> Floats:
        return np.asarray(look_px * series[name].values, np.float64)

    return (
        ("blind", _boxes(np.zeros(len(blind)), np.where(blind, room, 0.0))),
        ("seen", _boxes(BAR_ROOM - px("visits_seen"), px("visits_seen"))),
        ("look", _boxes(np.full(len(blind), BAR_ROOM + 2.0), looks("looks"))),
        ("clear", _boxes(np.full(len(blind), BAR_ROOM + 2.0), looks("clear_looks"))),
        ("thin", _whiskers(BAR_ROOM - px("visits_low"), BAR_ROOM - px("visits_high"))),
        ("thick", _whiskers(BAR_ROOM - px("visits_low_50"), BAR_ROOM - px("visits_high_50"))),
        ("halo", _whiskers(BAR_ROOM - px("visits"), BAR_ROOM - px("visits"))),
        ("point", _whiskers(BAR_ROOM - px("visits"), BAR_ROOM - px("visits"))),
    )


def _boxes(y: Floats, height: Floats) -> str:
    """A box as wide as a bar for each period whose height is not 0."""
    return "".join(
        f"M{number * (BAR_W + BAR_GAP)} {top:.1f}h{BAR_W}v{high:.1f}h-{BAR_W}z"
        for number, (top, high) in enumerate(zip(y, height, strict=True))
        if high > 0
    )


def _whiskers(bottom: Floats, top: Floats) -> str:
    """An upright line in the middle of each period's bar."""
    return "".join(
        f"M{number * (BAR_W + BAR_GAP) + BAR_W // 2} {low:.1f}V{high:.1f}"
        for number, (low, high) in enumerate(zip(bottom, top, strict=True))
    )


def _bars(series: xr.Dataset, label: str) -> tuple[Bar, ...]:
    labels = pd.DatetimeIndex(series["period"].values).strftime(label)
    return tuple(
        Bar(number * (BAR_W + BAR_GAP), labels[number], _title(series.isel(period=number)))
        for number in range(len(labels))
    )


def _title(cell: xr.Dataset) -> str:
    """The numbers of one period, as text."""
    number = {name: float(cell[name]) for name in ("visits", "visits_low", "visits_high")}
    mean = f"{number['visits']:.1f}" if number["visits"] < 9.95 else f"{number['visits']:.0f}"
    return (
        f"{int(cell['visits_seen'])} seen, {mean} estimated (90 %: {number['visits_low']:.0f} to "
        f"{number['visits_high']:.0f}), {int(cell['looks'])} looks, {int(cell['clear_looks'])} "
        f"clear, {int(cell['days_without_look'])} of {int(cell['days'])} days without a look"
    )


def _ticks(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    """The bars that are given a label: at most four, none into another or over the right edge."""
    label_w = LETTER_W * len(bars[0].label)
    apart = max(-(-len(bars) // 4), ceil((label_w + BAR_GAP) / (BAR_W + BAR_GAP)))
    last = max(bars[-1].x + BAR_W - label_w, 0)
    return tuple(bar for bar in bars[::apart] if bar.x <= last)


# --- scales -------------------------------------------------------------------------------------


def levels(top: float) -> list[float]:
    """Round whole values from 0 to the top, evenly apart, at most five."""
    tenth = 10 ** floor(log10(top)) / 10
    steps = (factor * tenth for factor in (1, 2, 5, 10, 20, 50))
    step = next(step for step in steps if step >= 1 and top / step <= 4)
    return [number * step for number in range(floor(top / step) + 1)]


def _top(greatest: float) -> float:
    """The greatest value of a scale of counts, at least 1."""
    return max(ceil(greatest), 1)


def _y(value: float, top: float, room: float) -> float:
    return round(room * (1 - value / top), 1)


# --- barrels by year ----------------------------------------------------------------------------


def year_curves(volumes: Sequence[StayVolumes], years: Sequence[CapYear]) -> tuple[YearCurve, ...]:
    """A curve for each calendar year, all on one scale that holds the cap and every band."""
    bands = [_year_bands(volumes, year) for year in years]
    top = max([1.1 * years[0].cap_barrels, *(float(wide.max()) for _, (*_, wide) in bands)])
    return tuple(
        _year_curve(year, days, values, top)
        for year, (days, values) in zip(years, bands, strict=True)
    )


def _year_bands(
    volumes: Sequence[StayVolumes], year: CapYear
) -> tuple[Floats, tuple[Floats, Floats, Floats, Floats, Floats]]:
    """Days since 1 January, and there the median, the 50 % band's ends and the 90 % band's."""
    first = year.covered_from.date()
    last = (year.covered_to - timedelta(microseconds=1)).date()
    barrels = year_to_date(volumes, first, last)
    kept = np.unique(
        np.linspace(0, barrels.shape[1] - 1, min(CURVE_POINTS, barrels.shape[1])).astype(int)
    )
    median, low_50, high_50 = band(barrels[:, kept], 0.5)
    _, low, high = band(barrels[:, kept], 0.9)
    begin = (first - date(year.year, 1, 1)).days
    # the sum is that at the end of a day, and 0 before the first
    days = np.array([begin, *(begin + kept + 1)], np.float64)
    ends = (np.insert(each, 0, 0.0) for each in (median, low_50, high_50, low, high))
    median, low_50, high_50, low, high = ends
    return days, (median, low_50, high_50, low, high)


def _year_curve(year: CapYear, days: Floats, values: tuple[Floats, ...], top: float) -> YearCurve:
    length = (date(year.year + 1, 1, 1) - date(year.year, 1, 1)).days
    x = YEAR_W * days / length
    median, low_50, high_50, low, high = (YEAR_H * (1 - each / top) for each in values)
    outside = _outside(x[0], x[-1])
    return YearCurve(
        year=year.year,
        grid=tuple((_y(value, top, YEAR_H), barrel_label(value)) for value in levels(top)),
        cap_y=_y(year.cap_barrels, top, YEAR_H),
        paths=(
            ("blind", outside),
            ("band90", f"M{_line(x, high)}L{_line(x[::-1], low[::-1])}z"),
            ("band50", f"M{_line(x, high_50)}L{_line(x[::-1], low_50[::-1])}z"),
            ("median", f"M{_line(x, median)}"),
        ),
        months=tuple(
            (round(YEAR_W * (date(year.year, m, 1) - date(year.year, 1, 1)).days / length, 1), name)
            for m, name in ((1, "Jan"), (4, "Apr"), (7, "Jul"), (10, "Oct"))
        ),
    )


def _outside(begin: float, end: float) -> str:
    """Boxes over the parts of the year that no history covers."""
    parts = ((0.0, begin), (end, float(YEAR_W)))
    return "".join(
        f"M{left:.1f} 0H{right:.1f}V{YEAR_H}H{left:.1f}z"
        for left, right in parts
        if right - left > 0.05
    )


def _line(x: Floats, y: Floats) -> str:
    return "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True))


def barrel_label(barrels: float) -> str:
    """A number of barrels as an axis label: 500,000, 1.5 million."""
    if barrels < 1e6:
        return f"{barrels:,.0f}"
    return f"{barrels / 1e6:.2f}".rstrip("0").rstrip(".") + " million"
