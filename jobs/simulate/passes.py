"""Times of satellite passes, and the tiles in which their images are delivered."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count, cycle

import shapely
from shapely.geometry import Polygon, box

from jobs.domain import WGS84, Grid, transformer
from jobs.simulate.moorings import Harbour
from jobs.simulate.settings import SimulationConfig, rng_for

OVERLAP_M = 600.0
"""Overlap of two tiles: each reaches this far over the middle of the window."""
BASELINE, OLD_BASELINE = "05.10", "05.00"
"""Processing baselines of current and of superseded products."""


@dataclass(frozen=True)
class Pass:
    """One pass of one satellite over one port."""

    number: int
    moment: datetime
    satellite: str
    """``a`` or ``b``."""


@dataclass(frozen=True)
class Tile:
    """One item: a part of the window, possibly not all of it imaged."""

    item_id: str
    square: str
    """MGRS square, e.g. 53TKH."""
    grid: Grid
    imaged: Polygon
    """Area with data, metres in the grid's zone."""
    moment: datetime
    satellite: str
    baseline: str
    generated: datetime
    datastrip_start: datetime

    @property
    def footprint(self) -> Polygon:
        """Area with data, WGS 84."""
        inverse = transformer(self.grid.epsg, WGS84)
        return shapely.transform(self.imaged, inverse.transform, interleaved=False)


def passes(config: SimulationConfig, harbour: Harbour) -> Iterator[Pass]:
    """Passes of two satellites that alternate on every orbit, about 02:10 UTC."""
    rng = rng_for(config.seed, "passes", harbour.port.id)
    orbits = len(config.revisit_days)
    day = int(rng.integers(0, min(config.revisit_days[0], config.days)))
    gaps = cycle(config.revisit_days)
    for number in count():
        if day >= config.days:
            return
        orbit, lap = number % orbits, number // orbits
        seconds = (2 * 60 + 6) * 60 + 600 * orbit / max(orbits - 1, 1) + rng.uniform(-5, 5)
        moment = config.start_utc + timedelta(days=day, seconds=round(seconds, 3))
        yield Pass(number, moment, "ab"[(lap + orbit) % 2])
        day += next(gaps)


def deliver(config: SimulationConfig, index: int, harbour: Harbour, each: Pass) -> tuple[Tile, ...]:
    """The tiles of one pass over the config's index-th port."""
    window = harbour.window
    if index > 0:
        whole = box(*window.bounds)
        return (_tile(each, window, _swath(window) if each.number % 4 == 1 else whole, 0),)
    west, east = _halves(window)
    tiles = [
        _tile(each, grid, box(*grid.bounds), column) for column, grid in enumerate((west, east))
    ]
    if config.neighbour_zone and each.number == 0:
        tiles[1] = _in_next_zone(each, east)
    if each.number == 1:
        tiles.append(_reprocessed(tiles[0]))
    return tuple(tiles)


def _halves(window: Grid) -> tuple[Grid, Grid]:
    """Two overlapping parts, west and east, on the window's 20 m pixels."""
    width_m = window.width * window.resolution_m
    overlap_m = min(OVERLAP_M, width_m / 4)
    shared = 2 * round(overlap_m / (2 * window.resolution_m))
    middle = 2 * (window.width // 4)
    start = middle - shared
    west = replace(window, width=middle + shared)
    left = window.left + start * window.resolution_m
    return west, replace(window, left=left, width=window.width - start)


def _swath(window: Grid) -> Polygon:
    """Imaged part of a window in which the swath ends; its edge is inclined as the orbit."""
    left, bottom, right, top = window.bounds
    width, lean = right - left, math.tan(math.radians(11)) * (top - bottom)
    edge = left + 0.62 * width
    return Polygon([(left, bottom), (edge - lean / 2, bottom), (edge + lean / 2, top), (left, top)])


def _tile(each: Pass, grid: Grid, imaged: Polygon, column: int) -> Tile:
    square = mgrs_square(grid, column)
    moment = each.moment + timedelta(seconds=13 * column)
    start = each.moment.replace(microsecond=0) - timedelta(seconds=41)
    name = f"S2{each.satellite.upper()}_T{square}_{start:%Y%m%dT%H%M%S}_L2A"
    generated = start + timedelta(hours=4, minutes=23)
    return Tile(name, square, grid, imaged, moment, each.satellite, BASELINE, generated, start)


def _reprocessed(tile: Tile) -> Tile:
    """The same acquisition as processed earlier, with the older baseline."""
    number = OLD_BASELINE.replace(".", "")
    earlier = tile.generated - timedelta(hours=1)
    name = f"{tile.item_id}_N{number}"
    return replace(tile, item_id=name, baseline=OLD_BASELINE, generated=earlier)


def _in_next_zone(each: Pass, grid: Grid) -> Tile:
    """The part as a tile of the UTM zone to the east: slightly rotated, with empty corners."""
    epsg = grid.epsg + 1 if grid.epsg % 100 < 60 else grid.epsg - 1
    turn = transformer(grid.epsg, epsg)
    outline = shapely.segmentize(box(*grid.bounds), 1000)
    imaged = shapely.transform(outline, turn.transform, interleaved=False)
    left, bottom, right, top = imaged.bounds
    left, top = math.floor(left / 20) * 20.0, math.ceil(top / 20) * 20.0
    width, height = (2 * math.ceil(size / 20) for size in (right - left, top - bottom))
    return _tile(each, Grid(epsg, left, top, width, height), imaged, 1)


def mgrs_square(grid: Grid, column: int) -> str:
    """Zone, band and 100 km square of the grid's corner, ``column`` squares further east."""
    zone = grid.epsg % 100
    inverse = transformer(grid.epsg, WGS84)
    _, lat = inverse.transform(grid.left, grid.top)
    band = "CDEFGHJKLMNPQRSTUVWX"[min(int((lat + 80) // 8), 19)]
    columns = ("ABCDEFGH", "JKLMNPQR", "STUVWXYZ")[(zone - 1) % 3]
    rows = "ABCDEFGHJKLMNPQRSTUV"
    east = columns[(int(grid.left // 1e5) - 1 + column) % 8]
    north = rows[(int(grid.top // 1e5) + (0 if zone % 2 else 5)) % 20]
    return f"{zone:02d}{band}{east}{north}"
