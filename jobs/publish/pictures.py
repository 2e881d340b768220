"""Outlines in pixels, parts of a port's grid, and chips of single vessels, encoded for a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jobs.domain import WGS84, Grid, Port, transformer
from jobs.publish.encode import data_url, exact
from jobs.publish.publication import Imagery
from jobs.visits import PortTables

MARGIN_M = 400.0
"""Margin shown around the berths."""
MIN_SIDE_PX = 120
CHIP_PX = 64
NEAR_DEG = 0.01
"""Berths within this many degrees of a vessel are drawn on its chip, which reaches half as far."""


@dataclass(frozen=True)
class Outline:
    """A polygon over a picture, in the picture's source pixels."""

    points: str
    """As SVG wants them: x,y x,y ..."""
    x: float
    """A place for the label: above the top, in the middle."""
    y: float
    label: str = ""


@dataclass(frozen=True)
class Chip:
    """One vessel, cut out."""

    href: str
    """A data URL; the pixels as they are, not resampled."""
    box: Outline
    berths: tuple[Outline, ...]
    """Those near it."""
    vessel_id: str
    berth: str
    time: datetime
    sensor: str
    length_m: float
    length_sd_m: float
    score: float
    truncated: bool

    @property
    def outlines(self) -> tuple[tuple[str, str, str], ...]:
        """Kind, points and title of what is drawn on it."""
        berths = (("berth", berth.points, "") for berth in self.berths)
        return (*berths, ("vessel", self.box.points, ""))


def berths_grid(port: Port) -> Grid:
    """The part of the port's grid that holds its berths, with a margin around."""
    grid = port.grid
    to_utm = transformer(WGS84, grid.epsg)
    boxes = [to_utm.transform_bounds(*berth.polygon.bounds) for berth in port.berths]
    if not boxes:
        return grid
    left, bottom = np.min(boxes, axis=0)[:2] - MARGIN_M
    right, top = np.max(boxes, axis=0)[2:] + MARGIN_M
    step = grid.resolution_m
    columns = _span((left - grid.left) / step, (right - grid.left) / step, grid.width)
    rows = _span((grid.top - top) / step, (grid.top - bottom) / step, grid.height)
    return _part(grid, rows, columns)


def _span(low: float, high: float, limit: int) -> tuple[int, int]:
    """Whole pixels from low to high, at least MIN_SIDE_PX of them where the grid has as many."""
    missing = max(MIN_SIDE_PX - (high - low), 0) / 2
    start, stop = np.clip([np.floor(low - missing), np.ceil(high + missing)], 0, limit)
    return (int(start), int(stop)) if stop > start else (0, limit)


def _part(grid: Grid, rows: tuple[int, int], columns: tuple[int, int]) -> Grid:
    return Grid(
        epsg=grid.epsg,
        left=grid.left + columns[0] * grid.resolution_m,
        top=grid.top - rows[0] * grid.resolution_m,
        width=columns[1] - columns[0],
        height=rows[1] - rows[0],
        resolution_m=grid.resolution_m,
    )


def outline(shape: Polygon, grid: Grid, label: str = "") -> Outline:
    """A WGS 84 polygon in the pixels of a grid, to a hundredth."""
    to_utm = transformer(WGS84, grid.epsg)
    x, y = to_utm.transform(*shape.exterior.coords.xy)
    columns = (np.asarray(x) - grid.left) / grid.resolution_m
    rows = (grid.top - np.asarray(y)) / grid.resolution_m
    return Outline(
        points=" ".join(f"{c:.2f},{r:.2f}" for c, r in zip(columns, rows, strict=True)),
        x=round(float(columns.min() + columns.max()) / 2, 2),
        y=round(float(rows.min()), 2),
        label=label,
    )


def chips(tables: PortTables, imagery: Imagery, limit: int) -> tuple[Chip, ...]:
    """The newest vessels at berths that have a picture, the surest of each overpass first."""
    vessels = tables.ships[tables.ships["berth"] != ""].sort_values(
        ["time", "overpass_id", "score", "vessel_id"], ascending=[False, False, False, True]
    )
    found = _chips(tables.port, vessels, imagery)
    return tuple(chip for chip, _ in zip(found, range(limit), strict=False))


def _chips(port: Port, vessels: gpd.GeoDataFrame, imagery: Imagery) -> Iterator[Chip]:
    """One chip after another; only the pixels around a vessel are read."""
    for row in vessels.itertuples():
        part = _chip_grid(row.footprint, port.grid)
        pixels = imagery.window(port.id, row.overpass_id, part)
        if pixels is None:
            continue
        yield Chip(
            href=data_url(exact(pixels), "png"),
            box=outline(row.footprint, part),
            berths=tuple(
                outline(berth.polygon, part)
                for berth in port.berths
                if berth.polygon.distance(row.footprint) < NEAR_DEG
            ),
            vessel_id=row.vessel_id,
            berth=row.berth,
            time=row.time,
            sensor=row.sensor,
            length_m=row.length_m,
            length_sd_m=row.length_sd_m,
            score=row.score,
            truncated=row.truncated,
        )


def _chip_grid(footprint: Polygon, grid: Grid) -> Grid:
    """CHIP_PX pixels around the vessel; it may reach over the grid's edge."""
    to_utm = transformer(WGS84, grid.epsg)
    x, y = to_utm.transform(footprint.centroid.x, footprint.centroid.y)
    row = int((grid.top - y) / grid.resolution_m) - CHIP_PX // 2
    column = int((x - grid.left) / grid.resolution_m) - CHIP_PX // 2
    return _part(grid, (row, row + CHIP_PX), (column, column + CHIP_PX))


def cut(image: NDArray[np.uint8], grid: Grid, part: Grid) -> NDArray[np.uint8]:
    """The part's pixels; black where it reaches over the grid's edge."""
    row = round((grid.top - part.top) / grid.resolution_m)
    column = round((part.left - grid.left) / grid.resolution_m)
    found = np.zeros((*part.shape, 3), np.uint8)
    top, left = max(row, 0), max(column, 0)
    inside = image[top : row + part.height, left : column + part.width]
    found[
        top - row : top - row + inside.shape[0], left - column : left - column + inside.shape[1]
    ] = inside
    return found
