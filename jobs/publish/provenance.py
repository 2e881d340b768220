"""``provenance.json``: what the numbers were made from; written and read back here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import shapely

from jobs.domain import Berth, BerthKind, Engine, Grid, Json, Period, Port, model_id
from jobs.publish.citation import citation_text
from jobs.publish.rendering import Rendering
from jobs.visits import DEGREE_DECIMALS

if TYPE_CHECKING:
    from jobs.publish.publication import Publication, UnitCounts

PROVENANCE = "provenance.json"


def provenance_json(publication: Publication) -> dict[str, Json]:
    """What the numbers were made from, as JSON."""
    origin = publication.provenance
    facts: dict[str, Json] = {
        "job": publication.job,
        "tag": publication.tag,
        "period": {"start": f"{publication.period.start}", "end": f"{publication.period.end}"},
        "complete": publication.complete,
        "units": units_json(publication.units),
        "plan_hash": origin.plan_hash,
        "code_version": origin.code_version,
        "estimates": asdict(publication.settings),
        "model_digest": origin.model_digest,
        "engine": {"name": origin.engine, "number_format": origin.number_format},
        "ports": [port_json(port) for port in publication.ports],
        "items": {overpass: list(items) for overpass, items in origin.items.items()},
        "read": dict(origin.read),
        "attributions": list(origin.attributions),
        "renderings": {
            port.id: {
                sensor: rendering.describe()
                for sensor, rendering in publication.imagery.renderings(port.id).items()
            }
            for port in publication.ports
        },
        **({} if publication.reviews is None else {"reviews": dict(publication.reviews)}),
        "failed": [
            {"overpass_id": unit.overpass_id, "stage": unit.stage.value, "reason": unit.reason}
            for unit in publication.failures
        ],
    }
    return {**facts, "citation": citation_text(facts)}


def published_model(facts: Mapping[str, Any]) -> str:
    """The id of the network in a ``provenance.json``; those of older versions name no engine."""
    return model_id(str(facts["model_digest"]), facts.get("engine", {}).get("name", Engine.TORCH))


def renderings_from(facts: Mapping[str, Any]) -> dict[tuple[str, str], Rendering]:
    """The renderings of a ``provenance.json`` by port and sensor; those of older versions have
    none.
    """
    return {
        (port_id, sensor): Rendering.described(described)
        for port_id, of_port in facts.get("renderings", {}).items()
        for sensor, described in of_port.items()
    }


def units_json(units: UnitCounts) -> dict[str, Json]:
    return {"done": units.done, "failed": units.failed, "pending": units.pending}


def port_json(port: Port) -> dict[str, Json]:
    return {
        "id": port.id,
        "name": port.name,
        "country": port.country,
        "locode": port.locode,
        "approximate": port.approximate,
        "area": shapely.to_wkt(port.area, rounding_precision=DEGREE_DECIMALS),
        "grid": {"epsg": port.grid.epsg, "bounds": list(port.grid.bounds)},
        "berths": [
            {
                "id": berth.id,
                "name": berth.name,
                "kind": berth.kind.value,
                "capacity": berth.capacity,
                "polygon": shapely.to_wkt(berth.polygon, rounding_precision=DEGREE_DECIMALS),
            }
            for berth in port.berths
        ],
    }


def period_from(facts: Mapping[str, str]) -> Period:
    return Period(date.fromisoformat(facts["start"]), date.fromisoformat(facts["end"]))


def port_from(facts: Mapping[str, Any]) -> Port:
    left, bottom, right, top = facts["grid"]["bounds"]
    grid = Grid(facts["grid"]["epsg"], left, top, 0, 0)
    size = grid.resolution_m
    return Port(
        id=facts["id"],
        name=facts["name"],
        country=facts["country"],
        area=shapely.from_wkt(facts["area"]),
        berths=tuple(_berth_from(berth) for berth in facts["berths"]),
        grid=Grid(grid.epsg, left, top, round((right - left) / size), round((top - bottom) / size)),
        locode=facts["locode"],
        approximate=facts["approximate"],
    )


def _berth_from(facts: Mapping[str, Any]) -> Berth:
    return Berth(
        id=facts["id"],
        name=facts["name"],
        kind=BerthKind(facts["kind"]),
        capacity=facts["capacity"],
        polygon=shapely.from_wkt(facts["polygon"]),
    )
