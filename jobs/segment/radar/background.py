"""What a port always shows to one orbit: quays, cranes and breakwaters, without what moves.

Looks of one relative orbit see every wall from the same side under the same angle, so what stands
there comes back as bright, look after look, but for speckle. Of every pixel the background is a low
quantile of its brightness over the looks: in a busy berth a ship lies most of the time, and never
the same one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jobs.segment.radar.sea import Plane

LEAST_LOOKS = 6
"""Looks below which a pixel's background is unknown: over a month and more at one in six days."""
MOST_LOOKS = 30
"""Of those there are, spread over time; each takes a byte a pixel."""
LOW_SHARE = 0.25
"""The quantile: a place that is free in a quarter of the looks is free."""
CROSS_WEIGHT = 4.0
"""Of VH beside VV, which is some 6 dB brighter."""
_LOWEST_DB, _STEP_DB = -40.0, 0.3
"""Of what is kept: 0 is unknown, 1 the lowest, 255 is 36 dB."""

Codes = NDArray[np.uint8]


def brightness(image: Plane) -> Plane:
    """Of an image (VV and VH, y, x), linear: both together, blurred to a resolution cell.

    NaN where a polarisation that the image has is unknown.
    """
    weights = (1.0, CROSS_WEIGHT)
    there = [w * p for w, p in zip(weights, image, strict=True) if np.isfinite(p).any()]
    if not there:
        return np.full(image.shape[1:], np.nan, np.float32)
    total = np.sum(there, axis=0)
    known = np.isfinite(total)
    blurred = ndimage.uniform_filter(np.where(known, total, 0), 3)
    return np.where(known, blurred, np.nan).astype(np.float32)


def coded(bright: Plane) -> Codes:
    """Brightness in steps of decibels; 0 is unknown."""
    level = 10 * np.log10(np.maximum(np.nan_to_num(bright, nan=1.0), 1e-12))
    code = np.clip(np.rint((level - _LOWEST_DB) / _STEP_DB) + 1, 1, 255)
    return np.where(np.isfinite(bright), code, 0).astype(np.uint8)


def decoded(codes: Codes) -> Plane:
    """Linear brightness; NaN where unknown."""
    linear = 10 ** ((_LOWEST_DB + (codes.astype(np.float32) - 1) * _STEP_DB) / 10)
    return np.where(codes > 0, linear, np.nan).astype(np.float32)


@dataclass(frozen=True)
class Background:
    """The looks of one orbit, and what is common to them."""

    looks: Codes
    """(look, y, x)."""
    still: Plane
    """(y, x), linear brightness; NaN where too few looks know the pixel."""


def background_of(looks: Iterable[Plane]) -> Background | None:
    """The background of looks by their brightness (y, x); None for fewer than LEAST_LOOKS.

    Memory: a byte for every pixel of every look, twice as much while the quantile is taken.
    """
    stack = [coded(look) for look in looks]
    if len(stack) < LEAST_LOOKS:
        return None
    codes = np.stack(stack)
    known = (codes > 0).sum(axis=0)
    ordered = np.sort(np.where(codes > 0, codes, 255), axis=0)
    rank = (LOW_SHARE * np.maximum(known - 1, 0)).astype(np.intp)
    low = np.take_along_axis(ordered, rank[None], axis=0)[0]
    return Background(codes, decoded(np.where(known >= LEAST_LOOKS, low, 0).astype(np.uint8)))
