"""Where the pixels of an image in ground range lie: along the orbit, and slightly curved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Grid, Orbit

Floats = NDArray[np.float64]

STEP_M = 10.0
"""Between pixels."""
BEND_M = (3.0e6, 6.0e6)
"""Radii, metres, by which lines of one time and lines of one range are bent."""
EDGE_PX = 40
"""Pixels beyond the port's window, on every side."""
NEAR_DEG, DEG_PER_PX = 36.0, 6e-4
"""Incidence at the first pixel, and its growth, as over the swath of some 25,000 pixels."""


@dataclass(frozen=True)
class Swath:
    """Rows follow the flight, columns run away from the radar."""

    x: float
    """Of the first pixel's middle, metres in the grid's zone."""
    y: float
    flight: tuple[float, float]
    """Unit vectors (east, north)."""
    look: tuple[float, float]
    shape: tuple[int, int]
    """(rows, columns)."""

    @classmethod
    def over(cls, grid: Grid, orbit: Orbit, latitude_deg: float) -> Swath:
        """The smallest that holds the grid with an edge around it."""
        flight, look = orbit.flight(latitude_deg), orbit.look(latitude_deg)
        left, bottom, right, top = grid.bounds
        corners = np.array([(x, y) for x in (left, right) for y in (bottom, top)])
        along, across = corners @ np.array(flight), corners @ np.array(look)
        edge = EDGE_PX * STEP_M
        first = along.min() - edge, across.min() - edge
        rows, columns = (
            math.ceil((float(np.ptp(each)) + 2 * edge) / STEP_M) for each in (along, across)
        )
        x, y = (first[0] * f + first[1] * a for f, a in zip(flight, look, strict=True))
        return cls(x, y, flight, look, (rows, columns))

    def place(self, rows: Floats, columns: Floats) -> tuple[Floats, Floats]:
        """(x, y) of pixels' middles, counted from 0, as fractions; metres in the grid's zone."""
        along, across = rows * STEP_M, columns * STEP_M
        bent_along = along + across**2 / (2 * BEND_M[0])
        bent_across = across + along**2 / (2 * BEND_M[1])
        return (
            self.x + bent_along * self.flight[0] + bent_across * self.look[0],
            self.y + bent_along * self.flight[1] + bent_across * self.look[1],
        )


def incidence_deg(columns: Floats) -> Floats:
    """Angle of incidence on the ellipsoid by column."""
    return NEAR_DEG + DEG_PER_PX * columns
