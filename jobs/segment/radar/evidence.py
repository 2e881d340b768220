"""What tells a ship from speckle, quays and cranes: a logistic regression on a shape's measures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jobs.segment.radar.sea import Mask
from jobs.segment.radar.shapes import Shape

RIM_PX = 3
"""Width of the rim that is looked at around a shape."""


def crowding(shape: Shape, taken: Mask) -> float:
    """Share of the rim around a shape that is bright itself, or no water: 0 alone at sea."""
    top, left = max(shape.rows.min() - RIM_PX, 0), max(shape.cols.min() - RIM_PX, 0)
    bottom, right = shape.rows.max() + RIM_PX + 1, shape.cols.max() + RIM_PX + 1
    around = taken[top:bottom, left:right]
    own = np.zeros(around.shape, bool)
    own[shape.rows - top, shape.cols - left] = True
    rim = ndimage.binary_dilation(own, iterations=RIM_PX) & ~own
    return float(around[rim].mean()) if rim.any() else 1.0


def evidence(shape: Shape, crowded: float, pixel_m: float) -> NDArray[np.float64]:
    """The features of the score, the first of them constant."""
    long_m = shape.long_px * pixel_m
    slender = math.log(shape.long_px / shape.broad_px)
    return np.array(
        [
            1.0,
            math.log(shape.peak),
            math.log(max(shape.total, 1.0)),
            math.log(long_m / 100),
            math.log(long_m / 100) ** 2,
            slender,
            slender**2,
            crowded,
            crowded**2,
            math.sqrt(shape.depth),
            math.log(shape.broad_px * pixel_m / 30),
            max(0.0, shape.broad_px * pixel_m - 50) / 10,
        ]
    )
