"""A small port file, and a coast for it without the shorelines of the world."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Grid


def rectangle(west: float, south: float, east: float, north: float) -> dict[str, Any]:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def port_file(folder: Path, identity: str, lon: float, lat: float) -> str:
    """A port of 2.4 x 2 km: sea in the north, a shore with two berths, an anchorage."""

    def feature(role: str, name: str, geometry: dict[str, Any], **facts: Any) -> dict[str, Any]:
        facts = {"role": role, "id": name, "name": name, **facts}
        return {"type": "Feature", "properties": facts, "geometry": geometry}

    area = rectangle(lon, lat, lon + 0.030, lat + 0.018)
    quay = rectangle(lon + 0.004, lat + 0.0055, lon + 0.009, lat + 0.0063)
    oil = rectangle(lon + 0.020, lat + 0.0055, lon + 0.0225, lat + 0.0063)
    roads = rectangle(lon + 0.003, lat + 0.009, lon + 0.027, lat + 0.017)
    features = [
        feature("port", identity, area, country="Nowhere"),
        feature("berth", "quay", quay, kind="general", capacity=2),
        feature("berth", "oil", oil, kind="oil_terminal"),
        feature("berth", "roads", roads, kind="anchorage"),
    ]
    path = folder / f"{identity}.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return str(path)


def flat_coast(grid: Grid) -> NDArray[np.bool_]:
    """Land south of the port's berths."""
    land = np.zeros(grid.shape, bool)
    land[-(grid.height // 3) :] = True
    return land
