"""The table of sensors: what each contributes to the estimates, and its recall in every look."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from jobs.domain import EstimateSettings, Period, Quality
from jobs.visits.columns import table
from jobs.visits.estimate import estimate_port, with_estimates
from jobs.visits.occupancy.detector import UNKNOWN
from jobs.visits.schema import FULL_LOOK_COLUMNS, SENSOR_COLUMNS
from jobs.visits.tables import port_tables
from jobs.visits.without_sensor import WITHOUT_EACH
from tests.support.factories import (
    make_berth,
    make_port,
    make_record,
    make_records,
    make_vessel,
)

DAYS = 60
PERIOD = Period(date(2024, 3, 1), date(2024, 3, 1) + timedelta(days=DAYS - 1))
QUICK = EstimateSettings(draws=150)
OPTICAL, OTHER = "sentinel-2-l2a", "landsat-c2-l2"
BERTHS = ("oil-1", "roads")


@pytest.fixture(scope="module")
def port():
    whole = make_port()
    return replace(whole, berths=tuple(b for b in whole.berths if b.id in BERTHS))


@pytest.fixture(scope="module")
def records(port):
    return list(make_records(port=port, days=DAYS, seed=3))


@pytest.fixture(scope="module")
def tables(port, records):
    return port_tables(port, records)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def estimate(tables, told):
    return estimate_port(
        tables, PERIOD, QUICK, (), tell=lambda step, *numbers: told.append((step, numbers))
    )


@pytest.fixture(scope="module")
def rows(estimate):
    return estimate.sensors.set_index(["berth", "sensor"])


def test_a_row_is_a_sensor_at_a_berth_and_the_port_comes_last(tables, estimate):
    assert list(estimate.sensors.columns) == list(SENSOR_COLUMNS)
    expected = [
        (berth, sensor)
        for berth in (*(berth.id for berth in tables.port.berths), "")
        for sensor in (OTHER, OPTICAL)
    ]
    assert list(zip(estimate.sensors["berth"], estimate.sensors["sensor"], strict=True)) == expected


@pytest.mark.parametrize("sensor", [OPTICAL, OTHER])
def test_without_a_sensor_is_the_estimate_from_the_other_ones_looks(port, records, rows, sensor):
    others = [record for record in records if record.sensor != sensor]
    alone = estimate_port(port_tables(port, others), PERIOD, QUICK, ())
    for _, row in alone.berths.iterrows():
        without = rows.loc[(row["berth"], sensor)]
        for name in ("visits", "occupancy", "barrels"):
            for end in ("", "_low", "_high"):
                assert without[f"{name}_without{end}"] == pytest.approx(
                    row[f"{name}{end}"], nan_ok=True
                ), (row["berth"], name, end)
        assert without["effective_points_without"] == row["effective_points"]
    quays = [s for s, b in zip(alone.stays, port.berths, strict=True) if b.capacity is not None]
    total = sum(stays.arrivals([0.0, DAYS])[:, 0] for stays in quays)
    assert rows.loc[("", sensor), "visits_without"] == pytest.approx(total.mean())


def test_with_all_sensors_it_is_the_estimate_itself(estimate, rows):
    for _, row in estimate.berths.iterrows():
        for name in ("visits_low", "visits_high", "occupancy", "barrels_high"):
            assert rows.loc[(row["berth"], OPTICAL), name] == pytest.approx(row[name], nan_ok=True)


def test_the_sensor_with_most_looks_narrows_what_the_other_leaves_open(rows):
    row = rows.loc[("oil-1", OPTICAL)]
    with_all, without = (
        row[f"{name}_high"] - row[f"{name}_low"] for name in ("occupancy", "occupancy_without")
    )
    assert with_all < 0.9 * without


def test_visits_are_counted_by_who_saw_them(tables, rows):
    sensors = tables.looks.drop_duplicates("overpass_id").set_index("overpass_id")["sensor"]
    for berth in tables.port.berths:
        visits = tables.visits.loc[tables.visits["berth"] == berth.id, "overpass_ids"]
        seen_by = [set(sensors[names.split(" ")]) for names in visits]
        both = sum(len(seen) == 2 for seen in seen_by)
        for sensor in (OPTICAL, OTHER):
            row = rows.loc[(berth.id, sensor)]
            assert row["visits_seen"] - row["visits_seen_alone"] == both
        alone = rows.loc[berth.id]["visits_seen_alone"].sum()
        assert alone + both == len(visits) > 0


def test_reports_of_other_sensors_minutes_apart_are_counted_where_both_looks_were_clear():
    port = make_port(berths=(make_berth(),))
    ship = make_vessel()
    hidden = np.full((420, 420), np.uint8(Quality.CLOUD))
    looks = [
        (0.0, OPTICAL, (ship,), None),
        (0.2, OTHER, (ship,), None),
        (72.0, OTHER, (), None),
        (72.3, OPTICAL, (ship,), None),
        (144.0, OPTICAL, (ship,), None),
        (144.2, OTHER, (), hidden),
        (300.0, OTHER, (ship,), None),
    ]
    tables = port_tables(
        port,
        [
            make_record(hours=hours, sensor=sensor, vessels=vessels, quality=quality)
            for hours, sensor, vessels, quality in looks
        ],
    )
    quick = replace(QUICK, without_each_sensor=False)
    rows = estimate_port(tables, PERIOD, quick, ()).sensors.set_index("sensor")
    counts = rows[["others_reports", "found_of_these"]]
    assert counts.loc[OTHER].tolist() == [2, 1]
    assert counts.loc[OPTICAL].tolist() == [1, 1]


def test_the_step_is_told_fit_by_fit(told, port):
    numbers = [each for step, each in told if step == WITHOUT_EACH]
    assert numbers == [(done, 2 * len(port.berths)) for done in range(2 * len(port.berths) + 1)]


def test_one_sensor_alone_is_compared_with_nothing(port, records):
    looks = [record for record in records if record.sensor == OPTICAL]
    alone = estimate_port(port_tables(port, looks), PERIOD, QUICK, ()).sensors
    assert list(alone["berth"]) == [berth.id for berth in port.berths]
    assert alone["visits_without"].isna().all()
    assert alone["recall"].between(0, 1).all()


def test_a_job_may_leave_the_comparison_out_and_has_the_same_estimates(tables, estimate):
    settings = replace(QUICK, without_each_sensor=False)
    found = estimate_port(tables, PERIOD, settings, ())
    assert found.sensors["visits_without"].isna().all()
    assert set(found.sensors["berth"]) == {berth.id for berth in tables.port.berths}
    assert found.berths.equals(estimate.berths)


def test_a_berth_that_nobody_saw_has_no_row(port, tables):
    far = make_berth(id="far", place_m=(9000, 9000, 60, 260))
    other = replace(tables, port=replace(port, berths=(far,)))
    found = estimate_port(other, PERIOD, QUICK, ())
    assert list(found.berths["berth"]) == ["far"]
    assert len(found.sensors) == 0


# --- the looks ----------------------------------------------------------------------------------


def test_every_usable_look_has_its_recall_and_no_other_look(tables, estimate, rows):
    looks = with_estimates(tables, estimate).looks
    assert list(looks.columns) == list(FULL_LOOK_COLUMNS)
    assert looks.crs == tables.looks.crs
    assert looks["overpass_id"].tolist() == tables.looks["overpass_id"].tolist()
    usable = looks["state"].isin(["clear", "partly"])
    assert 0 < usable.sum() < len(looks)
    assert looks.loc[~usable, ["recall", "recall_prior"]].isna().all(axis=None)
    for _, look in looks[usable].iterrows():
        of_sensor = rows.loc[(look["berth"], look["sensor"])]
        share = look["clear_fraction"]
        if look["vessels"]:
            share = max(share, 0.3)
        for name in ("recall", "recall_low", "recall_high", "recall_prior"):
            assert look[name] == pytest.approx(share * of_sensor[name])


def test_the_recall_believed_before_is_that_of_the_detectors(rows):
    for berth, kind in (("oil-1", "berth"), ("roads", "anchorage")):
        low, high = rows.loc[(berth, OPTICAL), ["recall_prior_low", "recall_prior_high"]]
        at_median = UNKNOWN[kind].recall
        assert low < at_median < high
        assert high - low > 0.5


def test_looks_that_follow_each_other_narrow_recall(port):
    roads = replace(port, berths=tuple(berth for berth in port.berths if berth.id == "roads"))
    looks = list(make_records(port=roads, days=3 * DAYS, seed=3))
    period = Period(PERIOD.start, PERIOD.start + timedelta(days=3 * DAYS - 1))
    found = estimate_port(port_tables(roads, looks), period, QUICK, ()).sensors
    here = found[found["berth"] == "roads"]
    believed = here["recall_prior_high"] - here["recall_prior_low"]
    learned = here["recall_high"] - here["recall_low"]
    assert len(here) == 2
    assert (learned < 0.9 * believed).all()


def test_looks_without_any_estimate_have_no_recall(tables, estimate):
    nothing = replace(estimate, sensors=table(SENSOR_COLUMNS, []))
    assert np.isnan(with_estimates(tables, nothing).looks["recall"]).all()
