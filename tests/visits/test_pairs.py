"""Two sensors minutes apart see one ship: by place, heading and length, one to one."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from jobs.domain import BerthKind, OverpassRecord, Quality, Vessel
from jobs.visits.pairs import near_overpasses, overpass_of
from jobs.visits.same_ship import METRES_PER_S_KN, NEAR, matched
from jobs.visits.schema import PAIR_COLUMNS
from jobs.visits.tables import port_tables
from tests.support.factories import LEFT, TOP, make_berth, make_port, make_record, make_vessel

OPTICAL, LANDSAT, RADAR = "sentinel-2-l2a", "landsat-c2-l2", "sentinel-1-rtc"
ROADS = make_berth(
    id="roads", kind=BerthKind.ANCHORAGE, capacity=None, place_m=(300, 300, 3600, 3600)
)
OIL = make_berth()
AREA_KM2 = 17.6
TEN = timedelta(minutes=10)


def anchored(east_m: float = 2000, north_m: float = 2000, **facts: float) -> Vessel:
    return make_vessel(x=LEFT + east_m, y=TOP - 4200 + north_m, **{"length_m": 150.0, **facts})


def under_way(
    minutes: float, knots: float, course_deg: float = 0.0, heading_deg: float = 0.0
) -> Vessel:
    """A ship of 150 m that many minutes after it was in the middle of the south."""
    way_m = minutes * 60 * knots * METRES_PER_S_KN
    east, north = np.sin(np.radians(course_deg)), np.cos(np.radians(course_deg))
    return anchored(2000 + east * way_m, 400 + north * way_m, heading_deg=heading_deg)


def tables_of(*records: OverpassRecord, berths=(ROADS,)):
    return port_tables(make_port(berths=berths), records)


def look(minutes: float, *vessels: Vessel, sensor: str = OPTICAL, **facts) -> OverpassRecord:
    return make_record(hours=minutes / 60, vessels=vessels, sensor=sensor, **facts)


def is_one(a: Vessel, b: Vessel, gap: timedelta = TEN, radar: bool = False) -> bool:
    return bool(matched([a], [b], gap, AREA_KM2, radar))


# --- two sightings ------------------------------------------------------------------------------


def test_a_ship_that_lies_is_found_where_it_lay():
    assert is_one(anchored(), anchored(2040, 1970, length_m=165.0, heading_deg=4.0))


@pytest.mark.parametrize("knots", [4.0, 8.0, 12.0])
def test_a_ship_under_way_is_found_along_its_heading_either_way(knots):
    first = under_way(0, knots)
    assert is_one(first, under_way(10, knots))
    # bow and stern are not told apart
    assert is_one(first, under_way(10, -knots, heading_deg=178.0))


@pytest.mark.parametrize(
    "other",
    [
        under_way(10, 12.0, course_deg=90.0),  # athwart
        under_way(10, 12.0, heading_deg=90.0),
        under_way(10, 12.0) and anchored(2000, 400 + 3700, length_m=60.0),  # another length
        under_way(10, 30.0),  # faster than any
    ],
    ids=["athwart", "heading", "length", "too fast"],
)
def test_another_ship_is_another(other):
    assert not is_one(under_way(0, 12.0), other)


def test_one_cut_by_cloud_may_be_longer_but_not_shorter():
    whole = anchored(length_m=200.0)
    assert is_one(whole, anchored(length_m=70.0, truncated=True))
    assert not is_one(anchored(length_m=70.0), anchored(length_m=300.0, truncated=True))


def test_radar_shows_ships_under_way_beside_their_place():
    """12 knots athwart the flight: some 400 m along it, here to the east of the way."""
    first, shifted = under_way(0, 6.0), under_way(5, 6.0)
    shifted = anchored(shifted.x - LEFT + 220, shifted.y - TOP + 4200)
    gap = timedelta(minutes=5)
    assert is_one(first, shifted, gap, radar=True)
    assert matched([first], [shifted], gap, AREA_KM2, True)[0][1] > 1


def test_of_many_ships_each_is_matched_to_itself_and_strangers_to_none():
    rng = np.random.default_rng(4)
    places = rng.uniform(300, 3900, (14, 2))
    lengths = rng.uniform(60, 260, 14)
    headings = rng.uniform(0, 180, 14)

    def seen(numbers: np.ndarray) -> list[Vessel]:
        return [
            anchored(
                *(places[n] + rng.normal(0, 20, 2)),
                length_m=max(lengths[n] + rng.normal(0, 15), 30),
                length_sd_m=15.0,
                heading_deg=float((headings[n] + rng.normal(0, 4)) % 180),
            )
            for n in numbers
        ]

    first, second = np.arange(0, 11), rng.permutation(np.arange(3, 14))
    found = matched(seen(first), seen(second), TEN, AREA_KM2, False)
    right = {int(n): int(np.flatnonzero(second == n)[0]) for n in first if n in second}
    assert {a: b for a, (b, _) in found.items()} == right


def test_nothing_is_matched_to_nothing():
    assert matched([], [anchored()], TEN, AREA_KM2, False) == {}
    assert matched([anchored()], [], TEN, AREA_KM2, False) == {}


def test_how_often_simulated_ships_are_put_together_rightly():
    """Two looks of recall .8 and .6 at ships of which a tenth is under way."""
    rng = np.random.default_rng(11)
    wrong = 0
    of_moving: list[tuple[bool, bool]] = []
    for _ in range(200):
        ships = rng.integers(1, 12)
        gap = timedelta(minutes=float(rng.uniform(1, 30)))
        seen: list[tuple[list[int], list[Vessel]]] = []
        place, heading = rng.uniform(0, 4000, (ships, 2)), rng.uniform(0, 180, ships)
        speed = np.where(rng.random(ships) < 0.1, rng.uniform(2, 15, ships), 0.0)
        ahead = np.column_stack([np.sin(np.radians(heading)), np.cos(np.radians(heading))])
        length = 120 * np.exp(0.5 * rng.standard_normal(ships))
        for after_s, recall in ((0.0, 0.8), (gap.total_seconds(), 0.6)):
            names = [n for n in range(ships) if rng.random() < recall]
            at = place + ahead * (speed * METRES_PER_S_KN * after_s)[:, None]
            seen.append(
                (
                    names,
                    [
                        anchored(
                            *(at[n] + rng.normal(0, 20, 2)),
                            length_m=max(length[n] + rng.normal(0, 20), 30),
                            length_sd_m=20.0,
                            heading_deg=float((heading[n] + rng.normal(0, 5)) % 180),
                        )
                        for n in names
                    ],
                )
            )
        found = matched(seen[0][1], seen[1][1], gap, 16.0, False)
        pairs = {(seen[0][0][a], seen[1][0][b]) for a, (b, _) in found.items()}
        both = [n for n in seen[0][0] if n in seen[1][0]]
        wrong += len(pairs - {(n, n) for n in both})
        of_moving += [(bool(speed[n]), (n, n) in pairs) for n in both]
    moving, right = np.array(of_moving).T
    print(f"\nlying: {right[~moving].sum()} of {(~moving).sum()} ships put together, ", end="")
    print(f"under way: {right[moving].sum()} of {moving.sum()}, two ships as one: {wrong}")
    assert wrong < 0.01 * right.sum()
    assert right[~moving].mean() > 0.97
    # what is far away after half an hour is no more probably the same ship than another
    assert right[moving].mean() > 0.5


# --- overpasses ---------------------------------------------------------------------------------


def test_overpasses_minutes_apart_of_two_sensors_are_compared_whatever_their_order():
    def overpass(minutes: float, sensor: str):
        return overpass_of(look(minutes, sensor=sensor), {})

    a, b, c = overpass(0, OPTICAL), overpass(12, LANDSAT), overpass(29, RADAR)
    far = overpass(60, LANDSAT)
    again = overpass(13, OPTICAL)
    found = [(x.overpass_id, y.overpass_id) for x, y in near_overpasses([far, c, b, a, again])]
    expected = [(a, b), (a, c), (b, again), (b, c), (again, c)]
    assert found == [(x.overpass_id, y.overpass_id) for x, y in expected]


# --- the table ----------------------------------------------------------------------------------


def test_both_or_one_alone_is_a_row_each():
    far = anchored(900, 900, length_m=80.0)
    late = anchored(3200, 900, length_m=90.0)
    tables = tables_of(
        look(0, anchored(), far), look(12, anchored(2030), late, sensor=LANDSAT), look(3000, far)
    )
    pairs = tables.pairs
    assert list(pairs.columns) == list(PAIR_COLUMNS)
    assert sorted(pairs["seen"]) == ["both", "first", "second"]
    assert pairs["both_clear"].all()
    assert set(pairs["first_sensor"]) == {OPTICAL}
    assert set(pairs["second_sensor"]) == {LANDSAT}
    both = pairs[pairs["seen"] == "both"].iloc[0]
    assert both["moved_m"] == pytest.approx(30)
    assert both["speed_kn"] == pytest.approx(30 / 720 / METRES_PER_S_KN)
    assert both["probability"] > 0.99
    ids = set(tables.vessels["vessel_id"])
    assert {both["first_vessel_id"], both["second_vessel_id"]} < ids
    alone = pairs[pairs["seen"] != "both"]
    assert alone["probability"].isna().all()
    assert sorted(alone["first_vessel_id"] + alone["second_vessel_id"]) == sorted(
        tables.vessels.loc[tables.vessels["length_m"].isin([80.0, 90.0]), "vessel_id"].iloc[:2]
    )


def test_what_cloud_hides_is_no_miss():
    hidden = np.full((420, 420), np.uint8(Quality.CLOUD))
    tables = tables_of(look(0, anchored()), look(12, sensor=LANDSAT, quality=hidden))
    assert tables.pairs["seen"].tolist() == ["first"]
    assert not tables.pairs["both_clear"].any()


def test_ships_at_no_berth_are_paired_only_where_both_looks_saw_them():
    off = [anchored(120, 4100), anchored(4100, 120, length_m=60.0)]
    tables = tables_of(look(0, *off), look(5, off[0], sensor=LANDSAT), berths=(OIL,))
    assert tables.pairs["seen"].tolist() == ["both"]
    assert tables.pairs["berth"].tolist() == [""]


def test_looks_of_one_sensor_or_hours_apart_make_no_pair():
    tables = tables_of(
        look(0, anchored()), look(10, anchored()), look(200, anchored(), sensor=LANDSAT)
    )
    assert len(tables.pairs) == 0
    assert tables.pairs.crs == tables.looks.crs


# --- stays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("knots", [0.0, 6.0, 11.0])
def test_a_ship_seen_twice_within_minutes_is_one_stay(knots):
    tables = tables_of(look(0, under_way(0, knots)), look(9, under_way(9, knots), sensor=LANDSAT))
    assert set(tables.vessels["berth"]) == {"roads"}
    assert tables.visits["vessels"].tolist() == [2]
    assert tables.visits["overpass_ids"].str.split(" ").str.len().tolist() == [2]


def test_two_ships_minutes_apart_are_two_stays():
    tables = tables_of(
        look(0, under_way(0, 11)), look(9, anchored(3500, 3300, length_m=60.0), sensor=LANDSAT)
    )
    assert tables.visits["vessels"].tolist() == [1, 1]


def test_a_look_minutes_after_a_sighting_missed_the_ship_it_does_not_report():
    tables = tables_of(
        look(0, make_vessel()),
        look(15, sensor=LANDSAT),
        look(24 * 60, make_vessel()),
        berths=(OIL,),
    )
    assert tables.visits["vessels"].tolist() == [2]
    later = tables_of(
        look(0, make_vessel()),
        look(24 * 60, sensor=LANDSAT),
        look(48 * 60, make_vessel()),
        berths=(OIL,),
    )
    assert later.visits["vessels"].tolist() == [1, 1]


def test_a_look_minutes_before_a_sighting_is_no_bound_of_the_arrival():
    tables = tables_of(
        look(0), look(24 * 60, sensor=LANDSAT), look(24 * 60 + 15, make_vessel()), berths=(OIL,)
    )
    times = sorted(set(tables.looks["time"]))
    assert tables.visits["arrival_after"].tolist() == [times[0]]
    assert times[2] - times[1] < pd.Timedelta(NEAR)
