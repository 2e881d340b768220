"""The image of one pass: water, season, ships, haze and cloud over the static scenery."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq, irfft2, rfft2, rfftfreq
from scipy.ndimage import binary_dilation, gaussian_filter

from jobs.domain import Grid
from jobs.simulate.scenery import WINTER, Ground, Scenery, cloudy_noise
from jobs.simulate.ships import Plane, Stamp, stamp
from jobs.simulate.traffic import Pose

WATER = (0.030, 0.032, 0.017, 0.011)
"""Deep water in blue, green, red, nir; medians of real harbours."""
SILT = (0.022, 0.040, 0.034, 0.012)
"""Reflectance that a plume adds at its thickest."""
HAZE = (1.0, 0.62, 0.42, 0.20)
"""Reflectance of haze in blue, green, red, nir, relative to blue."""
SHADOW_REACH_PX = 70
"""Largest distance of a shadow from its cloud."""
NOISE = 0.0011
"""Standard deviation of the sensor's noise, reflectance."""

CLOUD_SOFT_PX = 5.0
"""Standard deviation of the blur of clouds: they have no detail finer than some tens of metres."""

OPAQUE_FROM = 0.35
"""Opacity from which cloud hides a ship, 0..1."""


@dataclass(frozen=True)
class Weather:
    """Atmosphere and sea state of one pass."""

    cloud_cover: float
    """Share of the window, 0..1."""
    haze: float
    """Reflectance added in blue."""
    glint: float
    """Reflectance of sun glint on water."""
    wind_deg: float
    """Direction, clockwise from grid north."""
    wind: float
    """0 calm .. 1 strong."""
    turbidity: float
    """Strength of silt plumes, 0..1."""


@dataclass(frozen=True)
class View:
    """Image of the whole window at one moment, with what lies behind each pixel."""

    reflectance: Plane
    """(band, y, x): blue, green, red, nir."""
    opacity: Plane
    """0..1, of the cloud."""
    shadow: Plane
    """0..1, of the cloud's shadow."""
    ships: Plane
    """Share of each pixel that is a hull."""
    mistaken: NDArray[np.bool_]
    """Bright hulls that the scene classification marks as cloud."""
    stamps: tuple[Stamp | None, ...]
    """One per pose."""
    water: Plane
    """(band, y, x) of the water alone, without weather."""


def draw_weather(rng: np.random.Generator, cloud_share: float, wind_deg: float) -> Weather:
    """Random weather; cloud cover has a U-shaped beta distribution of mean ``cloud_share``."""
    cover = float(rng.beta(1.5 * cloud_share, 1.5 * (1 - cloud_share))) if cloud_share else 0.0
    return Weather(
        cloud_cover=cover,
        haze=float(rng.gamma(2, 0.004)),
        glint=float(rng.gamma(1.2, 0.005)),
        wind_deg=wind_deg,
        wind=float(rng.beta(2, 3)),
        turbidity=float(rng.uniform(0.2, 1)),
    )


def view(
    scenery: Scenery,
    grid: Grid,
    weather: Weather,
    poses: Iterable[Pose],
    moment: datetime,
    rng: np.random.Generator,
) -> View:
    """Render the window with scenery, water, ships and weather."""
    water = _water(scenery, weather, rng)
    scene = land_in_season(scenery, moment) + (1 - scenery.dry) * water
    stamps = tuple(stamp(scene, grid, pose) for pose in poses)
    ships = _hulls(grid.shape, stamps)
    mistaken = _mistaken(grid.shape, stamps, rng)
    opacity, shadow = _clouds(grid.shape, weather.cloud_cover, rng)
    scene = through_air(scene, weather, opacity, shadow, rng)
    return View(scene, opacity, shadow, ships, mistaken, stamps, water)


def land_in_season(scenery: Scenery | Ground, moment: datetime) -> Plane:
    """Land in its season: green in July, brown in January; (band, y, x)."""
    day = moment.timetuple().tm_yday
    winter = np.float32((0.5 + 0.5 * math.cos(2 * math.pi * (day - 20) / 365)) ** 0.7)
    change = winter * np.array(WINTER, np.float32)[:, None, None] * scenery.vegetated
    ground: Plane = np.maximum(scenery.ground + change, 0.01 * scenery.dry).astype(np.float32)
    return ground


def _water(scenery: Scenery, weather: Weather, rng: np.random.Generator) -> Plane:
    """Colour of the day, silt near the coast, glint that grows across the swath, waves, foam."""
    shape = scenery.dry.shape
    patches = 1 + 0.06 * cloudy_noise(shape, rng, 1.5, 150)
    base = np.array(WATER, np.float32)[:, None, None] * patches * rng.uniform(0.75, 1.25)
    streaks = np.clip(0.5 + 0.6 * cloudy_noise(shape, rng, 1.6, 80), 0, 2)
    plume = weather.turbidity * streaks * np.exp(-scenery.coast_m / 350)
    silt = np.array(SILT, np.float32)[:, None, None] * plume
    glint = weather.glint * np.linspace(0.5, 1.5, shape[1], dtype=np.float32)
    rough = (0.0012 + 0.10 * weather.glint) * (0.4 + weather.wind)
    sheen = glint * patches + rough * _swell(shape, weather.wind_deg, rng)
    foam = (rng.random(shape, dtype=np.float32) < 4e-4 * weather.wind**2) * rng.uniform(0.01, 0.06)
    white = scenery.surf * rng.uniform(0.12, 0.4)
    water: Plane = (base + silt + sheen + foam + white).astype(np.float32)
    return water


def _swell(shape: tuple[int, int], wind_deg: float, rng: np.random.Generator) -> Plane:
    """Waves along the wind, deviation 1: the part of swells of 30 to 150 m visible at 10 m."""
    fy, fx = fftfreq(shape[0]).astype(np.float32)[:, None], rfftfreq(shape[1]).astype(np.float32)
    frequency, heading = np.hypot(fx, fy), np.arctan2(fx, -fy) - math.radians(wind_deg)
    band = np.exp(-(((frequency - 0.17) / 0.09) ** 2)) * (0.15 + np.cos(heading) ** 4)
    spectrum = rfft2(rng.standard_normal(shape, dtype=np.float32)) * band
    waves = irfft2(spectrum, s=shape).astype(np.float32)
    normal: Plane = waves / (waves.std() + np.float32(1e-9))
    return normal


def _hulls(shape: tuple[int, int], stamps: Iterable[Stamp | None]) -> Plane:
    ships = np.zeros(shape, np.float32)
    for drawn in stamps:
        if drawn is not None:
            target = ships[drawn.rows, drawn.cols]
            np.maximum(target, drawn.cover, out=target)
    return ships


def _mistaken(
    shape: tuple[int, int], stamps: Iterable[Stamp | None], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Mask of ships marked as cloud (18 % of them) with a pixel around, as in real products."""
    mistaken = np.zeros(shape, bool)
    for drawn in stamps:
        if rng.random() < 0.18 and drawn is not None:
            mistaken[drawn.rows, drawn.cols] |= binary_dilation(drawn.cover > 0.4)
    return mistaken


def _clouds(shape: tuple[int, int], cover: float, rng: np.random.Generator) -> tuple[Plane, Plane]:
    """Opacity and shadow, 0..1; the sun is in the south-east, so shadows fall to the north-west."""
    reach = SHADOW_REACH_PX
    canvas = (shape[0] + 2 * reach, shape[1] + 2 * reach)
    field = gaussian_filter(cloudy_noise(canvas, rng, 2.1, 90), CLOUD_SOFT_PX)
    field /= field.std()
    height = int(reach * rng.uniform(0.4, 1))
    if cover < 0.01:
        return np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    edge = np.quantile(field, 1 - min(cover, 0.999))
    opacity = np.clip((field - edge) / 0.7 + 0.25, 0, 1).astype(np.float32)
    opacity = opacity * opacity * (3 - 2 * opacity)
    here = opacity[reach:-reach, reach:-reach]
    sunward = opacity[reach + height :, reach + height // 2 :][: shape[0], : shape[1]]
    shadow = np.clip(gaussian_filter(sunward, 1.5) - here, 0, 1)
    return here, shadow


def through_air(
    scene: Plane,
    weather: Weather,
    opacity: Plane,
    shadow: Plane,
    rng: np.random.Generator,
    noise_sd: float = NOISE,
) -> Plane:
    """The scene with shadow, haze, cloud and the sensor's noise, whose deviation is reflectance."""
    haze = weather.haze * np.array(HAZE, np.float32)[:, None, None]
    lit = scene * (1 - 0.6 * shadow) + haze
    billows = 0.42 + 0.33 * opacity + 0.05 * cloudy_noise(opacity.shape, rng, 1.4, 40)
    seen = lit * (1 - opacity) + billows * opacity
    noise = np.float32(noise_sd) * rng.standard_normal(scene.shape, dtype=np.float32)
    measured: Plane = (seen + noise).astype(np.float32)
    return measured


# --- the scene classification -------------------------------------------------------------------


def classify(seen: View, scenery: Scenery) -> NDArray[np.uint8]:
    """Scene classification of Sentinel-2 at 20 m, with its usual errors on bright ships."""
    blue, _, red, nir = (_half(band) for band in seen.reflectance)
    opacity, shadow = _half(seen.opacity), _half(seen.shadow)
    greenness = (nir - red) / np.maximum(nir + red, 0.01)
    wet = (_half(scenery.dry) < 0.5) & (_half(seen.ships) < 0.5)
    scl = np.where(wet, 6, np.where(greenness > 0.35, 4, 5))
    scl[_half(seen.ships) >= 0.5] = 7
    scl[shadow > 0.35] = 3
    scl[opacity > 0.12] = 10
    scl[(opacity > OPAQUE_FROM) | (_half(seen.mistaken) > 0.4)] = 8
    scl[(opacity > 0.65) | ((_half(seen.mistaken) > 0.4) & (blue > 0.12))] = 9
    return scl.astype(np.uint8)


def _half(plane: NDArray[np.generic]) -> Plane:
    rows, cols = plane.shape[0] // 2, plane.shape[1] // 2
    mean: Plane = plane.astype(np.float32).reshape(rows, 2, cols, 2).mean(axis=(1, 3))
    return mean
