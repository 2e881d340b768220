"""Rules of the match with AIS that lean to caution: what must be sure before it is said."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.ais import MatchSettings, match_ais
from tests.support.ais_messages import positions, ship
from tests.support.ais_vessels import LAT, LENGTH_SD_M, LON, vessel

RULES = MatchSettings()


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
