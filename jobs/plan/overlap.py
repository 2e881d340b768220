"""Overlap of source rasters with a port's grid."""

from __future__ import annotations

import math
from functools import cache
from typing import TypeAlias

from jobs.domain import POINTS_PIXEL_M, WGS84, Grid, Source, transformer

Bounds: TypeAlias = tuple[float, float, float, float]
"""(left, bottom, right, top), in the units of a projection."""

Span: TypeAlias = tuple[int, int]
"""A range of pixels, from 0; the second is not part of it."""

SKEW_DEG = 15.0
"""Between the axes of a ground-range image and those of a port's grid: some 12 degrees at the
equator and 18 at 50 degrees of latitude."""
POINTS_MARGIN = 32
"""Pixels beyond the grid, on both sides together, that are read of files on control points."""

ROUNDING = 1e-6
"""Of a pixel, by which two grids that meet may differ."""


def lon_lat_bounds(source: Source) -> Bounds:
    """A raster's bounds in WGS 84, degrees; the east beyond 180 where it lies across that."""
    west, south, east, north = transformer(source.epsg, WGS84).transform_bounds(*_bounds(source))
    return (west, south, east if west <= east else east + 360, north)  # across 180 degrees


def window(grid: Grid, source: Source) -> tuple[Span, Span] | None:
    """Rows and columns of a raster that lie under the grid; None where they do not overlap.

    Of a file on ground control points they are about as many as will be read, and None means that
    the grid lies outside a box around it.
    """
    left, bottom, right, top = _bounds(source)
    same = grid.epsg == source.epsg
    west, south, east, north = grid.bounds if same else _bounds_in(grid, source.epsg)
    width, height = min(right, east) - max(left, west), min(top, north) - max(bottom, south)
    if not (width > 0 and height > 0):
        return None
    if source.on_points:
        return _on_points(grid, source)
    rows, columns = -source.transform[4], source.transform[0]
    return (
        _span(max(0.0, top - north) / rows, height / rows, source.shape[0]),
        _span(max(0.0, west - left) / columns, width / columns, source.shape[1]),
    )


def _on_points(grid: Grid, source: Source) -> tuple[Span, Span]:
    """A box around the grid in the file's skewed axes, in the middle of the file."""
    sine, cosine = math.sin(math.radians(SKEW_DEG)), math.cos(math.radians(SKEW_DEG))
    high, wide = (side * grid.resolution_m / POINTS_PIXEL_M for side in grid.shape)
    sides = (high * cosine + wide * sine, wide * cosine + high * sine)
    rows, columns = (math.ceil(side) + POINTS_MARGIN for side in sides)
    return (_middle(rows, source.shape[0]), _middle(columns, source.shape[1]))


def _middle(length: int, most: int) -> Span:
    count = min(length, most)
    first = (most - count) // 2
    return first, first + count


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
