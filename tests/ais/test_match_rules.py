"""Rules of the match with AIS that lean to caution: what must be sure before it is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from shapely.geometry import Point

from jobs.ais import AisMatchSettings, match_ais
from jobs.ais.geodesy import DEGREE_M
from tests.support.ais_messages import positions, ship
from tests.support.ais_vessels import LAT, LENGTH_SD_M, LON, vessel

RULES = AisMatchSettings()


@pytest.mark.parametrize(
    ("length_m", "expected"),
    [
        (RULES.carriage_from_m + 1.1 * LENGTH_SD_M, True),
        (RULES.carriage_from_m + 0.9 * LENGTH_SD_M, False),
        (RULES.carriage_from_m - 0.9 * LENGTH_SD_M, False),
    ],
)
def test_ais_is_expected_of_a_vessel_that_is_surely_long_enough(
    length_m: float, expected: bool
) -> None:
    far_away = ship(273000001, (0,), LON + 1, LAT)
    (row,) = match_ais(vessel(length_m), positions(far_away)).to_dict("records")
    assert row["carriage_expected"] == expected


@pytest.mark.parametrize(
    ("sog_kn", "heading_deg", "difference_deg"),
    [
        (0.5, np.nan, None),  # the course of a ship at rest is noise
        (5.0, np.nan, 70.0),
        (5.0, 50.0, 20.0),  # a heading that was sent goes before the course
    ],
)
def test_a_ship_points_where_it_goes_only_while_it_moves(
    sog_kn: float, heading_deg: float, difference_deg: float | None
) -> None:
    heard = ship(
        273000001,
        (-3, 3),
        LON,
        LAT,
        sog_kn=sog_kn,
        cog_deg=100.0,
        heading_deg=heading_deg,
        length_m=85.0,
    )
    (row,) = match_ais(vessel(85.0), positions(heard)).to_dict("records")
    assert row["mmsi"] == 273000001
    found = row["heading_difference_deg"]
    assert (None if np.isnan(found) else round(found, 6)) == difference_deg


def test_what_a_ship_said_last_of_itself_counts() -> None:
    """Names and lengths are corrected by their crews, and numbers change hands."""
    before = ship(273000001, (-6, -3), LON, LAT, length_m=60.0, name="OLD NAME")
    after = ship(273000001, (3, 6), LON, LAT, length_m=85.0, name="NEW NAME")
    silent = ship(273000001, (9,), LON, LAT)
    (row,) = match_ais(vessel(85.0), positions(before, after, silent)).to_dict("records")
    assert (row["name"], row["ais_length_m"]) == ("NEW NAME", 85.0)


def probability_among(others: int) -> float:
    """Of a vessel's pair with a ship 60 m off, with so many vessels 400 m around it."""
    places = [Point(LON, LAT)]
    for number in range(others):
        turn = np.radians(72 * number)
        north, east = 400 * np.cos(turn), 400 * np.sin(turn)
        metre_lon = 1 / (DEGREE_M * np.cos(np.radians(LAT)))
        places.append(Point(LON + east * metre_lon, LAT + north / DEGREE_M))
    rows = pd.concat([vessel(85.0)] * len(places), ignore_index=True)
    rows["vessel_id"] = [f"v{number}" for number in range(len(places))]
    rows["geometry"] = places
    heard = ship(273000001, (-3, 3), LON, LAT + 60 / DEGREE_M, heading_deg=30.0, length_m=85.0)
    return float(match_ais(rows, positions(heard), RULES)["probability"].iloc[0])


def test_a_vessel_is_no_crowd_around_itself() -> None:
    """A quarter of the vessels within 500 m is silent; three are below the usual density."""
    area_km2 = np.pi * RULES.crowd_km**2
    assert 3 * RULES.silent_share / area_km2 < RULES.silent_per_km2
    assert 4 * RULES.silent_share / area_km2 > RULES.silent_per_km2
    assert probability_among(3) == pytest.approx(probability_among(0), rel=1e-6)
    assert probability_among(4) < probability_among(3) * (1 - 1e-4)
