"""Vessels from drawn maps with known ships."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from models.config import Calibration
from models.dataset.boxes import Box
from models.dataset.targets import HULL_PLANES, draw_hulls, draw_labels
from models.geometry import box_corners, overlap
from models.inference.instances import Prediction, find_instances
from models.inference.vessels import Detection, find_vessels

CALIBRATION = Calibration(least_score=0.0)
SHAPE = (120, 140)


def draw(*ships: tuple[float, float, float, float, float]) -> Prediction:
    """A perfect prediction of (row, col, length_px, beam_px, heading) ships."""
    boxes = [Box(r, c, 10 * long, 10 * beam, turn, "ship", 3) for r, c, long, beam, turn in ships]
    ship, border, _ = draw_labels(boxes, SHAPE)
    _, *hull = draw_hulls(boxes, SHAPE)
    hull.insert(HULL_PLANES.index("error"), np.full(SHAPE, np.log(0.05), np.float32))
    return Prediction(np.maximum(ship, np.float32(1e-6)), border, np.stack(hull))


def find(prediction: Prediction, usable: NDArray[np.bool_] | None = None) -> tuple[Detection, ...]:
    return find_vessels(prediction, CALIBRATION, 10.0, usable)


@pytest.mark.parametrize("heading", [0.0, 20.0, 45.0, 90.0, 133.0, 179.0])
@pytest.mark.parametrize(("length", "beam"), [(8.0, 2.2), (18.0, 3.0), (33.0, 5.5)])
def test_position_length_beam_and_heading(length: float, beam: float, heading: float) -> None:
    (vessel,) = find(draw((60.3, 71.6, length, beam, heading)))
    assert (vessel.row, vessel.col) == (pytest.approx(60.3, abs=0.3), pytest.approx(71.6, abs=0.3))
    assert vessel.length_m == pytest.approx(10 * length, abs=10)
    assert vessel.beam_m == pytest.approx(10 * beam, abs=8)
    assert abs((vessel.heading_deg - heading + 90) % 180 - 90) < 3
    assert 0 <= vessel.heading_deg < 180
    assert not vessel.truncated
    assert overlap(vessel.corners, box_corners(60.3, 71.6, length, beam, heading)) > 0.7


@pytest.mark.parametrize("heading", [0.0, 30.0, 90.0])
def test_two_hulls_side_by_side_are_two(heading: float) -> None:
    across = np.array([np.sin(np.radians(heading)), np.cos(np.radians(heading))]) * 4.0
    one, other = np.array([60.0, 70.0]), np.array([60.0, 70.0]) + across
    found = find(draw((*one, 20, 4, heading), (*other, 20, 4, heading)))
    assert len(found) == 2
    for vessel in found:
        assert vessel.length_m == pytest.approx(200, abs=20)
        assert abs((vessel.heading_deg - heading + 90) % 180 - 90) < 5


def test_two_hulls_bow_to_stern_are_two() -> None:
    found = find(draw((60, 40, 20, 3, 90), (60, 61, 20, 3, 90)))
    assert [round(vessel.col) for vessel in found] == [40, 61]


@pytest.mark.parametrize("heading", [0.0, 40.0, 90.0])
def test_hulls_without_a_seam_are_separated_by_their_predicted_centres(heading: float) -> None:
    """Three abreast, as in crowded basins: the map shows one broad patch."""
    across = np.array([np.sin(np.radians(heading)), np.cos(np.radians(heading))]) * 2.5
    centres = [np.array([60.0, 70.0]) + side * across for side in (-1, 0, 1)]
    found = find(draw(*((*centre, 15, 2.5, heading) for centre in centres)))
    assert len(found) == 3
    for vessel in found:
        nearest = min(np.hypot(vessel.row - r, vessel.col - c) for r, c in centres)
        assert nearest < 0.3
        assert vessel.length_m == pytest.approx(150, abs=5)
        assert vessel.beam_m == pytest.approx(25, abs=3)


def test_of_two_predictions_of_one_hull_the_surer_is_kept() -> None:
    """As of a ship with its wake: the pixels at one end predict another, longer ship there."""
    maps = draw((60, 66, 20, 4, 90))
    other = draw((60, 70, 28, 4, 90))
    maps.hull[:, :, 73:] = other.hull[:, :, 73:]
    maps.ship[:, 73:] = np.minimum(other.ship, np.float32(0.7))[:, 73:]
    assert len(find_instances(maps, CALIBRATION.grow)) == 2
    (vessel,) = find(maps)
    assert (vessel.row, vessel.col) == (pytest.approx(60, abs=0.5), pytest.approx(66, abs=0.5))
    assert vessel.length_m == pytest.approx(200, abs=20)


def test_a_hull_seen_in_two_pieces_is_measured_whole() -> None:
    """As under a bridge's shadow: each piece alone predicts the whole ship."""
    whole = draw((60, 70, 20, 3, 90))
    ship = whole.ship.copy()
    ship[:, 74:76] = 1e-6
    (first, *_) = sorted(find(replace(whole, ship=ship)), key=lambda vessel: -vessel.score)
    assert first.length_m == pytest.approx(200, abs=5)
    assert first.col == pytest.approx(70, abs=0.3)


def test_the_length_sd_follows_the_predicted_error() -> None:
    sure = draw((60, 70, 20, 3, 90))
    unsure = replace(sure, hull=sure.hull.copy())
    unsure.hull[HULL_PLANES.index("error")] = np.log(0.2)
    (one,), (other,) = find(sure), find(unsure)
    assert one.length_sd_m == pytest.approx(CALIBRATION.length_sd_base_m + 0.05 * 200, rel=0.05)
    assert other.length_sd_m == pytest.approx(CALIBRATION.length_sd_base_m + 0.2 * 200, rel=0.05)


def test_extreme_outputs_take_bounded_memory() -> None:
    """Outputs of an untrained network may be anything: its memory must be bounded."""
    tame = draw((60, 70, 20, 3, 90))
    assert isinstance(find(replace(tame, hull=np.full_like(tame.hull, 1e30))), tuple)
    assert isinstance(find(replace(tame, hull=np.sign(tame.hull) * np.float32(1e6))), tuple)


def test_the_order_is_by_row_and_column_and_repeats() -> None:
    prediction = draw((90, 20, 12, 3, 10), (30, 100, 12, 3, 80), (30, 40, 12, 3, 80))
    found = find(prediction)
    assert [(round(v.row), round(v.col)) for v in found] == [(30, 40), (30, 100), (90, 20)]
    assert found == find(prediction)


def test_the_centre_must_be_usable() -> None:
    usable = np.ones(SHAPE, bool)
    usable[55:65, 60:80] = False
    assert not find(draw((60, 70, 20, 3, 90)), usable)


def test_a_ship_along_an_excluded_quay_is_whole() -> None:
    usable = np.ones(SHAPE, bool)
    usable[62:] = False
    (vessel,) = find(draw((60, 70, 20, 3, 90)), usable)
    assert not vessel.truncated


@pytest.mark.parametrize("col", [8.0, 133.0])
def test_a_ship_cut_by_the_edge_is_truncated(col: float) -> None:
    (vessel,) = find(draw((60, col, 20, 3, 90)))
    assert vessel.truncated


def test_a_ship_cut_by_cloud_or_missing_data_is_truncated() -> None:
    usable = np.ones(SHAPE, bool)
    usable[:, 79:] = False
    (vessel,) = find(draw((60, 70, 20, 3, 90)), usable)
    assert vessel.truncated
    prediction = draw((60, 70, 20, 3, 90))
    gap = prediction.ship.copy()
    gap[:, 78:] = 0
    (vessel,) = find(replace(prediction, ship=gap))
    assert vessel.truncated


def test_an_empty_map_holds_nothing() -> None:
    assert find(draw()) == ()
    nothing = np.zeros(SHAPE, np.float32)
    assert find(Prediction(nothing, nothing, np.stack([nothing] * len(HULL_PLANES)))) == ()


def test_faint_vessels_are_left_out() -> None:
    strict = replace(CALIBRATION, score_weights=(-50.0, *8 * (0.0,)), least_score=0.5)
    assert find_vessels(draw((60, 70, 20, 3, 90)), strict, 10.0) == ()


def test_the_pixel_scales_metres_and_nothing_else() -> None:
    prediction = draw((60, 70, 20, 3, 90))
    (at_10,), (at_3,) = find(prediction), find_vessels(prediction, CALIBRATION, 3.0)
    assert at_3.length_m == pytest.approx(0.3 * at_10.length_m)
    np.testing.assert_allclose(at_3.corners, at_10.corners)


def test_the_pixel_scales_every_measure_in_metres() -> None:
    prediction = draw((60, 70, 20, 3, 90))
    (at_10,), (at_3,) = find(prediction), find_vessels(prediction, CALIBRATION, 3.0)
    for name in ("length_m", "length_sd_m", "beam_m"):
        assert getattr(at_3, name) == pytest.approx(0.3 * getattr(at_10, name))
    assert (at_3.heading_deg, at_3.score) == (at_10.heading_deg, at_10.score)


def test_a_vessel_of_just_the_least_score_is_reported() -> None:
    prediction = draw((60, 70, 20, 3, 90))
    (vessel,) = find(prediction)
    at_it = replace(CALIBRATION, least_score=vessel.score)
    above = replace(CALIBRATION, least_score=np.nextafter(vessel.score, 1))
    assert find_vessels(prediction, at_it, 10.0) == (vessel,)
    assert find_vessels(prediction, above, 10.0) == ()


def test_no_vessel_is_broader_than_long() -> None:
    """Whatever the calibration makes of a small one's length."""
    short = replace(CALIBRATION, length_offset_m=-75.0)
    (vessel,) = find_vessels(draw((60, 70, 10, 4, 90)), short, 10.0)
    assert vessel.beam_m == pytest.approx(40, rel=0.05)
    assert vessel.length_m == vessel.beam_m


@pytest.mark.parametrize(("pixels", "vessels"), [(2, 0), (3, 1)])
def test_three_pixels_may_be_a_vessel_and_two_are_none(pixels: int, vessels: int) -> None:
    prediction = draw((60, 70, 3, 1, 90))
    sure = np.flatnonzero(prediction.ship.ravel() >= CALIBRATION.grow)
    ship = np.full(prediction.ship.size, np.float32(1e-6))
    ship[sure[:pixels]] = 1.0
    assert len(sure) >= 3
    assert len(find(replace(prediction, ship=ship.reshape(SHAPE)))) == vessels
