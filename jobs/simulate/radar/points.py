"""Bright points, corners of quays, cranes, stacks and hulls, on a grid finer than pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jobs.domain import Grid
from jobs.simulate.radar.response import Flight, Plane, spread

FINE = 2
"""Cells along a pixel: 5 m."""
POLARISATIONS = 2
"""VV and VH, in this order everywhere."""
AMBIGUITY_DB = -25.0
"""Power of each of the two ghosts of a point: it is sampled along the flight, by pulses."""

Sections: TypeAlias = NDArray[np.float64]
"""Radar cross sections, square metres, (2, point) of VV and VH."""


@dataclass(frozen=True)
class Targets:
    """Points with their places in the zone of a grid."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    sections: Sections

    def moved(self, east_m: float, north_m: float, gain_db: float = 0.0) -> Targets:
        """The same elsewhere, brighter or darker."""
        gain = 10 ** (gain_db / 10)
        return Targets(self.x + east_m, self.y + north_m, self.sections * gain)


def targets(x: ArrayLike, y: ArrayLike, sections: ArrayLike) -> Targets:
    """Points from numbers of any kind."""
    return Targets(*(np.asarray(each, np.float64) for each in (x, y, sections)))


def together(parts: list[Targets]) -> Targets:
    """All points of several."""
    if not parts:
        return targets([], [], np.zeros((POLARISATIONS, 0)))
    return Targets(
        np.concatenate([each.x for each in parts]),
        np.concatenate([each.y for each in parts]),
        np.concatenate([each.sections for each in parts], axis=1),
    )


def with_ghosts(points: Targets, flight: Flight, apart_m: float) -> Targets:
    """The points and their azimuth ambiguities, ahead and behind."""
    east, north = (apart_m * part for part in flight)
    ghosts = [points.moved(sign * east, sign * north, AMBIGUITY_DB) for sign in (-1, 1)]
    return together([points, *ghosts])


def image_of(points: Targets, grid: Grid, flight: Flight) -> Plane:
    """Backscatter (polarisation, y, x) of the points on a grid's pixels, linear, as imaged."""
    step = grid.resolution_m / FINE
    rows = np.floor((grid.top - points.y) / step).astype(np.intp)
    cols = np.floor((points.x - grid.left) / step).astype(np.intp)
    shape = (grid.height * FINE, grid.width * FINE)
    inside = (rows >= 0) & (rows < shape[0]) & (cols >= 0) & (cols < shape[1])
    found = np.zeros((POLARISATIONS, *grid.shape), np.float32)
    for plane, sections in zip(found, points.sections, strict=True):
        cells = np.zeros(shape, np.float32)
        np.add.at(cells, (rows[inside], cols[inside]), sections[inside] / step**2)
        if inside.any():
            fine = spread(cells, step, flight)
            plane[:] = fine.reshape(grid.height, FINE, grid.width, FINE).mean(axis=(1, 3))
    return found


def decibels(value: float) -> float:
    """A linear ratio of decibels."""
    return math.pow(10.0, value / 10)
