"""Small lawful files in ground range over a grid, whose true geometry is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

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
    folder: Path, planes: dict[str, np.ndarray], direction: str = "descending", grid: Grid = GRID
) -> Scene:
    """A scene whose files show these planes, (y, x) on the grid, in linear power."""
    swath = Swath.over(grid, orbit(direction), LATITUDE)
    rng = np.random.default_rng(7)
    bands = {}
    for name, plane in planes.items():
        write_on_points(
            folder / f"{name}.tiff",
            amplitudes(plane.astype(np.float32), grid, swath, THERMAL_DB, rng),
            control_points(swath, grid.epsg),
        )
        (folder / f"calibration-{name}.xml").write_text(calibration_xml(name, swath.shape))
        (folder / f"noise-{name}.xml").write_text(noise_xml(name, THERMAL_DB, swath.shape))
        bands[name] = Source(
            href=str(folder / f"{name}.tiff"),
            index=1,
            epsg=4326,
            transform=(1e-4, 0.0, 132.0, 0.0, -1e-4, 42.73),
            shape=swath.shape,
            calibration=str(folder / f"calibration-{name}.xml"),
            noise=str(folder / f"noise-{name}.xml"),
        )
    return replace(scene(bands), sensor="sentinel-1-grd", collection="sentinel-1-grd")
