"""Small lawful files in ground range over a grid, whose true geometry is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rasterio.control import GroundControlPoint

from jobs.domain import Grid, Orbit, Scene, Source
from jobs.simulate.radar.ground_range import amplitudes, control_points, write_on_points
from jobs.simulate.radar.swath import Swath
from jobs.simulate.radar.tables import calibration_xml, noise_xml
from tests.support.scenes import scene

GRID = Grid(epsg=32653, left=420_000.0, top=4_730_000.0, width=360, height=300)
LATITUDE = 42.7
THERMAL_DB = -26.0


def orbit(direction: str = "descending") -> Orbit:
    return Orbit(direction, 80, "right")


def ground_range_scene(
    folder: Path,
    planes: dict[str, np.ndarray],
    direction: str = "descending",
    grid: Grid = GRID,
    tables_of: tuple[int, int] | None = None,
) -> Scene:
    """A scene whose files show these planes, (y, x) on the grid, in linear power.

    ``tables_of``: rows and columns that the tables reach over, if not those of the files.
    """
    swath = Swath.over(grid, orbit(direction), LATITUDE)
    rng = np.random.default_rng(7)
    reach = tables_of or swath.shape
    points = control_points(swath, grid.epsg)
    bands = {}
    for name, plane in planes.items():
        write_on_points(
            folder / f"{name}.tiff",
            amplitudes(plane.astype(np.float32), grid, swath, THERMAL_DB, rng),
            points,
        )
        (folder / f"calibration-{name}.xml").write_text(calibration_xml(name, reach))
        (folder / f"noise-{name}.xml").write_text(noise_xml(name, THERMAL_DB, reach))
        bands[name] = Source(
            href=str(folder / f"{name}.tiff"),
            index=1,
            epsg=4326,
            transform=_box_around(points, swath.shape),
            shape=swath.shape,
            calibration=str(folder / f"calibration-{name}.xml"),
            noise=str(folder / f"noise-{name}.xml"),
        )
    return replace(scene(bands), sensor="sentinel-1-grd", collection="sentinel-1-grd")


def _box_around(
    points: Sequence[GroundControlPoint], shape: tuple[int, int]
) -> tuple[float, float, float, float, float, float]:
    """The transform of an image of this shape that fills a box around them."""
    lons, lats = [point.x for point in points], [point.y for point in points]
    high, wide = max(lats) - min(lats), max(lons) - min(lons)
    return (wide / shape[1], 0.0, min(lons), 0.0, -high / shape[0], max(lats))
