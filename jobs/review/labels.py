"""Decisions as labels that ``berthwatch train`` takes: hulls in GeoJSON.

Water without a label counts as water without a ship when a network is trained, so only what was
looked at whole may be complete: every look says by its ``confidence`` and ``class`` what is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from typing import Any

import shapely
from shapely.geometry import Polygon, mapping
from shapely.geometry.base import BaseGeometry

from jobs.domain import Json, Overpass, OverpassRecord, Port, to_wgs84
from jobs.review.resolution import Resolved
from jobs.visits import Verdict, named_vessels

DEGREE_DECIMALS = 7


def labels_json(features: Iterable[Mapping[str, Json]]) -> dict[str, Json]:
    """The features as a collection in WGS 84."""
    return {"type": "FeatureCollection", "features": [dict(each) for each in features]}


def port_labels(
    port: Port,
    resolved: Resolved,
    records: Iterable[OverpassRecord],
    overpasses: Mapping[str, Overpass],
) -> Iterator[dict[str, Any]]:
    """Features of the overpasses in which anything was decided; ``overpasses`` by id.

    Ships as they were corrected or drawn; what is no ship as ``wrong``; and what nobody judged as
    ``ignore``, neither ship nor water.
    """
    touched = {each.overpass for each in resolved.decisions if each.id in resolved.used}
    for record in records:
        if record.overpass_id not in touched:
            continue
        for corners, kind in _hulls(record, resolved):
            hull = to_wgs84(Polygon(corners), port.grid.epsg)
            yield {
                "type": "Feature",
                "properties": _properties(record, overpasses[record.overpass_id], hull, kind),
                "geometry": mapping(shapely.set_precision(hull, 10.0**-DEGREE_DECIMALS)),
            }


def _hulls(
    record: OverpassRecord, resolved: Resolved
) -> Iterator[tuple[tuple[tuple[float, float], ...], str]]:
    for id, vessel in named_vessels(record):
        said = resolved.review.vessels.get(id)
        if said is None:
            yield vessel.corners, "ignore"
        elif said.verdict is Verdict.SHIP:
            yield (said.hull or vessel).corners, "ship"
        elif said.verdict is not Verdict.DUPLICATE:
            yield vessel.corners, "wrong"
    for ship in resolved.review.drawn.get(record.overpass_id, ()):
        yield ship.vessel.corners, "ship"


def _properties(
    record: OverpassRecord, overpass: Overpass, hull: BaseGeometry, kind: str
) -> dict[str, Json]:
    return {
        "item": _item_under(overpass, hull),
        "class": kind,
        "confidence": 3,
        "port": overpass.port,
        "overpass_id": overpass.id,
        "acquired": record.acquired.astimezone(UTC).isoformat(),
    }


def _item_under(overpass: Overpass, hull: BaseGeometry) -> str:
    """Id of the first item whose footprint holds the hull; of the first one where none says so."""
    for scene in overpass.scenes:
        if scene.geometry is not None and scene.geometry.intersects(hull.centroid):
            return scene.item_id
    return overpass.scenes[0].item_id
