"""Beams of visits: only of sightings that were measured, weighted by their errors."""

from __future__ import annotations

import pandas as pd
import pytest

from jobs.visits.cargo import BeamMeasure
from jobs.visits.measured_beams import SD_FLOOR_M, beams_of_visits, pooled_beam

NONE = float("nan")


def vessels() -> pd.DataFrame:
    rows = [
        ("v1", "planetscope-sr", 14.0, 1.0, True, NONE),
        ("v1", "planetscope-sr", 18.0, 2.0, True, NONE),
        ("v1", "sentinel-2-l2a", 30.0, NONE, True, NONE),  # the network's, at 10 m
        ("v2", "sentinel-2-l2a", 30.0, NONE, True, NONE),
        ("v3", "planetscope-sr", 15.0, 1.0, False, NONE),  # rejected
        ("v4", "planetscope-sr", 15.0, 1.0, True, 90.0),  # drawn anew by a reviewer
        ("", "planetscope-sr", 15.0, 1.0, True, NONE),
        ("v5", "skysat-sr", 12.0, 0.9, True, NONE),
    ]
    names = ("visit_id", "sensor", "beam_m", "beam_sd_m", "counted", "review_length_m")
    return pd.DataFrame(rows, columns=list(names))


def test_beams_of_visits_are_those_measured_and_counted() -> None:
    found = beams_of_visits(vessels())
    assert found.keys() == {"v1", "v5"}
    assert found["v1"].beam_m == pytest.approx((14 + 18 / 4) / 1.25)
    assert found["v1"].sd_m == pytest.approx(1.25**-0.5)
    assert (found["v5"].beam_m, found["v5"].sd_m) == pytest.approx((12.0, 0.9))


def test_without_a_sensor_its_beams_are_unknown() -> None:
    assert beams_of_visits(vessels(), "planetscope-sr").keys() == {"v5"}


def test_many_looks_do_not_make_a_beam_exact() -> None:
    pooled = pooled_beam([BeamMeasure(14.0, 1.0)] * 50)
    assert pooled is not None
    assert pooled.beam_m == pytest.approx(14.0)
    assert pooled.sd_m == SD_FLOOR_M
    assert pooled_beam([]) is None
