"""All radar passes over one harbour: images, items and truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from shapely.geometry import Polygon, box

from jobs.domain import Grid, Orbit
from jobs.simulate.moorings import Harbour
from jobs.simulate.radar.ground import Works, draw_works
from jobs.simulate.radar.ground_range import COLLECTION as GROUND_RANGE
from jobs.simulate.radar.ground_range import write_ground_range_item
from jobs.simulate.radar.hulls import shift_of
from jobs.simulate.radar.image import draw_sea, radar_image
from jobs.simulate.radar.items import COLLECTION, write_radar_item
from jobs.simulate.radar.passes import RadarPass, radar_passes
from jobs.simulate.radar.response import Plane
from jobs.simulate.scenery import Scenery
from jobs.simulate.settings import SimulationConfig, rng_for
from jobs.simulate.traffic import Pose, Stay, poses, under_way
from jobs.simulate.truth import VesselRow, vessel_row

BORDER_PX, BORDER_POWER = 3, 1e-5
"""Width of the strip of noise along the edge of the swath, and its power: -50 dB."""


def image_by_radar(
    config: SimulationConfig,
    where: Harbour,
    scenery: Scenery,
    stays: tuple[Stay, ...],
    out: Path,
    progress: Callable[[str], None],
) -> Iterator[tuple[dict[str, Any], list[VesselRow]]]:
    """The item of each pass, written, and the ships that are there."""
    works: dict[Orbit, Works] = {}
    for each in radar_passes(config, where):
        if each.orbit not in works:
            works[each.orbit] = draw_works(where, scenery, each.orbit, config.seed)
        yield _image_pass(config, where, scenery, works[each.orbit], stays, each, out)
        progress(f"{where.port.id}: {each.moment:%Y-%m-%d %H:%M} UTC, radar, {each.orbit}")


def _image_pass(
    config: SimulationConfig,
    where: Harbour,
    scenery: Scenery,
    works: Works,
    stays: tuple[Stay, ...],
    each: RadarPass,
    out: Path,
) -> tuple[dict[str, Any], list[VesselRow]]:
    port, grid = where.port.id, where.window
    rng = rng_for(config.seed, "radar pass", port, each.number)
    ships = poses(stays, port, each.moment, float(rng.uniform(0, 360)))
    ships += under_way(f"radar-{port}-{each.number}", where, scenery.coast_m, ships, rng)
    latitude = float(where.port.area.centroid.y)
    image = radar_image(
        scenery, works, grid, each.orbit, latitude, each.subswath, draw_sea(rng), ships, rng
    )
    imaged = _swath(grid) if each.ends_here else box(*grid.bounds)
    image = _within(image, grid, imaged)
    if config.radar_product == GROUND_RANGE:
        folder = out / GROUND_RANGE
        item = write_ground_range_item(folder, port, each, image, grid, imaged, config.seed)
    else:
        item = write_radar_item(out / COLLECTION, port, each, image, grid, imaged)
    rows = [_row(port, each, grid, item["id"], imaged, pose, latitude) for pose in ships]
    return item, rows


def _swath(grid: Grid) -> Polygon:
    """Imaged part of a window in which the swath ends, along a line that leans as the orbit."""
    left, bottom, right, top = grid.bounds
    edge, lean = left + 0.7 * (right - left), math.tan(math.radians(12)) * (top - bottom)
    return Polygon([(left, bottom), (edge - lean / 2, bottom), (edge + lean / 2, top), (left, top)])


def _within(image: Plane, grid: Grid, imaged: Polygon) -> Plane:
    """The image where it was taken, with a strip of noise along an edge of the swath."""
    x, y = np.meshgrid(grid.x, grid.y)
    inside = shapely.contains_xy(imaged, x, y)
    if inside.all():
        return image
    inner = shapely.contains_xy(imaged.buffer(-BORDER_PX * grid.resolution_m), x, y)
    near_frame = np.ones(grid.shape, bool)
    near_frame[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
    cut: Plane = np.where(inner | near_frame, image, np.float32(BORDER_POWER))
    return np.where(inside, cut, np.float32(np.nan))


def _row(
    port: str,
    each: RadarPass,
    grid: Grid,
    item: str,
    imaged: Polygon,
    pose: Pose,
    latitude: float,
) -> VesselRow:
    """A ship where it is, and where the radar shows it."""
    east, north = shift = shift_of(pose, each.orbit, latitude)
    inside = imaged.contains(shapely.Point(pose.x + east, pose.y + north))
    platform = f"sentinel-1{each.satellite}"
    items = [item] if inside else []
    share = 1.0 if inside else 0.0
    return vessel_row(port, each.moment, platform, grid, pose, items, share, shift)
