"""A job over a file of recorded STAC items, as if one was taken on each of some days."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.support.places import STAC_ITEMS

COLLECTION = "sentinel-2-c1-l2a"
WEST, SOUTH, EAST, NORTH = -40.1, -4.7, -39.9, -4.6
"""A port's area under the recorded item."""

JOB = """\
name: ceara
ports: [{{id: ceara, file: port.geojson}}]
period: {{start: {start}, end: {end}}}
sources:
  - {{catalog: items.json, collection: sentinel-2-c1-l2a{more}}}
archive: archive
"""


def items_on(*days: int, cloud: float = 20.0) -> list[dict[str, Any]]:
    """The recorded item as if taken on these days of July 2025; each has a per cent more cloud."""
    text = (STAC_ITEMS / "earth-search_v1__sentinel-2-c1-l2a.json").read_text(encoding="utf-8")
    recorded = json.loads(text)["features"][0]
    items = []
    for number, day in enumerate(days):
        item = copy.deepcopy(recorded)
        item["id"] = f"item-{day:02d}"
        item["properties"]["datetime"] = f"2025-07-{day:02d}T13:03:27.058Z"
        item["properties"]["eo:cloud_cover"] = cloud + number
        items.append(item)
    return items


def write_items(folder: Path, items: Iterable[Mapping[str, Any]]) -> None:
    """The catalog of the job: one file that lists its items."""
    listed = {"type": "FeatureCollection", "features": list(items)}
    (folder / "items.json").write_text(json.dumps(listed))


def rectangle(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    """A GeoJSON geometry."""
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def port_file() -> dict[str, Any]:
    """A port under the recorded item with one berth."""
    port = {"role": "port", "id": "ceara", "name": "Port", "country": "XX"}
    berth = {"role": "berth", "id": "quay", "name": "Quay", "kind": "bulk", "capacity": 1}
    shapes = (rectangle(WEST, SOUTH, EAST, NORTH), rectangle(-40, -4.66, -39.99, -4.65))
    features = [
        {"type": "Feature", "properties": facts, "geometry": shape}
        for facts, shape in zip((port, berth), shapes, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def write_job(
    folder: Path,
    items: Iterable[Mapping[str, Any]],
    start: str = "2025-07-01",
    end: str = "2025-07-31",
    more: str = "",
) -> Path:
    """A job file over these items, with its port file and catalog; ``more`` is of its source."""
    write_items(folder, items)
    (folder / "port.geojson").write_text(json.dumps(port_file()))
    job = folder / "job.yaml"
    job.write_text(JOB.format(start=start, end=end, more=more))
    return job
