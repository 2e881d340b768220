"""Writes radar images as Sentinel-1's products in ground range, with items as Earth Search's.

Amplitudes of 16 bits on ground control points, thermal noise in them, and the tables of calibration
and noise beside them.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.control import GroundControlPoint
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster
from scipy import ndimage
from shapely.geometry import Polygon

from jobs.domain import WGS84, Grid, transformer
from jobs.simulate.catalog import COG_TYPE, write_json
from jobs.simulate.radar.items import POLARISATIONS, radar_item
from jobs.simulate.radar.passes import RadarPass
from jobs.simulate.radar.response import Plane
from jobs.simulate.radar.swath import Swath, incidence_deg
from jobs.simulate.radar.tables import calibration_xml, gamma_of, noise_over, noise_xml
from jobs.simulate.settings import rng_for

COLLECTION = "sentinel-1-grd"
THERMAL_DB = -26.0
"""Noise of the instrument in the trough of the swath."""
LOOKS = 4.4
POINTS = (6, 9)
"""Rows and columns of ground control points."""
HEIGHT_M = 90.0
"""Of the highest control points: every third one lies on a hill."""


def write_ground_range_item(
    folder: Path, port: str, each: RadarPass, image: Plane, grid: Grid, imaged: Polygon, seed: int
) -> dict[str, Any]:
    """Write the files of one pass, from its image on the grid, (VV and VH, y, x) in linear power,
    NaN where nothing was taken, and its item under the collection's folder; returns the item.
    """
    latitude = float(transformer(grid.epsg, WGS84).transform(grid.left, grid.top)[1])
    swath = Swath.over(grid, each.orbit, latitude)
    item = radar_item(each, port, grid, imaged, COLLECTION)
    home = folder / item["id"]
    home.mkdir(parents=True, exist_ok=True)
    item["properties"] |= _shape_and_box(swath, item["bbox"])
    rng = rng_for(seed, "thermal noise", item["id"])
    for name, plane in zip(POLARISATIONS, image, strict=True):
        numbers = amplitudes(plane, grid, swath, THERMAL_DB, rng)
        write_on_points(home / f"iw-{name}.tiff", numbers, control_points(swath, grid.epsg))
        (home / f"calibration-iw-{name}.xml").write_text(calibration_xml(name, swath.shape))
        (home / f"noise-iw-{name}.xml").write_text(noise_xml(name, THERMAL_DB, swath.shape))
        item["assets"] |= _assets(home, name)
    write_json(home / f"{item['id']}.json", item)
    return item


def amplitudes(
    plane: Plane, grid: Grid, swath: Swath, thermal_db: float, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Digital numbers of the swath, (rows, columns), 0 where nothing was taken."""
    rows, columns = np.meshgrid(*(np.arange(float(n)) for n in swath.shape), indexing="ij")
    x, y = swath.place(rows, columns)
    at = [(grid.top - y) / grid.resolution_m - 0.5, (x - grid.left) / grid.resolution_m - 0.5]
    taken = np.isfinite(plane)
    here = ndimage.map_coordinates(taken.astype(np.float32), at, order=1, cval=0.0) > 0.5
    # amplitudes, whose spline overshoots less than that of power
    root = ndimage.map_coordinates(np.sqrt(np.where(taken, plane, 0)), at, order=3, cval=0.0)
    power = np.maximum(root, 0) ** 2 * gamma_of(columns) ** 2
    noise = noise_over(thermal_db, swath.shape) * rng.gamma(LOOKS, 1 / LOOKS, swath.shape)
    numbers = np.clip(np.rint(np.sqrt(power + noise)), 1, 65_535)
    return np.where(here, numbers, 0).astype(np.uint16)


def control_points(swath: Swath, epsg: int) -> list[GroundControlPoint]:
    """A lattice to the last row and column, some points on hills: farther by their height."""
    rows, columns = (
        np.rint(np.linspace(0, side - 1, count))
        for side, count in zip(swath.shape, POINTS, strict=True)
    )
    inverse = transformer(epsg, WGS84)
    found = []
    for number, (row, column) in enumerate((row, col) for row in rows for col in columns):
        height = HEIGHT_M * (number % 3) / 2
        x, y = swath.place(row, column)
        farther = height / np.tan(np.radians(incidence_deg(column)))
        lon, lat = inverse.transform(x + farther * swath.look[0], y + farther * swath.look[1])
        found.append(GroundControlPoint(float(row), float(column), lon, lat, height))
    return found


def write_on_points(
    path: Path, numbers: NDArray[np.uint16], points: list[GroundControlPoint]
) -> None:
    """Write amplitudes as a cloud-optimised file on ground control points."""
    with MemoryFile() as memory:
        with memory.open(
            driver="GTiff",
            count=1,
            height=numbers.shape[0],
            width=numbers.shape[1],
            dtype="uint16",
            nodata=0,
            crs=f"EPSG:{WGS84}",
            gcps=points,
        ) as file:
            file.write(numbers, 1)
        with memory.open() as file, rasterio.Env(GDAL_NUM_THREADS=1):
            copy_raster(
                file,
                path,
                driver="COG",
                compress="DEFLATE",
                predictor="YES",
                level=1,
                blocksize=512,
            )


def _shape_and_box(swath: Swath, bbox: list[float]) -> dict[str, Any]:
    """As Earth Search states them: samples before lines, and a transform that is only about so."""
    west, south, east, north = bbox
    samples_first = [swath.shape[1], swath.shape[0]]
    return {
        "s1:shape": samples_first,
        "proj:epsg": WGS84,
        "proj:shape": samples_first,
        "proj:bbox": bbox,
        "proj:transform": [
            (east - west) / samples_first[1],
            0,
            west,
            0,
            (south - north) / samples_first[0],
            north,
        ],
    }


def _assets(home: Path, name: str) -> dict[str, Any]:
    image = home / f"iw-{name}.tiff"
    content = image.read_bytes()
    tables = {
        f"schema-{kind}-{name}": {
            "href": f"./{kind}-iw-{name}.xml",
            "type": "application/xml",
            "roles": ["metadata"],
            "file:size": (home / f"{kind}-iw-{name}.xml").stat().st_size,
        }
        for kind in ("calibration", "noise")
    }
    return {
        name: {
            "href": f"./{image.name}",
            "type": COG_TYPE,
            "title": f"{name.upper()} Data",
            "roles": ["data"],
            "file:size": len(content),
            "file:checksum": "1220" + hashlib.sha256(content).hexdigest(),
            "raster:bands": [{"nodata": 0, "data_type": "uint16"}],
        },
        **tables,
    }
