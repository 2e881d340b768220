"""The report's figures: shapes at the places of their numbers."""

import itertools
import re
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from jobs.domain import LookState, Period
from jobs.publish.charts import (
    BAR_GAP,
    BAR_ROOM,
    BAR_W,
    CLOUDED,
    EMPTY,
    LOOK_ROOM,
    OCCUPIED,
    PARTLY,
    UNSEEN,
    YEAR_H,
    YEAR_W,
    barrel_label,
    calendar,
    calendar_parts,
    chart,
    day_kind,
    levels,
    year_curves,
)
from jobs.visits.cargo import StayVolumes, cap_years
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.schema import PortTables
from jobs.visits.tables import port_tables
from tests.support.factories import make_berth, make_port, make_record, make_records, make_vessel

# --- calendar -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tables() -> PortTables:
    port = make_port()
    return port_tables(port, list(make_records(port=port, days=60)))


@pytest.mark.parametrize(
    ("looks", "kind"),
    [
        ([], UNSEEN),
        ([(LookState.OUTSIDE, 0)], UNSEEN),
        ([(LookState.CLOUDED, 0), (LookState.OUTSIDE, 0)], CLOUDED),
        ([(LookState.CLOUDED, 0), (LookState.PARTLY, 0)], PARTLY),
        ([(LookState.PARTLY, 0), (LookState.CLEAR, 0)], EMPTY),
        ([(LookState.CLEAR, 0), (LookState.PARTLY, 1)], OCCUPIED),
    ],
)
def test_a_day_is_the_most_telling_of_its_looks(looks, kind):
    assert day_kind(looks) == kind


def test_the_calendar_shows_every_day_of_every_berth_once(tables):
    for period in (
        Period(date(2024, 3, 1), date(2024, 4, 29)),
        Period(date(2023, 11, 15), date(2026, 2, 3)),
    ):
        days = (period.end - period.start).days + 1
        blocks = calendar(tables, period)
        for number in range(len(tables.port.berths)):
            strips = [block.strips[number] for block in blocks]
            drawn = sum(len(strip.occupied) for strip in strips)
            drawn += sum(path.count("M") for strip in strips for _, path in strip.paths)
            assert drawn == days


def test_a_day_stands_in_its_week_and_weekday():
    port = make_port(berths=(make_berth(),))
    record = make_record(hours=24 * 10, vessels=[make_vessel()])  # Monday, 11 March
    period = Period(date(2024, 3, 1), date(2024, 3, 31))
    (block,) = calendar(port_tables(port, [record]), period)
    (mark,) = block.strips[0].occupied
    assert (mark.x, mark.y - block.strips[0].y) == (2 * 12, 0)
    assert mark.title == "2024-03-11: 1 ship"


def test_a_year_is_one_block_and_more_are_calendar_years():
    assert len(calendar_parts(Period(date(2023, 9, 1), date(2024, 8, 31)))) == 1
    parts = calendar_parts(Period(date(2023, 9, 1), date(2025, 2, 28)))
    assert [(part.start, part.end) for part in parts] == [
        (date(2023, 9, 1), date(2023, 12, 31)),
        (date(2024, 1, 1), date(2024, 12, 31)),
        (date(2025, 1, 1), date(2025, 2, 28)),
    ]


# --- visits per period --------------------------------------------------------------------------


def series_of(**variables: list[float]) -> xr.Dataset:
    """One berth's series with the variables given; the others are those of two quiet months."""
    number = len(next(iter(variables.values())))
    names = ("visits_seen", "looks", "clear_looks", "days_without_look", "days")
    names += ("visits", "visits_low", "visits_high", "visits_low_50", "visits_high_50")
    values = {name: [0.0] * number for name in names} | {"days": [30.0] * number} | variables
    months = pd.date_range("2024-01-01", periods=number, freq="MS")
    return xr.Dataset(
        {name: ("period", np.array(value)) for name, value in values.items()},
        coords={"period": months, "berth_name": "Oil berth 1", "kind": "oil_terminal"},
    )


def points(path: str) -> list[tuple[float, float, float]]:
    """(x, from y, to y) of the upright lines of a path."""
    found = re.findall(r"M([\d.]+) ([-\d.]+)V([-\d.]+)", path)
    return [(float(x), float(a), float(b)) for x, a, b in found]


def boxes(path: str) -> dict[int, tuple[float, float]]:
    """y and height of the boxes of a path, by period."""
    found = re.findall(r"M(\d+) ([-\d.]+)h\d+v([\d.]+)", path)
    return {int(x) // (BAR_W + BAR_GAP): (float(y), float(high)) for x, y, high in found}


def test_whiskers_and_bars_stand_at_their_numbers():
    drawn = chart(
        series_of(
            visits=[4.0, 5.0],
            visits_low=[1.0, 2.0],
            visits_high=[10.0, 9.0],
            visits_low_50=[3.0, 4.0],
            visits_high_50=[5.0, 6.0],
            visits_seen=[2.0, 0.0],
            looks=[8.0, 4.0],
            clear_looks=[4.0, 0.0],
        ),
        "month",
    )
    paths = dict(drawn.paths)
    middle = BAR_W / 2
    unit = BAR_ROOM / 10
    assert points(paths["thin"]) == [
        (middle, pytest.approx(BAR_ROOM - 1 * unit, abs=0.06), 0),
        (
            middle + BAR_W + BAR_GAP,
            pytest.approx(BAR_ROOM - 2 * unit, abs=0.06),
            pytest.approx(BAR_ROOM - 9 * unit, abs=0.06),
        ),
    ]
    _, low, high = points(paths["thick"])[0]
    assert (low, high) == pytest.approx((BAR_ROOM - 3 * unit, BAR_ROOM - 5 * unit), abs=0.06)
    assert points(paths["point"])[0][1] == pytest.approx(BAR_ROOM - 4 * unit, abs=0.06)
    assert boxes(paths["seen"]) == {0: pytest.approx((BAR_ROOM - 2 * unit, 2 * unit), abs=0.06)}
    assert boxes(paths["look"])[0] == (BAR_ROOM + 2, LOOK_ROOM)
    assert boxes(paths["clear"]) == {0: (BAR_ROOM + 2, LOOK_ROOM / 2)}
    assert drawn.most_looks == 8


def test_a_period_nobody_looked_at_is_marked_and_wide_not_zero():
    drawn = chart(
        series_of(
            visits=[5.0, 5.0],
            visits_low=[4.0, 1.0],
            visits_high=[6.0, 14.0],
            days=[30.0, 30.0],
            days_without_look=[29.0, 30.0],
            looks=[1.0, 7.0],  # seven looks, all clouded
        ),
        "month",
    )
    paths = dict(drawn.paths)
    assert set(boxes(paths["blind"])) == {1}
    (_, low, high), (_, blind_low, blind_high) = points(paths["thin"])
    assert blind_low - blind_high > 3 * (low - high)
    assert "30 of 30 days without a look" in drawn.bars[1].title
    assert "5.0 estimated (90 %: 1 to 14)" in drawn.bars[1].title


def test_a_berth_without_ships_looks_or_estimates_is_drawn():
    drawn = chart(series_of(visits=[0.0]), "week")
    assert drawn.most_looks == 0
    assert all("nan" not in path and "inf" not in path for _, path in drawn.paths)
    assert drawn.bars[0].label == "2024-01-01"


@pytest.mark.parametrize("number", [1, 2, 5, 8, 9, 10, 17, 120])
@pytest.mark.parametrize("frequency", ["week", "month"])
def test_labels_run_neither_into_each_other_nor_out_of_the_picture(number, frequency):
    drawn = chart(series_of(visits=[1.0] * number), frequency)
    label_w = 4.2 * len(drawn.ticks[0].label)
    assert 1 <= len(drawn.ticks) <= 4
    assert all(b.x - a.x > label_w for a, b in itertools.pairwise(drawn.ticks))
    assert drawn.ticks[-1].x + label_w <= max(drawn.width, label_w)


@pytest.mark.parametrize("top", [1, 2, 3, 5, 7, 10, 23, 99, 100, 756, 550_000, 16_412_345.6])
def test_scales_have_few_round_values_up_to_the_top(top):
    found = levels(top)
    assert found[0] == 0
    assert 2 <= len(found) <= 5
    step = found[1]
    assert found == [step * n for n in range(len(found))]
    assert found[-1] <= top < found[-1] + step
    assert f"{step:.0e}"[0] in "125"
    assert step == int(step)


def test_barrels_on_an_axis_are_short():
    assert [barrel_label(n) for n in (0, 200_000, 1e6, 1.5e6, 10e6)] == [
        "0",
        "200,000",
        "1 million",
        "1.5 million",
        "10 million",
    ]


# --- barrels by year ----------------------------------------------------------------------------


def cargoes(days: list[list[float]], barrels: float, origin: date, length: int) -> StayVolumes:
    """Stays that begin on the days given, one list a draw, each with that many barrels."""
    draw = np.repeat(np.arange(len(days), dtype=np.int32), [len(each) for each in days])
    arrival = np.array([day for each in days for day in each], np.float64)
    stays = StayDraws(
        port="RUVYP",
        berth="oil-1",
        origin=datetime(origin.year, origin.month, origin.day, tzinfo=UTC),
        end=float(length),
        draws=len(days),
        draw=draw,
        arrival=arrival,
        departure=arrival + 1,
        length_m=np.full(len(draw), 90.0),
        visit=np.full(len(draw), -1, np.int32),
    )
    amounts = np.full(len(draw), barrels)
    return StayVolumes(stays, amounts / 7, amounts, np.zeros(len(draw), bool))


def ends(path: str) -> list[tuple[float, float]]:
    """The corners of a path."""
    found = re.findall(r"([\d.]+) ([-\d.]+)", path)
    return [(float(x), float(y)) for x, y in found]


def test_a_years_curve_begins_at_nothing_and_ends_at_its_total():
    volume = cargoes([[10.0, 100.0]] * 9 + [[10.0]], 400_000, date(2024, 1, 1), 366)
    years = cap_years([volume], 500_000)
    (curve,) = year_curves([volume], years)
    line = ends(dict(curve.paths)["median"])
    top = 800_000  # the band's end is above the cap with its margin
    assert line[0] == (0, YEAR_H)
    assert line[-1] == (YEAR_W, pytest.approx(0, abs=0.1))
    assert curve.cap_y == pytest.approx(YEAR_H * (1 - 500_000 / top), abs=0.1)
    assert dict(curve.paths)["blind"] == ""
    before = [y for x, y in line if x < YEAR_W * 9 / 366]
    between = [y for x, y in line if YEAR_W * 14 / 366 < x < YEAR_W * 99 / 366]
    assert set(before) == {YEAR_H}
    assert set(between) == {YEAR_H / 2}


def test_what_no_history_covers_is_marked_and_each_year_begins_anew():
    volume = cargoes([[5.0, 100.0]] * 4, 300_000, date(2023, 12, 1), 152)
    first, second = year_curves([volume], cap_years([volume], 500_000))
    assert (first.year, second.year) == (2023, 2024)
    left = YEAR_W * 334 / 365
    assert dict(first.paths)["blind"] == f"M0.0 0H{left:.1f}V{YEAR_H}H0.0z"
    right = YEAR_W * 121 / 366
    assert dict(second.paths)["blind"] == f"M{right:.1f} 0H{YEAR_W}.0V{YEAR_H}H{right:.1f}z"
    assert ends(dict(second.paths)["median"])[0][1] == YEAR_H
    assert first.grid == second.grid
    assert first.cap_y == second.cap_y > 0


def test_the_bands_hold_each_other_and_the_median():
    rng = np.random.default_rng(3)
    days = [sorted(rng.uniform(0, 366, rng.integers(1, 40))) for _ in range(60)]
    volume = cargoes(days, 20_000, date(2024, 1, 1), 366)
    (curve,) = year_curves([volume], cap_years([volume], 500_000))
    paths = dict(curve.paths)
    wide, half = ends(paths["band90"]), ends(paths["band50"])
    number = len(wide) // 2
    upper, lower = np.array(wide[:number])[:, 1], np.array(wide[: number - 1 : -1])[:, 1]
    upper_50, lower_50 = np.array(half[:number])[:, 1], np.array(half[: number - 1 : -1])[:, 1]
    median = np.array(ends(paths["median"]))[:, 1]
    assert (upper <= upper_50).all()
    assert (upper_50 <= median + 0.11).all()
    assert (median <= lower_50 + 0.11).all()
    assert (lower_50 <= lower).all()
    assert upper[-1] < lower[-1] - 20
    assert len(median) < 130
