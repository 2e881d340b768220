"""Outlines of GeoJSON features: a valid polygon in WGS 84 longitude and latitude, or a refusal."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import Polygon

from jobs.errors import InputError

LON_LAT = re.compile(r"OGC[:/](.*[:/])?CRS84H?|EPSG[:/](.*[:/])?(4326|4979)|WGS ?84", re.IGNORECASE)
"""Names of WGS 84 that programs write; in GeoJSON all of them mean longitude first."""
PREFIX = re.compile(r"(urn:ogc:def:crs:|https?://www\.opengis\.net/def/crs/)", re.IGNORECASE)


def refuse_other_crs(part: Mapping[str, Any], place: str) -> None:
    """InputError where a document, feature or geometry names another system than WGS 84.

    The ``crs`` member is of GeoJSON before RFC 7946; programs write it still.
    """
    crs = part.get("crs")
    if crs is None:
        return
    facts = crs.get("properties") if isinstance(crs, Mapping) else None
    name = facts.get("name") if isinstance(facts, Mapping) else None
    if isinstance(name, str) and LON_LAT.fullmatch(PREFIX.sub("", name)):
        return
    raise InputError(
        f'{place}: its "crs" is {str(name or crs)[:60]!r}; expected WGS 84 longitude and latitude: '
        "reproject the file to EPSG:4326 and leave `crs` out"
    )


def outline_of(feature: Mapping[str, Any], place: str) -> Polygon:
    """The polygon of a feature; heights are left out, and rings may run either way.

    A MultiPolygon of one part is that part. Raises InputError, beginning with ``place``.
    """
    refuse_other_crs(feature, place)
    geometry = feature.get("geometry") or {}
    if not isinstance(geometry, Mapping):
        raise InputError(f"{place}: geometry is a {type(geometry).__name__}; expected a Polygon")
    refuse_other_crs(geometry, place)
    polygon = _rings(_coordinates(geometry, place), place)
    _check_degrees(polygon, place)
    if not polygon.is_valid:
        raise InputError(f"{place}: {shapely.is_valid_reason(polygon)}; draw it without crossings")
    return polygon


def in_one_line(value: Any) -> str:
    """A value as messages show it: as it is, or quoted where it is empty or holds line breaks."""
    text = str(value)
    return text if text and text.isprintable() else repr(value)


def _coordinates(geometry: Mapping[str, Any], place: str) -> Any:
    """Rings of the geometry's only polygon."""
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind == "Polygon":
        return coordinates
    if kind != "MultiPolygon":
        raise InputError(f"{place}: geometry is a {in_one_line(kind)}; expected a Polygon")
    if isinstance(coordinates, list) and len(coordinates) == 1:
        return coordinates[0]
    raise InputError(
        f"{place}: a MultiPolygon of {len(coordinates) if isinstance(coordinates, list) else 'no'} "
        "parts; expected one Polygon: draw one outline, or make each part a berth of its own"
    )


def _rings(coordinates: Any, place: str) -> Polygon:
    try:
        rings = [[_point(point) for point in ring] for ring in coordinates]
        polygon = Polygon(rings[0], rings[1:])
    except (TypeError, ValueError, IndexError, OverflowError, ShapelyError) as error:
        raise InputError(f"{place}: coordinates are not rings of [lon, lat] ({error})") from error
    if polygon.area == 0:
        raise InputError(f"{place}: the outline has no area; expected a ring of [lon, lat]")
    return polygon


def _point(position: Any) -> tuple[float, float]:
    if not isinstance(position, list):
        raise ValueError(f"{position!r} is no position")
    lon, lat = position[0], position[1]
    for value in (lon, lat):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is no number")
        if not math.isfinite(value):
            raise ValueError(f"{value} is no place")
    return float(lon), float(lat)


def _check_degrees(polygon: Polygon, place: str) -> None:
    for lon, lat in shapely.get_coordinates(polygon):
        if abs(lon) <= 90 < abs(lat) <= 180:
            raise InputError(
                f"{place}: longitude and latitude look swapped: [{lon:g}, {lat:g}] would be at "
                f"latitude {lat:g}; expected positions as [lon, lat]"
            )
    west, south, east, north = polygon.bounds
    if max(-south, north) > 90 or max(-west, east) > 360:
        raise InputError(
            f"{place}: coordinates like ({west:.0f}, {south:.0f}) are not degrees; expected "
            "WGS 84 longitude and latitude: reproject the file to EPSG:4326"
        )
    if east - west > 180 or max(-west, east) > 180:
        raise InputError(
            f"{place}: longitudes {west:g} to {east:g} cross the antimeridian, "
            "which is not supported; draw the port on one side of it"
        )
    if south < -80 or north > 84:
        raise InputError(f"{place}: latitudes {south:g} to {north:g}; UTM covers 80 S to 84 N only")


def swapped(polygon: Polygon) -> Polygon:
    """The polygon with longitude and latitude in each other's place."""
    return shapely.transform(polygon, lambda points: points[:, ::-1])
