"""A catalog, a port and a sensor of one's own: a camera that no Berthwatch has heard of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from jobs.domain import load_port
from tests.support.scenes import noise, write_band

SENSOR = """\
name: my-camera
title: My camera, surface reflectance
attribution: (c) me
bands: {blue: [B1], green: [B2], red: [B3], nir: [B4]}
files: {type: uint16, scale: 2.0e-5, offset: -0.1, nodata: 0}
mask: {assets: [clouds], classes: {clear: [0], cloud: [1]}}
"""

JOB = """\
name: mine
ports: [{id: mine, file: port.geojson}]
period: {start: 2024-05-01, end: 2024-05-31}
sensors: [eyes/my-camera.yaml]
sources:
  - {catalog: items.json, collection: photos, sensor: my-camera}
archive: archive
estimates: {draws: 100}
"""

WEST, SOUTH, EAST, NORTH = 132.02, 42.70, 132.04, 42.715


def make_world(folder: Path, days: tuple[int, ...] = (1, 2)) -> Path:
    """Write all of it; gives the job's file. The north of every look is under cloud."""
    (folder / "port.geojson").write_text(json.dumps(port_geojson()))
    (folder / "eyes").mkdir()
    (folder / "eyes/my-camera.yaml").write_text(SENSOR)
    items = [_item(folder, day) for day in days]
    (folder / "items.json").write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    (folder / "job.yaml").write_text(JOB)
    return folder / "job.yaml"


def numbers(day: int, band: int, shape: tuple[int, int]) -> Any:
    """Digital numbers of a band's file."""
    return noise(shape=shape, seed=10 * day + band) // 40 + 6000


def classes(shape: tuple[int, int]) -> Any:
    """The mask of every look: cloud in the northern fifth."""
    found = np.zeros(shape, np.uint8)
    found[: shape[0] // 5] = 1
    return found


def _item(folder: Path, day: int) -> dict[str, Any]:
    grid = load_port(folder / "port.geojson").grid
    assets = {}
    for band in range(1, 5):
        path = folder / f"{day}-B{band}.tif"
        values = numbers(day, band, grid.shape)
        write_band(path, values, epsg=grid.epsg, transform=grid.transform)
        assets[f"B{band}"] = {"href": str(path)}
    path = folder / f"{day}-clouds.tif"
    write_band(path, classes(grid.shape), epsg=grid.epsg, transform=grid.transform, nodata=None)
    assets["clouds"] = {"href": str(path)}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"photo-{day}",
        "collection": "photos",
        "geometry": rectangle(),
        "bbox": [WEST, SOUTH, EAST, NORTH],
        "properties": {
            "datetime": f"2024-05-{day:02d}T02:10:00Z",
            "platform": "My Plane",
            "proj:code": f"EPSG:{grid.epsg}",
            "proj:shape": list(grid.shape),
            "proj:transform": list(grid.transform),
        },
        "assets": assets,
        "links": [],
    }


def rectangle() -> dict[str, Any]:
    ring = [[WEST, SOUTH], [EAST, SOUTH], [EAST, NORTH], [WEST, NORTH], [WEST, SOUTH]]
    return {"type": "Polygon", "coordinates": [ring]}


def port_geojson() -> dict[str, Any]:
    port = {"role": "port", "id": "mine", "name": "Mine", "country": "XX"}
    berth = {"role": "berth", "id": "quay", "name": "Quay", "kind": "bulk", "capacity": 1}
    quay = [[132.03, 42.702], [132.035, 42.702], [132.035, 42.704], [132.03, 42.704]]
    shape = {"type": "Polygon", "coordinates": [[*quay, quay[0]]]}
    features = [
        {"type": "Feature", "properties": port, "geometry": rectangle()},
        {"type": "Feature", "properties": berth, "geometry": shape},
    ]
    return {"type": "FeatureCollection", "features": features}
