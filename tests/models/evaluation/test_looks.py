"""Looks of a drawn port: berths and open water, ships detected and false alarms."""

from dataclasses import replace

import numpy as np
import pytest

from models.dataset.boxes import Box
from models.dataset.scenes import LabelledScene
from models.evaluation.detector_error import BETWEEN_BERTHS_SD, STEPS, detector_errors
from models.evaluation.looks import (
    EmptyLook,
    Looks,
    Place,
    ShipLook,
    distance_m,
    looks_at,
    solid_ground,
    to_ground_m,
)
from models.evaluation.metrics import MatchCriteria, detected
from models.geometry import box_corners
from models.inference.vessels import Detection
from models.network.normalise import BANDS

SIZE, QUAY = 240, 60
"""Land fills the rows above QUAY; water the rest."""

ALONGSIDE = Box(63, 60, 180, 30, 90, "ship", 3)
AT_ANCHOR = Box(160, 60, 180, 30, 40, "ship", 3)
RAFTED = (Box(63, 120, 180, 30, 90, "ship", 3), Box(67, 120, 180, 30, 90, "ship", 3))


def scene(*boxes: Box, bands: tuple[str, ...] = BANDS, land: bool = True) -> LabelledScene:
    random = np.random.default_rng(0)
    image = random.normal(0.04, 0.002, (len(bands), SIZE, SIZE)).astype(np.float32)
    if land:
        image[:, :QUAY] += 0.1
    for box in boxes:
        image[
            :, round(box.row) - 1 : round(box.row) + 2, round(box.col) - 8 : round(box.col) + 9
        ] += 0.1
    return LabelledScene("drawn", "port", bands, image, boxes)


def detection(row: float, col: float) -> Detection:
    corners = box_corners(row, col, 15, 3, 90)
    return Detection(row, col, 150, 10, 30, 90, 0.9, False, corners)


def looks(of: LabelledScene, *found: Detection) -> Looks:
    return looks_at(of, found, MatchCriteria())


def test_ground_is_land_without_ships() -> None:
    ground = solid_ground(scene(ALONGSIDE, AT_ANCHOR))
    assert ground is not None
    assert ground[: QUAY - 1].all()
    assert not ground[QUAY + 1 :].any()


def test_open_sea_has_no_ground_and_true_colour_shows_none() -> None:
    sea = solid_ground(scene(AT_ANCHOR, land=False))
    assert sea is not None
    assert not sea.any()
    colour = scene(ALONGSIDE, bands=BANDS[:3])
    assert solid_ground(colour) is None
    assert looks(colour) == Looks()


def test_ships_are_seen_or_missed_at_their_place() -> None:
    found = looks(scene(ALONGSIDE, AT_ANCHOR), detection(64, 62))
    seen = {ship.place: ship.seen for ship in found.ships}
    assert seen == {Place.BERTH: True, Place.ANCHORAGE: False}
    assert {ship.length_m for ship in found.ships} == {180}


def test_ships_that_share_a_berth_are_left_out() -> None:
    found = looks(scene(ALONGSIDE, *RAFTED))
    assert len(found.ships) == 1


def test_short_and_doubtful_vessels_are_no_looks() -> None:
    short = Box(160, 60, 30, 8, 90, "ship", 3)
    doubtful = Box(160, 120, 180, 30, 90, "ship", 1)
    assert looks(scene(short, doubtful)).ships == ()


def test_empty_shore_and_water_are_measured() -> None:
    berths, water = looks(scene()).empty
    assert (berths.place, water.place) == (Place.BERTH, Place.ANCHORAGE)
    assert berths.amount == pytest.approx(SIZE * 10 / 350, rel=0.05)
    assert water.amount == pytest.approx(SIZE * (SIZE - QUAY - 15) / 1e4, rel=0.01)
    assert (berths.reported, water.reported) == (0, 0)


def test_reports_where_nothing_lies_are_false_alarms_of_their_place() -> None:
    by_the_quay, ashore = detection(QUAY + 4, 100), detection(QUAY - 20, 100)
    between, at_sea = detection(QUAY + 13, 100), detection(200, 100)
    berths, water = looks(scene(), by_the_quay, ashore, between, at_sea).empty
    assert (berths.reported, water.reported) == (1, 1)


def test_what_lies_by_a_labelled_vessel_is_no_false_alarm() -> None:
    small = Box(64, 100, 20, 6, 90, "small", 3)
    berths, _ = looks(scene(small), detection(65, 102)).empty
    assert berths.reported == 0
    assert berths.amount < SIZE * 10 / 350


def test_one_vessel_is_not_seen_at_two_boxes() -> None:
    boxes = RAFTED
    assert detected([detection(64, 120)], boxes) == [True, False]
    assert detected([detection(64, 120), detection(66, 121)], boxes) == [True, True]
    assert detected([], boxes) == [False, False]


def test_a_tug_beside_takes_its_own_report() -> None:
    tug = Box(60, 120, 30, 10, 90, "small", 3)
    assert detected([detection(60, 120)], [RAFTED[0], tug]) == [False, True]


def test_a_part_of_a_long_ship_is_a_sighting_of_it() -> None:
    long_ship = Box(63, 60, 300, 40, 90, "ship", 3)
    assert detected([detection(63, 72)], [long_ship]) == [True]
    assert detected([detection(63, 80)], [long_ship]) == [False]


def test_errors_come_for_the_places_with_ships_and_count_what_they_rest_on() -> None:
    one = looks(scene(ALONGSIDE), detection(63, 60))
    (error,) = detector_errors([one, one, one])
    assert error.place == "berth"
    assert (error.ports, error.ships) == (1, 3)
    assert error.empty == pytest.approx(3 * one.empty[0].amount)
    assert 0.5 < error.recall < 1
    assert 0 < error.false_alarms < 0.02
    assert error.false_alarms_sd > BETWEEN_BERTHS_SD
    assert detector_errors([]) == ()


def test_errors_are_measured_from_higher_scores_on_too() -> None:
    found = replace(detection(63, 60), score=0.6), replace(detection(63, 180), score=0.4)
    one = looks(scene(ALONGSIDE), *found)
    assert [ship.score for ship in one.ships] == [0.6]
    assert one.empty[0].scores == (0.4,)
    (error,) = detector_errors([one, one, one])
    assert [step.from_score for step in error.steps] == list(STEPS)
    half, most = error.steps
    assert half.recall == pytest.approx(error.recall)
    assert most.recall < 0.5 < half.recall
    assert half.false_alarms == most.false_alarms < error.false_alarms


def test_reports_without_a_score_give_no_errors_by_score() -> None:
    ship = ShipLook("a", Place.BERTH, 150, True)
    (error,) = detector_errors([Looks((ship,), (EmptyLook("a", Place.BERTH, 10, 0),))])
    assert error.steps == ()


def test_berths_differ_around_their_ports_mean() -> None:
    """Reports at a tenth of the berths are a tenth a berth on average, and less at most berths."""
    ship = ShipLook("a", Place.BERTH, 150, True)
    ports = [Looks((ship,), (EmptyLook(p, Place.BERTH, 1e4, 1000),)) for p in "abcdefgh"]
    (error,) = detector_errors(ports)
    mean = error.false_alarms * np.exp(error.false_alarms_sd**2 / 2)
    assert mean == pytest.approx(0.1, rel=0.2)
    assert error.false_alarms < 0.05


def test_the_distance_to_ground_is_the_nearest_of_the_hull() -> None:
    """Its bow points at a wall 100 m off: 2 pixels of hull, and the one around it, nearer."""
    ground = np.zeros((60, 90), bool)
    ground[:, 40:] = True
    shore_m = distance_m(ground)
    assert to_ground_m(Box(30, 20, 200, 20, 90, "ship", 3), shore_m) == pytest.approx(90)
    assert to_ground_m(Box(30, 20, 200, 20, 0, "ship", 3), shore_m) == pytest.approx(180)
    assert to_ground_m(Box(30, 50, 200, 20, 0, "ship", 3), shore_m) == 0
    assert to_ground_m(Box(500, 20, 200, 20, 0, "ship", 3), shore_m) == float("inf")
    assert to_ground_m(Box(1, 1, 200, 20, 0, "ship", 3), distance_m(~ground & ground)) == np.inf
