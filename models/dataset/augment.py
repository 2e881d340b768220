"""Augmentation: changes of radiometry, noise, clouds, aircraft and missing bands.

Operates on the contrast (sinh of normalised planes), in which water is near zero: gain, haze and
quantisation then are simple formulas.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.geometry import axes, coverage
from models.network import BANDS, Image


def augment(planes: Image, random: np.random.Generator) -> Image:
    """Planes (band, y, x) as another processing, sensor or sky would show the scene, same shape.

    In physical order: aircraft and clouds, gain, haze, noise, quantisation, missing bands.
    """
    contrast = np.sinh(planes)
    if random.random() < 0.15:
        contrast = _add_aircraft(contrast, random)
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
    """A linear gradient of brightness over the chip, equal in all bands."""
    rows, cols = np.mgrid[-1 : 1 : shape[1] * 1j, -1 : 1 : shape[2] * 1j]
    down, right = random.normal(0, 0.06, 2)
    return np.asarray(down * rows + right * cols)


def _to_8_bit(contrast: Image, random: np.random.Generator) -> Image:
    """Quantisation and saturation, as in 8-bit true-colour products."""
    step, top = np.float32(random.uniform(0.01, 0.08)), np.float32(random.uniform(3.0, 12.0))
    return np.asarray(np.minimum(np.round(contrast / step) * step, top))


def _drop_bands(planes: Image, random: np.random.Generator) -> Image:
    """Remove the near infrared often (true colour has none) and a visible band rarely."""
    if random.random() < 0.45:
        planes[BANDS.index("nir")] = np.nan
    if random.random() < 0.05:
        planes[random.integers(3)] = np.nan
    return planes


_BAND_DELAY_S = {"blue": 0.0, "green": 0.53, "red": 1.0, "nir": 0.26}
"""Delay between the blue detectors of Sentinel-2 and those of each band over the same ground."""


def _add_aircraft(contrast: Image, random: np.random.Generator) -> Image:
    """Draw an aircraft, displaced from band to band: the network must not take it for a ship."""
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
    """Draw small soft clouds, white in all bands."""
    field = ndimage.gaussian_filter(_noise(contrast.shape[1:], random), random.uniform(2, 8))
    thick = np.clip(field / field.std() - random.uniform(1.2, 2.5), 0, 1)
    return np.asarray(contrast + random.uniform(1, 6) * thick, dtype=np.float32)
