"""Images of a pass as Landsat 8 and 9 Collection 2 Level-2, with items as Earth Search has them."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from scipy.ndimage import binary_dilation, gaussian_filter
from shapely.geometry import mapping

from jobs.domain import Grid
from jobs.simulate.catalog import utc, write_cog, write_json
from jobs.simulate.moorings import Harbour
from jobs.simulate.passes import Pass, Tile, deliver
from jobs.simulate.settings import SimulationConfig
from jobs.simulate.shot import Shot

COLLECTION = "landsat-c2-l2"
SCALE, OFFSET = 2.75e-5, -0.2
"""Reflectance = digital number * scale + offset."""

PIXEL_M, EDGE_M = 30.0, 15.0
"""Landsat's pixels; the middle of one lies at the zone's origin, so that edges lie at odd 15s."""

BLUR_M = 12.0
"""Deviation of a Gaussian that stands for optics and motion: with the pixel's area, contrast at two
pixels a period is 0.29 of the scene's, about that of OLI."""

BANDS = {
    "blue": ("SR_B2", "OLI_B2", "blue"),
    "green": ("SR_B3", "OLI_B3", "green"),
    "red": ("SR_B4", "OLI_B4", "red"),
    "nir08": ("SR_B5", "OLI_B5", "nir08"),
}
"""Ends of file names, names and common names by asset, in the order of the planes."""

CLEAR_LAND, CLEAR_WATER, CLOUD, SHADOW, CIRRUS, FILL = 21824, 21952, 22280, 23888, 54596, 1
DILATED = 2
"""Numbers of QA_PIXEL as in real products, and the bit of its three pixels around cloud."""

_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_SATELLITES = {"a": "8", "b": "9"}


def platform(satellite: str) -> str:
    """The name of one of the two satellites, ``a`` or ``b``."""
    return f"landsat-{_SATELLITES[satellite]}"


def tiles(config: SimulationConfig, index: int, harbour: Harbour, each: Pass) -> tuple[Tile, ...]:
    """The one scene of a pass; every fourth one ends at the swath's edge."""
    (whole,) = deliver(config, max(index, 1), harbour, each)
    day = f"{each.moment:%Y%m%d}"
    name = f"LC0{_SATELLITES[each.satellite]}_L2SP_113030_{day}_02_T1_{harbour.port.id}"
    generated = each.moment.replace(microsecond=0) + timedelta(days=9)
    scene = replace(whole, item_id=name, grid=_grid(whole.grid), moment=each.moment)
    return (replace(scene, baseline="02", generated=generated),)


def _grid(window: Grid) -> Grid:
    """Landsat's pixels that cover a window."""
    left, bottom, right, top = window.bounds
    west = math.floor((left - EDGE_M) / PIXEL_M) * PIXEL_M + EDGE_M
    north = math.ceil((top - EDGE_M) / PIXEL_M) * PIXEL_M + EDGE_M
    width = math.ceil((right - west) / PIXEL_M)
    height = math.ceil((north - bottom) / PIXEL_M)
    return Grid(window.epsg, west, north, width, height, PIXEL_M)


def write_item(folder: Path, port: str, tile: Tile, shot: Shot) -> dict[str, Any]:
    """Write a scene's files and its STAC item under the collection's folder; returns the item."""
    home = folder / tile.item_id
    home.mkdir(parents=True, exist_ok=True)
    imaged = _imaged(tile)
    assets: dict[str, Any] = {}
    for plane, (name, (end, *_)) in zip(shot.view.reflectance, BANDS.items(), strict=True):
        numbers = np.where(imaged, _numbers(plane, shot.window, tile.grid), 0).astype(np.uint16)
        path = home / f"{tile.item_id}_{end}.TIF"
        write_cog(path, numbers[None], tile.grid, PIXEL_M, "AVERAGE", is_point=True)
        assets[name] = _asset(path, name)
    qa = np.where(imaged, _qa(shot.scl, shot.window, tile.grid), FILL).astype(np.uint16)
    path = home / f"{tile.item_id}_QA_PIXEL.TIF"
    write_cog(path, qa[None], tile.grid, PIXEL_M, "NEAREST", nodata=FILL, is_point=True)
    assets["qa_pixel"] = _asset(path, "qa_pixel")
    item = _item(port, tile, assets, qa)
    write_json(home / f"{tile.item_id}.json", item)
    return item


def _imaged(tile: Tile) -> NDArray[np.bool_]:
    """Pixels all of whose corners are imaged, (y, x)."""
    grid = tile.grid
    left, bottom, right, top = grid.bounds
    x, y = np.linspace(left, right, grid.width + 1), np.linspace(top, bottom, grid.height + 1)
    seen: NDArray[np.bool_] = np.asarray(
        shapely.intersects_xy(tile.imaged, *np.meshgrid(x, y)), bool
    )
    sides = seen[:-1] & seen[1:]
    return np.asarray(sides[:, :-1] & sides[:, 1:])


def _numbers(plane: NDArray[np.float32], window: Grid, grid: Grid) -> NDArray[np.float32]:
    """Digital numbers of the mean of each pixel's area, of the blurred scene."""
    blurred = gaussian_filter(plane, BLUR_M / window.resolution_m)
    mean = np.full(grid.shape, np.nan, np.float32)
    _onto(blurred, window.resolution_m, window, mean, grid, Resampling.average)
    numbers = np.rint((np.nan_to_num(mean, nan=0) - OFFSET) / SCALE)
    return np.asarray(np.clip(numbers, 1, 65535), np.float32)


def _qa(scl: NDArray[np.uint8], window: Grid, grid: Grid) -> NDArray[np.uint16]:
    """QA_PIXEL of a scene classification."""
    classes = np.zeros(grid.shape, np.uint8)
    _onto(scl, 2 * window.resolution_m, window, classes, grid, Resampling.nearest)
    cloud = np.isin(classes, (8, 9))
    qa = np.where(classes == 6, CLEAR_WATER, CLEAR_LAND)
    qa[binary_dilation(cloud, np.ones((3, 3), bool), iterations=3)] |= DILATED
    qa[classes == 3] = SHADOW
    qa[classes == 10] = CIRRUS
    qa[cloud] = CLOUD
    return qa.astype(np.uint16)


def _onto(
    values: NDArray[Any],
    step_m: float,
    window: Grid,
    out: NDArray[Any],
    grid: Grid,
    how: Resampling,
) -> None:
    zone = f"EPSG:{grid.epsg}"
    reproject(
        values,
        out,
        src_transform=Affine(step_m, 0, window.left, 0, -step_m, window.top),
        dst_transform=Affine(*grid.transform),
        src_crs=zone,
        dst_crs=zone,
        resampling=how,
    )


def _asset(path: Path, name: str) -> dict[str, Any]:
    numbers: dict[str, Any] = {"data_type": "uint16", "spatial_resolution": 30}
    asset: dict[str, Any] = {"href": f"./{path.name}", "type": _COG}
    asset["file:size"] = path.stat().st_size
    if name == "qa_pixel":
        return {**asset, "raster:bands": [{**numbers, "nodata": FILL, "unit": "bit index"}]}
    _, band, common = BANDS[name]
    return {
        **asset,
        "roles": ["data", "reflectance"],
        "eo:bands": [{"name": band, "common_name": common}],
        "raster:bands": [{**numbers, "nodata": 0, "scale": SCALE, "offset": OFFSET}],
    }


def _item(port: str, tile: Tile, assets: dict[str, Any], qa: NDArray[np.uint16]) -> dict[str, Any]:
    footprint = tile.footprint
    imaged = max(int((qa != FILL).sum()), 1)
    generated = utc(tile.generated)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [],
        "id": tile.item_id,
        "collection": COLLECTION,
        "geometry": mapping(footprint),
        "bbox": [round(edge, 6) for edge in footprint.bounds],
        "properties": {
            "datetime": utc(tile.moment),
            "created": generated,
            "platform": platform(tile.satellite),
            "instruments": ["oli", "tirs"],
            "eo:cloud_cover": round(100 * int((qa == CLOUD).sum()) / imaged, 2),
            "proj:epsg": tile.grid.epsg,
            "proj:shape": list(tile.grid.shape),
            "proj:transform": list(tile.grid.transform),
            "landsat:product_generated": generated,
            "landsat:correction": "L2SP",
            "port": port,
        },
        "links": [
            {"rel": rel, "href": href, "type": "application/json"}
            for rel, href in (
                ("root", "../../catalog.json"),
                ("parent", "../collection.json"),
                ("collection", "../collection.json"),
            )
        ],
        "assets": assets,
    }
