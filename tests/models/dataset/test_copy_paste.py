"""Ships cut out of one scene and pasted into chips of others."""

import math

import numpy as np
import pytest

from models.dataset.boxes import Box
from models.dataset.copy_paste import Cutout, cut_out, paste_ships
from models.dataset.targets import draw_labels
from models.geometry import coverage
from models.network import BANDS, Image

SIZE = 96
QUAY_ROWS = 30
HULL = 3.0
BOX = Box(40.0, 40.0, 140.0, 20.0, 30.0, "ship", 3)


def scene() -> Image:
    """Dark water with one bright ship."""
    planes = np.zeros((len(BANDS), 80, 80), dtype=np.float32)
    window, share = coverage((80, 80), BOX.row, BOX.col, 14.0, 2.0, BOX.heading_deg)
    planes[:, *window] = HULL * share
    return planes


def cutouts(lacking: str | None = None) -> tuple[Cutout, ...]:
    planes = scene()
    if lacking:
        planes[BANDS.index(lacking)] = np.nan
    return cut_out(planes, [BOX])


def chip(quay: bool = False) -> Image:
    planes = np.zeros((len(BANDS), SIZE, SIZE), dtype=np.float32)
    if quay:
        planes[:, :QUAY_ROWS] = 2.0
    return planes


def paste(planes: Image, ships: tuple[Cutout, ...], alongside: float, seed: int = 0) -> list[Box]:
    labels = draw_labels([], (SIZE, SIZE))
    return list(paste_ships(planes, labels, ships, np.random.default_rng(seed), alongside))


def test_ships_alongside_are_parallel_to_the_quay_and_near_it() -> None:
    found = [box for seed in range(20) for box in paste(chip(quay=True), cutouts(), 1.0, seed)]
    first = [box for box in found if box.row - box.beam_m / 20 < QUAY_ROWS + 2.5]
    assert len(first) > 10
    for box in first:
        assert box.heading_deg == pytest.approx(90, abs=15)
    # the others lie along ships that were pasted before
    assert len(first) > len(found) / 2


def test_no_hull_covers_the_quay() -> None:
    for seed in range(20):
        planes = chip(quay=True)
        for box in paste(planes, cutouts(), 1.0, seed):
            window, share = coverage(
                (SIZE, SIZE), box.row, box.col, box.length_m / 10, box.beam_m / 10, box.heading_deg
            )
            on_quay = share[: max(0, QUAY_ROWS - window[0].start)]
            assert not (on_quay > 0.5).any()


def test_afloat_every_heading_is_drawn() -> None:
    found = [box for seed in range(30) for box in paste(chip(), cutouts(), 0.0, seed)]
    headings = np.array([box.heading_deg for box in found])
    assert len(found) > 30
    assert all(((headings >= low) & (headings < low + 45)).any() for low in (0, 45, 90, 135))


def test_the_box_is_where_the_pixels_are() -> None:
    for alongside in (0.0, 1.0):
        planes = chip(quay=True)
        for box in paste(planes, cutouts(), alongside, seed=3):
            window, share = coverage(
                (SIZE, SIZE), box.row, box.col, box.length_m / 10, box.beam_m / 10, box.heading_deg
            )
            inside = planes[0][window][share > 0.9]
            assert inside.size
            assert (inside > 0.5).mean() > 0.9


def test_nothing_is_pasted_where_there_is_no_room() -> None:
    land = np.full_like(chip(), 2.0)
    assert paste(land, cutouts(), 1.0) == []
    assert paste(land, cutouts(), 0.0) == []
    assert (land == 2.0).all()


def test_no_cutout_pastes_nothing() -> None:
    assert paste(chip(), (), 0.5) == []


def test_a_band_that_the_ship_lacks_is_removed_from_the_chip() -> None:
    planes = chip()
    found = next(boxes for seed in range(9) if (boxes := paste(planes, cutouts("nir"), 0.0, seed)))
    assert found
    assert np.isnan(planes[BANDS.index("nir")]).all()
    assert np.isfinite(planes[: BANDS.index("nir")]).all()


def test_a_ship_without_data_in_a_part_is_no_cutout() -> None:
    planes = scene()
    planes[1, 40, 40] = math.nan
    assert cut_out(planes, [BOX]) == ()
    planes[:] = math.nan
    assert cut_out(planes, [BOX]) == ()
