"""Matching against brute force over all assignments, and scores by hand."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dataset.boxes import Box
from models.evaluation.metrics import (
    MatchCriteria,
    Rule,
    at_least,
    compare,
    merge,
    pixel_counts,
    summarise,
)
from models.geometry import box_corners, coverage, overlap
from models.inference.vessels import Detection


def detection(row: float, col: float, length_m: float = 150, heading: float = 90) -> Detection:
    corners = box_corners(row, col, length_m / 10, 3, heading)
    return Detection(row, col, length_m, 10, 30, heading, 0.9, False, corners)


def box(
    row: float, col: float, length_m: float = 150, kind: str = "ship", confidence: int = 3
) -> Box:
    return Box(row, col, length_m, 30, 90, kind, confidence)


places = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4)


@settings(max_examples=60)
@given(found=places, truth=places)
def test_matching_by_distance_is_the_best_assignment(
    found: list[tuple[int, int]], truth: list[tuple[int, int]]
) -> None:
    vessels, boxes = [detection(*at) for at in found], [box(*at) for at in truth]
    pairs = compare(vessels, boxes, Rule.DISTANCE).pairs
    got = sum(
        61 - 10 * np.hypot(p.found.row - p.truth.row, p.found.col - p.truth.col) for p in pairs
    )
    assert got == pytest.approx(best_total(found, truth))


@settings(max_examples=60)
@given(found=places, truth=places, lengths=st.lists(st.integers(40, 300), min_size=8, max_size=8))
def test_matching_by_overlap_is_the_best_assignment(
    found: list[tuple[int, int]], truth: list[tuple[int, int]], lengths: list[int]
) -> None:
    vessels = [detection(*at, length) for at, length in zip(found, lengths, strict=False)]
    boxes = [box(*at, length) for at, length in zip(truth, lengths[4:], strict=False)]
    shares = [[of if (of := iou(v, b)) >= 0.3 else 0.0 for b in boxes] for v in vessels]
    if len(found) > len(truth):
        shares = [list(column) for column in zip(*shares, strict=True)]
    totals = (
        sum(row[k] for row, k in zip(shares, chosen, strict=True))
        for chosen in permutations(range(max(len(found), len(truth))), len(shares))
    )
    got = sum(pair.iou for pair in compare(vessels, boxes, Rule.OVERLAP).pairs)
    assert got == pytest.approx(max(totals, default=0.0))


def iou(one: Detection | Box, other: Detection | Box) -> float:
    """Both lie east to west and are 3 pixels broad."""
    along = min(end(one, 1), end(other, 1)) - max(end(one, -1), end(other, -1))
    across = 3 - abs(one.row - other.row)
    shared = max(along, 0) * max(across, 0)
    return shared / (3 * (one.length_m + other.length_m) / 10 - shared)


def end(hull: Detection | Box, side: int) -> float:
    return hull.col + side * hull.length_m / 20


def best_total(found: list[tuple[int, int]], truth: list[tuple[int, int]]) -> float:
    few, many = sorted([found, truth], key=len)
    totals = (
        sum(max(0.0, _closeness(a, b)) for a, b in zip(few, chosen, strict=True))
        for chosen in permutations(many, len(few))
    )
    return max(totals, default=0.0)


def _closeness(one: tuple[int, int], other: tuple[int, int]) -> float:
    apart_m = 10 * float(np.hypot(one[0] - other[0], one[1] - other[1]))
    return 61 - apart_m if apart_m <= 60 else 0.0


@settings(max_examples=40)
@given(
    row=st.floats(-4, 4), col=st.floats(-8, 8), heading=st.floats(0, 179), length=st.floats(4, 20)
)
def test_overlap_agrees_with_counting_covered_pixels(
    row: float, col: float, heading: float, length: float
) -> None:
    shape = (81, 81)
    one, other = (40.0, 40.0, 15.0, 6.0, 30.0), (40 + row, 40 + col, length, 5.0, heading)
    first, second = (np.zeros(shape), np.zeros(shape))
    for canvas, drawn in ((first, one), (second, other)):
        window, share = coverage(shape, *drawn)
        canvas[window] = share
    counted = np.minimum(first, second).sum() / np.maximum(first, second).sum()
    assert overlap(box_corners(*one), box_corners(*other)) == pytest.approx(counted, abs=0.12)


def test_doubtful_boxes_and_short_detections_are_no_false_alarms() -> None:
    boxes = [box(20, 20), box(60, 60, kind="small"), box(90, 90, confidence=1)]
    found = [detection(20, 20), detection(61, 61), detection(91, 88), detection(120, 20, 25)]
    scores = summarise(compare(found, boxes, Rule.OVERLAP))
    assert (scores.ships, scores.precision, scores.recall, scores.f1) == (1, 1, 1, 1)


def test_a_detection_on_a_wrong_box_is_a_false_alarm() -> None:
    comparison = compare([detection(20, 20)], [box(20, 20, kind="wrong")], Rule.OVERLAP)
    assert len(comparison.false_alarms) == 1


def test_one_ship_is_found_once() -> None:
    scores = summarise(compare([detection(20, 20), detection(20, 21)], [box(20, 20)], Rule.OVERLAP))
    assert (scores.precision, scores.recall) == (0.5, 1)


def test_lengths_headings_and_sums_over_scenes() -> None:
    one = compare([detection(20, 20, 160, 93)], [box(20, 20)], Rule.DISTANCE)
    other = compare([detection(20, 20, 130, 75)], [box(20, 20), box(70, 70)], Rule.DISTANCE)
    scores = summarise(merge([one, other]))
    assert scores.ships == 3
    assert scores.recall == pytest.approx(2 / 3)
    assert scores.length_mae_m == pytest.approx(15)
    assert scores.length_bias_m == pytest.approx(-5)
    assert scores.heading_median_deg == pytest.approx(9)
    assert scores.heading_within_10_deg == pytest.approx(0.5)


def test_ships_below_the_least_length_do_not_count() -> None:
    settings = MatchCriteria(least_length_m=200)
    comparison = compare([detection(20, 20, 150)], [box(20, 20)], Rule.DISTANCE, settings)
    assert not comparison.pairs
    assert not comparison.false_alarms


def test_pixel_counts_by_hand() -> None:
    ship = np.full((40, 60), 1e-6, np.float32)
    ship[19:22, 10:20] = 0.9
    ship[35, 50] = 0.9
    ships = [Box(20, 17, 150, 30, 90, "ship", 3), Box(35, 50, 30, 30, 0, "small", 3)]
    both, either = pixel_counts(ship, ships)
    assert (both, either) == (30, 45)


def test_of_long_ships_short_ones_are_neither_hits_nor_false_alarms() -> None:
    """Found: a 150 m ship as 55 m, a 50 m one as 90 m; nothing: 55 m and 70 m; missed: 80, 45 m."""
    boxes = [box(20, 20), box(20, 80, 50), box(90, 20, 80), box(90, 80, 45)]
    found = [detection(20, 20, 55), detection(20, 80, 90), detection(140, 20, 55)]
    every = compare([*found, detection(140, 80, 70)], boxes, Rule.DISTANCE)
    assert (summarise(every).precision, summarise(every).recall) == (0.5, 0.5)
    long = at_least(every, 60)
    assert [pair.truth.length_m for pair in long.pairs] == [150]
    assert [ship.length_m for ship in long.missed] == [80]
    assert [vessel.length_m for vessel in long.false_alarms] == [70]
    assert at_least(every, 0) == every


def test_errors_of_beam_and_coverage_of_the_length_sd() -> None:
    """Errors of 8, 15 and 25 m at a length_sd_m of 10 m: one within one of them, two within two."""
    boxes = [box(20, 20), box(20, 60), box(20, 100)]
    found = [detection(20, 20, 158), detection(20, 60, 135), detection(20, 100, 175)]
    found = [replace(found[0], beam_m=24), replace(found[1], beam_m=32), found[2]]
    scores = summarise(compare(found, boxes, Rule.DISTANCE))
    assert scores.length_within_1_sd == pytest.approx(1 / 3)
    assert scores.length_within_2_sd == pytest.approx(2 / 3)
    assert scores.beam_mae_m == pytest.approx((6 + 2 + 0) / 3)
    assert scores.beam_bias_m == pytest.approx((-6 + 2 + 0) / 3)
