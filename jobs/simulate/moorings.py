"""Moorings: a port's berths as quay lines and places of ships, in metres."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import Polygon

from jobs.domain import Berth, BerthKind, Grid, Port, make_land_mask, project

QUAY_SHARE = 0.42
"""Share of a berth's width, from its landward side, that is quay; ships lie on the rest."""
FENDER_M = 4.0
"""Gap between quay and hull."""


@dataclass(frozen=True)
class Mooring:
    """One berth in metres, with its axis along the quay and its water side."""

    berth: Berth
    polygon: Polygon
    """UTM metres."""
    x: float
    y: float
    axis_deg: float
    """Compass direction of the longer side, 0 <= axis < 180, from grid north."""
    seaward: tuple[float, float]
    """Unit vector (x, y) from the quay to the water."""
    length_m: float
    width_m: float

    @property
    def is_anchorage(self) -> bool:
        """Whether the berth is an anchorage, without a quay."""
        return self.berth.kind is BerthKind.ANCHORAGE

    @property
    def along(self) -> tuple[float, float]:
        """Unit vector (x, y) along the quay."""
        return math.sin(math.radians(self.axis_deg)), math.cos(math.radians(self.axis_deg))

    @property
    def places(self) -> int:
        """Number of ships that may lie alongside at once."""
        return self.berth.capacity or 1

    @property
    def longest_ship_m(self) -> float:
        """Length of the longest ship that one place holds."""
        return 0.9 * self.length_m / self.places

    def point(self, along_m: float, seaward_m: float) -> tuple[float, float]:
        """(x, y) of a point given from the centre, along the quay and toward the water."""
        (ux, uy), (nx, ny) = self.along, self.seaward
        return self.x + ux * along_m + nx * seaward_m, self.y + uy * along_m + ny * seaward_m

    @property
    def quay_line_m(self) -> float:
        """Position of the quay's edge, from the centre toward the water."""
        return (QUAY_SHARE - 0.5) * self.width_m

    def alongside(self, place: int, beam_m: float) -> tuple[float, float]:
        """Centre of a ship at one of the berth's places."""
        along = ((place + 0.5) / self.places - 0.5) * self.length_m
        return self.point(along, self.quay_line_m + FENDER_M + beam_m / 2)


@dataclass(frozen=True)
class Harbour:
    """A port to be simulated: moorings, land, and what is built in the water."""

    port: Port
    moorings: tuple[Mooring, ...]
    window: Grid
    """Extent of the images: the port's grid and a margin."""
    land: NDArray[np.bool_]
    """True for land, (y, x) of the window."""
    piers: tuple[Polygon, ...] = ()
    """Solid ground built into the water, UTM metres."""
    breakwaters: tuple[Polygon, ...] = ()
    """UTM metres."""
    surf: float = 0.0
    """Share of the open coast with breaking waves, 0..1."""

    @property
    def anchorage(self) -> Mooring | None:
        """The first anchorage; None where there is none."""
        return next((mooring for mooring in self.moorings if mooring.is_anchorage), None)


def harbour(port: Port, margin_m: float) -> Harbour:
    """The port's window and moorings, from its polygons and the land mask."""
    window = _widened(port.grid, math.ceil(margin_m / 20) * 20.0)
    land = make_land_mask(window)
    moorings = tuple(_mooring(berth, window, land) for berth in port.berths)
    return Harbour(port, moorings, window, land)


def _widened(grid: Grid, margin_m: float) -> Grid:
    pixels = 2 * round(margin_m / grid.resolution_m)
    left, top = grid.left - margin_m, grid.top + margin_m
    return Grid(grid.epsg, left, top, grid.width + pixels, grid.height + pixels)


def _mooring(berth: Berth, window: Grid, land: NDArray[np.bool_]) -> Mooring:
    polygon = project(berth.polygon, window.epsg)
    corners = np.asarray(polygon.minimum_rotated_rectangle.exterior.coords)
    sides = np.diff(corners[:3], axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    along = sides[lengths.argmax()] / lengths.max()
    x, y = corners[:4].mean(axis=0)
    normal = np.array([-along[1], along[0]])
    if _land_share(polygon, normal * lengths.min(), window, land) > _land_share(
        polygon, -normal * lengths.min(), window, land
    ):
        normal = -normal
    axis_deg = math.degrees(math.atan2(along[0], along[1])) % 180
    seaward = (float(normal[0]), float(normal[1]))
    return Mooring(
        berth, polygon, float(x), float(y), axis_deg, seaward, lengths.max(), lengths.min()
    )


def _land_share(
    polygon: Polygon, shift: NDArray[np.float64], window: Grid, land: NDArray[np.bool_]
) -> float:
    """Share of land under the polygon when it is moved by (x, y) metres."""
    moved = shapely.affinity.translate(polygon, shift[0], shift[1])
    inside = shapely.contains_xy(moved, *np.meshgrid(window.x, window.y))
    return float(land[inside].mean()) if inside.any() else 0.0
