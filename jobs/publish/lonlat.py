"""Pixels of a grid to degrees and back as polynomials, for pages without a projection library."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.domain import WGS84, Grid, Json, transformer

POWERS = tuple((i, j) for i in range(5) for j in range(5 - i))
"""Exponents of the terms of a polynomial of degree four."""
NODES = 12
"""Points along either side of the grid that the polynomials are fitted to."""


@dataclass(frozen=True)
class Polynomial:
    """value = offset + scale * sum c[k] u^i v^j, with u and v = (input - middle) / half."""

    middle: tuple[float, float]
    half: tuple[float, float]
    offset: float
    scale: float
    terms: tuple[float, ...]

    def __call__(self, a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        u, v = ((x - m) / h for x, m, h in zip((a, b), self.middle, self.half, strict=True))
        rows = [c * u**i * v**j for c, (i, j) in zip(self.terms, POWERS, strict=True)]
        total: NDArray[np.float64] = self.offset + self.scale * np.sum(rows, axis=0)
        return total

    def describe(self) -> Json:
        return {
            "middle": list(self.middle),
            "half": list(self.half),
            "offset": self.offset,
            "scale": self.scale,
            "terms": list(self.terms),
        }


@dataclass(frozen=True)
class LonLat:
    """Degrees by column and row of a grid's pixels (0, 0 is the upper left corner), and back."""

    lon: Polynomial
    """Continuous across 180 degrees."""
    lat: Polynomial
    column: Polynomial
    row: Polynomial

    def describe(self) -> dict[str, Json]:
        return {
            "powers": [list(each) for each in POWERS],
            "lon": self.lon.describe(),
            "lat": self.lat.describe(),
            "column": self.column.describe(),
            "row": self.row.describe(),
        }


def lonlat_of(grid: Grid) -> LonLat:
    """The polynomials of a grid; for 100 km they are good to a centimetre."""
    column, row = (
        each.ravel()
        for each in np.meshgrid(
            np.linspace(0, grid.width, NODES), np.linspace(0, grid.height, NODES)
        )
    )
    x, y = grid.left + column * grid.resolution_m, grid.top - row * grid.resolution_m
    lon, lat = (np.asarray(each) for each in transformer(grid.epsg, WGS84).transform(x, y))
    lon = lon[0] + (lon - lon[0] + 180) % 360 - 180
    return LonLat(
        lon=_fit(column, row, lon),
        lat=_fit(column, row, lat),
        column=_fit(lon, lat, column),
        row=_fit(lon, lat, row),
    )


def _fit(a: NDArray[np.float64], b: NDArray[np.float64], value: NDArray[np.float64]) -> Polynomial:
    middle, half = zip(*(_span(each) for each in (a, b)), strict=True)
    offset, scale = _span(value)
    u, v = (a - middle[0]) / half[0], (b - middle[1]) / half[1]
    terms = np.stack([u**i * v**j for i, j in POWERS], axis=1)
    found = np.linalg.lstsq(terms, (value - offset) / scale, rcond=None)[0]
    return Polynomial(
        middle=(middle[0], middle[1]),
        half=(half[0], half[1]),
        offset=offset,
        scale=scale,
        # more digits are noise of the solver, which differs from machine to machine
        terms=tuple(round(float(term), 12) for term in found),
    )


def _span(values: NDArray[np.float64]) -> tuple[float, float]:
    """Middle and half the range, never 0."""
    low, high = float(values.min()), float(values.max())
    return (low + high) / 2, (high - low) / 2 or 1.0
