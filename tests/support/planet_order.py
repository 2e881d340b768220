"""A small order as Planet delivers it: manifest, metadata and images of scenes over one port."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jobs.domain import Grid, load_port
from tests.support.own_sensor import port_geojson, rectangle
from tests.support.scenes import noise, write_band

BUNDLE = "analytic_8b_sr_udm2"
BANDS = ("coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge", "nir")

JOB = """\
name: order
ports: [{{id: mine, file: port.geojson}}]
period: {{start: 2024-05-01, end: 2024-05-31}}
sources:
  - {{catalog: {catalog}, collection: PSScene}}
archive: archive
estimates: {{draws: 100}}
"""


@dataclass(frozen=True)
class Ordered:
    """One scene to deliver."""

    id: str
    acquired: str = "2024-05-02T02:10:11.035748Z"
    bands: int = 8
    has_udm2: bool = True
    is_placed: bool = True


SCENES = (Ordered("20240502_021011_03_24ee"), Ordered("20240503_020155_71_2405", "2024-05-03"))


def make_port(folder: Path) -> Grid:
    """Write the port; gives its grid."""
    (folder / "port.geojson").write_text(json.dumps(port_geojson()))
    return load_port(folder / "port.geojson").grid


def make_job(folder: Path, catalog: str) -> Path:
    (folder / "job.yaml").write_text(JOB.format(catalog=catalog))
    return folder / "job.yaml"


def make_order(folder: Path, grid: Grid, scenes: tuple[Ordered, ...] = SCENES) -> Path:
    """Write an order of scenes that cover the grid; gives the manifest's path."""
    (folder / "PSScene").mkdir(parents=True)
    files: list[dict[str, Any]] = []
    for number, scene in enumerate(scenes):
        files += _scene(folder, grid, scene, number)
    return write_manifest(folder, files)


def write_manifest(folder: Path, files: list[dict[str, Any]]) -> Path:
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps({"name": "", "files": files}))
    return manifest


def _scene(folder: Path, grid: Grid, scene: Ordered, seed: int) -> list[dict[str, Any]]:
    shape = (int(grid.height / 0.3) + 8, int(grid.width / 0.3) + 8)
    transform = (3.0, 0.0, grid.left - 11.0, 0.0, -3.0, grid.top + 10.0)
    where = {"epsg": grid.epsg, "transform": transform}
    pixels = np.stack([noise(shape=shape, seed=10 * seed + n) for n in range(scene.bands)])
    stem = f"PSScene/{scene.id}"
    kind, end = (f"ortho_analytic_{scene.bands}b_sr", "_8b" if scene.bands == 8 else "")
    image = f"{stem}_3B_AnalyticMS_SR{end}_clip.tif"
    write_band(folder / image, pixels // 4, **where)
    files = [entry(folder, image, scene.id, kind)]
    if scene.has_udm2:
        mask = f"{stem}_3B_udm2_clip.tif"
        write_band(folder / mask, _udm2(shape), nodata=None, **where)
        files.append(entry(folder, mask, scene.id, "ortho_udm2"))
    metadata = f"{stem}_metadata.json"
    (folder / metadata).write_text(json.dumps(_metadata(scene)))
    return [*files, entry(folder, metadata, scene.id, None)]


def _udm2(shape: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Cloud in the northern fifth, clear elsewhere."""
    found = np.zeros((8, *shape), np.uint8)
    found[5, : shape[0] // 5] = 1
    found[0] = 1 - found[5]
    found[6] = 90
    return found


def _metadata(scene: Ordered) -> dict[str, Any]:
    return {
        "id": scene.id,
        "type": "Feature",
        "geometry": rectangle(),
        "properties": properties_of(scene.id, scene.acquired, is_placed=scene.is_placed),
    }


def properties_of(
    id: str, acquired: str, *, cloud: float = 0.2, is_placed: bool = True
) -> dict[str, Any]:
    """What Planet says of a scene of PSScene, in orders' metadata and in its Data API alike."""
    return {
        "acquired": acquired,
        "cloud_cover": cloud,
        "cloud_percent": round(100 * cloud),
        "ground_control": is_placed,
        "instrument": "PSB.SD",
        "item_type": "PSScene",
        "pixel_resolution": 3,
        "provider": "planetscope",
        "published": "2024-05-04T10:20:05Z",
        "publishing_stage": "finalized",
        "quality_category": "standard",
        "satellite_id": id.rsplit("_", 1)[1],
        "strip_id": "7527050",
        "updated": "2024-05-05T04:07:13Z",
    }


def entry(folder: Path, path: str, id: str, kind: str | None) -> dict[str, Any]:
    """The manifest's entry of a file, of an asset of that kind or of none."""
    content = (folder / path).read_bytes()
    told = {"planet/item_id": id, "planet/item_type": "PSScene"}
    if kind is not None:
        told |= {"planet/asset_type": kind, "planet/bundle_type": BUNDLE}
    return {
        "path": path,
        "media_type": "image/tiff" if kind else "application/json",
        "size": len(content),
        "digests": {
            "md5": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "sha256": hashlib.sha256(content).hexdigest(),
        },
        "annotations": told,
    }
