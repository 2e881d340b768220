"""Footprints of items in longitude and latitude, also across 180 degrees, and what they touch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import shapely
from shapely.affinity import translate
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from jobs.domain import WGS84, transformer

WIDEST = 180.0
"""Degrees: what is wider is a ring across 180 degrees whose eastern part was written as western."""

NEAR_180 = 170.0
"""Degrees of longitude from which on footprints may be written across 180 in any way."""


def near_180(area: BaseGeometry) -> bool:
    """Whether an area lies so near to 180 degrees that footprints cannot be told by numbers."""
    west, _, east, _ = area.bounds
    return bool(max(abs(west), abs(east)) > NEAR_180)


def in_turns(area: Polygon) -> tuple[Polygon, ...]:
    """An area, and near 180 degrees also the same place written beyond them."""
    if not near_180(area):
        return (area,)
    return (area, translate(area, -math.copysign(360, area.centroid.x)))


def footprint(geometry: BaseGeometry) -> Polygon | None:
    """The largest polygon of a geometry, flat, valid and in one piece; None where it has no area.

    A footprint across 180 degrees, however it is written (cut in two, beyond 180, below -180, one
    ring that wraps), becomes one polygon whose longitudes do not jump; some may lie beyond 180.
    """
    if not all(map(math.isfinite, geometry.bounds)):
        return None
    parts = [_unwrapped(part) for part in shapely.get_parts(shapely.force_2d(geometry))]
    pieces = [part for each in parts for part in shapely.get_parts(shapely.make_valid(each))]
    polygons = [piece for piece in pieces if piece.geom_type == "Polygon" and piece.area]
    if not polygons:
        return None
    if geometry.bounds[2] - geometry.bounds[0] > WIDEST:
        joined = shapely.union_all([_beside(polygons[0], part) for part in polygons])
        polygons = list(shapely.get_parts(joined))
    return max(polygons, key=lambda part: float(part.area))


def overlap(one: BaseGeometry, area: Polygon) -> float:
    """Area that a footprint shares with a polygon, square degrees, in any turn of the globe."""
    return max(float(area.intersection(turned).area) for turned in _turns(one))


def touches(item: Mapping[str, Any], area: BaseGeometry) -> bool:
    """Whether the item's geometry, its bbox where it has none, touches an area.

    Raises ValueError, TypeError or ShapelyError for what is no geometry.
    """
    return any(area.intersects(turned) for turned in _turns(_geometry(item)))


def has_area(item: Mapping[str, Any]) -> bool:
    """Whether the item's geometry is an area; some catalogs give a tile's centre or its axis."""
    return bool(_geometry(item).area > 0)


def raster_touches(
    epsg: int,
    transform: tuple[float, float, float, float, float, float],
    shape: tuple[int, int],
    area: Polygon,
) -> bool:
    """Whether a raster's own pixel grid touches an area (WGS 84), told in the raster's projection.

    False where the area cannot be expressed there, as it is too far away.
    """
    a, _, left, _, e, top = transform
    raster = box(left, top + e * shape[0], left + a * shape[1], top)
    return any(raster.intersects(turned) for turned in _in_projection(area, epsg))


@lru_cache(maxsize=256)
def _in_projection(area: Polygon, epsg: int) -> tuple[BaseGeometry, ...]:
    """An area (WGS 84) in a projection, in every turn where that is WGS 84; none if too far."""
    lon, lat = area.exterior.segmentize(0.05).coords.xy
    x, y = transformer(WGS84, epsg).transform(lon, lat)
    if not all(map(math.isfinite, (*x, *y))):
        return ()
    shape = shapely.make_valid(Polygon(zip(x, y, strict=True)))
    return _turns(shape) if epsg == WGS84 else (shape,)


def outline(
    epsg: int,
    transform: tuple[float, float, float, float, float, float],
    shape: tuple[int, int],
) -> BaseGeometry:
    """A raster's outline in longitude and latitude; empty where it cannot be expressed so."""
    a, _, left, _, e, top = transform
    raster = box(left, top + e * shape[0], left + a * shape[1], top)
    x, y = raster.exterior.segmentize(raster.length / 40).coords.xy
    lon, lat = transformer(epsg, WGS84).transform(x, y)
    if not all(map(math.isfinite, (*lon, *lat))):
        return Polygon()
    return shapely.make_valid(_unwrapped(Polygon(zip(lon, lat, strict=True))))


def _geometry(item: Mapping[str, Any]) -> BaseGeometry:
    if item.get("geometry") is not None:
        shape = shapely.geometry.shape(item["geometry"])
        return shapely.make_valid(
            shapely.union_all([_unwrapped(p) for p in shapely.get_parts(shape)])
        )
    bbox = item.get("bbox")
    if not isinstance(bbox, list | tuple) or len(bbox) not in (4, 6):
        raise ValueError("neither geometry nor bbox")
    half = len(bbox) // 2  # six numbers where heights are given
    west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    if west <= east:
        return _unwrapped(box(west, south, east, north))
    return MultiPolygon([box(west, south, 180, north), box(-180, south, east, north)])


def _unwrapped(part: BaseGeometry) -> BaseGeometry:
    """A part whose ring jumps from 180 to -180, with its western longitudes moved by a turn."""
    west, _, east, _ = part.bounds if not part.is_empty else (0.0, 0.0, 0.0, 0.0)
    if not WIDEST < east - west < 360:
        return part
    return shapely.transform(part, _eastward)


def _eastward(points: Any) -> Any:
    points = points.copy()
    points[points[:, 0] < 0, 0] += 360
    return points


def _beside(first: BaseGeometry, part: BaseGeometry) -> BaseGeometry:
    """The part in the turn that brings it nearest to the first."""
    return min(_turns(part), key=lambda turned: abs(turned.centroid.x - first.centroid.x))


def _turns(geometry: BaseGeometry) -> tuple[BaseGeometry, ...]:
    return tuple(translate(geometry, turn) for turn in (0.0, 360.0, -360.0))
