"""Ships: hull, deck and wake, drawn on sub-pixels, blurred, and composited on a scene."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from jobs.domain import Grid
from jobs.simulate.settings import rng_for
from jobs.simulate.traffic import Pose, Ship, ShipType

Plane = NDArray[np.float32]
"""(y, x), or (band, y, x)."""

SUB_PIXEL_M = 2.0
"""About the size of sub-pixels; a whole number of them makes a pixel."""
PSF_M = 4.5
"""Standard deviation of Sentinel-2's point spread without the pixel's square: full width at half
maximum 1 pixel."""

# Reflectance in blue, green, red, nir, near the medians of labelled ships in real scenes.
RED_LEAD = (0.055, 0.060, 0.150, 0.170)
GREEN_DECK = (0.078, 0.125, 0.100, 0.150)
GREY_DECK = (0.100, 0.108, 0.115, 0.125)
BLUE_DECK = (0.125, 0.105, 0.080, 0.110)
RUST = (0.070, 0.085, 0.140, 0.165)
WHITE = (0.340, 0.350, 0.360, 0.370)
NAVY_GREY = (0.095, 0.098, 0.100, 0.105)
SAND = (0.130, 0.155, 0.180, 0.200)
COAL = (0.045, 0.045, 0.048, 0.055)
FOAM = (0.100, 0.100, 0.090, 0.080)


@dataclass(frozen=True)
class Hull:
    """Coordinates of sub-pixels in the axes of the ship."""

    along: Plane
    """-0.5 at the stern, 0.5 at the bow."""
    across: Plane
    """-0.5 to 0.5 over the beam."""


@dataclass(frozen=True)
class Stamp:
    """Place of a drawn ship on the scene, and the share of each pixel that it covers."""

    rows: slice
    cols: slice
    cover: Plane
    """0..1, (y, x) of the slices; of the hull, without wake."""


Deck = Callable[[Hull, np.random.Generator], Plane]
"""Draws the reflectance (band, y, x) of a deck."""


def stamp(scene: Plane, grid: Grid, pose: Pose, psf_m: float = PSF_M) -> Stamp | None:
    """Draw one ship onto a scene (band, y, x), in place; None when it lies outside.

    ``psf_m``: standard deviation of the sensor's point spread.
    """
    fine = max(1, round(grid.resolution_m / SUB_PIXEL_M))
    window = _window(grid, pose, fine)
    if window is None:
        return None
    rows, cols, east, north = window
    ahead, starboard = _to_ship(east, north, pose)
    hull = Hull(ahead / np.float32(pose.ship.length_m), starboard / np.float32(pose.ship.beam_m))
    inside = _outline(hull, pose.ship.type)
    colour = np.where(inside, _deck(hull, pose.ship), 0)
    wake = _wake(ahead, starboard, pose) * ~inside
    colour = colour + wake * np.array(FOAM, np.float32)[:, None, None]
    blur_px = psf_m / (grid.resolution_m / fine)
    cover = _coarse(inside.astype(np.float32), fine, blur_px)
    foam = _coarse(wake, fine, blur_px)
    target = scene[:, rows, cols]
    target *= 1 - np.clip(cover + foam, 0, 1)
    target += np.stack([_coarse(band, fine, blur_px) for band in colour])
    return Stamp(rows, cols, cover)


def _window(grid: Grid, pose: Pose, fine: int) -> tuple[slice, slice, Plane, Plane] | None:
    """Pixels that ship and wake may cover, and their sub-pixels, ``fine`` across a pixel, in metres
    from the ship's centre.
    """
    reach = math.ceil((pose.ship.length_m / 2 + _wake_length_m(pose)) / grid.resolution_m) + 4
    col = int((pose.x - grid.left) // grid.resolution_m)
    row = int((grid.top - pose.y) // grid.resolution_m)
    left, right = max(col - reach, 0), min(col + reach + 1, grid.width)
    upper, lower = max(row - reach, 0), min(row + reach + 1, grid.height)
    if left >= right or upper >= lower:
        return None
    step = grid.resolution_m / fine
    x = grid.left + (np.arange(left * fine, right * fine) + 0.5) * step - pose.x
    y = grid.top - (np.arange(upper * fine, lower * fine) + 0.5) * step - pose.y
    east, north = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    return slice(upper, lower), slice(left, right), east, north


def _to_ship(east: Plane, north: Plane, pose: Pose) -> tuple[Plane, Plane]:
    sine, cosine = (np.float32(f(math.radians(pose.bow_deg))) for f in (math.sin, math.cos))
    return east * sine + north * cosine, east * cosine - north * sine


def _outline(hull: Hull, kind: ShipType) -> NDArray[np.bool_]:
    """Mask of the hull: full amidships, pointed at the bow, a little narrower at the stern."""
    shoulder = 0.05 if kind in (ShipType.NAVAL, ShipType.SMALL) else 0.30
    bow = np.clip((hull.along - shoulder) / (0.5 - shoulder), 0, 1)
    stern = np.clip((-hull.along - 0.42) / 0.08, 0, 1)
    half_beam = 0.5 * (1 - bow**2) * (1 - 0.25 * stern**2)
    inside: NDArray[np.bool_] = (np.abs(hull.along) <= 0.5) & (np.abs(hull.across) <= half_beam)
    return inside


def _coarse(plane: Plane, fine: int, blur_px: float) -> Plane:
    """Blurred, by sub-pixels, and averaged to whole pixels of ``fine`` of them."""
    blurred = gaussian_filter(plane, blur_px, mode="nearest")
    rows, cols = plane.shape[0] // fine, plane.shape[1] // fine
    mean: Plane = blurred.reshape(rows, fine, cols, fine).mean(axis=(1, 3))
    return mean


# --- decks --------------------------------------------------------------------------------------


def _deck(hull: Hull, ship: Ship) -> Plane:
    """Reflectance (band, y, x) of a ship from above; equal in every pass."""
    rng = rng_for("look", ship.id)
    colour = DECKS[ship.type](hull, rng) * np.float32(rng.uniform(0.8, 1.3))
    rail = 0.75 + 0.25 * np.clip((0.5 - np.abs(hull.across)) / 0.12, 0, 1)
    shaded: Plane = (colour * rail).astype(np.float32)
    return shaded


def _fill(hull: Hull, colour: tuple[float, ...]) -> Plane:
    shape = (4, *hull.along.shape)
    return np.broadcast_to(np.array(colour, np.float32)[:, None, None], shape).copy()


def _put(deck: Plane, where: NDArray[np.bool_], colour: tuple[float, ...]) -> None:
    deck[:, where] = np.array(colour, np.float32)[:, None]


def _pick(rng: np.random.Generator, *colours: tuple[float, ...]) -> tuple[float, ...]:
    return colours[int(rng.integers(len(colours)))]


def _between(values: Plane, low: float, high: float) -> NDArray[np.bool_]:
    return (values >= low) & (values <= high)


def _bridge(deck: Plane, hull: Hull, low: float, high: float) -> None:
    _put(deck, _between(hull.along, low, high) & (np.abs(hull.across) < 0.44), WHITE)


def _tanker(hull: Hull, rng: np.random.Generator) -> Plane:
    deck = _fill(hull, _pick(rng, RED_LEAD, RED_LEAD, GREEN_DECK, GREY_DECK))
    pipes = (np.abs(hull.across) < 0.09) & _between(hull.along, -0.28, 0.38)
    manifold = _between(hull.along, 0.02, 0.06) & (np.abs(hull.across) < 0.4)
    _put(deck, pipes | manifold, SAND)
    _bridge(deck, hull, -0.46, -0.31)
    return deck


def _bulker(hull: Hull, rng: np.random.Generator) -> Plane:
    deck = _fill(hull, _pick(rng, RUST, RED_LEAD, GREY_DECK))
    bays = int(rng.integers(5, 8))
    phase = ((hull.along + 0.30) / 0.74 * bays) % 1
    hatches = _between(hull.along, -0.30, 0.42) & (np.abs(hull.across) < 0.34) & (phase < 0.68)
    _put(deck, hatches, _pick(rng, GREEN_DECK, SAND, GREY_DECK, COAL, BLUE_DECK))
    _bridge(deck, hull, -0.45, -0.35)
    return deck


def _container(hull: Hull, rng: np.random.Generator) -> Plane:
    deck = _fill(hull, _pick(rng, BLUE_DECK, RED_LEAD, GREY_DECK))
    bay = np.clip(((hull.along + 0.5) * 14).astype(int), 0, 13)
    row = np.clip(((hull.across + 0.5) * 4).astype(int), 0, 3)
    boxes = np.array([RED_LEAD, BLUE_DECK, SAND, WHITE, GREEN_DECK, RUST], np.float32)
    chosen = boxes[rng.integers(len(boxes), size=(14, 4))] * rng.uniform(0.8, 1.2, (14, 4, 1))
    stacks = _between(hull.along, -0.42, 0.36) & (rng.random(14)[bay] > 0.2)
    deck = np.where(stacks, np.moveaxis(chosen[bay, row], -1, 0), deck).astype(np.float32)
    _bridge(deck, hull, -0.32, -0.25)
    return deck


def _general(hull: Hull, rng: np.random.Generator) -> Plane:
    deck = _fill(hull, _pick(rng, RUST, GREEN_DECK, BLUE_DECK, RED_LEAD))
    hatch = (np.abs(hull.across) < 0.33) & (
        _between(hull.along, -0.26, 0.05) | _between(hull.along, 0.09, 0.36)
    )
    _put(deck, hatch, _pick(rng, SAND, GREY_DECK, GREEN_DECK, COAL))
    _bridge(deck, hull, -0.46, -0.31)
    return deck


def _ferry(hull: Hull, rng: np.random.Generator) -> Plane:
    deck = _fill(hull, WHITE)
    _put(deck, _between(hull.along, 0.34, 0.5), _pick(rng, GREEN_DECK, BLUE_DECK, GREY_DECK))
    _put(deck, _between(hull.along, -0.22, -0.12) & (np.abs(hull.across) < 0.2), RED_LEAD)
    return deck


def _naval(hull: Hull, rng: np.random.Generator) -> Plane:
    deck = _fill(hull, NAVY_GREY)
    house = _between(hull.along, -0.15, 0.12) & (np.abs(hull.across) < 0.35)
    _put(deck, house, tuple(float(value) * 1.6 for value in NAVY_GREY))
    return deck


def _small(hull: Hull, rng: np.random.Generator) -> Plane:
    return _fill(hull, _pick(rng, WHITE, SAND, GREY_DECK, BLUE_DECK))


DECKS: Mapping[ShipType, Deck] = {
    ShipType.TANKER: _tanker,
    ShipType.BULKER: _bulker,
    ShipType.CONTAINER: _container,
    ShipType.GENERAL: _general,
    ShipType.FERRY: _ferry,
    ShipType.NAVAL: _naval,
    ShipType.SMALL: _small,
}


# --- wakes --------------------------------------------------------------------------------------


def _wake_length_m(pose: Pose) -> float:
    return 0.0 if pose.knots < 1 else min(40 + 22 * pose.knots, 450)


def _wake(ahead: Plane, starboard: Plane, pose: Pose) -> Plane:
    """Share of foam: a fading strip astern and the two arms of the bow wave."""
    reach_m = np.float32(_wake_length_m(pose))
    if not reach_m:
        return np.zeros_like(ahead)
    astern = -pose.ship.length_m / 2 - ahead
    strip = np.exp(-((starboard / (0.3 * pose.ship.beam_m + 0.02 * np.abs(astern))) ** 2))
    fading = np.where(astern > 0, np.clip(1 - astern / reach_m, 0, 1), 0)
    behind_bow = pose.ship.length_m / 2 - ahead
    arm = np.exp(-(((np.abs(starboard) - 0.3 * behind_bow) / 4) ** 2)) * (behind_bow > 0)
    arms = 0.35 * arm * np.clip(1 - behind_bow / reach_m, 0, 1)
    strength = np.float32(min(pose.knots / 14, 1))
    wake: Plane = strength * np.clip(strip * fading + arms, 0, 1).astype(np.float32)
    return wake
