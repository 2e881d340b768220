"""One MMSI is not one ship: strays change nothing, two hulls are two, usual static facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.ais import AIS_FLAG_COLUMNS, ais_gaps, ais_visits, hulls_of
from jobs.ais.geodesy import DEGREE_M, offsets_m, wrapped
from jobs.domain import BerthKind
from tests.support.ais_messages import positions, ship
from tests.support.factories import make_berth, make_port

SHIP = 273000001
BERTHS = [
    make_berth(),
    make_berth(id="oil-2", place_m=(1500, 2400, 60, 260)),
    make_berth(id="next", place_m=(1700, 1100, 60, 260)),
    make_berth(id="roads", kind=BerthKind.ANCHORAGE, capacity=None, place_m=(2300, 2300, 900, 900)),
]
PORT = make_port(berths=BERTHS)
OIL, OIL_2, NEXT, ROADS = ((b.polygon.centroid.x, b.polygon.centroid.y) for b in BERTHS)
FAR = (OIL[0], OIL[1] - 0.15)
"""16.7 km south, two hours at 4.5 knots."""
Place = tuple[float, float]


@dataclass
class Voyage:
    """Messages of one ship, every ``step`` minutes."""

    now: float = 0.0
    step: float = 10.0

    def __post_init__(self) -> None:
        self.rows: list[tuple[float, float, float, float]] = []

    def go(self, start: Place, end: Place, hours: float) -> Voyage:
        """Sail there at an even speed."""
        number = round(hours * 60 / self.step)
        way_m = float(np.hypot(*offsets_m(*start, *end)))
        for share in np.arange(number) / number:
            lon, lat = (a + share * (b - a) for a, b in zip(start, end, strict=True))
            self.rows.append((self.now, lon, lat, way_m / 1852 / hours))
            self.now += self.step
        return self

    def lie(self, place: Place, hours: float) -> Voyage:
        """Lie there, speed 0."""
        for _ in range(round(hours * 60 / self.step)):
            self.rows.append((self.now, *place, 0.0))
            self.now += self.step
        return self

    def table(self, mmsi: int = SHIP, **facts: object) -> pd.DataFrame:
        minutes, lon, lat, sog = (list(column) for column in zip(*self.rows, strict=True))
        return ship(mmsi, minutes, lon, lat, sog_kn=sog, **facts)  # type: ignore[arg-type]


def call(step: float = 10.0, start: float = 0.0) -> pd.DataFrame:
    """Two hours in, twelve at the berth, two hours out."""
    return Voyage(start, step).go(FAR, OIL, 2).lie(OIL, 12).go(OIL, FAR, 2).table()


def moved(table: pd.DataFrame, rows: Sequence[int], place: Place) -> pd.DataFrame:
    """The table with some rows sent from another place."""
    found = table.copy()
    found.loc[list(rows), ["lon", "lat"]] = place
    return found


def what_is_found(table: pd.DataFrame) -> tuple[object, ...]:
    """Visits, stays and gaps of a table, and their times but for the record's very ends."""
    found = ais_visits(table, PORT)
    gaps = ais_gaps(table)
    visits = found.visits[["mmsi", "hull", "entry", "stop_begin", "stop_end", "exit", "confidence"]]
    stays = found.stays[["berth", "begin", "end", "hours", "begin_seen", "end_seen"]]
    return tuple(part.to_json(orient="records") for part in (visits, stays, gaps))


def reasons(table: pd.DataFrame) -> dict[str, int]:
    return dict(hulls_of(table).flags[["reason", "positions"]].itertuples(index=False))


# --- strays -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        pytest.param([50], FAR, id="away from the berth"),
        pytest.param([50, 51], FAR, id="two in a row"),
        pytest.param([40, 60], FAR, id="twice"),
        pytest.param([50], (0.0, 0.0), id="null island"),
        pytest.param([50], (OIL[0] + 0.08, OIL[1]), id="six kilometres, which ten minutes allow"),
        pytest.param([0], (FAR[0] + 0.5, FAR[1]), id="the first"),
        pytest.param([0, 1], (FAR[0] + 0.5, FAR[1]), id="the first two"),
        pytest.param([95], (FAR[0] + 0.5, FAR[1]), id="the last"),
        pytest.param([94, 95], OIL, id="the last two, in port"),
        pytest.param([3], OIL, id="in the berth while coming"),
        pytest.param([6], OIL, id="in the berth a little before it comes"),
        pytest.param([6, 7], OIL, id="twice a little before it comes"),
        pytest.param([88], OIL, id="in the berth after it left"),
    ],
)
def test_strays_change_nothing_and_are_said(rows: list[int], place: Place) -> None:
    whole = call()
    without = whole.drop(index=rows).reset_index(drop=True)
    assert what_is_found(moved(whole, rows, place)) == what_is_found(without)
    assert reasons(moved(whole, rows, place)) == {"stray": len(rows)}
    assert reasons(whole) == {}


def test_of_two_places_in_one_second_the_one_on_the_way_is_the_ships() -> None:
    whole = call()
    for north in (-0.025, 0.025):
        stray = whole.iloc[[9]].assign(lat=lambda row, north=north: row["lat"] + north)
        assert what_is_found(positions(whole, stray)) == what_is_found(whole)
        assert reasons(positions(whole, stray)) == {"stray": 1}


def test_a_ship_at_anchor_far_away_does_not_call_by_one_stray_position() -> None:
    whole = Voyage().lie(FAR, 20).table()
    for rows in ([30], [30, 31], [0], [119]):
        assert len(ais_visits(moved(whole, rows, OIL), PORT).visits) == 0
        assert reasons(moved(whole, rows, OIL)) == {"stray": len(rows)}


def test_a_stray_of_a_ship_with_few_positions() -> None:
    few = Voyage().lie(OIL, 0.5).table()
    assert reasons(moved(few, [1], FAR)) == {"stray": 1}
    assert len(ais_visits(moved(few, [2], FAR), PORT).visits) == 1
    two = moved(few, [1], FAR).iloc[:2]
    assert reasons(two) == {"stray": 2}  # neither can be believed
    assert len(ais_visits(two, PORT).visits) == 0


@pytest.mark.parametrize("days", [2, 5, 9])
@pytest.mark.parametrize("rows", [[50], [50, 51]])
def test_messages_whose_clock_is_wrong_are_no_second_visit(rows: list[int], days: int) -> None:
    whole = call()
    late = whole.copy()
    late.loc[rows, "time"] += pd.Timedelta(days=days)
    late = late.sort_values("time", ignore_index=True)
    assert what_is_found(late) == what_is_found(whole.drop(index=rows))
    assert reasons(late) == {"lone": len(rows)}


def test_a_message_between_two_silences_at_the_berth_is_of_the_stay() -> None:
    lying = Voyage().go(FAR, OIL, 2).lie(OIL, 80).go(OIL, FAR, 2).table()
    hours = (lying["time"] - lying["time"].iloc[0]) / pd.Timedelta(1, "h")
    heard = lying[(hours < 10) | hours.between(40, 40.1) | (hours > 75)]
    assert reasons(heard) == {}
    assert len(ais_gaps(heard)) == 2
    (stay,) = ais_visits(heard, PORT).stays.itertuples()
    assert stay.hours > 75


def test_a_ship_that_is_seldom_heard_has_its_visits() -> None:
    for step in (60.0 * 12, 60.0 * 30):
        stays = ais_visits(Voyage(0, step).lie(FAR, 90).lie(OIL, 90).table(), PORT).visits
        assert len(stays) == 1
    later = [call(start=days * 1440.0).iloc[[50]] for days in (4, 8, 12)]
    often_then_seldom = ais_visits(positions(call(), *later), PORT).visits
    assert often_then_seldom["messages"].min() == 3


def test_one_position_or_two_are_no_visit_and_no_silence() -> None:
    others = Voyage().lie(FAR, 20).table(SHIP + 1)
    for number in (1, 2):
        both = positions(Voyage().lie(OIL, number / 6).table(), others)
        assert len(ais_visits(both, PORT).visits) == 0
        assert len(ais_gaps(both, until=both["time"].max())) == 0
        assert reasons(both) == {"lone": number}


WHOLE = call()
FOUND = what_is_found(WHOLE)


def test_an_error_that_comes_again_at_one_place_is_no_second_ship() -> None:
    whole = Voyage().lie(FAR, 60).table()
    again = moved(whole, [40, 41, 90, 150, 151, 250, 300], OIL)
    assert reasons(again) == {"stray": 7}
    assert len(ais_visits(again, PORT).visits) == 0


def test_a_second_ship_seldom_received_is_one_all_the_same() -> None:
    main, other = Voyage().lie(FAR, 40).table(), Voyage(5.0, 120.0).lie(OIL, 40).table()
    assert reasons(positions(main, other)) == {"two_hulls": 260}


@settings(max_examples=40, deadline=None)
@given(
    minute=st.integers(-60, 1020),
    east=st.floats(-180, 180),
    lat=st.floats(-89, 89),
    near=st.booleans(),
)
def test_a_stray_anywhere_changes_nothing(minute: int, east: float, lat: float, near: bool) -> None:
    whole = WHOLE
    if near:  # within the window of a port
        east, lat = east / 1000, OIL[1] + lat / 600
    place = (float(wrapped(OIL[0] + east)), lat)
    then = np.interp(minute, 10 * np.arange(len(whole)), np.arange(len(whole)))
    lon_then, lat_then = (
        np.interp(then, np.arange(len(whole)), whole[name]) for name in ("lon", "lat")
    )
    gap_s = 60 * np.abs(minute - 10 * np.arange(len(whole))).min()
    # what lies within doubt of the track is no stray
    if np.hypot(*offsets_m(lon_then, lat_then, *place)) < 1000 + 15 * max(gap_s, 60):
        return
    stray = ship(SHIP, (minute,), place[0], place[1])
    assert what_is_found(positions(whole, stray)) == FOUND


@pytest.mark.parametrize(
    ("minute", "east_m", "north_m"),
    [
        *[(99, 366, -827), (99, 0, 0), (109, 444, 1443), (849, 2258, -299), (869, 0, 0)],
        # where the piece of track before ends with it, and the ship's goes on as another
        *[(879, 0, 0), (879, -46, 97), (119, -984, -2749), (119, -583, -2276)],
    ],
)
def test_a_stray_a_minute_before_the_ship_does_not_take_its_place(
    minute: int, east_m: float, north_m: float
) -> None:
    """Credible from the message before, it contradicts the next one alone."""
    lat = OIL[1] + north_m / DEGREE_M
    lon = OIL[0] + east_m / (DEGREE_M * np.cos(np.radians(lat)))
    both = positions(WHOLE, ship(SHIP, (minute,), lon, lat))
    assert what_is_found(both) == FOUND
    assert reasons(both) == {"stray": 1}


# --- two hulls ----------------------------------------------------------------------------------


def test_two_ships_at_one_time_are_two_hulls() -> None:
    elsewhere = (OIL[0] + 0.2, OIL[1])
    one, two = call(), Voyage(5.0).lie(elsewhere, 14).table()
    both = positions(one, two)
    assert reasons(both) == {"two_hulls": len(one) + len(two)}
    found = ais_visits(both, PORT)
    assert what_is_found(both)[1] == what_is_found(one)[1]
    assert (found.visits["hull"].tolist(), len(ais_gaps(both))) == ([1], 0)


def test_two_hulls_at_one_port_have_a_visit_and_a_stay_each() -> None:
    other = Voyage(5.0).go((OIL[0] + 0.2, FAR[1]), OIL_2, 3).lie(OIL_2, 7).go(OIL_2, FAR, 2).table()
    both = positions(call(), other)
    found = ais_visits(both, PORT)
    assert sorted(found.stays["berth"]) == ["oil-1", "oil-2"]
    assert found.visits["ais_visit_id"].nunique() == 2
    hours = found.stays.set_index("berth")["hours"]
    assert hours["oil-1"] == pytest.approx(12, abs=0.2)
    assert hours["oil-2"] == pytest.approx(7, abs=0.2)


def test_two_places_in_each_second_are_two_hulls() -> None:
    one, two = Voyage().lie(OIL, 5).table(), Voyage().lie(FAR, 5).table()
    assert reasons(positions(one, two)) == {"two_hulls": 60}
    (stay,) = ais_visits(positions(one, two), PORT).stays.to_dict("records")
    assert stay["hours"] == pytest.approx(5, abs=0.2)


def test_a_ship_displaced_for_hours_is_not_silent() -> None:
    whole = Voyage().lie(OIL, 20).table()
    spoofed = moved(whole, range(40, 80), (OIL[0] + 1.0, OIL[1]))
    assert reasons(spoofed) == {"jump": 120}
    assert len(ais_gaps(spoofed, until=spoofed["time"].max())) == 0
    assert len(ais_visits(spoofed, PORT).visits) == 1


def test_one_ship_with_a_wrong_speed_is_one_hull_and_loses_nothing() -> None:
    whole = call()
    assert reasons(whole.assign(sog_kn=np.float32(0))) == {}
    assert reasons(whole.assign(sog_kn=np.float32(np.nan))) == {}
    assert len(ais_visits(whole.assign(sog_kn=np.float32(np.nan)), PORT).stays) == 1


def test_rough_clocks_and_places_make_no_stray() -> None:
    random = np.random.default_rng(1)
    way = Voyage(0.0, 0.5).go(FAR, OIL, 1).lie(OIL, 2).table()
    way["lat"] += random.normal(0, 30, len(way)) / DEGREE_M
    way["time"] += pd.to_timedelta(random.integers(-10, 10, len(way)), "s")
    assert reasons(way.sort_values("time", ignore_index=True)) == {}


def test_a_fast_ferry_is_one_ship() -> None:
    there = (OIL[0] + 0.3, OIL[1])
    trips = Voyage(0.0, 5.0)
    for _ in range(4):
        trips = trips.go(there, OIL, 0.34).lie(OIL, 0.5).go(OIL, there, 0.34).lie(there, 0.5)
    assert reasons(trips.table()) == {}
    assert len(ais_visits(trips.table(), PORT).visits) == 4


@given(seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_the_order_of_rows_means_nothing(seed: int) -> None:
    both = positions(moved(call(), [50], FAR), Voyage().lie(OIL_2, 9).table())
    mixed = both.sample(frac=1, random_state=seed).reset_index(drop=True)
    assert what_is_found(mixed) == what_is_found(both)


# --- static facts -------------------------------------------------------------------------------


def test_static_facts_are_the_usual_ones() -> None:
    table = call().assign(length_m=np.float32(95), name="ALPHA")
    table.loc[95, "length_m"] = 5
    table.loc[0, "name"] = "@@@"
    (visit,) = ais_visits(table, PORT).visits.to_dict("records")
    assert (visit["length_m"], visit["name"]) == (95, "ALPHA")


def test_a_change_of_imo_is_flagged() -> None:
    imo = ["9792395"] * 60 + ["9074729"] * 36
    table = call().assign(imo=pd.Categorical(imo))
    flags = hulls_of(table).flags
    assert {name: str(kind) for name, kind in flags.dtypes.items()} == dict(AIS_FLAG_COLUMNS)
    (flag,) = flags.to_dict("records")
    assert (flag["reason"], flag["detail"]) == ("imo_changed", "9074729: 36, 9792395: 60")
    assert ais_visits(table, PORT).visits["imo"].tolist() == ["9792395"]


# --- stays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("elsewhere", [OIL_2, ROADS, NEXT, FAR, (OIL[0] - 0.012, OIL[1])])
def test_a_ship_that_lay_elsewhere_meanwhile_has_two_stays(elsewhere: Place) -> None:
    hours = 1 / 6 if elsewhere == NEXT else 0.5  # two hundred metres, or a mile and more
    way = Voyage().go(FAR, OIL, 2).lie(OIL, 10).go(OIL, elsewhere, hours).lie(elsewhere, 30)
    way = way.go(elsewhere, OIL, hours).lie(OIL, 8).go(OIL, FAR, 2)
    stays = ais_visits(way.table(), PORT).stays
    mine = stays[stays["berth"] == "oil-1"]
    assert mine["hours"].tolist() == pytest.approx([10, 8], abs=0.4)
    assert stays["hours"].sum() <= 48


def test_a_quick_departure_is_two_stays() -> None:
    off = (OIL[0] - 0.02, OIL[1])
    way = Voyage().go(FAR, OIL, 2).lie(OIL, 10).go(OIL, off, 0.5).go(off, OIL, 0.5).lie(OIL, 8)
    stays = ais_visits(way.table(), PORT).stays
    assert stays["hours"].tolist() == pytest.approx([10, 8], abs=0.4)


def test_jitter_at_the_edge_and_pauses_do_not_split_a_stay() -> None:
    random = np.random.default_rng(2)
    table = Voyage(0.0, 3.0).lie((OIL[0] + 0.0008, OIL[1]), 40).table()
    table["lon"] += random.normal(0, 25, len(table)) / DEGREE_M
    table["sog_kn"] = np.where(random.random(len(table)) < 0.1, 0.7, 0.1).astype(np.float32)
    table = table[(table.index < 300) | (table.index > 340)].reset_index(drop=True)
    stays = ais_visits(table, PORT).stays
    assert len(stays) == 1
    assert stays["hours"].tolist() == pytest.approx([40], abs=0.2)


def test_one_position_at_another_berth_is_no_stay_there() -> None:
    table = moved(Voyage().lie(OIL, 10).table(), [30], (OIL_2[0], OIL_2[1] + 0.008))
    stays = ais_visits(table, PORT).stays
    assert stays["berth"].tolist() == ["oil-1"]
    assert stays["hours"].tolist() == pytest.approx([10], abs=0.2)
