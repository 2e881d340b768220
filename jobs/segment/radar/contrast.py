"""How bright every pixel is against the sea around it, and from where that is no chance.

The intensities of both polarisations, each in units of its own sea, are averaged: the polarimetric
whitening filter for polarisations without correlation (Novak and Burl 1990). On sea the average is
about gamma-distributed, with the looks of both together; a pixel is bright from the quantile whose
exceedance is FALSE_ALARMS. That quantile rises where the sea is rough: the false alarm rate is
constant (CFAR), not the threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv

from jobs.segment.radar.sea import Mask, Plane, sea_around

FALSE_ALARMS = 1e-6
"""Chance of a pixel of sea to be taken for bright: about one in a port's image, and a ship has
more than one pixel."""


@dataclass(frozen=True)
class Contrast:
    """An image against its sea, (y, x)."""

    ratio: Plane
    """Mean over polarisations of intensity by level: 1 on sea; NaN where unknown."""
    threshold: Plane
    """The ratio from which a pixel is bright; infinite where the ratio is unknown."""

    @property
    def bright(self) -> Mask:
        """(y, x)."""
        found: Mask = self.ratio > self.threshold
        return found


def contrast_of(image: Plane, water: Mask) -> Contrast:
    """The contrast of an image (polarisation, y, x), linear, with the sea where ``water`` is.

    A polarisation without any data is left out; of the others a pixel needs all.
    """
    planes = [plane for plane in image if np.isfinite(plane).any()]
    if not planes:
        shape = water.shape
        return Contrast(np.full(shape, np.nan, np.float32), np.full(shape, np.inf, np.float32))
    seas = [sea_around(plane, water) for plane in planes]
    ratio = np.mean([p / s.level for p, s in zip(planes, seas, strict=True)], axis=0)
    looks = len(seas) ** 2 / np.sum([1 / sea.looks for sea in seas], axis=0)
    threshold = quantile(looks)
    unknown = ~np.isfinite(ratio)
    threshold[unknown] = np.inf
    return Contrast(ratio.astype(np.float32), threshold)


def quantile(looks: Plane) -> Plane:
    """What gamma-distributed numbers of mean 1 with these looks exceed with FALSE_ALARMS.

    Interpolated from a table: exact to .1 per cent, and a thousand times faster.
    """
    grid = np.geomspace(0.5, 20, 200)
    exact = gammaincinv(grid, 1 - FALSE_ALARMS) / grid
    found: Plane = np.interp(looks, grid, exact).astype(np.float32)
    return found
