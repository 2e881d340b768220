"""Ships of known size in simulated backscatter: found where they lie, and as long as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from jobs.domain import SENSORS, Grid, Orbit, Pixels
from jobs.segment.protocol import View
from jobs.segment.radar.archive_looks import RadarDetector
from jobs.segment.radar.detector import find_ships
from jobs.segment.radar.ghosts import ghosts_among
from jobs.segment.radar.shapes import Shape, measured
from jobs.simulate.radar.hulls import points_of
from jobs.simulate.radar.points import image_of, together, with_ghosts
from jobs.simulate.radar.response import speckle
from jobs.simulate.traffic import Pose, Ship, ShipType
from tests.support.scenes import small_port

GRID = Grid(32652, 500_000.0, 4_800_000.0, 320, 320)
ORBIT = Orbit("descending", 80, "right")
LATITUDE = 43.0
SENSOR = SENSORS["sentinel-1-rtc"]
OPEN = np.zeros(GRID.shape, bool)


def pose(number: int, length_m: float, row: float, col: float, bow_deg: float) -> Pose:
    ship = Ship(f"ship-{number}", ShipType.BULKER, length_m, length_m / 6.2)
    x, y = GRID.left + (col + 0.5) * 10, GRID.top - (row + 0.5) * 10
    return Pose(ship, "", x, y, bow_deg)


def image_with(*poses: Pose, seed: int = 5) -> np.ndarray:
    rng, flight = np.random.default_rng(seed), ORBIT.flight(LATITUDE)
    points = together([points_of(each, ORBIT, LATITUDE, rng) for each in poses])
    sea = [speckle(GRID.shape, 10.0, flight, rng) * level for level in (0.008, 0.0012)]
    return (np.stack(sea) + image_of(points, GRID, flight)).astype(np.float32)


def find(image: np.ndarray, land=OPEN, quays=OPEN, orbit=ORBIT):
    return find_ships(image, land, quays, orbit, LATITUDE, 10.0)


FLEET = [
    pose(n, length_m, 50 + 55 * (n // 5), 40 + 60 * (n % 5), 20.0 + 37 * n)
    for n, length_m in enumerate((60, 90, 120, 150, 200) * 4)
]


def test_ships_at_sea_are_found_where_they_lie_and_nothing_else():
    found = find(image_with(*FLEET)).ships
    assert len(found) == len(FLEET)
    for each in FLEET:
        col, row = (each.x - GRID.left) / 10 - 0.5, (GRID.top - each.y) / 10 - 0.5
        ship = min(found, key=lambda s: np.hypot(s.row - row, s.col - col))
        assert np.hypot(ship.row - row, ship.col - col) < 4
        turn = abs((ship.heading_deg - each.bow_deg + 90) % 180 - 90)
        assert turn < 20
        assert abs(ship.length_m - each.ship.length_m) < 3 * ship.length_sd_m
        assert not ship.truncated


def test_lengths_are_right_in_the_mean_and_err_as_they_say():
    found = find(image_with(*FLEET)).ships
    errors = []
    for each in FLEET:
        col, row = (each.x - GRID.left) / 10 - 0.5, (GRID.top - each.y) / 10 - 0.5
        ship = min(found, key=lambda s: np.hypot(s.row - row, s.col - col))
        errors.append((ship.length_m - each.ship.length_m) / ship.length_sd_m)
    assert abs(np.mean(errors)) < 0.6
    assert 0.4 < np.std(errors) < 1.4


def test_empty_sea_is_empty():
    assert find(image_with()).ships == ()
    assert not find(image_with()).probability.any()


def test_no_ship_is_looked_for_on_land_but_at_quays():
    image = image_with(FLEET[4])
    land = np.ones(GRID.shape, bool)
    land[:, 200:] = False
    col = int((FLEET[4].x - GRID.left) / 10)
    land[:, col - 20 :] = False
    land[:, col - 20 : col + 20] = True
    assert find(image, land=land).ships == ()
    quays = np.zeros(GRID.shape, bool)
    quays[30:70, col - 20 : col + 20] = True
    assert len(find(image, land=land, quays=quays).ships) == 1


def test_a_ship_at_the_edge_of_the_data_is_cut_off():
    image = image_with(pose(1, 150, 100, 100, 90.0))
    image[:, :, :101] = np.nan
    (ship,) = find(image).ships
    assert ship.truncated


def test_the_same_pixels_give_the_same_ships():
    image = image_with(*FLEET[:5])
    assert find(image).ships == find(image.copy()).ships


def test_an_image_without_any_data_has_no_ships():
    assert find(np.full((2, *GRID.shape), np.nan, np.float32)).ships == ()


def test_the_axis_of_a_bar_of_pixels_is_its_heading():
    bar = np.zeros((21, 21), np.float32)
    for step in range(-8, 9):
        bar[10 - step, 10 + step // 2] = 5.0
    found = measured(bar, (100, 200), 0)
    assert found.heading_deg == pytest.approx(26, abs=4)
    assert (found.row, found.col) == pytest.approx((110, 210), abs=0.8)
    assert found.long_px == pytest.approx(18, abs=1.5)


def shape_at(row: float, col: float, peak: float) -> Shape:
    one = measured(np.full((3, 3), 5.0, np.float32), (0, 0), 0)
    return replace(one, row=row, col=col, peak=peak)


def test_a_faint_copy_at_the_ambiguity_s_distance_is_a_ghost_and_nothing_else_is():
    east, north = flight = ORBIT.flight(LATITUDE)
    source = np.array([[1000.0], [1000.0], [3000.0]])

    def at(along_m: float, peak: float) -> Shape:
        return shape_at(1000 - along_m * north / 10, 1000 + along_m * east / 10, peak)

    found = [at(4900, 10), at(-4900, 10), at(4900, 2000), at(3000, 10), at(5450, 10)]
    assert ghosts_among(found, source, flight, 10.0).tolist() == [True, True, False, False, True]
    assert not ghosts_among(found, np.zeros((3, 0)), flight, 10.0).any()


def test_the_ghost_of_a_large_ship_is_left_out_and_counted():
    tall = Grid(32652, 500_000.0, 4_800_000.0, 200, 640)
    rng, flight = np.random.default_rng(1), ORBIT.flight(LATITUDE)
    ship = Ship("large", ShipType.CONTAINER, 280.0, 40.0)
    x, y = tall.left + 1400.0, tall.top - 600.0
    points = points_of(Pose(ship, "", x, y, 60.0), ORBIT, LATITUDE, rng)
    image = image_of(with_ghosts(points, flight, 4_900.0), tall, flight)
    for plane, level in zip(image, (0.0013, 0.0005), strict=True):
        plane += speckle(tall.shape, 10.0, flight, rng) * level
    water = np.zeros(tall.shape, bool)
    found = find_ships(image, water, water, ORBIT, LATITUDE, 10.0)
    assert len(found.ships) == 1
    assert abs(found.ships[0].row - 59.5) < 8
    assert found.ghosts >= 1
    without = find_ships(image, water, water, None, LATITUDE, 10.0)
    assert len(without.ships) == 1 + found.ghosts
    archived = Pixels(SENSOR.encoding.encode(10 * np.log10(image)), np.zeros(tall.shape, np.uint8))
    port = replace(small_port(grid=tall), berths=())
    view = View(archived, SENSOR, port, land=water, orbit=ORBIT)
    assert RadarDetector().find(view).ghosts == found.ghosts
