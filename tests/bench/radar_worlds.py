"""Random harbours seen by radar, with their ships: for tuning and for measuring the detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from jobs.domain import Grid, Orbit, Port
from jobs.simulate.layouts import lay_out
from jobs.simulate.moorings import Harbour
from jobs.simulate.radar.ground import Works, draw_works
from jobs.simulate.radar.hulls import shift_of
from jobs.simulate.radar.image import draw_sea, radar_image
from jobs.simulate.scenery import Scenery, draw_scenery
from jobs.simulate.settings import SimulationConfig, rng_for
from jobs.simulate.traffic import Pose, poses, schedule, under_way

TUNED_ON, MEASURED_ON = 501, 502
"""Seeds of harbours whose ships the constants were fitted to, and of those that nothing was."""
ORBITS = (Orbit("ascending", 39, "right"), Orbit("descending", 134, "right"))


@dataclass(frozen=True)
class TrueShip:
    """A ship where the radar shows it, metres of the harbour's zone."""

    x: float
    y: float
    length_m: float
    heading_deg: float
    berth: str
    knots: float


@dataclass(frozen=True)
class RadarWorld:
    """One harbour in one pass."""

    port: Port
    grid: Grid
    land: NDArray[np.bool_]
    """As a public shoreline has it: without quays and piers."""
    image: NDArray[np.float32]
    """(polarisation, y, x), linear."""
    orbit: Orbit
    wind_ms: float
    ships: tuple[TrueShip, ...]


def looks_of_one_orbit(seed: int, number: int, looks: int, days_apart: int) -> Iterator[RadarWorld]:
    """One harbour in so many passes of one orbit, with ships that come and go."""
    config = SimulationConfig(
        seed=seed, harbours=1 + number, start=date(2023, 5, 1), days=looks * days_apart
    )
    where, _ = lay_out(config, number)
    stays = schedule(config, [where])
    scenery = draw_scenery(where, seed)
    orbit = ORBITS[number % 2]
    works = draw_works(where, scenery, orbit, seed)
    for look in range(looks):
        rng = rng_for(seed, "radar look", number, look)
        moment = config.start_utc + timedelta(days=look * days_apart, hours=9)
        present = poses(stays, where.port.id, moment, float(rng.uniform(0, 360)))
        present += under_way(f"u{number}-{look}", where, scenery.coast_m, present, rng)
        yield _seen(where, scenery, works, orbit, number % 3, present, rng)


def worlds(seed: int, count: int) -> Iterator[RadarWorld]:
    """So many harbours, one pass each, the orbits in turn."""
    config = SimulationConfig(seed=seed, harbours=count, start=date(2023, 5, 1), days=1)
    for number in range(count):
        where, stays = lay_out(config, number)
        scenery = draw_scenery(where, seed)
        orbit = ORBITS[number % 2]
        works = draw_works(where, scenery, orbit, seed)
        rng = rng_for(seed, "radar world", number)
        present = poses(stays, where.port.id, config.start_utc, float(rng.uniform(0, 360)))
        present += under_way(f"u{number}", where, scenery.coast_m, present, rng)
        yield _seen(where, scenery, works, orbit, number % 3, present, rng)


def _seen(
    where: Harbour,
    scenery: Scenery,
    works: Works,
    orbit: Orbit,
    subswath: int,
    present: Sequence[Pose],
    rng: np.random.Generator,
) -> RadarWorld:
    latitude, sea = where.port.area.centroid.y, draw_sea(rng)
    image = radar_image(scenery, works, where.window, orbit, latitude, subswath, sea, present, rng)
    shifts = [shift_of(pose, orbit, latitude) for pose in present]
    return RadarWorld(
        where.port,
        where.window,
        where.land,
        image,
        orbit,
        sea.wind_ms,
        tuple(
            TrueShip(p.x + e, p.y + n, p.ship.length_m, p.bow_deg % 180, p.berth, p.knots)
            for p, (e, n) in zip(present, shifts, strict=True)
        ),
    )
