"""What the page of a map knows of one port, as JSON: grid, berths, looks, vessels, visits."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import shapely

from jobs.domain import SENSORS, Json, Port
from jobs.maps.moments import Moment
from jobs.maps.places import ring
from jobs.maps.pyramid import Pyramid
from jobs.publish import PublishedResult, lonlat_of

MOMENTS = ("arrival_after", "arrival_before", "departure_after", "departure_before")


@dataclass(frozen=True)
class Pictures:
    """How the page finds the pictures of a port."""

    pyramid: Pyramid
    address: str
    """Relative, with {look}, {z}, {x} and {y}."""
    missing: frozenset[str]
    """Overpasses of which the archive has no picture."""


def port_facts(
    result: PublishedResult, port: Port, looks: Sequence[Moment], pictures: Pictures
) -> dict[str, Json]:
    """All of one port; times are seconds since 1970, lengths metres, outlines pixels."""
    grid, pyramid = port.grid, pictures.pyramid
    number = {berth.id: index for index, berth in enumerate(port.berths)}
    vessels = result.vessels[result.vessels["port"] == port.id]
    found = dict(iter(vessels.groupby("overpass_id", sort=False)))
    return {
        "id": port.id,
        "name": port.name,
        "country": port.country,
        "approximate": port.approximate,
        "grid": {
            "epsg": grid.epsg,
            "width": grid.width,
            "height": grid.height,
            "resolution": grid.resolution_m,
        },
        "lonlat": lonlat_of(grid).describe(),
        "pictures": {
            "address": pictures.address,
            "tile": [pyramid.tile_width, pyramid.tile_height],
            "levels": pyramid.levels,
        },
        "area": ring(port.area, grid),
        "berths": [
            {
                "id": berth.id,
                "name": berth.name,
                "kind": berth.kind.value.replace("_", " "),
                "capacity": berth.capacity,
                "ring": ring(berth.polygon, grid),
            }
            for berth in port.berths
        ],
        "looks": [
            {
                **look_facts(moment, result.provenance.get("items", {})),
                "picture": moment.overpass_id not in pictures.missing,
                "vessels": vessel_facts(found.get(moment.overpass_id), port, number),
            }
            for moment in looks
        ],
        "visits": visit_facts(result.visits[result.visits["port"] == port.id], number),
        "from": _midnight(result, 0),
        "to": _midnight(result, 1),
    }


def look_facts(moment: Moment, items: Mapping[str, Sequence[str]]) -> dict[str, Json]:
    """One look without its vessels; ``items`` are STAC item ids by overpass id."""
    return {
        "id": moment.overpass_id,
        "time": seconds(moment.time),
        "sensor": SENSORS[moment.sensor].title,
        "platform": moment.platform,
        "state": None if moment.state is None else moment.state.value,
        "screened": moment.screened,
        "reviewed": moment.reviewed,
        "berths": [
            {
                "state": berth.state.value,
                "look": berth.look.value,
                "ships": berth.ships,
                "clear": round(berth.clear_fraction, 3),
            }
            for berth in moment.berths
        ],
        "items": list(items.get(moment.overpass_id, ())),
    }


def vessel_facts(rows: pd.DataFrame | None, port: Port, number: Mapping[str, int]) -> list[Json]:
    """The vessels of one look; ``berth`` is the berth's place in the list, or null."""
    if rows is None:
        return []
    return [
        {
            "id": row["vessel_id"],
            "kind": _kind(row),
            "berth": number.get(row["berth"]),
            "length": _rounded(row["length_m"], 1),
            "sd": _rounded(row["length_sd_m"], 1),
            "beam": _rounded(row["beam_m"], 1),
            "heading": _rounded(row["heading_deg"], 0),
            "score": _rounded(row["score"], 3),
            "cut": bool(row["truncated"]),
            "visit": row["visit_id"],
            "ring": ring(row["footprint"], port.grid),
            **_structure_facts(row),
            **_review_facts(row, port),
        }
        for row in rows.to_dict("records")
    ]


def _kind(row: Mapping[Hashable, Any]) -> str:
    """``ship`` for what counts; else why it does not: ``fixed`` structure, or ``rejected`` by
    reviewers.
    """
    if row["counted"]:
        return "ship"
    return "fixed" if row["fixed"] else "rejected"


def _structure_facts(row: Mapping[Hashable, Any]) -> dict[str, Json]:
    """What is taken for structure: looks in which the same is seen there, and of how many."""
    if not row["fixed"] or pd.isna(row["place_looks"]):
        return {}
    return {"seen": [int(row["place_seen"]), int(row["place_looks"])]}


def _review_facts(row: Mapping[Hashable, Any], port: Port) -> dict[str, Json]:
    """What reviewers took it for; where they drew another hull, its outline and measures."""
    if not row["review"]:
        return {}
    found: dict[str, Json] = {"review": row["review"]}
    if row["review_footprint"]:
        found["ring"] = ring(shapely.from_wkt(row["review_footprint"]), port.grid)
        found["drawn"] = [_rounded(row["review_length_m"], 1), _rounded(row["review_beam_m"], 1)]
    return found


def visit_facts(rows: pd.DataFrame, number: Mapping[str, int]) -> list[Json]:
    """The seen visits, by first sighting; a bound that no look gives is null."""
    found: list[Json] = [
        {
            "id": row["visit_id"],
            "berth": number[row["berth"]],
            **{name: _moment(row[name]) for name in MOMENTS},
            "looks": int(row["looks"]),
            "length": _rounded(row["length_m"], 1),
            "sd": _rounded(row["length_sd_m"], 1),
            "confidence": _rounded(row["confidence"], 3),
            "probability": _rounded(row["probability"], 3),
        }
        for row in rows.sort_values(["arrival_before", "visit_id"]).to_dict("records")
    ]
    return found


def seconds(time: datetime) -> int:
    """Seconds since 1970, to the nearest."""
    return round(time.timestamp())


def _midnight(result: PublishedResult, days: int) -> int:
    """The first moment of the period, or with ``days`` 1 the one after its end."""
    day = result.period.end + timedelta(days=1) if days else result.period.start
    return seconds(pd.Timestamp(day, tz="UTC").to_pydatetime())


def _moment(value: Any) -> int | None:
    return None if pd.isna(value) else seconds(value.to_pydatetime())


def _rounded(value: Any, decimals: int) -> float | None:
    """As JSON can hold it: no NaN."""
    if pd.isna(value) or not math.isfinite(value):
        return None
    return round(float(value), decimals)
