"""The sea around every pixel: its level and how much it fluctuates, without what lies in it.

Cell averaging over a square window of water pixels; bright pixels are censored first, in two
rounds, so that neither a ship nor its neighbours raise the level they are compared with. Where the
window holds too little water, as in a basin, a wider one takes its place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

NOMINAL_LOOKS = 4.4
"""Equivalent number of looks of an IW ground-range product in full resolution, as items state."""
LEAST_LOOKS = 1.0
"""Of the roughest sea: below it nothing stands out."""
WINDOWS_PX = (41, 81, 161)
"""Widths of the windows, from the smallest: 400 m hold the sea of one wind."""
LEAST_WATER_PX = 200
"""Water pixels below which a wider window is taken; some fifty of them are independent."""
CENSORED_FROM = (6.0, 3.5)
"""Of the level: brighter pixels are no sea, in the first round and in the second."""
CENSOR_RIM_PX = 2
"""Around them: what the impulse response carries over."""

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Sea:
    """Statistics of the sea at every pixel of one band, (y, x)."""

    level: Plane
    """Mean intensity, linear; NaN where no water is within reach."""
    looks: Plane
    """Mean squared over variance: 4.4 on a smooth sea, less where it is rough."""


def sea_around(intensity: Plane, water: Mask) -> Sea:
    """The sea around every pixel of one band. ``water``: pixels that may be sea, (y, x)."""
    known = water & np.isfinite(intensity) & (intensity > 0)
    clean = np.where(known, intensity, np.float32(0)).astype(np.float64)
    logarithm = np.log(np.where(known, clean, 1))
    # the mean of logarithms is hardly moved by ships; speckle lowers it by a known amount
    level = np.exp(_averaged(logarithm, known)[0] + _log_bias())
    for factor in CENSORED_FROM:
        bright = known & (clean > factor * level)
        rim = ndimage.binary_dilation(bright, iterations=CENSOR_RIM_PX)
        sea = known & ~rim
        level, square = _averaged(clean, sea)
    variance = np.maximum(square - level**2, 1e-12 * np.maximum(level, 1e-12) ** 2)
    looks = np.clip(level**2 / variance, LEAST_LOOKS, NOMINAL_LOOKS)
    return Sea(level.astype(np.float32), looks.astype(np.float32))


def _log_bias() -> float:
    """Logarithm of the mean less the mean logarithm of gamma-distributed speckle: ln L - psi(L)."""
    looks = NOMINAL_LOOKS
    return float(1 / (2 * looks) + 1 / (12 * looks**2))


def _averaged(
    values: NDArray[np.float64], among: Mask
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and mean square over the smallest window with enough pixels among those; NaN where the
    widest has none.
    """
    mean = np.full(values.shape, np.nan)
    square = np.full(values.shape, np.nan)
    weight = among.astype(np.float64)
    masked = np.where(among, values, 0)
    for width in reversed(WINDOWS_PX):
        share = ndimage.uniform_filter(weight, width, mode="constant")
        least = LEAST_WATER_PX if width < WINDOWS_PX[-1] else 1
        enough = share * width**2 >= least - 0.5
        for target, source in ((mean, masked), (square, masked * values)):
            total = ndimage.uniform_filter(source, width, mode="constant")
            np.divide(total, share, out=target, where=enough)
    return mean, square
