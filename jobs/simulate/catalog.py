"""Writes images as cloud-optimised GeoTIFFs and STAC items as Earth Search's Collection 1."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from shapely.geometry import mapping

from jobs.domain import Grid
from jobs.simulate.passes import BASELINE, Tile

COLLECTION = "sentinel-2-c1-l2a"
SCALE, OFFSET = 1e-4, -0.1
"""Reflectance = digital number * scale + offset."""
COG_TYPE = "image/tiff; application=geotiff; profile=cloud-optimized"
EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in (
        "eo/v1.1.0",
        "file/v2.1.0",
        "grid/v1.1.0",
        "projection/v2.0.0",
        "raster/v1.1.0",
        "sentinel-2/v1.0.0",
    )
]


@dataclass(frozen=True)
class Band:
    """A 10 m band: names and wavelengths as in the items."""

    name: str
    number: str
    center_um: float
    width_um: float


BANDS = (
    Band("blue", "B02", 0.490, 0.098),
    Band("green", "B03", 0.560, 0.045),
    Band("red", "B04", 0.665, 0.038),
    Band("nir", "B08", 0.842, 0.145),
)


@dataclass(frozen=True)
class Raster:
    """Pixels of a grid, as delivered."""

    grid: Grid
    bands: NDArray[np.uint16]
    """(band, y, x), digital numbers, 0 = no data."""
    scl: NDArray[np.uint8]
    """(y, x) at 20 m, 0 = no data."""


def encode(
    reflectance: NDArray[np.float32], scl: NDArray[np.uint8], grid: Grid, baseline: str
) -> Raster:
    """Reflectance (band, y, x) as digital numbers; the older baseline is .0015 brighter."""
    shift = 0.0 if baseline == BASELINE else 0.0015
    number = np.rint((reflectance + np.float32(shift) - OFFSET) / SCALE)
    return Raster(grid, np.clip(number, 1, 65535).astype(np.uint16), scl)


def cut(whole: Raster, tile: Tile) -> Raster:
    """The tile's part of a window: a slice, or warped into the tile's UTM zone."""
    same_zone = whole.grid.epsg == tile.grid.epsg
    bands, scl = _slice(whole, tile.grid) if same_zone else _warp(whole, tile.grid)
    here = shapely.contains_xy(tile.imaged, *np.meshgrid(tile.grid.x, tile.grid.y))
    seen = here.reshape(scl.shape[0], 2, scl.shape[1], 2).all(axis=(1, 3))
    return Raster(tile.grid, np.where(here, bands, 0), np.where(seen, scl, 0))


def _slice(whole: Raster, grid: Grid) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    row = round((whole.grid.top - grid.top) / grid.resolution_m)
    col = round((grid.left - whole.grid.left) / grid.resolution_m)
    bands = whole.bands[:, row : row + grid.height, col : col + grid.width]
    scl = whole.scl[row // 2 : (row + grid.height) // 2, col // 2 : (col + grid.width) // 2]
    return bands, scl


def _warp(whole: Raster, grid: Grid) -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    zones = {"src_crs": f"EPSG:{whole.grid.epsg}", "dst_crs": f"EPSG:{grid.epsg}"}
    bands = np.zeros((len(whole.bands), *grid.shape), np.uint16)
    source, target = Affine(*whole.grid.transform), Affine(*grid.transform)
    for plane, warped in zip(whole.bands, bands, strict=True):
        reproject(
            plane,
            warped,
            src_transform=source,
            dst_transform=target,
            resampling=Resampling.bilinear,
            **zones,
        )
    scl = np.zeros((grid.height // 2, grid.width // 2), np.uint8)
    twice = Affine.scale(2)
    reproject(whole.scl, scl, src_transform=source * twice, dst_transform=target * twice, **zones)
    return bands, scl


# --- files --------------------------------------------------------------------------------------


def write_item(folder: Path, port: str, tile: Tile, raster: Raster) -> dict[str, Any]:
    """Write a tile's files and its STAC item under the collection's folder; returns the item.

    What a simulation that was stopped left there is written anew.
    """
    home = folder / tile.item_id
    home.mkdir(parents=True, exist_ok=True)
    assets: dict[str, Any] = {}
    for name in ("red", "green", "blue", "visual", "nir", "scl"):
        assets[name] = _write_asset(home, name, raster)
    item = _item(port, tile, raster, assets)
    write_json(home / f"{tile.item_id}.json", item)
    return item


def _write_asset(home: Path, name: str, raster: Raster) -> dict[str, Any]:
    if name == "scl":
        path, step = home / "SCL.tif", 20.0
        write_cog(path, raster.scl[None], raster.grid, step, "NEAREST")
    elif name == "visual":
        path, step = home / "TCI.tif", 10.0
        write_cog(path, _true_colour(raster), raster.grid, step, "AVERAGE")
    else:
        band = next(band for band in BANDS if band.name == name)
        path, step = home / f"{band.number}.tif", 10.0
        plane = raster.bands[BANDS.index(band)]
        write_cog(path, plane[None], raster.grid, step, "AVERAGE")
    return _asset(path, name, raster.grid, step)


def _true_colour(raster: Raster) -> NDArray[np.uint8]:
    """Red, green, blue in 8 bits, as of Sen2Cor: reflectance 0..0.355 is 1..255."""
    rgb = raster.bands[[2, 1, 0]]
    value = np.clip((rgb * np.float32(SCALE) + OFFSET) / 0.355 * 255, 1, 255)
    return np.where(rgb == 0, 0, value).astype(np.uint8)


def write_cog(
    path: Path,
    pixels: NDArray[np.generic],
    grid: Grid,
    step_m: float,
    overviews: str,
    *,
    nodata: int | None = 0,
    is_point: bool = False,
) -> None:
    """Write pixels (band, y, x) from the grid's corner on, ``step_m`` apart, with overviews.

    ``is_point``: the file's own coordinates are those of pixels' middles, as in Landsat's files.
    """
    profile = {
        "driver": "GTiff",
        "count": pixels.shape[0],
        "height": pixels.shape[1],
        "width": pixels.shape[2],
        "dtype": pixels.dtype.name,
        "nodata": nodata,
        "crs": f"EPSG:{grid.epsg}",
        "transform": Affine(step_m, 0, grid.left, 0, -step_m, grid.top),
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(pixels)
            if is_point:
                dataset.update_tags(AREA_OR_POINT="Point")
        with memory.open() as dataset, rasterio.Env(GDAL_NUM_THREADS=1):
            copy_raster(
                dataset,
                path,
                driver="COG",
                compress="DEFLATE",
                predictor="YES",
                level=1,  # as small as level 6 on these pixels, and faster
                blocksize=512,
                overview_resampling=overviews,
            )


def _asset(path: Path, name: str, grid: Grid, step_m: float) -> dict[str, Any]:
    content = path.read_bytes()
    ratio = round(step_m / grid.resolution_m)
    asset: dict[str, Any] = {
        "href": f"./{path.name}",
        "type": COG_TYPE,
        "title": _title(name),
        "gsd": round(step_m),
        "proj:shape": [grid.height // ratio, grid.width // ratio],
        "proj:transform": [step_m, 0, grid.left, 0, -step_m, grid.top],
        "raster:bands": _raster_bands(name, round(step_m)),
        "file:checksum": "1220" + hashlib.sha256(content).hexdigest(),
        "file:size": len(content),
        "roles": _roles(name),
    }
    described = ("red", "green", "blue") if name == "visual" else (name,)
    bands = [_eo_band(band) for key in described for band in BANDS if band.name == key]
    return {**asset, "eo:bands": bands} if bands else asset


def _title(name: str) -> str:
    titles = {"visual": "True color image", "scl": "Scene classification map (SCL)"}
    return titles.get(name, f"{'NIR 1' if name == 'nir' else name.capitalize()} - 10m")


def _roles(name: str) -> list[str]:
    return {"visual": ["visual"], "scl": ["data"]}.get(name, ["data", "reflectance"])


def _raster_bands(name: str, step_m: int) -> list[dict[str, Any]]:
    if name in ("visual", "scl"):
        plain = {"nodata": 0, "data_type": "uint8", "spatial_resolution": step_m}
        return [plain] * (3 if name == "visual" else 1)
    number = {"nodata": 0, "data_type": "uint16", "spatial_resolution": step_m}
    return [{**number, "scale": SCALE, "offset": OFFSET}]


def _eo_band(band: Band) -> dict[str, Any]:
    return {
        "name": band.number,
        "common_name": band.name,
        "center_wavelength": band.center_um,
        "full_width_half_max": band.width_um,
    }


# --- documents ----------------------------------------------------------------------------------


def _item(port: str, tile: Tile, raster: Raster, assets: dict[str, Any]) -> dict[str, Any]:
    footprint = tile.footprint
    links = [
        {"rel": rel, "href": href, "type": "application/json"}
        for rel, href in (
            ("root", "../../catalog.json"),
            ("parent", "../collection.json"),
            ("collection", "../collection.json"),
        )
    ]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": EXTENSIONS,
        "id": tile.item_id,
        "collection": COLLECTION,
        "geometry": mapping(footprint),
        "bbox": [round(edge, 6) for edge in footprint.bounds],
        "properties": {**_properties(tile, raster), "port": port},
        "links": links,
        "assets": assets,
    }


def _properties(tile: Tile, raster: Raster) -> dict[str, Any]:
    made = utc(tile.generated)
    letter, processed = tile.satellite.upper(), f"{tile.generated:%Y%m%dT%H%M%S}"
    start = f"{tile.datastrip_start:%Y%m%dT%H%M%S}"
    imaged = max(int((raster.scl > 0).sum()), 1)
    cloudy = int(np.isin(raster.scl, (8, 9, 10)).sum())
    return {
        "datetime": utc(tile.moment),
        "created": made,
        "updated": made,
        "platform": f"sentinel-2{tile.satellite}",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "eo:cloud_cover": round(100 * cloudy / imaged, 6),
        "proj:code": f"EPSG:{tile.grid.epsg}",
        "grid:code": f"MGRS-{tile.square}",
        "s2:nodata_pixel_percentage": round(100 * float((raster.scl == 0).mean()), 6),
        "s2:product_type": "S2MSI2A",
        "s2:processing_baseline": tile.baseline,
        "s2:generation_time": made,
        "s2:datastrip_id": (
            f"S2{letter}_OPER_MSI_L2A_DS_SIMU_{processed}_S{start}_N{tile.baseline}"
        ),
    }


def utc(moment: datetime) -> str:
    """A time as items have it, UTC to the microsecond."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def write_catalog(
    out: Path, titles: Mapping[str, str], items: Sequence[Mapping[str, Any]], seed: int
) -> Path:
    """The catalog and its collections, with relative links; returns the catalog's path.

    ``titles``: of the collections by id.
    """
    source = (
        f"Synthetic scenes made by `berthwatch simulate` with seed {seed}; no satellite took them."
    )
    for id, title in titles.items():
        own = [item for item in items if item["collection"] == id]
        document = {**_collection(own, source), "id": id, "title": f"Synthetic {title}"}
        write_json(out / id / "collection.json", document)
    catalog = {
        "type": "Catalog",
        "stac_version": "1.0.0",
        "id": "berthwatch-simulation",
        "description": source,
        "links": [
            {"rel": "root", "href": "./catalog.json", "type": "application/json"},
            *(
                {"rel": "child", "href": f"./{id}/collection.json", "type": "application/json"}
                for id in titles
            ),
        ],
    }
    write_json(out / "catalog.json", catalog)
    return out / "catalog.json"


def _collection(items: Sequence[Mapping[str, Any]], source: str) -> dict[str, Any]:
    times = sorted(item["properties"]["datetime"] for item in items)
    boxes = np.array([item["bbox"] for item in items])
    extent = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
    links = [
        {"rel": "root", "href": "../catalog.json", "type": "application/json"},
        {"rel": "parent", "href": "../catalog.json", "type": "application/json"},
    ]
    for item in items:
        href = f"./{item['id']}/{item['id']}.json"
        links.append({"rel": "item", "href": href, "type": "application/geo+json"})
    return {
        "type": "Collection",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": "",
        "title": "",
        "description": source,
        "license": "CC0-1.0",
        "extent": {
            "spatial": {"bbox": [extent]},
            "temporal": {"interval": [[times[0], times[-1]]]},
        },
        "links": links,
    }


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write a document of the catalog."""
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
