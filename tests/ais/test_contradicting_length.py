"""A contradicting AIS length is never called matched, however near the ship lies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from jobs.ais import AisMatchSettings, match_ais
from jobs.ais.geodesy import DEGREE_M
from tests.support.ais_messages import positions, ship
from tests.support.ais_vessels import LAT, LENGTH_SD_M, LON, vessel

AROUND = (-6, -3, 0.5, 4, 9)
RULES = AisMatchSettings()


def alone_beside(length_m: float) -> pd.DataFrame:
    """A moored ship 5 m off the vessel's middle, its antenna known to stand amidships."""
    return ship(
        273000001,
        AROUND,
        LON,
        LAT + 5 / DEGREE_M,
        heading_deg=30.0,
        length_m=length_m,
        to_bow_m=length_m / 2,
        to_stern_m=length_m / 2,
    )


def tier(seen_m: float, sent_m: float, *, truncated: bool = False) -> tuple[str, float]:
    """The vessel's tier, and the probability of its pair with the ship beside it."""
    found = match_ais(vessel(seen_m, truncated=truncated), positions(alone_beside(sent_m)), RULES)
    (row,) = found.to_dict("records")
    return row["tier"], row["probability"]


def gate_m(sent_m: float) -> float:
    """Difference of the two lengths from which they contradict each other."""
    return RULES.contradiction_sd * float(np.hypot(LENGTH_SD_M, RULES.ais_length_share * sent_m))


@pytest.mark.parametrize("sent_m", [30.0, 400.0])
def test_a_ship_of_another_length_is_only_possible_however_likely_its_place(sent_m: float) -> None:
    found, probability = tier(150.0, sent_m)
    assert probability >= RULES.matched_from  # by place and heading alone it would be matched
    assert found == "possible"


def test_lengths_contradict_each_other_from_the_stated_number_of_sds() -> None:
    sent_m = 150.0
    for sign in (-1, 1):
        within, beyond = (sent_m + sign * share * gate_m(sent_m) for share in (0.98, 1.02))
        assert tier(within, sent_m)[0] == "matched"
        assert tier(beyond, sent_m)[0] == "possible"


def test_a_cut_vessel_is_contradicted_by_a_shorter_ship_alone() -> None:
    assert tier(150.0, 400.0, truncated=True)[0] == "matched"
    assert tier(150.0, 60.0, truncated=True) == ("possible", pytest.approx(1, abs=0.1))
