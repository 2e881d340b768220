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

from shapely.geometry import Polygon
from shapely.geometry.polygon import orient

from jobs.domain.berth_overlap import overlap_text, overlaps
from jobs.domain.geometry import geod, local_grid
from jobs.domain.nearest import did_you_mean, nearest_word
from jobs.domain.outline import in_one_line, outline_of, refuse_other_crs, swapped
from jobs.domain.port_keys import check_keys, meant_key
from jobs.domain.text_file import json_value, read_text
from jobs.domain.types import Berth, BerthKind, Grid, Port
from jobs.errors import InputError

Feature: TypeAlias = Mapping[str, Any]

MIN_WIDTH_M, MAX_WIDTH_M = 500.0, 60_000.0
"""Limits of the width and height of a port's area."""
MAX_DEGREES = 10.0
"""Largest width and height that a UTM zone can hold; in it the largest area in metres is judged."""

MOST_SHIPS = 1000
"""Largest capacity of a berth: no place holds more, and the estimates count ship by ship."""
MOST_OUTSIDE = 1e-3
"""Share of a berth that may lie outside the port's area: sides drawn along its border may differ by
what rounding leaves."""
LEAST_BERTH_M2 = 100.0
"""Smallest berth, one pixel of Sentinel-2."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


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
    _refuse_overlaps(parsed, where)
    return replace(port, berths=parsed)


def _features(text: str, where: str) -> list[Feature]:
    document = json_value(text, where, "a GeoJSON FeatureCollection", of_pairs=_once)
    kind = document.get("type") if isinstance(document, dict) else type(document).__name__
    if kind != "FeatureCollection" or not isinstance(document.get("features"), list):
        raise InputError(
            f"{where}: a {in_one_line(kind)}; expected a GeoJSON FeatureCollection with features"
        )
    refuse_other_crs(document, where)
    return list(document["features"])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the JSON; ValueError for a key that it has twice, with two values."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and found[key] != value:
            raise ValueError(
                f"{key!r} occurs twice in one object, as {_shown(found[key])} and as "
                f"{_shown(value)}; keep one of them"
            )
        found[key] = value
    return found


def _by_role(features: list[Feature], where: str) -> tuple[list[Feature], list[Feature]]:
    roles: dict[str, list[Feature]] = {"port": [], "berth": []}
    for number, feature in enumerate(features, start=1):
        place = f"{where}: feature {number}"
        facts = _properties(feature, place)
        role = facts.get("role")
        if not isinstance(role, str) or role not in roles:
            raise InputError(
                f"{place} has role {role!r}; "
                f'expected "port" or "berth" in its properties{_nearest_role(facts)}'
            )
        check_keys(facts, role, f"{place} ({facts.get('id', role)})")
        roles[role].append(feature)
    return roles["port"], roles["berth"]


def _properties(feature: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(feature, Mapping):
        raise InputError(f"{place} is {_shown(feature)}; expected a GeoJSON Feature")
    if "properties" not in feature and (near := nearest_word("properties", feature, cutoff=0.8)):
        raise InputError(f"{place} has {near[0]!r}; did you mean 'properties'?")
    facts = feature.get("properties")
    if facts is not None and not isinstance(facts, Mapping):
        raise InputError(f"{place}: properties are {_shown(facts)}; expected keys with values")
    return facts or {}


def _nearest_role(facts: Mapping[str, Any]) -> str:
    """A hint at the role, or the property, that was meant."""
    if "role" in facts:
        hint = did_you_mean(str(facts["role"]), ("port", "berth"))
        return hint and f"; {hint}"
    meant = [found for found in facts if meant_key(found, ("role",), facts)]
    return f"; did you mean 'role' by {meant[0]!r}?" if meant else ""


def _shown(value: Any) -> str:
    """A value of the JSON as messages show it, at most 60 characters."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _port(feature: Feature, where: str) -> Port:
    facts = feature["properties"]
    identity = _identity(facts, f"{where}: the port")
    area = outline_of(feature, f"{where}: port {identity}")
    return Port(
        id=identity,
        name=_text(facts, "name", f"{where}: port {identity}"),
        country=_text(facts, "country", f"{where}: port {identity}"),
        area=area,
        berths=(),
        grid=_checked_grid(area, f"{where}: port {identity}"),
        locode=_optional(facts, "locode", str, "a text", f"{where}: port {identity}"),
        approximate=bool(
            _optional(facts, "approximate", bool, "true or false", f"{where}: port {identity}")
        ),
    )


def _berth(feature: Feature, area: Polygon, where: str) -> Berth:
    facts = feature["properties"]
    identity = _identity(facts, f"{where}: a berth")
    place = f"{where}: berth {identity}"
    kind = _kind(facts, place)
    polygon = outline_of(feature, place)
    size_m2 = abs(geod().geometry_area_perimeter(orient(polygon))[0])
    if size_m2 < LEAST_BERTH_M2:
        raise InputError(
            f"{place}: it covers {size_m2:.2g} square metres; expected at least "
            f"{LEAST_BERTH_M2:.0f}: draw it around the water where ships lie"
        )
    share = 0.0 if area.covers(polygon) else polygon.difference(area).area / polygon.area
    if share > MOST_OUTSIDE:
        if area.intersects(swapped(polygon)) and share == 1:
            raise InputError(
                f"{place}: longitude and latitude look swapped: as drawn it lies outside the "
                "port's area, turned round inside; expected positions as [lon, lat]"
            )
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
        raise InputError(f'{place} has no "id" in its properties: {_shown(dict(facts))}')
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise InputError(
            f"{place} has id {_shown(value)}; expected at most 64 letters, digits, - and _"
        )
    return value


def _text(facts: Mapping[str, Any], key: str, place: str) -> str:
    value = facts.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f'{place}: "{key}" is {value!r}; expected a text')
    if not _is_text(value):
        raise InputError(f'{place}: "{key}" holds half a character ({value!a}); write it anew')
    return value


def _is_text(value: str) -> bool:
    """Whether it can be written: JSON may escape half of a pair of surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def _optional(facts: Mapping[str, Any], key: str, kind: type, expected: str, place: str) -> Any:
    """A value of a kind, or None where there is none."""
    value = facts.get(key)
    if value is not None and (not isinstance(value, kind) or not _is_text(str(value))):
        raise InputError(f'{place}: "{key}" is {_shown(value)}; expected {expected}')
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
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # a GIS writes whole numbers of a column as 2.0
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_SHIPS:
        raise InputError(
            f"{place}: capacity {_shown(value)}; expected a whole number of ships from 1 to "
            f"{MOST_SHIPS} (null is for an anchorage only)"
        )
    return value


def _refuse_duplicates(ids: list[str], where: str) -> None:
    twice = [identity for identity, count in Counter(ids).items() if count > 1]
    if twice:
        raise InputError(f"{where}: more than one berth has id {twice[0]!r}; give each its own id")


def _refuse_overlaps(berths: tuple[Berth, ...], where: str) -> None:
    for pair in overlaps(berths):
        raise InputError(f"{where}: {overlap_text(pair)}")


# --- geometry -----------------------------------------------------------------------------------


def _checked_grid(area: Polygon, place: str) -> Grid:
    """The area's grid; InputError for a size that is a mistake, before any array is allocated."""
    west, south, east, north = area.bounds
    if max(east - west, north - south) > MAX_DEGREES:
        raise InputError(
            f"{place}: the area spans {east - west:.0f} x {north - south:.0f} degrees; expected at "
            f"most {MAX_WIDTH_M / 1000:.0f} km: draw it around the harbour and its roads"
        )
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
