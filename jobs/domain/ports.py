"""Ports: the bundled ones, and ports of GeoJSON files, read and checked."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import shapely
from shapely.geometry import Polygon

from jobs.domain.geometry import local_grid
from jobs.domain.nearest import did_you_mean
from jobs.domain.text_file import read_text
from jobs.domain.types import Berth, BerthKind, Grid, Port
from jobs.errors import InputError

Feature: TypeAlias = Mapping[str, Any]

MIN_WIDTH_M, MAX_WIDTH_M = 500.0, 60_000.0
"""Limits of the width and height of a port's area."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


# --- bundled ports ------------------------------------------------------------------------------


def bundled_ports() -> tuple[str, ...]:
    """Ids of the ports that come with Berthwatch, sorted."""
    files = resources.files("jobs.domain").joinpath("port_files").iterdir()
    return tuple(sorted(Path(f.name).stem for f in files if f.name.endswith(".geojson")))


def load_port(ref: str | Path) -> Port:
    """The bundled port of an id (upper or lower case), or the port of a GeoJSON file.

    A ``Path``, or text that ends in .geojson or .json, is a file. Raises InputError.
    """
    if isinstance(ref, Path) or ref.lower().endswith((".geojson", ".json")):
        return read_port(Path(ref))
    known = bundled_ports()
    if ref.upper() not in known:
        choice = f"there are {', '.join(known)}; for another port give a GeoJSON file of your own"
        hint = did_you_mean(ref, known)
        raise InputError("; ".join(filter(None, (f"no bundled port {ref!r}", hint, choice))))
    file = resources.files("jobs.domain").joinpath("port_files", f"{ref.upper()}.geojson")
    return _parse(file.read_text(encoding="utf-8"), f"bundled port {ref.upper()}")


# --- ports of GeoJSON files ---------------------------------------------------------------------


def read_port(path: Path) -> Port:
    """The port of a GeoJSON FeatureCollection: one Feature of role port, any number of role berth.

    Raises InputError, naming the feature, for anything that archive and grid cannot use.
    """
    return _parse(read_text(path, "a GeoJSON file"), str(path))


def _parse(text: str, where: str) -> Port:
    ports, berths = _by_role(_features(text, where), where)
    if len(ports) != 1:
        raise InputError(
            f'{where}: {len(ports)} features have "role": "port"; expected exactly one'
        )
    port = _port(ports[0], where)
    parsed = tuple(_berth(feature, port.area, where) for feature in berths)
    _refuse_duplicates([berth.id for berth in parsed], where)
    return replace(port, berths=parsed)


def _features(text: str, where: str) -> list[Feature]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON (line {error.lineno}: {error.msg})") from error
    kind = document.get("type") if isinstance(document, dict) else type(document).__name__
    if kind != "FeatureCollection" or not isinstance(document.get("features"), list):
        raise InputError(f"{where}: a {kind}; expected a GeoJSON FeatureCollection with features")
    return list(document["features"])


def _by_role(features: list[Feature], where: str) -> tuple[list[Feature], list[Feature]]:
    roles: dict[str, list[Feature]] = {"port": [], "berth": []}
    for number, feature in enumerate(features, start=1):
        role = (feature.get("properties") or {}).get("role")
        if role not in roles:
            raise InputError(
                f"{where}: feature {number} has role {role!r}; "
                'expected "port" or "berth" in its properties'
            )
        roles[role].append(feature)
    return roles["port"], roles["berth"]


def _port(feature: Feature, where: str) -> Port:
    facts = feature["properties"]
    identity = _identity(facts, f"{where}: the port")
    area = _polygon(feature, f"{where}: port {identity}")
    return Port(
        id=identity,
        name=_text(facts, "name", f"{where}: port {identity}"),
        country=_text(facts, "country", f"{where}: port {identity}"),
        area=area,
        berths=(),
        grid=_checked_grid(area, f"{where}: port {identity}"),
        locode=facts.get("locode"),
        approximate=bool(facts.get("approximate", False)),
    )


def _berth(feature: Feature, area: Polygon, where: str) -> Berth:
    facts = feature["properties"]
    identity = _identity(facts, f"{where}: a berth")
    place = f"{where}: berth {identity}"
    kind = _kind(facts, place)
    polygon = _polygon(feature, place)
    if not area.covers(polygon):
        share = polygon.difference(area).area / polygon.area
        raise InputError(
            f"{place}: {share:.0%} of it lies outside the port's area; "
            "enlarge the area or move the berth"
        )
    return Berth(
        identity, _text(facts, "name", place), kind, _capacity(facts, kind, place), polygon
    )


def _identity(facts: Mapping[str, Any], place: str) -> str:
    value = facts.get("id")
    if value is None:
        raise InputError(f'{place} has no "id" in its properties: {json.dumps(dict(facts))}')
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InputError(f"{place} has id {value!r}; expected letters, digits, - and _ only")
    return value


def _text(facts: Mapping[str, Any], key: str, place: str) -> str:
    value = facts.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f'{place}: "{key}" is {value!r}; expected a text')
    return value


def _kind(facts: Mapping[str, Any], place: str) -> BerthKind:
    known = [kind.value for kind in BerthKind]
    value = facts.get("kind")
    if value not in known:
        choice = f"expected one of {', '.join(known)}"
        hint = did_you_mean(str(value), known)
        raise InputError("; ".join(filter(None, (f"{place}: kind {value!r}", hint, choice))))
    return BerthKind(value)


def _capacity(facts: Mapping[str, Any], kind: BerthKind, place: str) -> int | None:
    value = facts.get("capacity", None if kind is BerthKind.ANCHORAGE else 1)
    if value is None and kind is BerthKind.ANCHORAGE:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(
            f"{place}: capacity {value!r}; expected a whole number of ships from 1 "
            "(null is for an anchorage only)"
        )
    return value


def _refuse_duplicates(ids: list[str], where: str) -> None:
    twice = [identity for identity, count in Counter(ids).items() if count > 1]
    if twice:
        raise InputError(f"{where}: more than one berth has id {twice[0]!r}; give each its own id")


# --- geometry -----------------------------------------------------------------------------------


def _polygon(feature: Feature, place: str) -> Polygon:
    geometry = feature.get("geometry") or {}
    kind = geometry.get("type")
    if kind == "MultiPolygon":
        raise InputError(
            f"{place}: a MultiPolygon; expected one Polygon: "
            "draw one outline, or make each part a berth of its own"
        )
    if kind != "Polygon":
        raise InputError(f"{place}: geometry is a {kind}; expected a Polygon")
    polygon = _rings(geometry.get("coordinates"), place)
    _check_lon_lat(polygon, place)
    if not polygon.is_valid:
        raise InputError(f"{place}: {shapely.is_valid_reason(polygon)}; draw it without crossings")
    return polygon


def _rings(coordinates: Any, place: str) -> Polygon:
    try:
        rings = [[(float(point[0]), float(point[1])) for point in ring] for ring in coordinates]
        polygon = Polygon(rings[0], rings[1:])
    except (TypeError, ValueError, IndexError) as error:
        raise InputError(f"{place}: coordinates are not rings of [lon, lat] ({error})") from error
    if not np.isfinite(polygon.bounds).all() or polygon.area == 0:
        raise InputError(f"{place}: the outline has no area; expected a ring of [lon, lat]")
    return polygon


def _check_lon_lat(polygon: Polygon, place: str) -> None:
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


def _checked_grid(area: Polygon, place: str) -> Grid:
    """The area's grid; InputError for a size that is a mistake, before any array is allocated."""
    grid = local_grid(area)
    width_m, height_m = grid.width * grid.resolution_m, grid.height * grid.resolution_m
    if max(width_m, height_m) > MAX_WIDTH_M:
        raise InputError(
            f"{place}: the area is {width_m / 1000:.1f} x {height_m / 1000:.1f} km; expected "
            f"at most {MAX_WIDTH_M / 1000:.0f} km: draw it around the harbour and its roads"
        )
    if min(width_m, height_m) < MIN_WIDTH_M:
        raise InputError(
            f"{place}: the area is {width_m:.0f} x {height_m:.0f} m; expected at least "
            f"{MIN_WIDTH_M:.0f} m: draw it around the harbour and its roads"
        )
    return grid


# --- writing ------------------------------------------------------------------------------------


def port_geojson(port: Port) -> dict[str, Any]:
    """The port as the GeoJSON that ``read_port`` takes."""
    facts: dict[str, Any] = {"role": "port", "id": port.id, "name": port.name}
    facts["country"] = port.country
    if port.locode is not None:
        facts["locode"] = port.locode
    if port.approximate:
        facts["approximate"] = True
    berths = (_feature(_berth_facts(berth), berth.polygon) for berth in port.berths)
    return {
        "type": "FeatureCollection",
        "features": list(chain([_feature(facts, port.area)], berths)),
    }


def _berth_facts(berth: Berth) -> dict[str, Any]:
    facts = {"role": "berth", "id": berth.id, "name": berth.name, "kind": berth.kind.value}
    return {**facts, "capacity": berth.capacity}


def _feature(facts: dict[str, Any], polygon: Polygon) -> dict[str, Any]:
    rings = [polygon.exterior, *polygon.interiors]
    coordinates = [[list(point) for point in ring.coords] for ring in rings]
    geometry = {"type": "Polygon", "coordinates": coordinates}
    return {"type": "Feature", "properties": facts, "geometry": geometry}
