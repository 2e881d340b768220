"""Outlines in the pixels of a port's picture."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Polygon

from jobs.domain import WGS84, Grid, Json, transformer

PIXEL_DECIMALS = 2


def ring(shape: Polygon, grid: Grid) -> list[Json]:
    """The corners of a WGS 84 polygon in pixels, [x, y, x, y, ...], from the grid's upper left."""
    x, y = transformer(WGS84, grid.epsg).transform(*shape.exterior.coords.xy)
    columns = (np.asarray(x) - grid.left) / grid.resolution_m
    rows = (grid.top - np.asarray(y)) / grid.resolution_m
    # the last corner repeats the first
    pairs = np.column_stack([columns, rows])[:-1].round(PIXEL_DECIMALS)
    return list(pairs.ravel().tolist())
