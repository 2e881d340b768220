"""Rules of the match with AIS that lean to caution: what must be sure before it is said."""

from __future__ import annotations

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
