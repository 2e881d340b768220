"""The sea around a pixel, and a false alarm rate that stays what it is."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.segment.radar.contrast import FALSE_ALARMS, contrast_of, quantile
from jobs.segment.radar.sea import NOMINAL_LOOKS, sea_around

SIZE = (400, 400)
WATER = np.ones(SIZE, bool)


def sea(level: float, texture: float | None = None, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    found = level * rng.gamma(NOMINAL_LOOKS, 1 / NOMINAL_LOOKS, SIZE)
    if texture is not None:
        found *= rng.gamma(texture, 1 / texture, SIZE)
    return found.astype(np.float32)


def test_the_level_and_the_looks_of_a_smooth_sea():
    found = sea_around(sea(0.01), WATER)
    assert found.level.mean() == pytest.approx(0.01, rel=0.03)
    assert np.median(found.looks) == pytest.approx(NOMINAL_LOOKS, rel=0.1)


def test_a_rough_sea_has_fewer_looks_and_a_higher_threshold():
    smooth, rough = (contrast_of(np.stack([s] * 2), WATER) for s in (sea(0.01), sea(0.01, 4.0)))
    assert np.median(rough.threshold) > 1.15 * np.median(smooth.threshold)


def test_ships_do_not_raise_the_level_around_them():
    image = sea(0.01)
    image[190:210:4, 150:250:6] = 3.0
    found = sea_around(image, WATER)
    assert found.level[200, 200] == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize("level", [1e-3, 1e-1])
@pytest.mark.parametrize("texture", [None, 8.0])
def test_of_pure_sea_hardly_a_pixel_is_bright_whatever_the_wind(level, texture):
    image = np.stack([sea(level, texture, 2), sea(level / 8, texture, 3)])
    assert contrast_of(image, WATER).bright.sum() <= 8  # of 160,000


def test_the_quantile_is_that_of_the_distribution():
    looks = 3.0
    draws = np.random.default_rng(0).gamma(looks, 1 / looks, 4_000_000)
    assert np.mean(draws > quantile(np.array([looks]))[0]) <= 8 * FALSE_ALARMS


def test_in_a_basin_the_water_farther_off_tells():
    water = np.zeros(SIZE, bool)
    water[195:205, 195:205] = True
    water[:100] = True
    image = np.where(water, sea(0.01), np.float32(0.5))
    found = sea_around(image, water)
    assert found.level[200, 200] == pytest.approx(0.01, rel=0.25)


def test_without_water_in_reach_nothing_is_bright():
    image = np.stack([sea(0.01), sea(0.01)])
    found = contrast_of(image, np.zeros(SIZE, bool))
    assert not found.bright.any()
    assert np.isinf(found.threshold).all()


def test_a_polarisation_that_is_missing_is_left_out():
    image = np.stack([sea(0.01), np.full(SIZE, np.nan, np.float32)])
    image[0, 200, 200] = 1.0
    found = contrast_of(image, WATER)
    assert found.bright[200, 200]
    assert np.isfinite(found.ratio).all()
