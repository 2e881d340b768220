"""The pixels of a port's grid under a rotated box."""

from __future__ import annotations

from math import ceil, hypot

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Grid
from models.geometry import Corners


def pixels_under(corners: Corners, grid: Grid) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns on the grid of points in a box in its metres, half a pixel apart.

    A pixel occurs in proportion to its area in the box, so a mean over them is one over the area.
    """
    corner, along, across = (np.array(corners[i]) for i in (0, 1, 3))
    u, v = (_steps(end - corner, grid.resolution_m / 2) for end in (along, across))
    x, y = corner[:, None, None] + (
        u[None, :, None] * (along - corner)[:, None, None]
        + v[None, None, :] * (across - corner)[:, None, None]
    )
    rows = np.floor((grid.top - y) / grid.resolution_m).astype(np.intp)
    columns = np.floor((x - grid.left) / grid.resolution_m).astype(np.intp)
    inside = (rows >= 0) & (rows < grid.height) & (columns >= 0) & (columns < grid.width)
    return rows[inside], columns[inside]


def _steps(side: NDArray[np.float64], apart_m: float) -> NDArray[np.float64]:
    """Midpoints of equal parts of a side at most ``apart_m`` long, as fractions of the side."""
    count = max(1, ceil(hypot(*side) / apart_m))
    return (np.arange(count) + 0.5) / count
