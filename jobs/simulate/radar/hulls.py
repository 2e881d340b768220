"""Ships as clusters of bright points, and where the radar puts those that move."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from jobs.domain import Orbit
from jobs.simulate.radar.ground import INCIDENCE_DEG
from jobs.simulate.radar.points import Targets, targets
from jobs.simulate.settings import rng_for
from jobs.simulate.traffic import Pose, ShipType

SECTION_FACTOR, SECTION_POWER = 0.08, 7 / 3
"""Radar cross section, square metres, of a ship's length in metres (Vachon and others 1997)."""
BETWEEN_SHIPS_DB, BETWEEN_PASSES_DB = 3.0, 1.5
"""Standard deviations of a ship's section about that."""
CROSS_DB = -7.0
"""VH of a ship against VV."""
BROADSIDE_DB = 4.0
"""More where the side faces the radar."""
SHIFT_S = 116.0
"""Slant range over the satellite's speed: metres along the flight for 1 m/s towards the radar."""
POINT_M = 7.0
"""Length of hull per point."""
HOUSE_SHARE = 0.45
"""Of the section, from the superstructure."""
HOUSES: Mapping[ShipType, tuple[float, float]] = {
    ShipType.TANKER: (-0.46, -0.31),
    ShipType.BULKER: (-0.45, -0.35),
    ShipType.CONTAINER: (-0.32, -0.25),
    ShipType.GENERAL: (-0.46, -0.31),
    ShipType.FERRY: (-0.40, 0.40),
    ShipType.NAVAL: (-0.15, 0.12),
    ShipType.SMALL: (-0.30, 0.30),
}
"""Where it stands, from -0.5 at the stern to 0.5 at the bow, as in the optical image."""


def points_of(pose: Pose, orbit: Orbit, latitude_deg: float, rng: np.random.Generator) -> Targets:
    """One ship in one pass. Where its points lie is its own; how bright they are varies."""
    ship, own = pose.ship, rng_for("radar look", pose.ship.id)
    count = max(3, round(ship.length_m / POINT_M))
    houses = max(2, count // 4)
    along = np.concatenate([own.uniform(-0.5, 0.5, count), own.uniform(*HOUSES[ship.type], houses)])
    across = own.uniform(-0.4, 0.4, len(along))
    share = np.concatenate(
        [_shares(own, count) * (1 - HOUSE_SHARE), _shares(own, houses) * HOUSE_SHARE]
    )
    share *= rng.gamma(2.0, 0.5, len(share))
    level = own.normal(0, BETWEEN_SHIPS_DB) + rng.normal(0, BETWEEN_PASSES_DB)
    level += BROADSIDE_DB * _facing(pose, orbit, latitude_deg)
    section = SECTION_FACTOR * ship.length_m**SECTION_POWER * share * 10 ** (level / 10)
    cross = section * 10 ** ((CROSS_DB + rng.normal(0, 1.5, len(section))) / 10)
    sine, cosine = math.sin(math.radians(pose.bow_deg)), math.cos(math.radians(pose.bow_deg))
    ahead, starboard = along * ship.length_m, across * ship.beam_m
    east, north = shift_of(pose, orbit, latitude_deg)
    x = pose.x + east + ahead * sine + starboard * cosine
    y = pose.y + north + ahead * cosine - starboard * sine
    return targets(x, y, [section, cross])


def _shares(rng: np.random.Generator, count: int) -> np.ndarray:
    share = 10 ** (rng.normal(0, 4, count) / 10)
    return np.asarray(share / share.sum())


def _facing(pose: Pose, orbit: Orbit, latitude_deg: float) -> float:
    """1 where the ship's side faces the radar, 0 from 15 degrees off."""
    east, north = orbit.look(latitude_deg)
    bow = math.radians(pose.bow_deg)
    along = abs(east * math.sin(bow) + north * math.cos(bow))
    return max(0.0, 1 - math.degrees(math.asin(min(along, 1.0))) / 15)


def shift_of(pose: Pose, orbit: Orbit, latitude_deg: float) -> tuple[float, float]:
    """(east, north) in metres from where a ship is to where the radar shows it: velocity towards
    the radar moves it along the flight by slant range over the satellite's speed.
    """
    speed = pose.knots * 0.5144
    east, north = orbit.look(latitude_deg)
    bow = math.radians(pose.bow_deg)
    away = speed * (east * math.sin(bow) + north * math.cos(bow))
    towards = -away * math.sin(math.radians(INCIDENCE_DEG))
    along_m = SHIFT_S * towards
    return tuple(along_m * part for part in orbit.flight(latitude_deg))  # type: ignore[return-value]
