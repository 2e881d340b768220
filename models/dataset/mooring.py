"""Where a ship can lie alongside: points of the water's edge, and the edge's direction there."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_TRIES = 6
"""Points drawn for each ship: most edges are too short or too crooked for the larger ones."""
_REACH_PX = 2.5
"""Water this close to the edge belongs to it."""
_AROUND_PX = 4
"""The edge's direction is that of the water within this of the point, in rows and in columns."""
_LEAST_SLOPE = 0.35
"""The mean slope of the distance to the edge is 1 beside a straight edge, less in corners and
narrow basins."""


@dataclass(frozen=True)
class Edge:
    """A point of water beside a quay, a shore or a ship."""

    point: NDArray[np.float64]
    """(2,), row and column."""
    distance_px: float
    """From the nearest pixel that is no free water."""
    outward: NDArray[np.float64]
    """(2,), unit vector (row, col) from the edge to open water."""

    @property
    def heading_deg(self) -> float:
        """Of a ship that lies along the edge."""
        return math.degrees(math.atan2(self.outward[0], self.outward[1])) % 180

    def berth(self, off_px: float) -> tuple[int, int]:
        """The pixel at this distance from the edge, beside the point."""
        row, col = np.rint(self.point + (off_px - self.distance_px) * self.outward).astype(int)
        return int(row), int(col)


def draw_edges(free: NDArray[np.bool_], random: np.random.Generator) -> Iterator[Edge]:
    """Random points of the edge of the free water (y, x), as many as are worth trying."""
    distance = np.asarray(ndimage.distance_transform_edt(free))
    near = np.argwhere((distance > 0) & (distance <= _REACH_PX))
    if not len(near):
        return
    for row, col in near[random.integers(len(near), size=_TRIES)].tolist():
        outward = _outward(distance, row, col)
        if outward is not None:
            yield Edge(np.array([row, col], dtype=float), float(distance[row, col]), outward)


def _outward(distance: NDArray[np.float64], row: int, col: int) -> NDArray[np.float64] | None:
    rows, cols = (slice(max(0, at - _AROUND_PX), at + _AROUND_PX + 1) for at in (row, col))
    down, right = (float(slope.mean()) for slope in np.gradient(distance[rows, cols]))
    slope = math.hypot(down, right)
    return None if slope < _LEAST_SLOPE else np.array([down, right]) / slope
