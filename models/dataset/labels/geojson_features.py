"""The features of a GeoJSON file of labels, parsed and checked."""

import difflib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from shapely.errors import ShapelyError
from shapely.geometry import Polygon, shape

from models.dataset.catalog import DatasetError, instant, read_json
from models.dataset.labels.protocol import KINDS

Feature = Mapping[str, Any]

PROPERTIES = ("item", "datetime", "class", "confidence", "at_data_edge", "moving")
"""The properties that are read; others are ignored."""

_WGS84 = ("CRS84", "EPSG::4326", "EPSG:4326")
_EXPECTED_DEGREES = (
    "expected WGS 84 longitude and latitude: export it in EPSG:4326 "
    "(ogr2ogr -t_srs EPSG:4326 new.geojson old.geojson)"
)


@dataclass(frozen=True)
class HullFeature:
    """One labelled feature: its polygons and properties."""

    where: str
    """File and number of the feature, for messages."""
    item: str | None
    moment: datetime | None
    """Exactly one of item and moment is given."""
    parts: tuple[Polygon, ...]
    """In degrees, (longitude, latitude)."""
    kind: str
    confidence: int
    at_edge: bool
    moving: bool | None


def read_hulls(file: Path) -> Iterator[HullFeature]:
    """The features of a GeoJSON FeatureCollection; DatasetError with the number of a bad one."""
    for number, feature in enumerate(_features(file), start=1):
        yield _hull(feature, f"{file}: feature {number}")


def _features(file: Path) -> list[Any]:
    document = read_json(file, "GeoJSON")
    kind = document.get("type") if isinstance(document, dict) else type(document).__name__
    if kind != "FeatureCollection" or not isinstance(document.get("features"), list):
        raise DatasetError(f"{file}: is a {kind}; expected a GeoJSON FeatureCollection")
    if not document["features"]:
        raise DatasetError(f"{file}: has no features; expected a polygon for each ship")
    _check_crs(document.get("crs"), file)
    return list(document["features"])


def _check_crs(crs: Any, file: Path) -> None:
    """Refuse a crs member (of GeoJSON before RFC 7946) other than WGS 84."""
    if crs is None:
        return
    named = (crs.get("properties") or {}).get("name") if isinstance(crs, dict) else crs
    if not str(named).endswith(_WGS84):
        raise DatasetError(f"{file}: is in {named}; {_EXPECTED_DEGREES}")


def _hull(feature: Any, where: str) -> HullFeature:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise DatasetError(f"{where}: is no Feature; expected one with geometry and properties")
    facts = feature.get("properties") or {}
    _check_names(facts, where)
    item, moment = _belongs_to(facts, where)
    return HullFeature(
        where=where,
        item=item,
        moment=moment,
        parts=_polygons(feature.get("geometry"), where),
        kind=_one_of(facts, "class", KINDS, "ship", where),
        confidence=int(_one_of(facts, "confidence", (1, 2, 3), 3, where)),
        at_edge=bool(_one_of(facts, "at_data_edge", (False, True), False, where)),
        moving=_one_of(facts, "moving", (False, True), None, where),
    )


def _check_names(facts: Feature, where: str) -> None:
    """Refuse a misspelt property, which would be ignored."""
    for name in facts:
        meant = difflib.get_close_matches(name.lower(), PROPERTIES, n=1, cutoff=0.85)
        if name not in PROPERTIES and meant and meant[0] not in facts:
            raise DatasetError(f"{where}: has a property {name!r}; did you mean {meant[0]!r}?")


def _belongs_to(facts: Feature, where: str) -> tuple[str | None, datetime | None]:
    """The item's id, or the time where the feature has no item."""
    item, moment = facts.get("item"), facts.get("datetime")
    if isinstance(item, str) and item:
        return item, None
    if item is None and moment is not None:
        found = instant(moment)
        if found:
            return None, found
        raise DatasetError(
            f"{where}: has the datetime {moment!r}; expected one like 2024-05-01T10:00:00Z"
        )
    given = (
        f"the item {item!r}" if item is not None else f"the properties {', '.join(facts) or '-'}"
    )
    raise DatasetError(
        f"{where}: has {given}; expected a property item, the id of the STAC item it was drawn "
        "over, or datetime, that item's"
    )


def _one_of(facts: Feature, name: str, known: tuple[Any, ...], default: Any, where: str) -> Any:
    value = facts.get(name)
    if value is None:
        return default
    if not isinstance(value, list | dict) and value in known:
        return known[known.index(value)]
    expected = ", ".join(json.dumps(each) for each in known)
    raise DatasetError(f"{where}: has the {name} {value!r}; expected one of {expected}")


def _polygons(geometry: Any, where: str) -> tuple[Polygon, ...]:
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind is None:
        raise DatasetError(f"{where}: has no geometry; draw the outline of the hull")
    if kind not in ("Polygon", "MultiPolygon"):
        raise DatasetError(f"{where}: is a {kind}; expected a Polygon around the hull")
    try:
        found = shape(geometry)
    except (ShapelyError, ValueError, TypeError, IndexError, KeyError) as error:
        raise DatasetError(f"{where}: is not a valid {kind} ({error}); draw it again") from error
    if found.is_empty:
        raise DatasetError(f"{where}: has an empty geometry; draw the outline of the hull")
    _check_degrees(found.bounds, where)
    return tuple(found.geoms) if kind == "MultiPolygon" else (found,)


def _check_degrees(bounds: tuple[float, float, float, float], where: str) -> None:
    west, south, east, north = bounds
    if not all(map(math.isfinite, bounds)) or max(-west, east) > 180 or max(-south, north) > 90:
        raise DatasetError(f"{where}: has coordinates from {bounds[:2]}; {_EXPECTED_DEGREES}")
