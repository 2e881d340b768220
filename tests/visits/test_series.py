"""The series against plain counting, and periods against the calendar."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.domain import Period, Quality
from jobs.visits.cargo import VolumeSettings, barrels_in, volumes_of
from jobs.visits.occupancy.draws import credible
from jobs.visits.series import FREQUENCIES, period_starts, port_visits
from jobs.visits.tables import port_tables
from tests.support.factories import (
    make_berth,
    make_estimate,
    make_grid,
    make_port,
    make_record,
    make_records,
    make_vessel,
)

YEAR = Period(date(2024, 3, 1), date(2024, 5, 15))
PERIOD_CODES = {"day": "D", "week": "W-SUN", "month": "M"}


def series_of(tables, period=YEAR, draws=20):
    """The series of tables beside random histories."""
    days = float((period.end - period.start).days + 1)
    estimates = {id: make_estimate(found.port, days, draws) for id, found in tables.items()}
    return port_visits(tables, estimates, period)


@pytest.fixture(scope="module")
def tables():
    ports = [make_port(), make_port(id="KPCHO", berths=(make_berth(id="quay"),))]
    return {port.id: port_tables(port, make_records(port=port, days=76, seed=3)) for port in ports}


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_every_count_is_what_pandas_counts(tables, frequency):
    series = series_of(tables)[frequency]
    looks = pd.concat([table.looks.drop(columns="geometry") for table in tables.values()])
    visits = pd.concat([table.visits.drop(columns="geometry") for table in tables.values()])
    code = PERIOD_CODES[frequency]
    looks["start"] = looks["time"].dt.tz_localize(None).dt.to_period(code).dt.start_time
    visits["start"] = visits["arrival_before"].dt.tz_localize(None).dt.to_period(code).dt.start_time
    keys = ["port", "berth", "start"]
    seen = looks[looks["state"] != "outside"]
    expected = {
        "looks": seen.groupby(keys).size(),
        "clear_looks": seen[seen["state"] == "clear"].groupby(keys).size(),
        "vessels_seen": looks.groupby(keys)["vessels"].sum(),
        "visits_seen": visits.groupby(keys).size(),
    }
    for name, counts in expected.items():
        values = series[name]
        assert values.dtype == np.int32
        assert int(values.sum()) == int(counts.sum()) > 0
        for (port, berth, start), count in counts.items():
            assert values.sel(port_berth=f"{port}/{berth}", period=start) == count


def test_the_three_frequencies_have_the_same_totals(tables):
    series = series_of(tables)
    totals = [dataset.sum("period") for dataset in series.values()]
    for name in ("looks", "clear_looks", "vessels_seen", "visits_seen"):
        assert (totals[0][name] == totals[1][name]).all()
        assert (totals[0][name] == totals[2][name]).all()


def test_a_visit_counts_once_in_the_period_of_its_first_sighting():
    port = make_port(berths=(make_berth(),))
    start = 30 * 24  # 31 March, a Sunday
    records = [make_record(hours=start + hours, vessels=[make_vessel()]) for hours in (0, 24, 48)]
    series = series_of({port.id: port_tables(port, records)})
    assert series["month"]["visits_seen"].values.tolist() == [[1, 0, 0]]
    assert series["month"]["vessels_seen"].values.tolist() == [[1, 2, 0]]
    assert series["week"]["visits_seen"].values.sum() == 1
    assert series["week"]["visits_seen"].sel(period="2024-03-25") == 1


def test_periods_without_a_look_are_there_with_none():
    port = make_port(berths=(make_berth(),))
    outside = np.full(make_grid().shape, Quality.NODATA, np.uint8)
    records = [make_record(), make_record(hours=24, quality=outside)]
    looks = series_of({port.id: port_tables(port, records)})["day"]["looks"]
    assert looks.sizes["period"] == 76
    assert looks.values.sum() == 1


def test_ports_and_berths_stand_in_order_whatever_the_mapping(tables):
    forward = series_of(tables)["month"]
    backward = series_of(dict(reversed(tables.items())))["month"]
    assert forward.identical(backward)
    assert forward["port_berth"].values[0] == "KPCHO/quay"
    assert forward["kind"].values.tolist()[1:4] == ["oil_terminal", "oil_terminal", "bulk"]


def test_the_edges_say_how_many_days_they_hold():
    series = series_of({})
    assert series["month"]["days"].values.tolist() == [31, 30, 15]
    assert series["week"]["days"].values.tolist() == [3, *[7] * 10, 3]
    assert str(series["week"]["period_end"].values[-1])[:10] == "2024-05-19"


def test_what_is_counted_is_said_in_the_attributes(tables):
    series = series_of(tables)["week"]
    assert "first sighting" in series["visits_seen"].attrs["long_name"]
    units = {name: series[name].attrs["units"] for name in series.data_vars}
    assert {name for name, unit in units.items() if unit != "1"} == {
        "barrels",
        "barrels_low",
        "barrels_high",
    }


@given(
    st.dates(date(2015, 1, 1), date(2030, 1, 1)),
    st.integers(0, 800),
    st.sampled_from(FREQUENCIES),
)
def test_periods_cover_every_day_once_and_touch_the_span(start, days, frequency):
    period = Period(start, start + timedelta(days=days))
    starts = period_starts(period, frequency)
    expected = pd.period_range(period.start, period.end, freq=PERIOD_CODES[frequency])
    assert list(starts) == [stamp.date() for stamp in expected.start_time]


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_estimates_are_what_the_histories_say_period_by_period(tables, frequency):
    series = series_of(tables)[frequency]
    estimate = make_estimate(tables["RUVYP"].port, 76.0, 20)
    stays = next(each for each in estimate.stays if each.berth == "oil-1")
    starts = period_starts(YEAR, frequency)
    for number in (0, len(starts) // 2, len(starts) - 1):
        low = max((starts[number] - YEAR.start).days, 0)
        high = (starts[number + 1] - YEAR.start).days if number + 1 < len(starts) else 76
        began = (stays.arrival >= low) & (stays.arrival < high)
        counts = np.bincount(stays.draw[began], minlength=stays.draws)
        there = np.clip(np.minimum(stays.departure, high) - np.maximum(stays.arrival, low), 0, None)
        ships = np.bincount(stays.draw, there, stays.draws) / (high - low)
        cell = series.sel(port_berth="RUVYP/oil-1").isel(period=number)
        assert float(cell["visits"]) == pytest.approx(counts.mean())
        assert (cell["visits_low"], cell["visits_high"]) == credible(counts, 0.9)
        assert (cell["visits_low_50"], cell["visits_high_50"]) == credible(counts, 0.5)
        assert float(cell["occupancy"]) == pytest.approx(ships.mean())
        assert float(cell["occupancy_high"]) == pytest.approx(credible(ships, 0.9)[1])


def test_barrels_are_those_of_oil_terminals_and_nothing_elsewhere(tables):
    month = series_of(tables)["month"]
    estimate = make_estimate(tables["RUVYP"].port, 76.0, 20)
    stays = next(each for each in estimate.stays if each.berth == "oil-1")
    (volumes,) = volumes_of([stays], VolumeSettings())
    march = [stays.origin, stays.origin + timedelta(days=31)]
    expected = barrels_in([volumes], march)[:, 0].mean()
    assert float(month["barrels"].sel(port_berth="RUVYP/oil-1")[0]) == pytest.approx(expected)
    assert np.isnan(month["barrels"].sel(port_berth="RUVYP/coal")).all()


def test_days_without_a_look_are_those_of_the_calendar_that_no_usable_look_fell_on(tables):
    series = series_of(tables)
    looks = tables["RUVYP"].looks
    mine = looks[(looks["berth"] == "coal") & looks["state"].isin(["clear", "partly"])]
    unseen = series["day"]["days_without_look"].sel(port_berth="RUVYP/coal")
    assert int(unseen.sum()) == 76 - mine["time"].dt.date.nunique()
    assert set(np.unique(unseen)) <= {0, 1}
    month = series["month"]["days_without_look"].sel(port_berth="RUVYP/coal")
    assert int(month.sum()) == int(unseen.sum())
