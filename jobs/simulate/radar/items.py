"""Writes radar images as cloud-optimised GeoTIFFs, and their items as Planetary Computer's RTC."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Polygon, mapping

from jobs.domain import WGS84, Grid, transformer
from jobs.simulate.catalog import COG_TYPE, utc, write_cog, write_json
from jobs.simulate.radar.passes import RadarPass
from jobs.simulate.radar.response import Plane

COLLECTION = "sentinel-1-rtc"
NODATA = -32768
POLARISATIONS = ("vv", "vh")
ORBIT_S = 5_924.6
"""12 days in 175 orbits."""
EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("sar/v1.0.0", "sat/v1.0.0", "projection/v1.1.0", "file/v2.0.0", "raster/v1.1.0")
]


def write_radar_item(
    folder: Path, port: str, each: RadarPass, image: Plane, grid: Grid, imaged: Polygon
) -> dict[str, Any]:
    """Write the files of one pass, (VV and VH, y, x) in linear power, NaN without data, and its
    item under the collection's folder; returns the item.
    """
    item = radar_item(each, port, grid, imaged, COLLECTION)
    home = folder / item["id"]
    home.mkdir(parents=True, exist_ok=True)
    item["properties"] |= _projection(grid)
    item["assets"] = {
        polarisation: _write_asset(home, polarisation, plane, grid)
        for polarisation, plane in zip(POLARISATIONS, image, strict=True)
    }
    write_json(home / f"{item['id']}.json", item)
    return item


def _write_asset(home: Path, polarisation: str, plane: Plane, grid: Grid) -> dict[str, Any]:
    path = home / f"iw-{polarisation}.rtc.tiff"
    numbers = np.where(np.isfinite(plane), plane, np.float32(NODATA)).astype(np.float32)
    write_cog(path, numbers[None], grid, grid.resolution_m, "AVERAGE", nodata=NODATA)
    content = path.read_bytes()
    received = "vertical" if polarisation == "vv" else "horizontal"
    return {
        "href": f"./{path.name}",
        "type": COG_TYPE,
        "title": f"{polarisation.upper()}: vertical transmit, {received} receive",
        "roles": ["data"],
        "file:size": len(content),
        "file:checksum": "1220" + hashlib.sha256(content).hexdigest(),
        "raster:bands": [{"nodata": NODATA, "data_type": "float32", "spatial_resolution": 10.0}],
    }


def _item_id(each: RadarPass, port: str, collection: str) -> str:
    """As of products; the last part is the datatake's, and the port's."""
    start, end = (f"{each.moment + timedelta(seconds=s):%Y%m%dT%H%M%S}" for s in (-12, 13))
    letter = each.satellite.upper()
    end_of_id = "_rtc" if collection == COLLECTION else ""
    return f"S1{letter}_IW_GRDH_1SDV_{start}_{end}_{_absolute_orbit(each):06d}_{port}{end_of_id}"


def _absolute_orbit(each: RadarPass) -> int:
    """So counted that the relative orbit follows from it."""
    since = (each.moment - datetime(2014, 4, 3, tzinfo=each.moment.tzinfo)).total_seconds()
    cycle = int(since / ORBIT_S) // 175
    return cycle * 175 + each.orbit.relative


def _projection(grid: Grid) -> dict[str, Any]:
    left, bottom, right, top = grid.bounds
    return {
        "proj:epsg": grid.epsg,
        "proj:shape": list(grid.shape),
        "proj:bbox": [left, bottom, right, top],
        "proj:transform": [10.0, 0.0, left, 0.0, -10.0, top, 0.0, 0.0, 1.0],
    }


def radar_item(
    each: RadarPass, port: str, grid: Grid, imaged: Polygon, collection: str
) -> dict[str, Any]:
    """The item of a pass in a collection, without assets and without a projection."""
    inverse = transformer(grid.epsg, WGS84)
    footprint = shapely.transform(imaged, inverse.transform, interleaved=False)
    links = [
        {"rel": rel, "href": href, "type": "application/json"}
        for rel, href in (
            ("root", "../../catalog.json"),
            ("parent", "../collection.json"),
            ("collection", "../collection.json"),
        )
    ]
    properties = {
        "datetime": utc(each.moment),
        "platform": f"SENTINEL-1{each.satellite.upper()}",
        "constellation": "Sentinel-1",
        "sar:product_type": "GRD",
        "sar:polarizations": ["VV", "VH"],
        "sar:frequency_band": "C",
        "sar:center_frequency": 5.405,
        "sar:instrument_mode": "IW",
        "sar:looks_range": 5,
        "sar:looks_azimuth": 1,
        "sar:looks_equivalent_number": 4.4,
        "sar:observation_direction": each.orbit.side,
        "sat:orbit_state": each.orbit.direction,
        "sat:relative_orbit": each.orbit.relative,
        "sat:absolute_orbit": _absolute_orbit(each),
        "port": port,
    }
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": EXTENSIONS,
        "id": _item_id(each, port, collection),
        "collection": collection,
        "geometry": mapping(footprint),
        "bbox": [round(edge, 6) for edge in footprint.bounds],
        "properties": properties,
        "links": links,
        "assets": {},
    }
