"""Score of detections against true vessels."""

from __future__ import annotations

import math

import pandas as pd

from jobs.simulate.score import DetectionScore, match_vessels

DEGREES_PER_M = 1 / 111_320


def table(*rows: tuple[int, float, float]) -> pd.DataFrame:
    """(moment, metres north of the origin, length) as a table."""
    return pd.DataFrame(
        {
            "time": [row[0] for row in rows],
            "lon": [133.0 for _ in rows],
            "lat": [42.0 + row[1] * DEGREES_PER_M for row in rows],
            "length_m": [row[2] for row in rows],
        }
    )


def counts(score: DetectionScore) -> tuple[int, int, int]:
    return score.true_positives, score.false_positives, score.false_negatives


def test_counts_by_hand() -> None:
    true = table((1, 0, 100), (1, 500, 80), (2, 0, 90), (2, 900, 30))
    found = table((1, 30, 110), (1, 300, 50), (2, 70, 90), (2, 905, 28))
    ignore = pd.Series([False, False, False, True])
    score = match_vessels(found, true, ignore)
    assert counts(score) == (1, 2, 2)
    assert score.length_error_m == 10
    assert score.precision == 1 / 3
    assert score.recall == 1 / 3


def test_pairs_are_one_to_one_and_the_sum_of_distances_least() -> None:
    true = table((1, 0, 100), (1, 50, 100))
    found = table((1, -40, 100), (1, 20, 100))
    score = match_vessels(found, true, pd.Series([False, False]))
    assert counts(score) == (2, 0, 0)


def test_nothing_found_and_nothing_there() -> None:
    empty = table()
    score = match_vessels(empty, empty, pd.Series([], dtype=bool))
    assert math.isnan(score.precision)
    assert math.isnan(score.recall)
