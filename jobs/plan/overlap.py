"""Overlap of source rasters with a port's grid."""

from __future__ import annotations

import math
from functools import cache
from typing import TypeAlias

from jobs.domain import WGS84, Grid, Source, transformer

Bounds: TypeAlias = tuple[float, float, float, float]
"""(left, bottom, right, top), in the units of a projection."""

Span: TypeAlias = tuple[int, int]
"""A range of pixels, from 0; the second is not part of it."""

ROUNDING = 1e-6
"""Of a pixel, by which two grids that meet may differ."""


def lon_lat_bounds(source: Source) -> Bounds:
    """A raster's bounds in WGS 84, degrees; the east beyond 180 where it lies across that."""
    west, south, east, north = transformer(source.epsg, WGS84).transform_bounds(*_bounds(source))
    return (west, south, east if west <= east else east + 360, north)  # across 180 degrees


def window(grid: Grid, source: Source) -> tuple[Span, Span] | None:
    """Rows and columns of a raster that lie under the grid; None where they do not overlap."""
    left, bottom, right, top = _bounds(source)
    same = grid.epsg == source.epsg
    west, south, east, north = grid.bounds if same else _bounds_in(grid, source.epsg)
    width, height = min(right, east) - max(left, west), min(top, north) - max(bottom, south)
    if not (width > 0 and height > 0):
        return None
    rows, columns = -source.transform[4], source.transform[0]
    return (
        _span(max(0.0, top - north) / rows, height / rows, source.shape[0]),
        _span(max(0.0, west - left) / columns, width / columns, source.shape[1]),
    )


def _span(start: float, length: float, most: int) -> Span:
    """Whole pixels, as many as the length rounded up, from the one in which it starts."""
    count = min(math.ceil(length), most)
    first = min(math.floor(start + ROUNDING), most - count)
    return first, first + count


def _bounds(source: Source) -> Bounds:
    a, _, left, _, e, top = source.transform
    rows, columns = source.shape
    return (left, top + e * rows, left + a * columns, top)


@cache
def _bounds_in(grid: Grid, epsg: int) -> Bounds:
    """The grid's bounds in another projection; its sides are densified, as they bend."""
    bounds: Bounds = transformer(grid.epsg, epsg).transform_bounds(*grid.bounds)
    return bounds
