"""Places on a port's picture: outlines in its pixels, and longitude and latitude of its pixels."""

from __future__ import annotations

import numpy as np
from shapely.geometry import Polygon

from jobs.domain import WGS84, Grid, Json, transformer

LATTICE = 13
"""Nodes along each side: between them longitude and latitude are linear to half a metre in a port
of 60 km, the widest there is; of 20 km, to 0.1 m."""
DEGREE_DECIMALS = 7
PIXEL_DECIMALS = 2


def ring(shape: Polygon, grid: Grid) -> list[Json]:
    """The corners of a WGS 84 polygon in pixels, [x, y, x, y, ...], from the grid's upper left."""
    x, y = transformer(WGS84, grid.epsg).transform(*shape.exterior.coords.xy)
    columns = (np.asarray(x) - grid.left) / grid.resolution_m
    rows = (grid.top - np.asarray(y)) / grid.resolution_m
    # the last corner repeats the first
    pairs = np.column_stack([columns, rows])[:-1].round(PIXEL_DECIMALS)
    return list(pairs.ravel().tolist())


def lattice(grid: Grid) -> dict[str, Json]:
    """Longitudes and latitudes on LATTICE x LATTICE nodes, evenly from edge to edge, by rows."""
    left, bottom, right, top = grid.bounds
    x, y = np.meshgrid(np.linspace(left, right, LATTICE), np.linspace(top, bottom, LATTICE))
    lon, lat = transformer(grid.epsg, WGS84).transform(x, y)
    return {
        "nodes": LATTICE,
        "lon": list(lon.ravel().round(DEGREE_DECIMALS).tolist()),
        "lat": list(lat.ravel().round(DEGREE_DECIMALS).tolist()),
    }
