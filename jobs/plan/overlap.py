"""Overlap of source rasters with a port's grid."""

from __future__ import annotations

import math
from functools import cache
from typing import TypeAlias

from jobs.domain import WGS84, Grid, Source, transformer

Bounds: TypeAlias = tuple[float, float, float, float]
"""(left, bottom, right, top), in the units of a projection."""


def lon_lat_bounds(source: Source) -> Bounds:
    """A raster's bounds in WGS 84, degrees; the east beyond 180 where it lies across that."""
    west, south, east, north = transformer(source.epsg, WGS84).transform_bounds(*_bounds(source))
    return (west, south, east if west <= east else east + 360, north)  # across 180 degrees


def window(grid: Grid, source: Source) -> tuple[int, int] | None:
    """(rows, columns) of a raster that lie under the grid; None where they do not overlap."""
    left, bottom, right, top = _bounds(source)
    same = grid.epsg == source.epsg
    west, south, east, north = grid.bounds if same else _bounds_in(grid, source.epsg)
    width, height = min(right, east) - max(left, west), min(top, north) - max(bottom, south)
    if not (width > 0 and height > 0):
        return None
    rows = math.ceil(height / -source.transform[4])
    columns = math.ceil(width / source.transform[0])
    return min(rows, source.shape[0]), min(columns, source.shape[1])


def _bounds(source: Source) -> Bounds:
    a, _, left, _, e, top = source.transform
    rows, columns = source.shape
    return (left, top + e * rows, left + a * columns, top)


@cache
def _bounds_in(grid: Grid, epsg: int) -> Bounds:
    """The grid's bounds in another projection; its sides are densified, as they bend."""
    bounds: Bounds = transformer(grid.epsg, epsg).transform_bounds(*grid.bounds)
    return bounds
