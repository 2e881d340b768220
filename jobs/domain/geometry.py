"""Projections and distances: WGS 84, the UTM grid of a port, the ellipsoid."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from jobs.domain.types import Grid

if TYPE_CHECKING:
    from pyproj import Geod, Transformer

WGS84 = 4326
"""EPSG code of longitude and latitude in degrees."""
SNAP_M = 20.0
"""Edges of grids are multiples of this, so 10 m and 20 m pixels of Sentinel-2 both fit."""


@cache
def geod() -> Geod:
    """Geodesics on the WGS 84 ellipsoid, metres and degrees."""
    from pyproj import Geod  # takes longer to load than most of what `status` does

    return Geod(ellps="WGS84")


@cache
def transformer(source_epsg: int, target_epsg: int) -> Transformer:
    """Transformer between two EPSG codes, x (or longitude) before y; cached in the process."""
    from pyproj import Transformer

    return Transformer.from_crs(source_epsg, target_epsg, always_xy=True)


def project(polygon: Polygon, epsg: int, densify: bool = True) -> Polygon:
    """A WGS 84 polygon in a projected system.

    Its sides are densified, as they bend when projected; without ``densify`` only its corners are
    transformed.
    """
    if densify:
        polygon = shapely.segmentize(polygon, max(polygon.length / 400, 1e-4))
    return _transformed(polygon, transformer(WGS84, epsg))


def to_wgs84(shape: BaseGeometry, epsg: int) -> BaseGeometry:
    """A shape of a projected system in WGS 84; only its corners are transformed."""
    return _transformed(shape, transformer(epsg, WGS84))


def utm_zone(lon: float, lat: float) -> int:
    """EPSG code of the six-degree UTM zone; the exceptions of Norway and Svalbard are ignored."""
    zone = min(int((lon + 180) // 6) + 1, 60)
    return (32600 if lat >= 0 else 32700) + zone


def is_utm(epsg: int) -> bool:
    """Whether a code is that of a zone of UTM on WGS 84, whose unit is the metre."""
    return epsg // 100 in (326, 327)


def local_grid(area: Polygon) -> Grid:
    """The 10 m grid around an area (WGS 84) in its centroid's UTM zone, snapped out to 20 m."""
    epsg = utm_zone(area.centroid.x, area.centroid.y)
    left, bottom, right, top = project(area, epsg).bounds
    left, bottom = (math.floor(edge / SNAP_M) * SNAP_M for edge in (left, bottom))
    right, top = (math.ceil(edge / SNAP_M) * SNAP_M for edge in (right, top))
    return Grid(epsg, left, top, round((right - left) / 10), round((top - bottom) / 10))


def _transformed(shape: BaseGeometry, turn: Transformer) -> BaseGeometry:
    return shapely.transform(shape, lambda xy: np.column_stack(turn.transform(*xy.T)))
