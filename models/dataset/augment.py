"""Alter chips as another processing, sensor setting or sky would alter them.

All works on normalised planes, where water is near zero: so the gain, haze and depth of 8-bit
products are small formulas.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.geometry import axes, coverage
from models.network.normalise import BANDS, Image


def augment(planes: Image, random: np.random.Generator) -> Image:
    """Planes as another processing, sensor setting or sky would give them, same shape.

    In the order of nature: things in the sky, contrast, haze, noise, depth, missing bands.
    """
    contrast = np.sinh(planes)
    if random.random() < 0.15:
        contrast = _fly_over(contrast, random)
    if random.random() < 0.1:
        contrast = _add_clouds(contrast, random)
    gain = math.exp(np.clip(random.normal(0.25, 0.65), -1.5, 1.6))
    contrast *= (gain * np.exp(random.normal(0, 0.12, (len(contrast), 1, 1)))).astype(np.float32)
    offset = random.normal(0, 0.05, (len(contrast), 1, 1)) + _haze(contrast.shape, random)
    contrast += offset.astype(np.float32)
    if random.random() < 0.5:
        contrast += random.uniform(0.0, 0.08) * _noise(contrast.shape, random)
    if random.random() < 0.5:
        contrast = _to_8_bit(contrast, random)
    return _drop_bands(np.arcsinh(contrast), random)


def _noise(shape: tuple[int, ...], random: np.random.Generator) -> Image:
    return random.standard_normal(shape, dtype=np.float32)


def _haze(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """A slope of brightness over the chip, alike in all bands."""
    rows, cols = np.mgrid[-1 : 1 : shape[1] * 1j, -1 : 1 : shape[2] * 1j]
    down, right = random.normal(0, 0.06, 2)
    return np.asarray(down * rows + right * cols)


def _to_8_bit(contrast: Image, random: np.random.Generator) -> Image:
    """Coarse steps, and saturation of the brightest, as in true-colour products."""
    step, top = np.float32(random.uniform(0.01, 0.08)), np.float32(random.uniform(3.0, 12.0))
    return np.asarray(np.minimum(np.round(contrast / step) * step, top))


def _drop_bands(planes: Image, random: np.random.Generator) -> Image:
    """Lose the near infrared often, as true colour does, and seldom a visible band."""
    if random.random() < 0.45:
        planes[BANDS.index("nir")] = np.nan
    if random.random() < 0.05:
        planes[random.integers(3)] = np.nan
    return planes


_BAND_DELAY_S = {"blue": 0.0, "green": 0.53, "red": 1.0, "nir": 0.26}
"""When Sentinel-2's detectors see the same ground, after the blue ones."""


def _fly_over(contrast: Image, random: np.random.Generator) -> Image:
    """An aircraft: each band sees it at another place, so it must not pass for a ship."""
    size = contrast.shape[1]
    start = random.uniform(0.1, 0.9, 2) * size
    heading, shift_px = random.uniform(0, 360), random.uniform(6, 28)
    along, _ = axes(heading)
    length, beam, bright = random.uniform(2, 6), random.uniform(1, 2.5), random.uniform(1, 6)
    for index, band in enumerate(BANDS):
        row, col = start + np.array(along) * shift_px * _BAND_DELAY_S[band]
        for turn in (0, 90):  # fuselage and wings
            window, share = coverage((size, size), row, col, length, beam, heading + turn)
            contrast[index][window] += bright * share / 2
    return contrast


def _add_clouds(contrast: Image, random: np.random.Generator) -> Image:
    """Small soft clouds, white in all bands."""
    field = ndimage.gaussian_filter(_noise(contrast.shape[1:], random), random.uniform(2, 8))
    thick = np.clip(field / field.std() - random.uniform(1.2, 2.5), 0, 1)
    return np.asarray(contrast + random.uniform(1, 6) * thick, dtype=np.float32)
