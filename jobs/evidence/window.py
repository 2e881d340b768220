"""The part of a port's grid that every picture of a visit shows, and outlines in its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jobs.domain import WGS84, BerthKind, Grid, transformer
from jobs.evidence.cases import Case

MARGIN_M, SWING_M = 250.0, 450.0
"""Shown around the ship in all looks of its visit; at an anchorage, where it may swing, the latter.
"""
LEAST_PX, MOST_PX = 96, 256
"""Edge of a picture in pixels of the archive, 10 m each."""


@dataclass(frozen=True)
class Window:
    """Whole pixels of a grid: the same for every look of a visit."""

    grid: Grid
    rows: slice
    columns: slice

    @property
    def height(self) -> int:
        return int(self.rows.stop - self.rows.start)

    @property
    def width(self) -> int:
        return int(self.columns.stop - self.columns.start)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in metres of the port's projection."""
        step = self.grid.resolution_m
        return (
            self.grid.left + self.columns.start * step,
            self.grid.top - self.rows.stop * step,
            self.grid.left + self.columns.stop * step,
            self.grid.top - self.rows.start * step,
        )

    def cut(self, image: NDArray[np.generic]) -> NDArray[np.generic]:
        """These pixels of an image of the grid, (..., y, x)."""
        return image[..., self.rows, self.columns]

    def points(self, shape: Polygon) -> str:
        """The outline of a WGS 84 polygon in pixels of the picture, as SVG takes it."""
        x, y = transformer(WGS84, self.grid.epsg).transform(*shape.exterior.coords.xy)
        left, _, _, top = self.bounds
        step = self.grid.resolution_m
        columns, rows = (np.asarray(x) - left) / step, (top - np.asarray(y)) / step
        return " ".join(f"{c:.2f},{r:.2f}" for c, r in zip(columns, rows, strict=True))


def window_of(case: Case) -> Window:
    """The window around all sightings of a visit; with the whole berth where that is small."""
    grid = case.port.grid
    margin = SWING_M if case.berth.kind is BerthKind.ANCHORAGE else MARGIN_M
    hulls = [_box(ship["footprint"], grid) for ship in case.ships]
    berth = _box(case.berth.polygon, grid)
    box = _union(hulls)
    with_berth = _union([box, berth])
    if max(_sides(with_berth)) + 2 * margin <= MOST_PX * grid.resolution_m:
        box = with_berth
    edge = int(np.ceil((max(_sides(box)) + 2 * margin) / grid.resolution_m))
    edge = int(np.clip(edge, LEAST_PX, MOST_PX))
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    column = round((middle[0] - grid.left) / grid.resolution_m) - edge // 2
    row = round((grid.top - middle[1]) / grid.resolution_m) - edge // 2
    return Window(grid, _span(row, edge, grid.height), _span(column, edge, grid.width))


def _span(start: int, edge: int, limit: int) -> slice:
    """Pixels within the grid, as many as wanted where it has them."""
    edge = min(edge, limit)
    start = int(np.clip(start, 0, limit - edge))
    return slice(start, start + edge)


def _box(shape: Polygon, grid: Grid) -> NDArray[np.float64]:
    return np.array(transformer(WGS84, grid.epsg).transform_bounds(*shape.bounds))


def _union(boxes: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    stack = np.array(boxes)
    return np.concatenate([stack[:, :2].min(axis=0), stack[:, 2:].max(axis=0)])


def _sides(box: NDArray[np.float64]) -> tuple[float, float]:
    return (float(box[2] - box[0]), float(box[3] - box[1]))
