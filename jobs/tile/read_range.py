"""The part of a file that a warp to a grid may read."""

from __future__ import annotations

import numpy as np
from rasterio.io import DatasetReader
from rasterio.warp import transform_bounds

Span = tuple[int, int]
"""A range of rows or columns, from 0."""

REACH_PX = 3
"""Pixels beyond the grid's edge that a warp may read: bilinear resampling needs one, the rest
covers GDAL's tolerance."""


def read_range(
    file: DatasetReader, epsg: int, bounds: tuple[float, float, float, float]
) -> tuple[Span, Span]:
    """The file's rows and columns that a warp to these bounds (left, bottom, right, top) may read;
    may extend beyond the file.
    """
    left, bottom, right, top = transform_bounds(f"EPSG:{epsg}", file.crs, *bounds, densify_pts=21)
    corners = [~file.transform * (x, y) for x in (left, right) for y in (bottom, top)]
    columns, rows = zip(*corners, strict=True)
    return (
        (int(np.floor(min(rows))) - REACH_PX, int(np.ceil(max(rows))) + REACH_PX),
        (int(np.floor(min(columns))) - REACH_PX, int(np.ceil(max(columns))) + REACH_PX),
    )
