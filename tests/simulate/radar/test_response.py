"""The radar's impulse response and speckle, and where it puts what moves."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.domain import Grid, Orbit
from jobs.simulate.radar.hulls import SHIFT_S, shift_of
from jobs.simulate.radar.points import AMBIGUITY_DB, image_of, targets, with_ghosts
from jobs.simulate.radar.response import RESOLUTION_M, impulse_response, speckle
from jobs.simulate.traffic import Pose, Ship, ShipType

NORTH = (0.0, 1.0)
GRID = Grid(32652, 500_000.0, 4_800_000.0, 300, 300)
DESCENDING = Orbit("descending", 80, "right")


def width_at_half_power(profile: np.ndarray, step_m: float) -> float:
    peak = int(profile.argmax())
    below = profile < profile[peak] / 2
    found = []
    for side in (profile[peak:], profile[peak::-1]):
        n = int(np.argmax(side < profile[peak] / 2))
        found.append(n - 1 + (side[n - 1] - profile[peak] / 2) / (side[n - 1] - side[n]))
    assert below.any()
    return sum(found) * step_m


def test_a_point_is_as_wide_as_the_products_state():
    response = impulse_response(2.0, NORTH)
    middle = response.shape[0] // 2
    along = width_at_half_power(response[:, middle], 2.0)
    across = width_at_half_power(response[middle], 2.0)
    assert (along, across) == pytest.approx(RESOLUTION_M, rel=0.08)


def test_side_lobes_lie_in_a_cross_and_are_twenty_decibels_down():
    response = impulse_response(5.0, NORTH)
    middle = response.shape[0] // 2
    aside = response[middle, middle + 5 : middle + 30].max()
    between = response[middle + 7, middle + 7]
    assert 1e-3 < aside / response.max() < 10**-1.5
    assert between < aside


def test_speckle_has_the_looks_that_products_state_and_neighbours_are_alike():
    found = speckle((600, 600), 10.0, NORTH, np.random.default_rng(3))
    assert found.mean() == pytest.approx(1.0, abs=0.02)
    assert found.mean() ** 2 / found.var() == pytest.approx(4.4, rel=0.05)
    next_to = np.corrcoef(found[:, :-1].ravel(), found[:, 1:].ravel())[0, 1]
    three_off = np.corrcoef(found[:, :-3].ravel(), found[:, 3:].ravel())[0, 1]
    assert next_to > 0.4
    assert abs(three_off) < 0.05


def test_the_power_of_a_point_is_kept():
    one = targets([501_503.0], [4_798_507.0], [[1000.0], [200.0]])
    image = image_of(one, GRID, NORTH)
    assert image.sum(axis=(1, 2)) * 100 == pytest.approx([1000, 200], rel=0.01)
    row, col = np.unravel_index(image[0].argmax(), GRID.shape)
    assert (row, col) == (149, 150)


def test_ghosts_lie_ahead_and_behind_along_the_flight():
    one = targets([501_500.0], [4_798_500.0], [[1.0], [1.0]])
    found = with_ghosts(one, (0.6, 0.8), 5000.0)
    assert found.x.tolist() == pytest.approx([501_500, 498_500, 504_500])
    assert found.y.tolist() == pytest.approx([4_798_500, 4_794_500, 4_802_500])
    assert found.sections[0].tolist() == pytest.approx([1, *[10 ** (AMBIGUITY_DB / 10)] * 2])


def pose(bow_deg: float, knots: float) -> Pose:
    return Pose(Ship("s", ShipType.GENERAL, 100.0, 16.0), "", 0.0, 0.0, bow_deg, knots)


def test_a_descending_satellite_flies_south_and_looks_west():
    east, north = DESCENDING.flight(43.0)
    assert north < -0.95
    assert -0.35 < east < -0.15
    assert DESCENDING.look(43.0)[0] < -0.95
    assert Orbit("ascending", 80, "right").look(43.0)[0] > 0.95


def test_a_ship_towards_the_radar_is_moved_along_the_flight():
    """Descending, the radar is in the east: a ship to the east moves towards it."""
    flight = np.array(DESCENDING.flight(0.0))
    east = np.array(shift_of(pose(90.0, 10.0), DESCENDING, 0.0))
    assert float(east @ flight) > 0.8 * SHIFT_S * 10 * 0.5144 * np.sin(np.radians(38))
    assert float(np.array(shift_of(pose(270.0, 10.0), DESCENDING, 0.0)) @ flight) < 0
    assert shift_of(pose(90.0, 0.0), DESCENDING, 0.0) == pytest.approx((0, 0))
