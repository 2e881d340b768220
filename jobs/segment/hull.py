"""A hull's beam at pixels fine enough to see its sides.

Along the vessel's axis every metre a profile across is taken of how much a pixel is of the ship's
colour (1 its deck's, 0 water's). A side of the hull is where it falls to half; it counts where
water follows. A hull whose sides are not both seen along most of her middle - by a quay, beside
another ship, in foam or haze - is not measured: no number stands for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import atan, cos, hypot, radians, sin, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jobs.domain import Grid, Vessel
from jobs.segment.box_pixels import pixels_under

Plane = NDArray[np.float32]
Numbers = NDArray[np.float64]

ROOM_M = 60.0
"""Of water around the network's box that is looked at."""
MIDDLE = 0.25
"""Share of the length on each side of the middle where sides are parallel, bow or stern."""
CLEAR_OF_NOISE = 8.0
"""Least distance of deck and water in deviations of the water."""
WATER_BELOW = 0.2
"""Share of the ship's colour below which it is water; it is reached within WATER_WITHIN_M."""
WATER_WITHIN_M = 11.0
"""Beyond a side: the blur of pixels of 3 m, from half to a tenth, is 5 m."""
SEEN_FROM = 0.6
"""Least share of the middle's profiles that show both sides."""
LEAST_PROFILES = 10
UNEVEN_M = 1.5
"""Largest median deviation of the widths from their median: the sides of ships are parallel."""
SLENDER = 3.5, 12.0
"""Length by beam: of ships it is 4 to 10, and the network's length errs; two side by side are
broader, a mole is longer."""
LEAST_PIXELS = 4.0
"""Across the hull as found: of narrower ones the blur from both sides lowers the deck, so that 6 m
are found as 9.6.
"""
BESIDE_M = 3.0, 7.0
"""Of a side so far inwards the deck's level is taken: outside the blur."""
STEP_M = 1.0
MEAN_ALONG_M = 6.0
"""Profiles are means over so much of the length, twice a pixel."""


BEAM_SD_M, BEAM_SD_SHARE = 0.8, 0.04
"""Error of a measured beam, besides the scatter of its profiles, and its share of the beam: on
simulated harbours (tests/bench/bench_hulls.py)."""


@dataclass(frozen=True)
class Beam:
    """A measured beam in metres and the standard deviation of its error."""

    beam_m: float
    sd_m: float


def measured_beam(
    image: Plane, grid: Grid, vessel: Vessel, others: Sequence[Vessel] = ()
) -> Beam | None:
    """The beam of a vessel in an image (band, y, x) around it, NaN where there is cloud or no data;
    None where it cannot be measured.

    ``others``: vessels nearby, whose pixels are no water.
    """
    shares = _shares(image, grid, vessel, others)
    found = None if shares is None else _between_sides(_turned(shares, grid, vessel), vessel)
    if found is None or found.beam_m < LEAST_PIXELS * grid.resolution_m:
        return None
    if not SLENDER[0] <= vessel.length_m / found.beam_m <= SLENDER[1]:
        return None
    return replace(found, sd_m=hypot(BEAM_SD_M, BEAM_SD_SHARE * found.beam_m, found.sd_m))


def _shares(image: Plane, grid: Grid, vessel: Vessel, others: Sequence[Vessel]) -> Plane | None:
    """How much each pixel is of the ship's colour, (y, x); None where it is not told from water."""
    bands = image[np.isfinite(image).any(axis=(1, 2))]
    if not len(bands):
        return None
    deck = bands[:, *pixels_under(_box(vessel, 0.6, 0.5), grid)]
    deck = deck[:, np.isfinite(deck).all(axis=0)]
    free = np.asarray(np.isfinite(bands).all(axis=0), bool)
    for each in (vessel, *others):
        free[pixels_under(_box(each, 1.0, 1.0, 15.0), grid)] = False
    around = bands[:, free]
    if deck.shape[1] < 4 or around.shape[1] < 50:
        return None
    bright = around.sum(axis=0)
    calm = around[:, bright <= np.percentile(bright, 30)]
    water = np.median(calm, axis=1)
    noise = 1.4826 * np.median(np.abs(calm - water[:, None]), axis=1) + 1e-4
    apart = np.median(deck, axis=1) - water
    weight = apart / noise**2
    scale = float(weight @ apart)
    if sqrt(scale) < CLEAR_OF_NOISE:
        return None
    found: Plane = (np.tensordot(weight, bands - water[:, None, None], 1) / scale).astype(
        np.float32
    )
    return found


def _box(
    vessel: Vessel, long: float, broad: float, more_m: float = 0.0
) -> tuple[tuple[float, float], ...]:
    """The vessel's box with its sides changed, four corners in metres."""
    middle = np.array([vessel.x, vessel.y])
    corners = np.array(vessel.corners)
    along, across = corners[1] - corners[0], corners[3] - corners[0]
    half_along = (along * long + along / np.hypot(*along) * 2 * more_m) / 2
    half_across = (across * broad + across / np.hypot(*across) * 2 * more_m) / 2
    signs = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    return tuple(
        (float(x), float(y))
        for x, y in (middle + a * half_along + b * half_across for a, b in signs)
    )


@dataclass(frozen=True)
class _Seen:
    """Shares on the vessel's axes: ``share`` (along, across), each axis in metres."""

    along: Numbers
    across: Numbers
    share: Plane


def _turned(shares: Plane, grid: Grid, vessel: Vessel) -> _Seen:
    """Shares along and across the network's axis of the vessel."""
    half = vessel.length_m / 2 + ROOM_M
    along = np.arange(-half, half + STEP_M, STEP_M)
    across = np.arange(-ROOM_M, ROOM_M + STEP_M / 2, STEP_M / 2)
    sine, cosine = sin(radians(vessel.heading_deg)), cos(radians(vessel.heading_deg))
    x = vessel.x + along[:, None] * sine + across * cosine
    y = vessel.y + along[:, None] * cosine - across * sine
    rows = (grid.top - y) / grid.resolution_m - 0.5
    columns = (x - grid.left) / grid.resolution_m - 0.5
    share = ndimage.map_coordinates(shares, [rows, columns], order=1, cval=np.nan)
    return _Seen(along, across, share)


def _between_sides(seen: _Seen, vessel: Vessel) -> Beam | None:
    """The distance of the two sides of the middle, across them, and the error by its scatter."""
    smooth = ndimage.uniform_filter1d(seen.share, round(MEAN_ALONG_M / STEP_M), axis=0)
    middle = np.flatnonzero(np.abs(seen.along) <= MIDDLE * vessel.length_m)
    found = [(seen.along[i], *_edges(smooth[i], seen.across)) for i in middle]
    both = np.array([one for one in found if np.isfinite(one).all()]).reshape(-1, 3)
    if len(both) < max(SEEN_FROM * len(middle), LEAST_PROFILES):
        return None
    at, left, right = both.T
    width = right - left
    off = np.abs(width - np.median(width))
    if np.median(off) > UNEVEN_M:
        return None
    kept = off <= 3 * UNEVEN_M
    slope = np.polyfit(at[kept], (left + right)[kept] / 2, 1)[0]  # of the heading's error
    scatter_m = 1.4826 * float(np.median(off)) / sqrt(len(both) * STEP_M / MEAN_ALONG_M)
    return Beam(float(np.median(width)) * cos(atan(slope)), scatter_m)


def _edges(profile: Plane, at: Numbers) -> tuple[float, float]:
    """The sides of the hull in a profile, metres from the axis; NaN where no water follows."""
    level = float(np.median(profile[np.abs(at) <= BESIDE_M[0]]))
    return -_edge(profile[::-1], -at[::-1], level), _edge(profile, at, level)


def _edge(values: Plane, at: Numbers, level: float) -> float:
    """Where values, from the axis outwards, fall to half of what they are just inside; NaN without
    water beyond.

    ``level``: of the deck. By it the edge is found first, then by the deck beside the edge, which
    may be darker.
    """
    out = at >= 0
    edge = _falls_to(values[out], at[out], level / 2)
    for _ in range(2):
        beside = (at >= edge - BESIDE_M[1]) & (at <= edge - BESIDE_M[0])
        if not beside.any():  # not found
            break
        edge = _falls_to(values[out], at[out], float(np.median(values[beside])) / 2)
    return edge


def _falls_to(values: Plane, at: Numbers, half: float) -> float:
    """The first place where values, going outwards, are below ``half``; NaN without water there."""
    below = np.flatnonzero(~(values >= half))
    if half < WATER_BELOW or not len(below) or below[0] == 0:
        return np.nan
    i = int(below[0])
    beyond = values[i : i + round(WATER_WITHIN_M / (at[1] - at[0]))]
    if not (beyond.min() < WATER_BELOW) or not np.isfinite(beyond).all():
        return np.nan
    inner, outer = float(values[i - 1]), float(values[i])
    return float(at[i - 1] + (at[i] - at[i - 1]) * (inner - half) / (inner - outer))
