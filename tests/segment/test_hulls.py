"""Beams at the file's own pixels: measured where both sides are seen, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from jobs.domain import Grid, Pixels, Scene, Sensor, Source, Unit, Vessel
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError
from jobs.run.settings import settings_for
from jobs.segment import changed, key
from jobs.segment.digest import _key
from jobs.segment.hull import measured_beam
from jobs.segment.own_pixels import with_beams
from jobs.segment.shows_beams import pixels_of
from models.geometry import coverage
from tests.support.scenes import overpass, scene, small_port
from tests.support.small_runs import a_plan

PLANET = SENSORS["planetscope-sr"]
GRID = Grid(32653, 420_000.0, 4_730_000.0, 101, 101, 3.0)
MIDDLE = 50.0
WATER, DECK, QUAY = 0.03, 0.12, 0.25


def image(*hulls: tuple[float, float, float, float, float]) -> NDArray[np.float32]:
    """Water with hulls, each row and column in pixels, length and beam in metres, heading; as
    blurred as PlanetScope's.
    """
    fine = np.zeros((3 * GRID.height, 3 * GRID.width))
    for row, column, length_m, beam_m, heading in hulls:
        at = 3 * row + 1, 3 * column + 1
        part, cover = coverage(fine.shape, *at, length_m, beam_m, heading)
        fine[part] = np.maximum(fine[part], cover)
    blurred = ndimage.gaussian_filter(fine, 2.5)
    share = blurred.reshape(GRID.height, 3, GRID.width, 3).mean(axis=(1, 3))
    random = np.random.default_rng(4)
    bands = [WATER + scale * (DECK - WATER) * share for scale in (0.8, 0.9, 1.0, 1.1)]
    return (np.stack(bands) + random.normal(0, 0.004, (4, *GRID.shape))).astype(np.float32)


def vessel(heading: float, length_m: float = 96.0, beam_m: float = 24.0) -> Vessel:
    """As the network reports it at 10 m: a little off, and too broad."""
    x, y = GRID.left + (MIDDLE + 0.5) * 3 + 2.0, GRID.top - (MIDDLE + 0.5) * 3 - 2.0
    angle = np.radians(heading)
    along, across = (np.sin(angle), np.cos(angle)), (np.cos(angle), -np.sin(angle))
    corners = tuple(
        (
            float(x + a * along[0] * length_m / 2 + b * across[0] * beam_m / 2),
            float(y + a * along[1] * length_m / 2 + b * across[1] * beam_m / 2),
        )
        for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    )
    return Vessel(x, y, length_m, 15.0, beam_m, heading % 180, 0.9, False, corners)


@pytest.mark.parametrize(("beam_m", "within_m"), [(12.5, 1.0), (15.0, 0.8), (22.0, 0.8)])
@pytest.mark.parametrize("heading", [0.0, 33.0, 90.0, 160.0])
def test_a_beam_in_open_water_is_measured(beam_m: float, within_m: float, heading: float) -> None:
    """Below four pixels the blur from both sides lowers the deck: it is found too broad."""
    shown = image((MIDDLE + 0.2, MIDDLE + 0.3, 100.0, beam_m, heading))
    found = measured_beam(shown, GRID, vessel(heading + 3))
    assert found is not None
    assert found.beam_m == pytest.approx(beam_m, abs=within_m)
    assert 0.8 < found.sd_m < 2.5


def test_a_ship_by_a_quay_is_not_measured() -> None:
    shown = image((MIDDLE, MIDDLE, 100.0, 15.0, 0.0))
    shown[:, :, 54:] = QUAY  # a metre and a half off her side
    assert measured_beam(shown, GRID, vessel(0.0)) is None


@pytest.mark.parametrize("gap_m", [0.0, 2.0, 5.0])
def test_of_two_side_by_side_neither_is_measured_as_one(gap_m: float) -> None:
    apart = (15.0 + gap_m) / 2 / 3
    shown = image(
        (MIDDLE, MIDDLE - apart, 100.0, 15.0, 0.0), (MIDDLE, MIDDLE + apart, 100.0, 15.0, 0.0)
    )
    assert measured_beam(shown, GRID, vessel(0.0, beam_m=40.0)) is None


@pytest.mark.parametrize("beam_m", [5.0, 7.0, 9.0])
def test_a_hull_of_three_pixels_is_not_measured(beam_m: float) -> None:
    shown = image((MIDDLE, MIDDLE, 60.0, beam_m, 0.0))
    assert measured_beam(shown, GRID, vessel(0.0, 60.0)) is None


def test_neither_water_nor_cloud_is_a_hull() -> None:
    assert measured_beam(image(), GRID, vessel(0.0)) is None
    shown = image((MIDDLE, MIDDLE, 100.0, 15.0, 0.0))
    half = shown.copy()
    half[:, :, 52:] = np.nan
    assert measured_beam(half, GRID, vessel(0.0)) is None
    assert measured_beam(np.full_like(shown, np.nan), GRID, vessel(0.0)) is None


# --- in the stage -------------------------------------------------------------------------------


def fine_scene(pixel_m: float = 3.0, epsg: int = 32653) -> Scene:
    source = Source(
        "there.tif", 1, epsg, (pixel_m, 0.0, GRID.left, 0.0, -pixel_m, GRID.top), (101, 101)
    )
    return replace(scene({}), sensor=PLANET.name, bands=dict.fromkeys(PLANET.bands, source))


def seen(pixel_m: float = 3.0) -> Unit:
    taken = replace(overpass(fine_scene(pixel_m)), sensor=PLANET.name)
    return Unit(small_port(grid=GRID), taken, 0)


def test_windows_of_the_files_own_pixels_are_read_around_each_whole_vessel() -> None:
    unit, asked = seen(), list[Grid]()
    whole, cut = vessel(0.0), replace(vessel(0.0), truncated=True)

    def read(scenes: object, sensor: Sensor, grid: Grid) -> Pixels:
        asked.append(grid)
        shown = image((MIDDLE, MIDDLE, 100.0, 15.0, 0.0))
        row, column = (round((GRID.top - grid.top) / 3), round((grid.left - GRID.left) / 3))
        part = np.full((4, *grid.shape), WATER, np.float32)
        part += np.random.default_rng(5).normal(0, 0.004, part.shape).astype(np.float32)
        rows, columns = slice(max(row, 0), row + grid.height), slice(column, column + grid.width)
        inner = shown[:, rows, columns]
        part[:, max(-row, 0) :, max(-column, 0) :][:, : inner.shape[1], : inner.shape[2]] = inner
        return Pixels(sensor.encoding.encode(part), np.zeros(grid.shape, np.uint8))

    found = with_beams((whole, cut), unit.overpass, GRID.epsg, read)
    assert len(asked) == 1
    assert asked[0].resolution_m == 3.0
    assert ((asked[0].left - GRID.left) / 3).is_integer()
    assert found[1] == cut
    assert found[0].beam_sd_m is not None
    assert found[0].beam_m == pytest.approx(15.0, abs=0.8)
    assert replace(found[0], beam_m=whole.beam_m, beam_sd_m=None) == whole


def test_a_file_that_cannot_be_read_again_fails_the_unit() -> None:
    def read(scenes: object, sensor: Sensor, grid: Grid) -> Pixels:
        raise SceneError("cannot read there.tif")

    with pytest.raises(SceneError, match=r"there\.tif"):
        with_beams((vessel(0.0),), seen().overpass, GRID.epsg, read)


@pytest.mark.parametrize(
    ("pixel_m", "epsg", "fine"),
    [(3.0, 32653, True), (5.0, 32653, True), (10.0, 32653, False), (3.0, 3857, False)],
)
def test_which_files_show_beams(pixel_m: float, epsg: int, fine: bool) -> None:
    taken = replace(overpass(fine_scene(pixel_m, epsg)), sensor=PLANET.name)
    assert (pixels_of(taken) is not None) == fine


def test_the_measuring_is_part_of_the_digest_of_fine_overpasses_alone(tmp_path: Path) -> None:
    now = settings_for(a_plan(tmp_path))
    old = _key(seen(), 1, now.model_id, beams=0)
    assert key(seen(), now) != old
    assert changed(seen(), now, old, ()) == "beams are measured now at the files' own pixels"
    assert key(seen(10.0), now) == _key(seen(10.0), 1, now.model_id, beams=0)
