"""How far it is from port to port by sea: the shortest way over a coarse grid of water.

The grid is Web Mercator: it keeps angles, so the true length of a step is the step on the map times
the cosine of its latitude, in every direction. The way is then pulled taut, because steps in eight
directions make a detour of up to 8 %, and measured on the ellipsoid.

Against 19 distances of Pub. 151 between ports of Korea, Primorye, Japan and China the error is 2 %
in the middle and 7 % at the worst: a shortest way cuts the corners that mariners leave wide. A
strait narrower than a cell is shut, such as Kanmon, and canals are; a way round is then taken.

The ``searoute`` package (1.6.0) was measured first and left: its network of sea lanes has one node
for Wonsan and Hungnam, and one for Nakhodka and Vostochny (no distance at all between them), and
without its ends Chongjin is 43 miles from Vladivostok, where Pub. 151 has 135.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import asinh, ceil, degrees, hypot, pi, radians, tan
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from jobs.domain import Grid, geod, make_land_mask
from jobs.errors import InputError

Place: TypeAlias = tuple[float, float]
"""(longitude, latitude), WGS 84 degrees."""
Cell: TypeAlias = tuple[int, int]
"""(row, column)."""

MERCATOR = 3857
SPHERE_M = 6_378_137.0
CELL_M = 4_000.0
"""Side of a cell on the map; 3 km of sea at 40 degrees north."""
MAX_CELLS = 2_000_000
"""A larger area gets larger cells: about 100 MB and 5 s a port at the most."""
MARGIN_M, MARGIN_SHARE = 600_000.0, 0.75
"""How far beyond the ports a way may go round: this, or that share of their extent if larger."""
MAX_LATITUDE = 80.0
MAX_INLAND_CELLS = 15.0
"""A port may lie up a river this far from the water of the grid."""


@dataclass(frozen=True)
class SeaRoute:
    """The shortest way by sea between two ports."""

    distance_km: float
    path: tuple[Place, ...]
    """From port to port; the first and the last leg may cross the shore near their port."""


@dataclass(frozen=True)
class _Sea:
    grid: Grid
    water: NDArray[np.bool_]
    """(y, x); only the largest connected piece, so that all of it can be reached."""

    def cell(self, x: float, y: float) -> Cell:
        size = self.grid.resolution_m
        return int((self.grid.top - y) // size), int((x - self.grid.left) // size)

    def centre(self, cell: Cell) -> tuple[float, float]:
        return float(self.grid.x[cell[1]]), float(self.grid.y[cell[0]])


def sea_routes(places: Mapping[str, Place]) -> dict[tuple[str, str], SeaRoute]:
    """The way for every ordered pair of different places, e.g. of all ports of a job.

    Raises InputError for a place that is no coordinate, too far north or south, or far inland.
    """
    for name, place in places.items():
        _check(name, place)
    if len(places) < 2:
        return {}
    return dict(_routes(tuple(sorted(places.items()))))


@cache
def _routes(places: tuple[tuple[str, Place], ...]) -> dict[tuple[str, str], SeaRoute]:
    """``sea_routes``, cached: every stage of a run needs those of the same ports."""
    points = _on_map(dict(places))
    sea = _sea_around(points)
    berths = {name: _afloat(name, point, sea) for name, point in points.items()}
    found: dict[tuple[str, str], SeaRoute] = {}
    for origin, others in _fans(list(points)):
        ways = _cheapest(sea, berths[origin], [berths[other] for other in others])
        for other, way in zip(others, ways, strict=True):
            taut = _taut(sea, [points[origin], *map(sea.centre, way[1:-1]), points[other]])
            there = _measured(taut)
            found[origin, other] = there
            found[other, origin] = SeaRoute(there.distance_km, there.path[::-1])
    return found


def _check(name: str, place: Place) -> None:
    longitude, latitude = place
    if not (-180 <= longitude <= 180 and abs(latitude) <= MAX_LATITUDE):
        raise InputError(
            f"{name} lies at longitude {longitude:g}, latitude {latitude:g}; expected degrees, "
            f"-180 to 180 and up to {MAX_LATITUDE:g} north or south: correct the port's area"
        )


def _fans(names: list[str]) -> list[tuple[str, list[str]]]:
    """Each place with those after it, so that every pair is searched once."""
    fans: dict[str, list[str]] = {name: [] for name in names[:-1]}
    for first, second in combinations(names, 2):
        fans[first].append(second)
    return list(fans.items())


# --- the water ----------------------------------------------------------------------------------


def _on_map(places: Mapping[str, Place]) -> dict[str, tuple[float, float]]:
    """Mercator metres; longitudes go on beyond 180 where that keeps the places together."""
    middle = next(iter(places.values()))[0]
    points = {}
    for name, (longitude, latitude) in places.items():
        near = middle + (longitude - middle + 180) % 360 - 180
        points[name] = (SPHERE_M * radians(near), SPHERE_M * asinh(tan(radians(latitude))))
    return points


def _on_globe(x: float, y: float) -> Place:
    longitude = (degrees(x / SPHERE_M) + 180) % 360 - 180
    return longitude, degrees(pi / 2 - 2 * np.arctan(np.exp(-y / SPHERE_M)))


def _sea_around(points: Mapping[str, tuple[float, float]]) -> _Sea:
    grid = _window(np.array(list(points.values())))
    pieces, number = ndimage.label(~make_land_mask(grid), np.ones((3, 3)))
    sizes = np.bincount(pieces.ravel(), minlength=number + 1)
    sizes[0] = 0
    return _Sea(grid, pieces == sizes.argmax())


def _window(points: NDArray[np.float64]) -> Grid:
    extent = float(np.ptp(points, axis=0).max())
    margin = max(MARGIN_M, MARGIN_SHARE * extent)
    limit = SPHERE_M * asinh(tan(radians(MAX_LATITUDE + 2)))
    left, bottom = points.min(axis=0) - margin
    right, top = points.max(axis=0) + margin
    bottom, top = max(bottom, -limit), min(top, limit)
    right = min(right, left + 2 * pi * SPHERE_M)
    size = max(CELL_M, ((right - left) * (top - bottom) / MAX_CELLS) ** 0.5)
    # whole cells from a fixed corner, so that the same port falls into the same cell in every job
    left, top = np.floor(left / size) * size, np.ceil(top / size) * size
    width, height = ceil((right - left) / size), ceil((top - bottom) / size)
    return Grid(MERCATOR, float(left), float(top), width, height, float(size))


def _afloat(name: str, point: tuple[float, float], sea: _Sea) -> Cell:
    """The cell of open water nearest to a port; the mask has no basins narrower than a cell."""
    row, column = sea.cell(*point)
    reach = int(MAX_INLAND_CELLS)
    top, left = max(row - reach, 0), max(column - reach, 0)
    near = np.argwhere(sea.water[top : row + reach + 1, left : column + reach + 1])
    near = near + np.array([top, left])
    away = np.hypot(near[:, 0] - row, near[:, 1] - column)
    if not len(near) or away.min() > MAX_INLAND_CELLS:
        raise InputError(
            f"{name} lies more than {reach * sea.grid.resolution_m / 1000:.0f} km (on the map) "
            "from the sea that the other ports share; expected a sea port: correct its area, "
            "or leave it out of the voyages"
        )
    nearest = near[int(away.argmin())]
    return int(nearest[0]), int(nearest[1])


# --- the way ------------------------------------------------------------------------------------


def _cheapest(sea: _Sea, start: Cell, ends: list[Cell]) -> list[list[Cell]]:
    """The cells of the shortest way to each end, in eight directions."""
    scale = 1 / np.cosh(sea.grid.y / SPHERE_M)  # the cosine of the latitude
    cost = np.where(sea.water, scale[:, None], -1.0)  # less than 0 is barred
    search = MCP_Geometric(cost)
    search.find_costs([start], ends)
    return [search.traceback(end) for end in ends]


def _taut(sea: _Sea, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The shortest sequence of straight lines over water between corners of a way."""
    corners = _corners(np.array(points))
    length = np.full(len(corners), np.inf)
    before = np.zeros(len(corners), dtype=int)
    length[0] = 0.0
    for j in range(1, len(corners)):
        for i in range(j):
            step = length[i] + _map_length(corners[i], corners[j])
            if step < length[j] and (i == j - 1 or _open(sea, corners[i], corners[j])):
                length[j], before[j] = step, i
    kept = [len(corners) - 1]
    while kept[-1]:
        kept.append(int(before[kept[-1]]))
    return [(float(corners[k][0]), float(corners[k][1])) for k in reversed(kept)]


def _corners(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The points where the way turns, and its ends."""
    steps = np.sign(np.round(np.diff(points, axis=0), 3))
    turns = np.any(steps[1:] != steps[:-1], axis=1)
    return np.asarray(points[np.concatenate([[True], turns, [True]])])


def _map_length(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """True metres of a straight line on the map, by the scale in its middle."""
    return hypot(b[0] - a[0], b[1] - a[1]) / float(np.cosh((a[1] + b[1]) / 2 / SPHERE_M))


def _open(sea: _Sea, a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether a straight line stays on water; a cell at either end may be the port's own quay."""
    size = sea.grid.resolution_m
    steps = max(2, ceil(2 * hypot(b[0] - a[0], b[1] - a[1]) / size))
    line = a + np.linspace(0, 1, steps + 1)[1:-1, None] * (b - a)
    rows = ((sea.grid.top - line[:, 1]) // size).astype(int)
    columns = ((line[:, 0] - sea.grid.left) // size).astype(int)
    return bool(sea.water[rows, columns].all())


def _measured(points: list[tuple[float, float]]) -> SeaRoute:
    path = tuple(_on_globe(x, y) for x, y in points)
    metres = geod().line_length([p[0] for p in path], [p[1] for p in path])
    return SeaRoute(float(metres) / 1000, path)
