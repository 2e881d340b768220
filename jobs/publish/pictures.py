"""A port's overview and chips of single vessels, encoded for a page."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import groupby

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from shapely.geometry import Polygon

from jobs.domain import WGS84, Grid, LookState, Port, transformer
from jobs.publish.publication import Imagery
from jobs.visits import PortTables

MARGIN_M = 400.0
"""Margin shown around the berths."""
MIN_SIDE_PX = 120
MAX_SIDE_PX = 1200
"""Longest side of an overview: enough for a screen, about 300 kB."""
CHIP_PX = 64
TRIES = 8
"""Overpasses tried for an overview of a port."""
SCALES_M = (100, 200, 500, 1000, 2000, 5000, 10_000)


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
class Overview:
    """The newest clear look at a port."""

    href: str
    """A data URL."""
    width: int
    height: int
    time: datetime
    sensor: str
    overpass_id: str
    berths: tuple[Outline, ...]
    vessels: tuple[Outline, ...]
    fixed: tuple[Outline, ...]
    """What was found and is taken for fixed structure."""
    scale_m: int
    scale_px: float


@dataclass(frozen=True)
class Chip:
    """One vessel, cut out."""

    href: str
    """A data URL; the pixels as they are, not resampled."""
    box: Outline
    vessel_id: str
    berth: str
    time: datetime
    sensor: str
    length_m: float
    length_sd_m: float
    score: float
    truncated: bool


def overview(tables: PortTables, imagery: Imagery) -> Overview | None:
    """The newest overpass with the most clear berths that has a picture; None without any."""
    port = tables.port
    for overpass_id, time, sensor in clearest(tables)[:TRIES]:
        image = imagery.rgb(port.id, overpass_id)
        if image is not None:
            return _overview(tables, image, overpass_id, time, sensor)
    return None


def clearest(tables: PortTables) -> list[tuple[str, datetime, str]]:
    """Overpass id, time and sensor: most clear berths first, newest first among equals."""
    looks = tables.looks.assign(clear=tables.looks["state"] == LookState.CLEAR.value)
    passes = looks.groupby("overpass_id", as_index=False).agg(
        time=("time", "first"), sensor=("sensor", "first"), clear=("clear", "sum")
    )
    passes = passes[passes["clear"] > 0].sort_values(
        ["clear", "time", "overpass_id"], ascending=False
    )
    return [(row.overpass_id, row.time, row.sensor) for row in passes.itertuples()]


def _overview(
    tables: PortTables,
    image: NDArray[np.uint8],
    overpass_id: str,
    time: datetime,
    sensor: str,
) -> Overview:
    part = berths_grid(tables.port)
    seen = tables.vessels[tables.vessels["overpass_id"] == overpass_id]
    scale_m = max((m for m in SCALES_M if m <= part.width * part.resolution_m / 4), default=100)
    return Overview(
        href=_jpeg(_cut(image, tables.port.grid, part)),
        width=part.width,
        height=part.height,
        time=time,
        sensor=sensor,
        overpass_id=overpass_id,
        berths=tuple(
            outline(berth.polygon, part, str(number))
            for number, berth in enumerate(tables.port.berths, start=1)
        ),
        vessels=tuple(outline(shape, part) for shape in seen.loc[~seen["fixed"], "footprint"]),
        fixed=tuple(outline(shape, part) for shape in seen.loc[seen["fixed"], "footprint"]),
        scale_m=scale_m,
        scale_px=scale_m / part.resolution_m,
    )


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
    """One chip after another; an overpass is fetched once, and only when it is reached."""
    for overpass_id, rows in groupby(vessels.itertuples(), key=lambda row: row.overpass_id):
        image = imagery.rgb(port.id, str(overpass_id))
        if image is None:
            continue
        for row in rows:
            part = _chip_grid(row.footprint, port.grid)
            yield Chip(
                href=_png(_cut(image, port.grid, part)),
                box=outline(row.footprint, part),
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


def _cut(image: NDArray[np.uint8], grid: Grid, part: Grid) -> NDArray[np.uint8]:
    """The part's pixels; black where it reaches over the grid's edge."""
    row = round((grid.top - part.top) / grid.resolution_m)
    column = round((part.left - grid.left) / grid.resolution_m)
    cut = np.zeros((part.height, part.width, 3), np.uint8)
    top, left = max(row, 0), max(column, 0)
    inside = image[top : row + part.height, left : column + part.width]
    cut[
        top - row : top - row + inside.shape[0], left - column : left - column + inside.shape[1]
    ] = inside
    return cut


def _jpeg(pixels: NDArray[np.uint8]) -> str:
    image = Image.fromarray(pixels)
    image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    return _data_url(image, "jpeg", quality=88)


def _png(pixels: NDArray[np.uint8]) -> str:
    return _data_url(Image.fromarray(pixels), "png", compress_level=9)


def _data_url(image: Image.Image, kind: str, **options: int) -> str:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
