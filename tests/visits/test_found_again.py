"""Which ships of a road are found again at the next look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from jobs.visits.found_again import LONGEST_GAP, Sighted, seen_again
from jobs.visits.occupancy.detector import Detector, ScoreStep
from jobs.visits.occupancy.seen_again import SeenAgain
from tests.support.panels import make_panel

DETECTOR = Detector("x", 0.8, 0.5, 0.0, 0.1, 0.5, steps=(ScoreStep(0.7, 0.5, 0.5, 0.0, 0.2),))
Ship = tuple[int, float, float, float]
"""Look, x and y in metres, length in metres."""


def test_a_ship_that_swings_is_found_again_and_another_length_is_not() -> None:
    sighted = _sighted([(0, 0, 0, 180), (0, 2000, 0, 90), (1, 250, 100, 190), (1, 2000, 50, 200)])

    assert sighted.again(0, 1) == 1


def test_one_ship_is_found_again_once() -> None:
    sighted = _sighted([(0, 0, 0, 180), (0, 100, 0, 180), (1, 50, 0, 180)])

    assert sighted.again(0, 1) == 1


def test_a_ship_that_is_cut_off_may_be_longer() -> None:
    ships: list[Ship] = [(0, 0, 0, 100), (1, 0, 0, 200)]

    assert _sighted(ships).again(0, 1) == 0
    assert _sighted(ships, cut=[0]).again(0, 1) == 1
    assert _sighted(ships, cut=[1]).again(0, 1) == 0


def test_only_sure_reports_count_and_any_report_takes_its_place() -> None:
    sighted = _sighted([(0, 0, 0, 180), (0, 10, 0, 180), (1, 5, 0, 180)], unsure=[1])

    assert _sighted([(0, 0, 0, 180), (1, 5, 0, 180)], unsure=[0]).again(0, 1) == 0
    assert sighted.again(0, 1) <= 1
    assert sighted.number_sure(2).tolist() == [1, 1]


def test_looks_with_reports_are_compared_with_the_next_within_reach() -> None:
    time = [0.0, 2.0, 3.0, 3.0 + LONGEST_GAP + 1]
    found = _found([(0, 0, 0, 150), (2, 0, 0, 150), (3, 0, 0, 150)], time, area_km2=100)

    # the second look saw nothing, and itself has nothing to be found again
    assert found.gap.tolist() == [2.0]
    assert found.reports.tolist() == found.sure.tolist() == [1]
    assert found.again.tolist() == [0]


def test_chance_is_what_looks_far_apart_say() -> None:
    """At fixed places strangers lie where others lay; in open water hardly ever."""
    rng = np.random.default_rng(3)
    time = np.arange(0, 365, 5.0)
    places = rng.uniform(0, 8000, (4, 2))
    fixed, open_water = [], []
    for look in range(len(time)):
        for place in places:
            length = float(rng.uniform(150, 170))
            fixed.append((look, *place, length))
            open_water.append((look, *rng.uniform(0, 8000, 2), length))

    often, seldom = (_found(ships, list(time), area_km2=64.0) for ships in (fixed, open_water))

    assert 1 - (1 - often.stranger) ** 4 > 0.9
    assert seldom.stranger < 0.02


def test_without_looks_far_apart_the_area_guesses() -> None:
    ships: list[Ship] = [(0, 0, 0, 150), (0, 3000, 0, 150), (1, 0, 0, 150)]

    small, large = (_found(ships, [0.0, 1.0], area) for area in (2.0, 200.0))

    assert 0 < large.stranger < 0.01 < small.stranger < 0.5


def test_a_road_without_reports_has_no_pairs() -> None:
    assert len(_found([], [0.0, 1.0], 10.0)) == 0
    assert len(_found([], [], 10.0)) == 0


def _sighted(ships: Sequence[Ship], cut: Sequence[int] = (), unsure: Sequence[int] = ()) -> Sighted:
    look, x, y, length = np.array(ships, np.float64).reshape(-1, 4).T
    score = np.where(np.isin(np.arange(len(look)), unsure), 0.4, 0.9)
    truncated = np.zeros(len(look), np.bool_)
    truncated[list(cut)] = True
    return Sighted(
        look.astype(np.intp), x, y, length, np.full(len(look), 8.0), truncated, score >= 0.7
    )


def _found(ships: Sequence[Ship], time: Sequence[float], area_km2: float) -> SeenAgain:
    sighted = _sighted(ships)
    panel = make_panel(time, sighted.number(len(time)), days=400.0, detectors=(DETECTOR,))
    return seen_again(sighted, panel, area_km2)
