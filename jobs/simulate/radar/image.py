"""The image of one radar pass: sea, land and ships with speckle; cloud does not show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jobs.domain import Grid, Orbit
from jobs.simulate.radar.ground import Works
from jobs.simulate.radar.hulls import points_of
from jobs.simulate.radar.points import image_of, together, with_ghosts
from jobs.simulate.radar.response import Plane, speckle
from jobs.simulate.scenery import Scenery, cloudy_noise
from jobs.simulate.traffic import Pose

SUBSWATH_AMBIGUITY_M = (5_470.0, 4_900.0, 6_010.0)
"""Of IW1 to IW3: wavelength x slant range x pulse rate / (2 x speed), with 1,717, 1,452 and
1,686 Hz at 850, 910 and 960 km."""
NOISE_DB = -29.0
"""What the subtraction of thermal noise leaves in either polarisation."""
SHELTER_M, SHELTER_DB = 500.0, 6.0
"""Within this of the coast the sea is calmer, by up to so much."""
STREAK_DB = 1.2
"""Standard deviation of the sea's brightness over some hundred metres."""
TEXTURE = (6.0, 40.0)
"""Order of the gamma-distributed texture of the sea's pixels, K distribution: spiky to none."""


@dataclass(frozen=True)
class SeaState:
    """Wind over the port in one pass."""

    wind_ms: float
    texture: float
    """Order of the K distribution."""

    def level_db(self) -> tuple[float, float]:
        """VV and VH of open sea at 38 degrees of incidence, roughly as C-band models have it."""
        stronger = 10 * math.log10(max(self.wind_ms, 1.0) / 5.0)
        return -22.5 + 1.45 * stronger, -31.0 + 1.2 * stronger


def draw_sea(rng: np.random.Generator) -> SeaState:
    """Wind of a Weibull distribution, 6 m/s in the mean; the stronger, the spikier at times."""
    return SeaState(float(6.8 * rng.weibull(2.0)) + 0.5, float(rng.uniform(*TEXTURE)))


def radar_image(
    scenery: Scenery,
    works: Works,
    grid: Grid,
    orbit: Orbit,
    latitude_deg: float,
    subswath: int,
    sea: SeaState,
    poses: Sequence[Pose],
    rng: np.random.Generator,
) -> Plane:
    """Backscatter gamma nought, linear, (polarisation, y, x)."""
    flight = orbit.flight(latitude_deg)
    wet = 1 - scenery.dry
    streaks = STREAK_DB * cloudy_noise(grid.shape, rng, 1.4, 80)
    shelter = SHELTER_DB * np.exp(-scenery.coast_m / SHELTER_M)
    texture = rng.gamma(sea.texture, 1 / sea.texture, grid.shape).astype(np.float32)
    ships = [points_of(pose, orbit, latitude_deg, rng) for pose in poses]
    points = together([works.points, *ships])
    points = with_ghosts(points, flight, SUBSWATH_AMBIGUITY_M[subswath])
    bright = image_of(points, grid, flight)
    planes = []
    for ground, target, level in zip(works.rough, bright, sea.level_db(), strict=True):
        water = wet * texture * 10 ** ((level + streaks - shelter) / 10)
        rough = ground + water + np.float32(10 ** (NOISE_DB / 10))
        planes.append(rough * speckle(grid.shape, grid.resolution_m, flight, rng) + target)
    image: Plane = np.stack(planes).astype(np.float32)
    return image
