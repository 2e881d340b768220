"""Where a port's pixels lie in an image on ground control points, at sea level.

The points of Sentinel-1's products are a lattice of some 10 by 21, in longitude, latitude and the
height of the terrain at each point. A point of height h lies h / tan(incidence) farther from the
radar than what is seen in the same pixel at height 0, kilometres in mountains, so that each is
first brought down to 0 along the look of the radar. Between them the image is a cubic spline.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from scipy.interpolate import RectBivariateSpline

from jobs.domain import WGS84, Grid, transformer
from jobs.errors import SceneError
from jobs.tile.product_tables import Calibration

Floats = NDArray[np.float64]

FEWEST = 3
"""Rows and columns of points: two would be a plane, which no swath is."""
NODES_PX = 16
"""Between pixels whose place is computed; those between them are interpolated, to a millimetre."""
STEPS, CLOSE_PX = 12, 1e-4
"""Of Newton's method at most, and what is left of the last one."""
MOST_OFF_M = 200.0
"""By which a point may lie off a smooth surface through all: more is a point that is wrong."""


@dataclass(frozen=True)
class PointLattice:
    """Points at all crossings of some rows and columns, brought down to height 0."""

    rows: Floats
    """Of pixels' middles, from 0, increasing."""
    columns: Floats
    x: Floats
    """(rows, columns), metres in the port's zone."""
    y: Floats

    @classmethod
    def of(
        cls,
        points: Sequence[GroundControlPoint],
        shape: tuple[int, int],
        calibration: Calibration,
        epsg: int,
    ) -> PointLattice:
        """The lattice of a file's points (WGS 84) and shape, in a zone; SceneError for others."""
        rows, down = np.unique([point.row for point in points], return_inverse=True)
        columns, along = np.unique([point.col for point in points], return_inverse=True)
        size = (len(rows), len(columns))
        if min(size) < FEWEST or len(points) != len(rows) * len(columns):
            raise SceneError(
                f"{len(points)} ground control points lie in {size[0]} rows and {size[1]} columns; "
                f"expected one at each crossing, {FEWEST} by {FEWEST} and more"
            )
        x, y = transformer(WGS84, epsg).transform([p.x for p in points], [p.y for p in points])
        planes = np.full((3, *size), np.nan)
        planes[:, down, along] = x, y, [p.z or 0.0 for p in points]
        if not np.isfinite(planes).all():
            raise SceneError(
                "some of its ground control points are given twice, or lie where they have no "
                f"place in EPSG:{epsg}: report it to the catalog's keeper"
            )
        rows, columns = _middles(rows, shape[0]), _middles(columns, shape[1])
        x, y, height = planes
        incidence = calibration.incidence(rows, columns)
        lattice = cls(rows, columns, *_at_sea_level(x, y, height, incidence))
        lattice.check()
        return lattice

    def check(self) -> None:
        """Raise SceneError for a point that lies off the others: the image would be torn there."""
        off = self.residuals()
        if off.max() > MOST_OFF_M:
            row, column = np.unravel_index(int(off.argmax()), off.shape)
            raise SceneError(
                f"the ground control point at row {self.rows[row]:g}, column "
                f"{self.columns[column]:g} lies {off.max():.0f} m off where the others have it, at "
                f"sea level; expected at most {MOST_OFF_M:g}: report it to the catalog's keeper"
            )

    def residuals(self) -> Floats:
        """Metres, (rows, columns), by which each point is off a cubic surface through all."""
        down, along = _scaled(self.rows), _scaled(self.columns)
        powers = [
            np.outer(down**i, along**j).ravel()
            for i in range(min(4, len(down) - 1))
            for j in range(min(4, len(along) - 1))
        ]
        design = np.stack(powers, axis=1)
        both = np.stack([self.x.ravel(), self.y.ravel()], axis=1)
        fit, *_ = np.linalg.lstsq(design, both - both.mean(axis=0), rcond=None)
        left = both - both.mean(axis=0) - design @ fit
        found: Floats = np.hypot(*left.T).reshape(self.x.shape)
        return found

    def pixels_of(self, grid: Grid) -> tuple[Floats, Floats]:
        """Row and column of the middle of every pixel of the grid, (y, x) each, as fractions."""
        down, across = _nodes(grid.height), _nodes(grid.width)
        x = grid.left + (across + 0.5) * grid.resolution_m
        y = grid.top - (down + 0.5) * grid.resolution_m
        rows, columns = self._inverted(*np.meshgrid(x, y))
        return _between(rows, down, across, grid), _between(columns, down, across, grid)

    def _inverted(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Rows and columns at these places, by Newton's method from the best plane."""
        splines = self._spline(self.x), self._spline(self.y)
        rows, columns = self._by_plane(x, y)
        for _ in range(STEPS):
            east, north = (s.ev(rows, columns) for s in splines)
            (a, b), (c, d) = ((s.ev(rows, columns, 1), s.ev(rows, columns, 0, 1)) for s in splines)
            turn = a * d - b * c
            east, north = x - east, y - north
            step = (d * east - b * north) / turn, (a * north - c * east) / turn
            rows = np.clip(rows + step[0], self.rows[0] - 1, self.rows[-1] + 1)
            columns = np.clip(columns + step[1], self.columns[0] - 1, self.columns[-1] + 1)
            if max(np.abs(step[0]).max(), np.abs(step[1]).max()) < CLOSE_PX:
                break
        east, north = (s.ev(rows, columns) for s in splines)
        outside = np.hypot(x - east, y - north) > 1.0  # clipped: beyond the image
        return np.where(outside, np.nan, rows), np.where(outside, np.nan, columns)

    def _spline(self, values: Floats) -> Any:
        kx, ky = (min(3, len(at) - 1) for at in (self.rows, self.columns))
        return RectBivariateSpline(self.rows, self.columns, values, kx=kx, ky=ky, s=0)

    def _by_plane(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        rows, columns = np.meshgrid(self.rows, self.columns, indexing="ij")
        middle = self.x.mean(), self.y.mean()
        design = np.stack(
            [self.x.ravel() - middle[0], self.y.ravel() - middle[1], np.ones(self.x.size)], axis=1
        )
        wanted = np.stack([rows.ravel(), columns.ravel()], axis=1)
        fit, *_ = np.linalg.lstsq(design, wanted, rcond=None)
        found = np.stack([x - middle[0], y - middle[1], np.ones_like(x)], axis=-1) @ fit
        return (
            np.clip(found[..., 0], self.rows[0], self.rows[-1]),
            np.clip(found[..., 1], self.columns[0], self.columns[-1]),
        )


def _middles(at: Floats, side: int) -> Floats:
    """Rows or columns of points as those of pixels' middles, from 0.

    The product counts pixels: its last point is that of the last pixel, ``side`` - 1. GDAL takes
    these numbers for corners, half a pixel off. Where the last point is at ``side``, or the numbers
    end in a half, they are corners indeed.
    """
    of_corners = at[-1] == side or at[-1] % 1 == 0.5
    found: Floats = at - 0.5 if of_corners else at.astype(np.float64)
    return found


def _at_sea_level(x: Floats, y: Floats, height: Floats, incidence: Floats) -> tuple[Floats, Floats]:
    """Points (rows, columns) moved towards the radar by height / tan(incidence); columns run away
    from it.
    """
    east, north = x[:, -1:] - x[:, :1], y[:, -1:] - y[:, :1]
    nearer = height / np.tan(incidence) / np.hypot(east, north)
    return x - nearer * east, y - nearer * north


def _scaled(at: Floats) -> Floats:
    found: Floats = (at - at[0]) / (at[-1] - at[0]) * 2 - 1
    return found


def _nodes(side: int) -> Floats:
    """Pixels from the first to beyond the last, ``NODES_PX`` apart."""
    return np.arange(0, side + NODES_PX, NODES_PX, dtype=np.float64)


def _between(values: Floats, down: Floats, across: Floats, grid: Grid) -> Floats:
    """Values at nodes, (y, x), at every pixel of the grid, bilinear; NaN beside what is NaN."""
    along = np.arange(grid.width, dtype=np.float64) / NODES_PX
    low = along.astype(np.intp)
    share = along - low
    wide = values[:, low] * (1 - share) + values[:, low + 1] * share
    along = np.arange(grid.height, dtype=np.float64) / NODES_PX
    low = along.astype(np.intp)
    share = (along - low)[:, None]
    found: Floats = wide[low] * (1 - share) + wide[low + 1] * share
    return found
