"""Figures that some draws, scenes or pixels leave undefined: they count for nothing, not for 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from models.dataset.boxes import Box
from models.evaluation.bootstrap import Interval, bootstrap
from models.evaluation.metrics import MatchCriteria, Rule, compare, pixel_counts
from models.geometry import box_corners
from models.inference.vessels import Detection


def detection(row: float, col: float, length_m: float = 150, heading: float = 90) -> Detection:
    corners = box_corners(row, col, length_m / 10, 3, heading)
    return Detection(row, col, length_m, 10, 30, heading, 0.9, False, corners)


def box(row: float, col: float, heading: float = 90, **facts: object) -> Box:
    return Box(row, col, 150, 30, heading, "ship", 3, **facts)  # type: ignore[arg-type]


def test_draws_without_the_figure_do_not_count_for_its_interval() -> None:
    def figures(units: Sequence[float]) -> dict[str, float]:
        known = [unit for unit in units if not np.isnan(unit)]
        return {"most": max(known, default=float("nan"))}

    found = bootstrap([0.2, 0.2, float("nan"), float("nan")], figures)
    assert found["most"] == Interval(0.2, 0.2)


@pytest.mark.parametrize(("one", "other", "apart"), [(179, 1, 2), (1, 179, 2), (90, 0, 90)])
def test_headings_are_apart_by_the_smaller_angle_between_two_axes(
    one: float, other: float, apart: float
) -> None:
    (pair,) = compare([detection(50, 50, heading=one)], [box(50, 50, other)], Rule.DISTANCE).pairs
    assert pair.heading_error_deg == pytest.approx(apart)


def test_a_ship_cut_off_by_the_edge_is_neither_asked_for_nor_a_false_alarm() -> None:
    cut = box(50, 50, at_edge=True)
    missed = compare([], [cut], Rule.DISTANCE)
    found = compare([detection(50, 50)], [cut], Rule.DISTANCE)
    assert missed.missed == ()
    assert (found.pairs, found.missed, found.false_alarms) == ((), (), ())


def test_what_is_too_short_to_be_asked_for_is_no_false_alarm_either() -> None:
    least = MatchCriteria().least_length_m
    for length_m, alarms in ((least - 1, 0), (least, 1)):
        found = compare([detection(50, 50, length_m)], [], Rule.DISTANCE)
        assert len(found.false_alarms) == alarms


def test_pixels_without_data_are_not_counted_against_the_map() -> None:
    ship = np.full((100, 100), np.float32(0.9))
    ship[:, 50:] = 0
    both, either = pixel_counts(ship, [box(50, 50)])
    whole, _ = pixel_counts(np.full((100, 100), np.float32(0.9)), [box(50, 50)])
    assert either == 100 * 50
    assert 0 < both < whole
