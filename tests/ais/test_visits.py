"""AIS port visits: GFW's events and confidence, stays at berths, comparison with imagery."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ais import (
    AIS_COMPARISON_COLUMNS,
    AIS_STAY_COLUMNS,
    AIS_VISIT_COLUMNS,
    AisVisits,
    ais_visits,
    compare_visits,
)
from jobs.ais.geodesy import DEGREE_M
from jobs.ais.port_state import TRANSITIONS, Event, ShipState, transition_events
from jobs.ais.schema import AIS_COLUMNS
from jobs.domain import BerthKind, Port
from jobs.visits.columns import frame
from jobs.visits.occupancy.draws import StayDraws
from tests.support.ais_messages import NOON, positions, ship
from tests.support.factories import make_berth, make_port

SHIP = 273000001
BERTHS = [
    make_berth(),
    make_berth(id="oil-2", place_m=(1500, 2400, 60, 260)),
    make_berth(id="roads", kind=BerthKind.ANCHORAGE, capacity=None, place_m=(2300, 2300, 900, 900)),
]
PORT: Port = make_port(berths=BERTHS)
OIL_1, OIL_2, ROADS = (berth.polygon.centroid for berth in BERTHS)
HOUR = 60.0


def voyage(
    north_km: Sequence[float], sog_kn: Sequence[float], minutes: Sequence[float] | None = None
) -> pd.DataFrame:
    """Messages every 10 minutes at kilometres north of the first oil berth's northern end."""
    north = BERTHS[0].polygon.bounds[3]
    times = [10.0 * i for i in range(len(sog_kn))] if minutes is None else minutes
    lat = [north + km * 1000 / DEGREE_M if km else OIL_1.y for km in north_km]
    return ship(SHIP, times, OIL_1.x, lat, sog_kn=sog_kn, length_m=85.0, name="ONE")


def only(found: AisVisits) -> dict[str, object]:
    (row,) = found.visits.to_dict("records")
    return row


def at(minutes: float) -> pd.Timestamp:
    return pd.Timestamp(NOON) + pd.Timedelta(minutes, "min")


def test_a_whole_visit_has_all_its_events() -> None:
    found = ais_visits(voyage((9, 5, 2.5, 0, 0, 0, 3.5, 4.5), (10, 9, 4, 0.1, 0, 0, 3, 8)), PORT)
    row = only(found)
    assert {n: str(k) for n, k in found.visits.dtypes.items()} == dict(AIS_VISIT_COLUMNS)
    assert (row["entry"], row["stop_begin"], row["stop_end"], row["exit"]) == (
        at(20),
        at(30),
        at(60),
        at(70),
    )
    assert (row["confidence"], row["berth"], row["name"], row["messages"]) == (4, "oil-1", "ONE", 5)
    assert pd.isna(row["gap_begin"])


@pytest.mark.parametrize(
    ("north_km", "sog_kn", "minutes", "confidence"),
    [
        pytest.param((9, 2, 0, 2, 9), (9, 4, 0, 4, 9), None, 4, id="entry, stop, exit"),
        pytest.param((9, 2, 2, 9), (9, 4, 4, 9), (0, 10, 400, 410), 4, id="entry, gap, exit"),
        pytest.param((9, 2, 0), (9, 4, 0), None, 3, id="entry, stop"),
        pytest.param((0, 0, 9), (0, 0, 9), None, 3, id="stop, exit"),
        pytest.param((0, 0, 0), (0, 0, 0), None, 2, id="stop"),
        pytest.param((2, 2), (4, 4), (0, 400), 2, id="gap"),
        pytest.param((9, 2, 9), (9, 4, 9), None, 1, id="entry, exit"),
    ],
)
def test_confidence_says_which_events_were_seen(
    north_km: Sequence[float],
    sog_kn: Sequence[float],
    minutes: Sequence[float] | None,
    confidence: int,
) -> None:
    assert only(ais_visits(voyage(north_km, sog_kn, minutes), PORT))["confidence"] == confidence


def test_a_ship_that_only_passes_through_the_record_is_no_visit() -> None:
    assert len(ais_visits(voyage((2, 2), (5, 5)), PORT).visits) == 0
    assert len(ais_visits(voyage((9, 9), (0, 0)), PORT).visits) == 0


def test_between_the_thresholds_a_ship_keeps_its_state() -> None:
    # 3.5 km is neither in nor out, 0.3 knots neither stopped nor under way
    inside = ais_visits(voyage((9, 2, 3.5, 2, 3.5, 9), (9, 3, 3, 3, 3, 9)), PORT)
    assert len(inside.visits) == 1
    assert len(ais_visits(voyage((9, 3.5, 9), (9, 3, 9)), PORT).visits) == 0
    row = only(ais_visits(voyage((2, 0, 0, 0, 2), (0.3, 0.1, 0.3, 0.4, 0.6)), PORT))
    assert (row["stop_begin"], row["stop_end"]) == (at(10), at(40))


def test_speed_is_taken_from_the_way_where_none_was_sent() -> None:
    row = only(ais_visits(voyage((9, 2, 0, 0, 9), (9, 4, np.nan, np.nan, 9)), PORT))
    assert row["stop_begin"] == at(30)


def test_two_visits_of_one_ship_are_two() -> None:
    there = (9, 2, 0, 2)
    found = ais_visits(voyage((*there, *there, 9), (9, 4, 0, 4) * 2 + (9,)), PORT)
    assert list(found.visits["confidence"]) == [4, 4]
    assert found.visits["ais_visit_id"].is_unique


def test_the_longest_gap_is_listed() -> None:
    minutes = (0, 10, 300, 310, 900, 910)
    row = only(ais_visits(voyage((9, 2, 2, 2, 2, 9), (9, 4, 4, 4, 4, 9), minutes), PORT))
    assert (row["gap_begin"], row["gap_end"]) == (at(310), at(900))


def test_ships_do_not_leak_into_each_other() -> None:
    one = voyage((9, 2, 0), (9, 4, 0))
    two = voyage((9, 9, 9), (9, 9, 9)).assign(mmsi=SHIP + 1)
    found = ais_visits(positions(one, two), PORT).visits
    assert list(found["mmsi"]) == [SHIP]
    assert pd.isna(found.loc[0, "exit"])


def test_stays_name_every_berth_and_the_visit_its_quay() -> None:
    places = [(OIL_1.x, OIL_1.y + 0.08)]
    places += [(ROADS.x, ROADS.y)] * 20 + [(OIL_1.x, OIL_1.y)] * 6 + [(OIL_2.x, OIL_2.y)] * 2
    sog = [9.0] + [0.0] * 19 + [3.0] + [0.0] * 5 + [2.0] + [0.0] * 2
    lon, lat = zip(*places, strict=True)
    found = ais_visits(ship(SHIP, [30.0 * i for i in range(29)], lon, lat, sog_kn=sog), PORT)
    assert {n: str(k) for n, k in found.stays.dtypes.items()} == dict(AIS_STAY_COLUMNS)
    assert list(found.stays["berth"]) == ["roads", "oil-1", "oil-2"]
    assert list(found.stays["hours"]) == [9.0, 2.0, 0.5]
    assert list(found.stays["begin_seen"]) == [True, True, True]
    assert list(found.stays["end_seen"]) == [True, True, False]
    assert only(found)["berth"] == "oil-1"


def test_a_stop_off_every_berth_is_a_visit_without_berth() -> None:
    row = only(ais_visits(voyage((9, 1.5, 1.5, 9), (9, 0, 0, 9)), PORT))
    assert (row["berth"], row["confidence"]) == ("", 4)


def test_nothing_in_nothing_out() -> None:
    found = ais_visits(frame(AIS_COLUMNS), PORT)
    assert (len(found.visits), len(found.stays)) == (0, 0)
    assert len(ais_visits(voyage((0, 0), (0, 0)), make_port(berths=[])).visits) == 0


def test_the_transition_table_knows_every_pair() -> None:
    with_message = [state for state in ShipState if state is not ShipState.NO_MESSAGE]
    assert set(TRANSITIONS) == {(last, now) for last in ShipState for now in with_message}


@given(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=30))
def test_events_pair_up(states: list[int]) -> None:
    state = np.array(states)
    begins = np.arange(len(state)) == 0
    events = transition_events(state, begins)
    entered, left = ((events & e) > 0 for e in (Event.ENTRY, Event.EXIT))
    here = np.cumsum(entered.astype(int) - left) + int(states[0] != ShipState.AT_SEA)
    np.testing.assert_array_equal(here == 1, state != ShipState.AT_SEA)
    lay, went = ((events & e) > 0 for e in (Event.STOP_BEGIN, Event.STOP_END))
    np.testing.assert_array_equal(
        np.cumsum(lay.astype(int) - went) == 1, state == ShipState.STOPPED
    )


# --- comparison ---------------------------------------------------------------------------------


def draws(arrival: Sequence[float], draw: Sequence[int], number: int) -> StayDraws:
    return StayDraws(
        port="RUVYP",
        berth="oil-1",
        origin=NOON,
        end=10.0,
        draws=number,
        draw=np.array(draw, dtype=np.int32),
        arrival=np.array(arrival),
        departure=np.array(arrival) + 1.5,
        length_m=np.full(len(arrival), 85.0),
        visit=np.full(len(arrival), -1, dtype=np.int32),
    )


def test_windows_hold_ais_and_estimate_side_by_side() -> None:
    day = 24 * HOUR
    there = voyage((9, 2, 0, 9), (9, 4, 0, 9), (day, day + 30, day + HOUR, day + 2 * HOUR))
    stays = ais_visits(there, PORT).stays
    edges = [NOON + timedelta(days=d) for d in (0, 5, 10)]
    estimate = draws([1.0, 3.0, 1.0, 7.0], [0, 0, 1, 1], 2)
    found = compare_visits(stays, [estimate], edges)
    assert {n: str(k) for n, k in found.dtypes.items()} == dict(AIS_COMPARISON_COLUMNS)
    assert list(found["ais_visits"]) == [1, 0]
    assert list(found["ais_visits_sure"]) == [1, 0]
    assert list(found["visits"]) == [1.5, 0.5]
    assert list(found["excess_probability"]) == [0.5, 0.5]


def test_a_stay_older_than_the_record_is_no_arrival() -> None:
    stays = ais_visits(voyage((0, 0, 9), (0, 0, 9)), PORT).stays
    found = compare_visits(stays, [draws([1.0], [0], 1)], [NOON, NOON + timedelta(days=5)])
    assert list(found["ais_visits"]) == [0]


def test_a_ship_whose_record_begins_at_the_berth_did_not_come_after_another_ships_record() -> None:
    one = voyage((0, 0, 9), (0, 0, 9))
    both = positions(one, one.assign(mmsi=SHIP + 1))
    assert ais_visits(both, PORT).stays["begin_seen"].tolist() == [False, False]


@pytest.mark.parametrize(("silent_min", "confidence"), [(240.0, 4), (239.0, 1)])
def test_a_silence_of_just_four_hours_in_port_is_a_gap(silent_min: float, confidence: int) -> None:
    minutes = (0.0, 60.0, 60 + silent_min, 120 + silent_min)
    found = ais_visits(voyage((9, 0, 0, 9), (9, 3, 3, 9), minutes), PORT).visits
    assert found["confidence"].tolist() == [confidence]


def test_a_ship_at_a_quay_within_the_roads_lies_at_the_quay() -> None:
    around = make_berth(
        id="around", kind=BerthKind.ANCHORAGE, capacity=None, place_m=(1000, 600, 1200, 1400)
    )
    for berths in ([around, BERTHS[0]], [BERTHS[0], around]):
        stays = ais_visits(voyage((0, 0, 9), (0, 0, 9)), make_port(berths=berths)).stays
        assert stays["berth"].tolist() == ["oil-1"]
