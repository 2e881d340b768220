"""Matching AIS with vessels: names where evidence carries them, dark only where someone listens."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import Point, box

from jobs.ais import AIS_MATCH_COLUMNS, AisMatchSettings, match_ais, read_ais
from jobs.ais.association import best_pairs, pair_probabilities
from jobs.ais.geodesy import DEGREE_M, KNOT_MS, wrapped
from jobs.ais.schema import AIS_COLUMNS
from jobs.ais.tracks import DriftSettings, fixes_at, tracks_of
from jobs.visits.columns import frame, table
from jobs.visits.schema import REVIEW_COLUMNS, VESSEL_COLUMNS
from tests.support.ais_messages import NOON, positions, ship

LON, LAT = 133.0, 42.7
METRE_LON = 1 / (DEGREE_M * np.cos(np.radians(LAT)))
METRE_LAT = 1 / DEGREE_M
AROUND = (-20, -6, -3, 0.5, 4, 9, 25)
"""Minutes of messages around the overpass."""


def seen(
    *places_m: tuple[float, float],
    length_m: float | Sequence[float] = 85.0,
    heading_deg: float = 30.0,
    sensor: str = "sentinel-2-l2a",
    truncated: bool = False,
) -> gpd.GeoDataFrame:
    """The vessels of one overpass at NOON, at metres east and north of (LON, LAT)."""
    lengths = np.broadcast_to(length_m, len(places_m))
    return table(
        VESSEL_COLUMNS,
        [
            {
                "vessel_id": f"v{number}",
                "port": "RUVYP",
                "berth": "",
                "overpass_id": "o1",
                "time": NOON,
                "sensor": sensor,
                "platform": "sentinel-2a",
                "length_m": lengths[number],
                "length_sd_m": 12.0,
                "beam_m": 14.0,
                "beam_sd_m": None,
                "heading_deg": heading_deg,
                "score": 0.9,
                "truncated": truncated,
                "background": None,
                "fixed": False,
                "place_seen": None,
                "place_looks": None,
                "counted": True,
                **REVIEW_COLUMNS,
                "visit_id": "",
                "geometry": Point(LON + east * METRE_LON, LAT + north * METRE_LAT),
                "footprint": box(LON, LAT, LON + 1e-3, LAT + 1e-3),
            }
            for number, (east, north) in enumerate(places_m)
        ],
    )


def lying(
    mmsi: int,
    east_m: float,
    north_m: float,
    minutes: Sequence[float] = AROUND,
    *,
    length_m: float = 85.0,
    heading_deg: float = 210.0,
    to_bow_m: float = np.nan,
    to_stern_m: float = np.nan,
) -> pd.DataFrame:
    return ship(
        mmsi,
        minutes,
        LON + east_m * METRE_LON,
        LAT + north_m * METRE_LAT,
        heading_deg=heading_deg,
        length_m=length_m,
        to_bow_m=to_bow_m,
        to_stern_m=to_stern_m,
        name=f"SHIP {mmsi % 100}",
    )


def neighbours(minutes: Sequence[float] = AROUND, number: int = 4) -> list[pd.DataFrame]:
    return [lying(273000090 + i, 3000 + 500 * i, 3000, minutes) for i in range(number)]


# --- tiers --------------------------------------------------------------------------------------


def test_a_moored_ship_is_matched_by_name() -> None:
    found = match_ais(seen((0, 0)), positions(lying(273000001, 15, -20), *neighbours()))
    assert {name: str(kind) for name, kind in found.dtypes.items()} == {
        name: str(kind) for name, kind in AIS_MATCH_COLUMNS.items()
    }
    (row,) = found.to_dict("records")
    assert (row["tier"], row["mmsi"], row["name"]) == ("matched", 273000001, "SHIP 1")
    assert row["distance_m"] == pytest.approx(25, rel=0.01)
    assert row["minutes_to_nearest_message"] == pytest.approx(0.5)
    assert row["gap_minutes"] == pytest.approx(3.5)
    assert row["heading_difference_deg"] == pytest.approx(0)  # stern first is the same axis


def test_a_vessel_without_ais_is_dark_where_others_were_received() -> None:
    (row,) = match_ais(seen((0, 0)), positions(*neighbours())).to_dict("records")
    assert (row["tier"], row["ships_near"], row["ships_heard"]) == ("dark", 4, 4)
    assert row["any_probability"] < 0.05
    assert pd.isna(row["mmsi"])
    assert row["carriage_expected"]


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(neighbours(number=2), id="too few"),
        pytest.param([lying(273000090 + i, 30_000, 500 * i) for i in range(9)], id="too far"),
        pytest.param(neighbours((-300, -200, 200, 300)), id="at other hours"),
        pytest.param(
            [*neighbours(), *(lying(273000050 + i, -2000, 500 * i, (-90, 80)) for i in range(6))],
            id="most of those around were not received either",
        ),
        pytest.param([frame(AIS_COLUMNS)], id="no AIS at all"),
    ],
)
def test_silence_proves_nothing_without_reception(received: list[pd.DataFrame]) -> None:
    (row,) = match_ais(seen((0, 0)), positions(*received)).to_dict("records")
    assert row["tier"] == "unknown_coverage"


def test_a_ship_with_its_last_message_long_ago_is_only_possible() -> None:
    near = ship(273000001, (-40,), LON, LAT, sog_kn=6.0, cog_deg=90.0, length_m=85)
    (row,) = match_ais(seen((7400, 0)), positions(near, *neighbours())).to_dict("records")
    assert (row["tier"], row["mmsi"]) == ("possible", 273000001)


def test_a_boat_is_not_blamed_for_lacking_what_it_need_not_carry() -> None:
    (row,) = match_ais(seen((0, 0), length_m=40.0), positions(*neighbours())).to_dict("records")
    assert not row["carriage_expected"]


# --- evidence -----------------------------------------------------------------------------------


@pytest.mark.parametrize("length_m", [20.0, 60.0, 320.0])
def test_a_ship_of_contradicting_length_is_never_matched(length_m: float) -> None:
    there = positions(lying(273000001, 0, 0, length_m=length_m), *neighbours())
    (row,) = match_ais(seen((0, 0), length_m=180.0), there).to_dict("records")
    assert abs(row["length_difference_m"]) > 4 * 12.0
    assert row["probability"] >= AisMatchSettings().matched_from  # by place alone it would be
    assert (row["tier"], row["mmsi"]) == ("possible", 273000001)


def test_length_distinguishes_two_ships_side_by_side() -> None:
    received = positions(
        lying(273000001, 0, 0, length_m=180), lying(273000002, 25, 0, length_m=60), *neighbours()
    )
    found = match_ais(seen((0, 0), (25, 0), length_m=[60.0, 180.0]), received)
    assert list(found["mmsi"]) == [273000002, 273000001]


def test_no_ship_is_two_vessels() -> None:
    found = match_ais(seen((-10, 0), (10, 0)), positions(lying(273000001, 0, 0), *neighbours()))
    assert found["probability"].sum() <= 1 + 1e-9
    assert (found["tier"] == "matched").sum() <= 1


def test_a_heading_across_the_hull_lowers_the_probability() -> None:
    along, across = (
        match_ais(seen((60, 0)), positions(lying(273000001, 0, 0, heading_deg=h))).iloc[0]
        for h in (30.0, 120.0)
    )
    assert across["probability"] < along["probability"]
    assert across["heading_difference_deg"] == pytest.approx(90)


def test_a_cut_vessel_may_be_any_longer_ship_but_no_shorter_one() -> None:
    long, short = (
        match_ais(
            seen((40, 0), length_m=120.0, truncated=True),
            positions(lying(273000001, 0, 0, length_m=length)),
        ).iloc[0]["probability"]
        for length in (250, 40)
    )
    assert long > 0.9
    assert short < long


def test_the_antenna_is_moved_to_the_middle_of_the_hull() -> None:
    # on the bridge, 160 m behind the bow and 20 m before the stern, heading east
    tanker = lying(273000001, -70, 0, length_m=180, heading_deg=90, to_bow_m=160, to_stern_m=20)
    row = match_ais(seen((0, 0), length_m=180.0, heading_deg=90.0), positions(tanker)).iloc[0]
    assert row["distance_m"] == pytest.approx(0, abs=0.5)


def test_the_clutter_assumed_hardly_moves_a_moored_ship() -> None:
    few, many = (
        match_ais(
            seen((25, 0)),
            positions(lying(273000001, 0, 0), *neighbours()),
            AisMatchSettings(silent_per_km2=density),
        ).iloc[0]["probability"]
        for density in (0.1, 10.0)
    )
    assert few - many < 0.02


def test_a_radar_is_forgiven_the_shift_of_a_moving_ship() -> None:
    speed_kn = 12.0
    minutes = np.array(AROUND)
    track = ship(
        273000001,
        AROUND,
        LON + speed_kn * KNOT_MS * 60 * minutes * METRE_LON,
        LAT,
        sog_kn=speed_kn,
        cog_deg=90.0,
        length_m=85,
    )
    received = positions(track, *neighbours())
    optical, radar = (
        match_ais(seen((0, 350), heading_deg=90.0, sensor=sensor), received).iloc[0]["probability"]
        for sensor in ("sentinel-2-l2a", "sentinel-1-rtc")
    )
    assert radar > optical


def test_rows_come_back_in_the_vessels_order() -> None:
    one, two = seen((0, 0), (500, 0)), seen((0, 0), (500, 0))
    two["vessel_id"], two["overpass_id"] = two["vessel_id"] + "x", "o2"
    two["time"] = two["time"] + pd.Timedelta(2, "h")
    mixed = pd.concat([one, two]).iloc[[3, 0, 2, 1]].reset_index(drop=True)
    found = match_ais(mixed, positions(lying(273000001, 0, 0), *neighbours()))
    assert list(found["vessel_id"]) == list(mixed["vessel_id"])
    assert len(match_ais(one.iloc[:0], positions(*neighbours()))) == 0


def test_vessels_and_ships_on_both_sides_of_180_degrees_are_matched() -> None:
    vessels, ships = seen((0, 0), (2000, 0)), positions(lying(273000001, 15, -20), *neighbours())
    usual = match_ais(vessels, ships)
    turn = 180.0 - LON - 1000 * METRE_LON
    turned = vessels.set_geometry(
        [Point(wrapped(place.x + turn), place.y) for place in vessels.geometry], crs=vessels.crs
    )
    found = match_ais(turned, ships.assign(lon=wrapped(ships["lon"] + turn)))
    assert usual["tier"].tolist() == ["matched", "dark"]
    pd.testing.assert_frame_equal(found, usual, rtol=1e-6)


# --- interpolation ------------------------------------------------------------------------------


def fix(messages: pd.DataFrame, minute: float = 0.0) -> dict[str, float]:
    fixes = fixes_at(tracks_of(messages), NOON + pd.Timedelta(minute, "min"), DriftSettings())
    return {name: float(getattr(fixes, name)[0]) for name in ("lon", "lat", "sd_m", "gap_s")}


def test_a_place_between_two_messages_lies_between_them() -> None:
    found = fix(ship(273000001, (-10, 30), (LON, LON + 0.04), LAT, sog_kn=2.0))
    assert found["lon"] == pytest.approx(LON + 0.01)
    assert found["gap_s"] == 2400


def test_a_place_before_the_first_message_is_dead_reckoned_back() -> None:
    found = fix(ship(273000001, (30,), LON, LAT, sog_kn=10.0, cog_deg=90.0))
    assert (LON - found["lon"]) / METRE_LON == pytest.approx(10 * KNOT_MS * 1800, rel=1e-3)


def test_two_transmitters_of_one_number_are_not_averaged() -> None:
    two = fix(ship(273000001, (-1, 2, 5, 8), (LON, LON + 1.0, LON, LON), LAT))
    assert (two["lon"], two["gap_s"]) == (pytest.approx(LON), 360)  # between its own messages
    found = fix(
        ship(273000001, (*range(-20, 0), *range(2, 20)), (*(LON,) * 20, *(LON + 1.0,) * 18), LAT)
    )
    assert found["lon"] == pytest.approx(LON)
    assert np.isnan(found["gap_s"])


def test_ships_silent_for_too_long_get_no_position() -> None:
    tracks = tracks_of(ship(273000001, (-400, 500), LON, LAT))
    assert len(fixes_at(tracks, pd.Timestamp(NOON), DriftSettings()).row) == 0


@settings(max_examples=25)
@given(
    gap=st.floats(2, 230),  # three times as long still has a message within the silence allowed
    share=st.floats(0.05, 0.95),
    speed=st.floats(0, 20),
    more=st.floats(1.05, 3),
)
def test_doubt_grows_with_gap_and_speed_and_vanishes_at_messages(
    gap: float, share: float, speed: float, more: float
) -> None:
    def sd_m(gap: float, share: float, speed: float) -> float:
        return fix(ship(273000001, (-gap * share, gap * (1 - share)), LON, LAT, sog_kn=speed))[
            "sd_m"
        ]

    doubt = sd_m(gap, share, speed)
    assert sd_m(gap * more, share, speed) > doubt
    assert sd_m(gap, share, speed * more + 1) > doubt
    assert sd_m(gap, 0.0, speed) == 0
    assert sd_m(gap, share, speed) == pytest.approx(sd_m(gap, 1 - share, speed), rel=1e-3)


# --- one to one ---------------------------------------------------------------------------------


def by_enumeration(weight: np.ndarray) -> np.ndarray:
    """Marginals over every one-to-one assignment."""
    vessels, ships = weight.shape
    padded = np.concatenate([weight, np.ones((vessels, vessels))], axis=1)
    joint = np.zeros_like(weight)
    total, known = 0.0, set()
    for choice in permutations(range(ships + vessels), vessels):
        key = tuple(c if c < ships else -1 for c in choice)
        if key in known:
            continue
        known.add(key)
        odds = np.prod([padded[i, c] for i, c in enumerate(choice)])
        total += odds
        for i, c in enumerate(key):
            if c >= 0:
                joint[i, c] += odds
    return joint / total


@settings(max_examples=40)
@given(st.lists(st.floats(0.01, 100), min_size=3, max_size=3))
def test_probabilities_are_exact_without_loops(weights: list[float]) -> None:
    a, b, c = weights
    chain = np.array([[a, 0.0], [b, c]])
    np.testing.assert_allclose(pair_probabilities(chain), by_enumeration(chain), atol=1e-6)


@settings(max_examples=40)
@given(st.lists(st.floats(0.001, 1000), min_size=9, max_size=9))
def test_probabilities_are_exact_in_a_knot(weights: list[float]) -> None:
    weight = np.array(weights).reshape(3, 3)
    found = pair_probabilities(weight)
    assert (found.sum(axis=0) <= 1 + 1e-6).all()
    assert (found.sum(axis=1) <= 1 + 1e-6).all()
    # pairs that propagation takes for negligible are left out of the exact sum: over weights of
    # this range a search for the worst case (11 starts of 800 steps) came to an error of 0.0045
    np.testing.assert_allclose(found, by_enumeration(weight), atol=0.01)


def test_the_best_pairs_are_best_together() -> None:
    # the first vessel's best ship is worth more to the second
    weight = np.array([[50.0, 40.0], [60.0, 0.1]])
    assert list(best_pairs(weight)) == [1, 0]
    assert list(best_pairs(np.array([[0.2, 0.3]]))) == [-1]


@pytest.mark.real_data
def test_ships_of_a_real_hour_are_found_again_and_strangers_are_not(shared: Path) -> None:
    received, _ = read_ais([shared / "ais" / "marinecadastre_galveston_20220103.csv.gz"])
    moment = received["time"].min() + pd.Timedelta(10, "min")
    there = received[(received["time"] - moment).abs() < pd.Timedelta(30, "s")]
    there = there.dropna(subset=["length_m", "heading_deg"]).drop_duplicates("mmsi")
    there = there[there["length_m"] >= 60]
    assert len(there) > 30
    rng = np.random.default_rng(0)
    vessels = pd.concat([seen((0, 0))] * len(there), ignore_index=True)
    vessels["vessel_id"] = [f"v{i}" for i in range(len(there))]
    vessels["time"] = moment
    vessels["length_m"] = there["length_m"].to_numpy() + rng.normal(0, 12, len(there))
    vessels["heading_deg"] = (there["heading_deg"].to_numpy() + rng.normal(0, 8, len(there))) % 180
    noise = rng.normal(0, 1.5e-4, (2, len(there)))
    vessels["geometry"] = gpd.points_from_xy(there["lon"] + noise[0], there["lat"] + noise[1])
    found = match_ais(vessels, received)
    matched = (found["tier"] == "matched").to_numpy()
    right = (found["mmsi"].to_numpy() == there["mmsi"].to_numpy())[matched]
    assert matched.mean() > 0.9
    assert right.mean() > 0.97
    # their own ships fall silent: few take the name of a neighbour that the image misses
    others = received[~received["mmsi"].isin(there["mmsi"])].reset_index(drop=True)
    alone = match_ais(vessels, others)
    assert (alone["tier"] == "matched").mean() < 0.1
