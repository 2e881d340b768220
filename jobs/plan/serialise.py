"""Overpasses, ports and rejected items as plain JSON values, and back, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from functools import cache
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

import shapely
from shapely.geometry import Polygon

from jobs.catalog import Rejected
from jobs.domain import (
    SENSORS,
    Access,
    Berth,
    BerthKind,
    FileAccess,
    Grid,
    Json,
    Login,
    Overpass,
    Port,
    Scene,
    Source,
    Superseded,
    login_from_json,
    login_json,
    port_geojson,
)
from jobs.errors import PlanError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
PLAIN = frozenset({str, int, float, bool, type(None)})


def overpass_to_json(overpass: Overpass) -> dict[str, Json]:
    """An overpass as plain JSON values; ``overpass_from_json`` gives it back exactly."""
    return {
        **fields_of(overpass),
        "acquired": overpass.acquired.isoformat(),
        "scenes": [_scene_json(scene) for scene in overpass.scenes],
        "superseded": [fields_of(superseded) for superseded in overpass.superseded],
    }


def overpass_from_json(content: Mapping[str, Any]) -> Overpass:
    """The overpass of ``overpass_to_json``; PlanError for a sensor that is not known here."""
    if content["sensor"] not in SENSORS:
        raise PlanError(
            f"sensor {content['sensor']!r} is not known; this version has {', '.join(SENSORS)}"
        )
    return made(
        Overpass,
        {
            **content,
            "acquired": datetime.fromisoformat(content["acquired"]),
            "scenes": tuple(_scene(scene) for scene in content["scenes"]),
            "superseded": tuple(made(Superseded, left_out) for left_out in content["superseded"]),
        },
    )


def _scene_json(scene: Scene) -> dict[str, Json]:
    content = fields_of(scene)
    del content["access"]
    # Hashes from before there was a choice of access rest on its being left out.
    access = {} if scene.access is None else {"access": _access_json(scene.access)}
    return {
        **content,
        "acquired": scene.acquired.isoformat(),
        "bands": {name: source_to_json(source) for name, source in scene.bands.items()},
        "mask": None if scene.mask is None else source_to_json(scene.mask),
        "geometry": None if scene.geometry is None else _rings(scene.geometry),
        "facts": dict(scene.facts),
        **access,
    }


def _scene(content: Mapping[str, Any]) -> Scene:
    mask, geometry = content["mask"], content["geometry"]
    return made(
        Scene,
        {
            **content,
            "acquired": datetime.fromisoformat(content["acquired"]),
            "bands": {name: _source(source) for name, source in content["bands"].items()},
            "mask": None if mask is None else _source(mask),
            "geometry": None if geometry is None else _polygon(geometry),
            "access": _access(content["access"]) if "access" in content else None,
        },
    )


def _access_json(access: FileAccess) -> Json:
    return login_json(access) if isinstance(access, Login) else access.value


def _access(content: Any) -> FileAccess:
    return login_from_json(content) if isinstance(content, Mapping) else Access(content)


def source_to_json(source: Source) -> dict[str, Json]:
    """A source as plain JSON values; what most sources lack, only where it is given."""
    content = {
        **fields_of(source),
        "transform": list(source.transform),
        "shape": list(source.shape),
    }
    if not source.nodata_assumed:
        del content["nodata_assumed"]
    if source.etag is None:
        del content["etag"]
    if not source.on_points:
        del content["calibration"], content["noise"]
    return content


def _source(content: Mapping[str, Any]) -> Source:
    rows, columns = content["shape"]
    a, b, c, d, e, f = content["transform"]
    transform, shape = (a, b, c, d, e, f), (rows, columns)
    return made(Source, {**content, "transform": transform, "shape": shape})


def _rings(polygon: Polygon) -> Json:
    rings = [polygon.exterior, *polygon.interiors]
    return [[[float(x), float(y)] for x, y in ring.coords] for ring in rings]


def _polygon(rings: Any) -> Polygon:
    # half the time of Polygon(...); a plan may have millions of them
    polygon = shapely.polygons(rings[0], rings[1:] or None)
    if not isinstance(polygon, Polygon):  # an array of them
        raise TypeError("the rings of a polygon lie too deep")
    return polygon


def port_to_json(port: Port) -> Json:
    """The port as its GeoJSON and its grid; the grid is pinned, not computed again on reading."""
    return {"geojson": port_geojson(port), "grid": fields_of(port.grid)}


def port_from_json(content: Mapping[str, Any]) -> Port:
    """The port of ``port_to_json``."""
    area, *berths = content["geojson"]["features"]
    facts = area["properties"]
    return Port(
        id=text_of(facts["id"]),
        name=text_of(facts["name"]),
        country=text_of(facts["country"]),
        area=_polygon(area["geometry"]["coordinates"]),
        berths=tuple(_berth(berth) for berth in berths),
        grid=made(Grid, content["grid"]),
        locode=facts.get("locode"),
        approximate=facts.get("approximate", False),
    )


def _berth(feature: Mapping[str, Any]) -> Berth:
    facts = feature["properties"]
    polygon = _polygon(feature["geometry"]["coordinates"])
    return Berth(
        text_of(facts["id"]),
        text_of(facts["name"]),
        BerthKind(facts["kind"]),
        facts["capacity"],
        polygon,
    )


REJECTED = "rejected"
"""Key of a rejected item's JSON, and name of the section of a plan file that holds their lines."""


def rejected_to_json(rejected: Rejected) -> dict[str, Json]:
    """A rejected item as plain JSON values, under one key that marks its kind of line."""
    return {REJECTED: fields_of(rejected)}


def rejected_from_json(content: Mapping[str, Any]) -> Rejected:
    """The rejected item of ``rejected_to_json``."""
    return made(Rejected, content[REJECTED])


def made(kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass with these values; TypeError where a text, number or flag is of another kind."""
    for name, allowed in _allowed(kind):
        if name in values and type(values[name]) not in allowed:
            raise TypeError(f"{name} is {values[name]!r}")
    return kind(**values)


@cache
def _allowed(kind: type[DataclassInstance]) -> tuple[tuple[str, frozenset[type]], ...]:
    """The types of a dataclass's fields that are texts, numbers, flags or None alone."""
    of_fields = ((name, _alternatives(hint)) for name, hint in get_type_hints(kind).items())
    return tuple(
        (name, allowed | {int} if float in allowed else allowed)
        for name, allowed in of_fields
        if allowed <= PLAIN
    )


def _alternatives(hint: Any) -> frozenset[Any]:
    return frozenset(get_args(hint) if isinstance(hint, UnionType) else (hint,))


def text_of(value: Any) -> str:
    """The value, which is a text; TypeError else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def fields_of(value: DataclassInstance) -> dict[str, Any]:
    """Values of a dataclass by field name, not converted; faster than ``asdict``."""
    return {name: getattr(value, name) for name in _names(type(value))}


@cache
def _names(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
