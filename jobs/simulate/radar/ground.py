"""Land and harbour works as the radar sees them from one side: rough ground, and what stands on it.

What stands high leans towards the radar: its top is imaged nearer by height / tan(incidence).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from shapely.geometry import LineString

from jobs.domain import BerthKind, Orbit
from jobs.simulate.moorings import Harbour, Mooring
from jobs.simulate.radar.points import Targets, targets, together
from jobs.simulate.radar.response import Plane
from jobs.simulate.scenery import Scenery, cloudy_noise
from jobs.simulate.settings import rng_for

INCIDENCE_DEG = 38.0
"""Of the middle of the swath."""
WOOD_DB, BARE_DB = (-8.5, -14.5), (-11.0, -19.0)
"""VV and VH of woods and fields, and of bare and paved ground."""
RELIEF_DB = 1.5
"""Standard deviation between places of the same kind."""
STRAY_DB = 5.0
"""Standard deviation of the points of one kind."""
CROSS_DB = -8.0
"""VH of built corners against VV."""
CRANE_M = (28.0, 62.0)
"""Heights of cranes."""


@dataclass(frozen=True)
class Works:
    """What a port's land and works scatter; the same in every pass of an orbit."""

    rough: Plane
    """(polarisation, y, x) of the ground times its share of the pixel, linear, before speckle."""
    points: Targets


def draw_works(harbour: Harbour, scenery: Scenery, orbit: Orbit, seed: int) -> Works:
    """Land and works of a harbour for an orbit; equal seeds give equal works."""
    rng = rng_for(seed, "radar ground", harbour.port.id)
    relief = RELIEF_DB * cloudy_noise(scenery.dry.shape, rng, 1.0, 30)
    wooded = np.divide(
        scenery.vegetated, scenery.dry, out=np.zeros_like(scenery.dry), where=scenery.dry > 0.01
    )
    planes = []
    for wood, bare in zip(WOOD_DB, BARE_DB, strict=True):
        level = wooded * wood + (1 - wooded) * bare + relief
        planes.append(scenery.dry * 10 ** (level / 10))
    parts = [_quay(each, orbit, harbour, rng) for each in harbour.moorings if not each.is_anchorage]
    parts += [_town(scenery, harbour, rng), _mole(harbour, rng)]
    return Works(np.stack(planes).astype(np.float32), together(parts))


def _points(x: np.ndarray, y: np.ndarray, section_m2: float, rng: np.random.Generator) -> Targets:
    """Points of scattered brightness, VH weaker than VV by some decibels."""
    x, y = np.atleast_1d(x), np.atleast_1d(y)
    section = section_m2 * 10 ** (rng.normal(0, STRAY_DB, len(x)) / 10)
    cross = section * 10 ** ((CROSS_DB + rng.normal(0, 2, len(x))) / 10)
    return targets(x, y, [section, cross])


def _quay(quay: Mooring, orbit: Orbit, harbour: Harbour, rng: np.random.Generator) -> Targets:
    """The wall's corner with the water, cranes leaning over, and the yard behind."""
    edge, half = quay.quay_line_m, quay.length_m / 2
    along = np.arange(-half, half, 12.0)
    oil = quay.berth.kind is BerthKind.OIL_TERMINAL
    wall = np.array([quay.point(float(a), edge - 1) for a in along]).reshape(-1, 2)
    parts = [_points(wall[:, 0], wall[:, 1], 25.0 if oil else 60.0, rng)]
    if not oil:
        parts += [
            _crane(quay, float(a), orbit, harbour, rng)
            for a in rng.uniform(-0.45, 0.45, max(2, int(quay.length_m // 90))) * quay.length_m
        ]
    depth = rng.uniform(15, 150, int(quay.length_m * 0.12))
    yard = np.array(
        [quay.point(float(rng.uniform(-half, half)), edge - float(d)) for d in depth]
    ).reshape(-1, 2)
    return together([*parts, _points(yard[:, 0], yard[:, 1], 90.0, rng)])


def _crane(
    quay: Mooring, along_m: float, orbit: Orbit, harbour: Harbour, rng: np.random.Generator
) -> Targets:
    """A crane: bright at its foot, its jib and top imaged towards the radar."""
    height_m = float(rng.uniform(*CRANE_M))
    x, y = quay.point(along_m, quay.quay_line_m - 12)
    east, north = orbit.look(harbour.port.area.centroid.y)
    lean = np.linspace(0, height_m / math.tan(math.radians(INCIDENCE_DEG)), 6)
    return _points(x - lean * east, y - lean * north, float(rng.uniform(80, 320)), rng)


def _town(scenery: Scenery, harbour: Harbour, rng: np.random.Generator) -> Targets:
    """Houses: corners scattered over dry ground without plants, denser by the quays."""
    window = harbour.window
    rows, cols = np.nonzero((scenery.dry > 0.9) & (scenery.vegetated < 0.2))
    if not len(rows):
        return targets([], [], np.zeros((2, 0)))
    pick = rng.integers(len(rows), size=len(rows) // 6)
    x, y = window.x[cols[pick]], window.y[rows[pick]]
    near = np.min(
        [np.hypot(x - quay.x, y - quay.y) for quay in harbour.moorings] or [np.zeros(len(x))],
        axis=0,
    )
    kept = rng.random(len(x)) < np.clip(1.3 - near / 1500, 0.05, 1)
    return _points(x[kept], y[kept], 45.0, rng)


def _mole(harbour: Harbour, rng: np.random.Generator) -> Targets:
    """Blocks of breakwaters and walls of piers, along their outlines."""
    places = [
        line.interpolate(at).coords[0]
        for shape, apart in [(s, 9.0) for s in harbour.breakwaters]
        + [(s, 14.0) for s in harbour.piers]
        for line in [LineString(shape.exterior.coords)]
        for at in np.arange(0, line.length, apart)
    ]
    found = np.array(places).reshape(-1, 2)
    return _points(found[:, 0], found[:, 1], 30.0, rng)
