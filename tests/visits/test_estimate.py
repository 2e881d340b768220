"""The stage that estimates: from a port's tables to histories, rows and intervals."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from jobs.domain import BerthKind, Dwell, EstimateSettings, Period, Quality
from jobs.visits.berth_models import berth_prior, queue_prior
from jobs.visits.cargo import Cargo, CargoEntry
from jobs.visits.estimate import estimate_port, with_estimates
from jobs.visits.estimate_rows import sources_of
from jobs.visits.occupancy.detector import ANCHORAGE, BERTH, UNKNOWN
from jobs.visits.occupancy.panel import REJECTED, UNSAID
from jobs.visits.occupancy.queue_model import QueuePrior
from jobs.visits.panels import area_km2, detector_at, panel_of
from jobs.visits.schema import ESTIMATE_COLUMNS, FULL_VISIT_COLUMNS
from jobs.visits.tables import port_tables
from tests.support.factories import (
    LEFT,
    TOP,
    make_berth,
    make_port,
    make_record,
    make_records,
    make_vessel,
)
from tests.support.panels import fit_queue

pytestmark = pytest.mark.early

DAYS = 60
PERIOD = Period(date(2024, 3, 1), date(2024, 3, 1) + timedelta(days=DAYS - 1))
QUICK = EstimateSettings(draws=150)


@dataclass(frozen=True)
class Error:
    """What a weights file says of a place."""

    place: str
    recall: float = 0.7
    recall_sd: float = 0.4
    recall_slope: float = 1.0
    false_alarms: float = 0.02
    false_alarms_sd: float = 0.5
    ports: int = 10
    ships: int = 100
    sensor: str = ""
    measured_at: str = "ports the network had not seen"
    steps: tuple[()] = ()


ERRORS = (Error(BERTH), Error(ANCHORAGE, recall=0.9))


@pytest.fixture(scope="module")
def tables():
    port = make_port()
    return port_tables(port, make_records(port=port, days=DAYS, seed=3))


@pytest.fixture(scope="module")
def estimate(tables):
    return estimate_port(tables, PERIOD, QUICK, ERRORS)


def berth(tables, id):
    return next(each for each in tables.port.berths if each.id == id)


def test_a_fleet_of_short_ships_on_a_road_is_a_fleet(tables):
    """Lengths tell ships from false alarms only where the fleet's are known; what they change is
    which ships are taken for those of the look before.
    """
    several = tuple(each for each in tables.port.berths if each.capacity != 1)
    assert "roads" in [each.id for each in several]
    here = replace(tables, port=replace(tables.port, berths=several))
    shorter = tables.vessels.assign(length_m=0.3 * tables.vessels["length_m"])
    one, other = (
        estimate_port(each, PERIOD, QUICK, ERRORS).berths
        for each in (here, replace(here, vessels=shorter))
    )
    assert (one["visits"] > 0).all()
    roads = one["berth"] == "roads"
    for name in ("visits", "occupancy"):
        assert one.loc[~roads, name].tolist() == other.loc[~roads, name].tolist()
    for again in (None, panel_of(here, berth(here, "roads"), PERIOD, ERRORS).again):
        panels = [
            replace(panel_of(each, berth(here, "roads"), PERIOD, ERRORS), again=again)
            for each in (here, replace(here, vessels=shorter))
        ]
        arrivals = [fit_queue(each, QueuePrior()).draws.arrival for each in panels]
        assert arrivals[0].tolist() == arrivals[1].tolist()


def test_a_panel_holds_the_usable_looks_and_no_other(tables):
    panel = panel_of(tables, berth(tables, "oil-1"), PERIOD, ERRORS)
    looks = tables.looks[tables.looks["berth"] == "oil-1"]
    usable = looks[looks["state"].isin(["clear", "partly"])]
    assert len(panel) == len(usable) < len(looks)
    assert (np.diff(panel.time) >= 0).all()
    assert panel.vessels.sum() == usable["vessels"].sum() > 0
    assert panel.days == DAYS
    seen = panel.vessels > 0
    assert (panel.visit[seen] >= 0).all()
    assert (panel.visit[~seen] == -1).all()
    assert np.isnan(panel.length_m[~seen]).all()


def test_ships_of_a_road_are_found_again_at_the_next_look():
    port = make_port()
    stays = make_vessel(x=LEFT + 3000, y=TOP - 3000, length_m=180)
    swung = make_vessel(x=LEFT + 3150, y=TOP - 2900, length_m=190)
    other = make_vessel(x=LEFT + 2500, y=TOP - 3600, length_m=90)
    records = [
        make_record(vessels=(stays, other)),
        make_record(hours=48, vessels=(swung,)),
        make_record(hours=96, vessels=(other,)),
    ]
    found = port_tables(port, records)
    road = panel_of(found, berth(found, "roads"), PERIOD, ERRORS).again
    assert road is not None
    assert road.gap == pytest.approx([2.0, 2.0])
    assert road.sure.tolist() == [2, 1]
    assert road.again.tolist() == [1, 0]
    assert road.second_reports.tolist() == [1, 1]
    assert 0 < road.stranger < 0.5
    assert panel_of(found, berth(found, "oil-1"), PERIOD, ERRORS).again is None
    row = estimate_port(found, PERIOD, QUICK, ERRORS).berths.set_index("berth").loc["roads"]
    assert (row["compared_again"], row["seen_again"]) == (3, 1)


def test_of_two_vessels_at_a_berth_the_likelier_is_measured():
    port = make_port(berths=(make_berth(),))
    sure = make_vessel(length_m=88.0, score=0.95)
    doubtful = make_vessel(y=TOP - 1130, length_m=41.0, score=0.4)
    tables = port_tables(port, [make_record(vessels=(sure, doubtful))])
    panel = panel_of(tables, port.berths[0], PERIOD, ())
    assert panel.vessels.tolist() == [2]
    assert panel.length_m.tolist() == [88.0]


def test_reports_keep_their_scores_and_what_reviewers_said_of_them():
    port = make_port(berths=(make_berth(),))
    sure, doubtful = make_vessel(score=0.95), make_vessel(y=TOP - 1130, score=0.4)
    fixed = replace(make_vessel(y=TOP - 1115, score=0.8), fixed=True)
    both = make_record(vessels=(doubtful, sure, fixed))
    alone = make_record(hours=72.0, vessels=(doubtful,))
    tables = port_tables(port, [both, alone])
    reports = panel_of(tables, port.berths[0], PERIOD, ()).reports
    assert reports is not None
    assert reports.score[:, 0].tolist() == [0.95, 0.4]
    assert reports.score[0, 1] == 0.4
    assert np.isnan(reports.score[1, 1])
    assert (reports.verdict == UNSAID).all()
    said = tables.vessels.assign(review=np.where(tables.vessels["score"] > 0.9, "not_ship", ""))
    said["counted"] = ~said["fixed"] & (said["review"] == "")
    reports = panel_of(replace(tables, vessels=said), port.berths[0], PERIOD, ()).reports
    assert reports is not None
    assert reports.verdict.tolist() == [[REJECTED, UNSAID], [UNSAID, UNSAID]]


def test_the_length_of_a_ship_cut_off_is_not_known():
    port = make_port(berths=(make_berth(),))
    cut = make_vessel(length_m=50.0, truncated=True)
    panel = panel_of(port_tables(port, [make_record(vessels=(cut,))]), port.berths[0], PERIOD, ())
    assert panel.vessels.tolist() == [1]
    assert np.isnan(panel.length_m).all()


def test_false_alarms_grow_with_the_place(tables):
    roads, coal = berth(tables, "roads"), berth(tables, "coal")
    at_roads = detector_at(roads, "sentinel-2-l2a", ERRORS)
    assert area_km2(roads) == pytest.approx(1.5 * 1.5, rel=0.01)
    assert at_roads.recall == 0.9
    assert at_roads.false_alarms == pytest.approx(0.02 * area_km2(roads))
    assert coal.capacity == 2
    assert detector_at(coal, "sentinel-2-l2a", ERRORS).false_alarms == pytest.approx(0.04)


def test_each_sensor_has_the_errors_of_its_own_detector(tables):
    radar = Error(BERTH, recall=0.6, sensor="sentinel-1-rtc", measured_at="simulated harbours")
    oil = berth(tables, "oil-1")
    optical, by_radar = (
        detector_at(oil, sensor, (*ERRORS, radar))
        for sensor in ("sentinel-2-l2a", "sentinel-1-rtc")
    )
    assert (optical.recall, by_radar.recall) == (ERRORS[0].recall, 0.6)
    assert detector_at(oil, "sentinel-1-rtc", ERRORS).source == UNKNOWN[BERTH].source
    both = sources_of((by_radar, optical), 1)
    assert both == (
        "of sentinel-2-l2a: 100 ships at 10 ports the network had not seen, every score alike; "
        "of sentinel-1-rtc: 100 ships at 10 simulated harbours, every score alike"
    )
    assert sources_of((optical, optical), 0) == optical.source


def test_every_berth_gets_a_row_with_all_columns(tables, estimate):
    rows = estimate.berths
    assert list(rows.columns) == list(ESTIMATE_COLUMNS)
    assert rows["berth"].tolist() == [each.id for each in tables.port.berths]
    assert rows["model"].tolist() == [
        "one ship" if each.capacity == 1 else "several ships" for each in tables.port.berths
    ]
    for name in ("visits", "occupancy", "dwell", "recall"):
        unit = "_days" if name == "dwell" else ""
        low, mid, high = (rows[f"{name}{part}{unit}"] for part in ("_low", "", "_high"))
        assert (low <= mid).all(), name
        assert (mid <= high).all(), name
    assert (rows["visits_low"] <= rows["visits_low_50"]).all()
    assert (rows["visits_high_50"] <= rows["visits_high"]).all()
    assert rows["dwell_learned"].between(0, 1).all()
    assert rows["dwell_share"].between(0, 1).all()
    assert (rows["visits_half_dwell"] > rows["visits_double_dwell"]).mean() > 0.5
    assert rows["recall_source"].str.contains("100 ships at 10 ports").all()


def test_barrels_stand_at_oil_terminals_alone(tables, estimate):
    kinds = [each.kind for each in tables.port.berths]
    known = estimate.berths["barrels"].notna()
    assert known.tolist() == [kind is BerthKind.OIL_TERMINAL for kind in kinds]
    assert {volume.stays.berth for volume in estimate.volumes} == {"oil-1", "oil-2"}


def test_an_analysts_entry_changes_the_barrels(tables, estimate):
    visit = tables.visits.loc[tables.visits["berth"] == "oil-1", "visit_id"].iloc[0]
    entry = CargoEntry(visit, Cargo.LADEN_OUT, "bill of lading", barrels=9_000_000.0)
    changed = estimate_port(tables, PERIOD, QUICK, ERRORS, [entry])
    rows = [each.berths.set_index("berth")["barrels"] for each in (estimate, changed)]
    assert rows[1]["oil-1"] > rows[0]["oil-1"] + 4_000_000
    assert rows[1]["oil-2"] == rows[0]["oil-2"]


def test_seen_visits_get_a_probability_and_times_that_hold_the_sightings(tables, estimate):
    full = with_estimates(tables, estimate).visits
    assert list(full.columns) == list(FULL_VISIT_COLUMNS)
    assert len(full) == len(tables.visits)
    single = full[full["berth"].isin(["oil-1", "oil-2", "boxes"])]
    assert single["probability"].between(0, 1).all()
    assert (single["probability"] > 0.5).any()
    sure = single[single["probability"] > 0.9]
    assert (sure["arrival_low"] <= sure["arrival_before"]).all()
    assert (sure["departure_high"] >= sure["departure_after"]).all()
    assert full.loc[full["berth"] == "roads", "probability"].isna().all()


def test_the_same_tables_give_the_same_histories(tables, estimate):
    again = estimate_port(tables, PERIOD, QUICK, ERRORS)
    pd.testing.assert_frame_equal(again.berths, estimate.berths)
    for one, two in zip(again.stays, estimate.stays, strict=True):
        assert np.array_equal(one.arrival, two.arrival)
    other = estimate_port(tables, PERIOD, replace(QUICK, seed=1), ERRORS)
    assert not np.array_equal(other.stays[0].arrival, estimate.stays[0].arrival)


def test_a_berth_nobody_saw_keeps_the_width_of_its_prior():
    port = make_port(berths=(make_berth(),))
    cloud = np.full(port.grid.shape, Quality.CLOUD, np.uint8)
    clouded = [make_record(hours=24.0 * day, quality=cloud) for day in (1, 5)]
    tables = port_tables(port, clouded)
    (row,) = estimate_port(tables, PERIOD, QUICK, ()).berths.to_dict("records")
    assert row["usable_looks"] == 0
    assert row["visits_low"] < 5 < 15 < row["visits_high"]
    assert row["dwell_learned"] < 0.1


def test_a_dwell_of_ones_own_is_believed_and_named():
    mine = Dwell(2.0, 1.0, 4.0, "AIS of 2023")
    prior = berth_prior(BerthKind.OIL_TERMINAL, mine)
    assert prior.dwell_median_days == 2.0
    assert np.exp(1.96 * prior.dwell_sd) == pytest.approx(2.0, rel=1e-3)
    assert prior.source == "AIS of 2023"
    assert queue_prior(mine).source == "AIS of 2023"
    vague = [berth_prior(kind, None).dwell_sd for kind in (BerthKind.OIL_TERMINAL, BerthKind.BULK)]
    assert vague[0] < vague[1]


def test_a_dwell_of_one_berth_is_believed_there_alone(tables, estimate):
    """Named, as sharp as it is believed, and not pooled: other berths keep their histories."""
    names = [each.id for each in tables.port.berths if each.capacity == 1]
    assert len(names) > 1
    mine = Dwell(0.9, 0.85, 0.95, "port agent")
    key = f"{tables.port.id}/{names[0]}"
    found = estimate_port(tables, PERIOD, replace(QUICK, dwell_at={key: mine}), ERRORS).berths
    rows, before = found.set_index("berth"), estimate.berths.set_index("berth")
    here = rows.loc[names[0]]
    assert here["dwell_prior_source"] == "port agent"
    assert here["dwell_prior_days"] == 0.9
    assert 0.8 < here["dwell_low_days"] < here["dwell_high_days"] < 1.0
    assert (rows["dwell_prior_source"] == before["dwell_prior_source"]).drop(names[0]).all()


def test_a_wait_of_one_road_is_believed_there(tables):
    road = next(each for each in tables.port.berths if each.kind is BerthKind.ANCHORAGE)
    at = {f"{tables.port.id}/{road.id}": Dwell(5.0, 4.5, 5.5, "pilots")}
    found = estimate_port(tables, PERIOD, replace(QUICK, dwell_at=at), ERRORS).berths
    row = found.set_index("berth").loc[road.id]
    assert (row["dwell_prior_days"], row["dwell_prior_source"]) == (5.0, "pilots")


def test_rows_are_in_order_within_each_history(estimate):
    for stays in estimate.stays:
        rows = list(zip(stays.draw.tolist(), stays.arrival.tolist(), strict=True))
        assert all(one <= two for one, two in pairwise(rows))
