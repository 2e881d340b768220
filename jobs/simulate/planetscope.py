"""Images of a pass as PlanetScope's surface reflectance with UDM2, with items as orders have them.

Ships are drawn anew on pixels of 3 m, land comes from the scenery's own sub-pixels of 5 m; water
and weather, which have no finer detail, are those of 10 m.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject
from shapely import contains_xy
from shapely.geometry import mapping

from jobs.domain import Grid
from jobs.simulate.catalog import COG_TYPE, utc, write_cog, write_json
from jobs.simulate.moorings import Harbour
from jobs.simulate.passes import Pass, Tile, deliver
from jobs.simulate.scenery import FINE, Ground, draw_ground
from jobs.simulate.settings import SimulationConfig, rng_for
from jobs.simulate.ships import Plane, stamp
from jobs.simulate.shot import Shot
from jobs.simulate.weather import OPAQUE_FROM, land_in_season, through_air

COLLECTION = "PSScene"
SCALE = 1e-4
"""Reflectance of one step of the digital numbers; 0 is no data."""

PIXEL_M = 3.0
PSF_M = 2.5
"""Deviation of a Gaussian that stands for optics and motion: samples lie 3.7 to 4.2 m apart on the
ground before they are put on 3 m."""
NOISE = 0.004
"""Deviation of the noise of a pixel of 3 m: of the mean of those under 10 m, about Sentinel-2's."""
HAZE_FROM, SHADOW_FROM = 0.12, 0.35
"""Opacity and shadow from which UDM2 tells of light haze and of shadow."""

SATELLITES = {"a": "24ee", "b": "1014"}
"""The satellite of eight bands, and that of four."""
BANDS = {
    "a": ("coastal_blue", "blue", "green_i", "green", "yellow", "red", "rededge", "nir"),
    "b": ("blue", "green", "red", "nir"),
}
_MIXED = {
    "coastal_blue": (1.1, 0, 0, 0),
    "green_i": (0.4, 0.6, 0, 0),
    "yellow": (0, 0.5, 0.5, 0),
    "rededge": (0, 0, 0.5, 0.5),
    "blue": (1, 0, 0, 0),
    "green": (0, 1, 0, 0),
    "red": (0, 0, 1, 0),
    "nir": (0, 0, 0, 1),
}
"""Bands as sums of blue, green, red and nir: those between them are not read."""


def platform(satellite: str) -> str:
    """The name of one of the two satellites, ``a`` or ``b``."""
    return f"planetscope-{SATELLITES[satellite]}"


def tiles(config: SimulationConfig, index: int, harbour: Harbour, each: Pass) -> tuple[Tile, ...]:
    """The one scene of a pass; every fourth one ends where the satellite's images do."""
    (whole,) = deliver(config, max(index, 1), harbour, each)
    hundredths = each.moment.microsecond // 10_000
    end = f"{each.moment:%Y%m%d_%H%M%S}_{hundredths:02d}_{SATELLITES[each.satellite]}"
    name = f"{end}_{harbour.port.id}"
    scene = replace(whole, item_id=name, grid=_grid(whole.grid), moment=each.moment)
    return (replace(scene, generated=each.moment.replace(microsecond=0) + timedelta(hours=7)),)


def _grid(window: Grid) -> Grid:
    """PlanetScope's pixels inside a window, whose edges are multiples of their size."""
    left, bottom, right, top = window.bounds
    west, north = math.ceil(left / PIXEL_M) * PIXEL_M, math.floor(top / PIXEL_M) * PIXEL_M
    width, height = int((right - west) // PIXEL_M), int((north - bottom) // PIXEL_M)
    return Grid(window.epsg, west, north, width, height, PIXEL_M)


def write_item(folder: Path, port: str, tile: Tile, shot: Shot) -> dict[str, Any]:
    """Write a scene's files and its STAC item under the collection's folder; returns the item."""
    home = folder / tile.item_id
    home.mkdir(parents=True, exist_ok=True)
    imaged = _imaged(tile)
    air = _air(shot, tile.grid)
    numbers = np.clip(np.rint(_reflectance(shot, tile.grid, air) / SCALE), 1, 65535)
    bands = np.where(imaged, _in_bands(numbers, tile.satellite), 0).astype(np.uint16)
    udm2 = _udm2(air, imaged)
    end = "_8b" if len(bands) == 8 else ""
    image = home / f"{tile.item_id}_3B_AnalyticMS_SR{end}.tif"
    write_cog(image, bands, tile.grid, PIXEL_M, "AVERAGE")
    mask = home / f"{tile.item_id}_3B_udm2.tif"
    write_cog(mask, udm2, tile.grid, PIXEL_M, "NEAREST", nodata=None)
    item = _item(port, tile, [_image_asset(image, tile), _mask_asset(mask)], udm2)
    write_json(home / f"{tile.item_id}.json", item)
    return item


# --- pixels -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Air:
    """Weather on the scene's grid, (y, x)."""

    opacity: Plane
    shadow: Plane
    mistaken: NDArray[np.bool_]


def _air(shot: Shot, grid: Grid) -> _Air:
    view = shot.view
    mistaken = view.mistaken.astype(np.float32)
    planes = (_onto(p, shot.window, 1, grid) for p in (view.opacity, view.shadow, mistaken))
    opacity, shadow, ships = planes
    return _Air(opacity, shadow, ships > 0.5)


def _reflectance(shot: Shot, grid: Grid, air: _Air) -> Plane:
    """Blue, green, red and nir, (band, y, x)."""
    land = draw_ground(shot.harbour, shot.seed, PSF_M)
    here = Ground(
        np.stack([_onto(band, shot.window, FINE, grid) for band in land.ground]),
        _onto(land.dry, shot.window, FINE, grid),
        _onto(land.vegetated, shot.window, FINE, grid),
    )
    water = np.stack([_onto(band, shot.window, 1, grid) for band in shot.view.water])
    scene = land_in_season(here, shot.moment) + (1 - here.dry) * water
    for pose in shot.ships:
        stamp(scene, grid, pose, PSF_M)
    rng = rng_for(shot.seed, "planetscope", shot.harbour.port.id, shot.moment.isoformat())
    return through_air(scene, shot.weather, air.opacity, air.shadow, rng, NOISE)


def _onto(plane: Plane, window: Grid, fine: int, grid: Grid) -> Plane:
    """A plane with ``fine`` pixels across one of the window, interpolated onto the grid."""
    out = np.zeros(grid.shape, np.float32)
    zone, step = f"EPSG:{grid.epsg}", window.resolution_m / fine
    reproject(
        np.ascontiguousarray(plane, np.float32),
        out,
        src_transform=Affine(step, 0, window.left, 0, -step, window.top),
        dst_transform=Affine(*grid.transform),
        src_crs=zone,
        dst_crs=zone,
        resampling=Resampling.bilinear,
    )
    return out


def _in_bands(numbers: Plane, satellite: str) -> Plane:
    weights = np.array([_MIXED[name] for name in BANDS[satellite]], np.float32)
    found: Plane = np.einsum("bc,cyx->byx", weights, numbers).astype(np.float32)
    return np.clip(np.rint(found), 1, 65535)


def _imaged(tile: Tile) -> NDArray[np.bool_]:
    """Pixels whose middle is imaged, (y, x)."""
    middles = np.meshgrid(tile.grid.x, tile.grid.y)
    return np.asarray(contains_xy(tile.imaged, *middles), bool)


def _udm2(air: _Air, imaged: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """UDM2: clear, snow, shadow, light and heavy haze, cloud, confidence, unusable pixels."""
    cloud = (air.opacity > OPAQUE_FROM) | air.mistaken
    haze = (air.opacity > HAZE_FROM) & ~cloud
    shadow = (air.shadow > SHADOW_FROM) & ~cloud & ~haze
    none = np.zeros_like(cloud)
    confidence = np.full(cloud.shape, 90, np.uint8)
    classes = [~(cloud | haze | shadow), none, shadow, haze, none, cloud]
    planes = [*(plane & imaged for plane in classes), confidence * imaged, ~imaged]
    return np.stack([plane.astype(np.uint8) for plane in planes])


# --- documents ----------------------------------------------------------------------------------


def _image_asset(path: Path, tile: Tile) -> dict[str, Any]:
    names = BANDS[tile.satellite]
    numbers = {"nodata": 0, "data_type": "uint16", "spatial_resolution": 3, "scale": SCALE}
    return {
        **_asset(path, f"ortho_analytic_{len(names)}b_sr", tile.satellite),
        "raster:bands": [numbers] * len(names),
        "eo:bands": [{"name": name} for name in names],
        "roles": ["data", "reflectance"],
    }


def _mask_asset(path: Path) -> dict[str, Any]:
    numbers = {"data_type": "uint8", "spatial_resolution": 3}
    asset = _asset(path, "ortho_udm2", "")
    return {**asset, "raster:bands": [numbers] * 8, "roles": ["data", "cloud"]}


def _asset(path: Path, kind: str, satellite: str) -> dict[str, Any]:
    content = path.read_bytes()
    return {
        "href": f"./{path.name}",
        "type": COG_TYPE,
        "pl:asset_type": kind,
        "pl:bundle_type": "analytic_8b_sr_udm2" if satellite == "a" else "analytic_sr_udm2",
        "file:checksum": "1220" + hashlib.sha256(content).hexdigest(),
        "file:size": len(content),
    }


def _item(
    port: str, tile: Tile, assets: list[dict[str, Any]], udm2: NDArray[np.uint8]
) -> dict[str, Any]:
    footprint = tile.footprint
    imaged = max(int((udm2[7] == 0).sum()), 1)
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
            "created": utc(tile.generated),
            "updated": utc(tile.generated),
            "constellation": "planetscope",
            "platform": SATELLITES[tile.satellite],
            "instruments": ["PSB.SD" if tile.satellite == "a" else "PS2"],
            "eo:cloud_cover": round(100 * int(udm2[5].sum()) / imaged, 2),
            "proj:epsg": tile.grid.epsg,
            "proj:shape": list(tile.grid.shape),
            "proj:transform": list(tile.grid.transform),
            "pl:item_type": COLLECTION,
            "pl:pixel_resolution": 3,
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
        "assets": {_key(asset): asset for asset in assets},
    }


def _key(asset: dict[str, Any]) -> str:
    """The name of the file, as orders delivered as STAC have it."""
    return str(asset["href"]).removeprefix("./").replace(".", "_")
