"""The land mask where longitudes end: 180 degrees is a meridian like any other."""

from __future__ import annotations

import numpy as np

from jobs.domain import WGS84, Grid, make_land_mask, transformer

BERING = 3571
"""EPSG code of a polar projection whose middle is 180 degrees."""


def test_land_across_180_degrees_has_no_gap() -> None:
    _, y = transformer(WGS84, BERING).transform(180.0, 71.1)  # Wrangel Island
    grid = Grid(epsg=BERING, left=-450.0, top=y + 50, width=9, height=1, resolution_m=100.0)
    lon, _ = transformer(BERING, WGS84).transform(grid.x, grid.y.repeat(9))
    assert np.count_nonzero(np.abs(lon) == 180) == 1  # the column that the library calls sea
    assert make_land_mask(grid).all()
