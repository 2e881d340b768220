"""From maps to instances: pixels that predict the same centre are one ship.

Hulls at berths touch the quay and each other, so a connected patch of ship pixels is often several
ships, or one in pieces. But every pixel also predicts its ship's centre, length, beam and heading.
Instances are separated by votes: the centre with most support is one ship, then the next among the
remaining pixels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.config import PIXEL_M
from models.dataset import HULL_PLANES, REACH_PX, USUAL_BEAM_M, USUAL_LENGTH_M
from models.geometry import axes
from models.network import Image

_ERROR = HULL_PLANES.index("error")
_LARGEST = 20.0
"""Bound of every hull output. A trained network stays far below; without it the outputs of an
untrained one would take unbounded memory."""
_LEAST_PIXELS = 3
_BLUR_PX = 1.0
_NEAR_PX = 1.5
_ALONG_SHARE = 0.2
"""Centres predicted by pixels of one ship may differ along it by this share of its length."""
_RIM_PX = 1.0
_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """The network's maps of an image."""

    ship: Image
    """(y, x) probability that the pixel is ship; 0 exactly where there is no data."""
    border: Image
    """(y, x) probability that the pixel is the edge of a hull or the seam between two."""
    hull: Image
    """(7, y, x) size, heading and centre of the pixel's ship: targets.HULL_PLANES."""


@dataclass(frozen=True)
class Instance:
    """One instance as its pixels predict it, before calibration. Metres at PIXEL_M per pixel."""

    row: float
    col: float
    length_m: float
    beam_m: float
    heading_deg: float
    length_error: float
    """The network's estimate of the length's relative error."""
    mean_probability: float
    pixels: int
    fill: float
    """Sum of the probabilities divided by the box's area in pixels; about 1 for a whole hull."""
    agreement_px: float
    """Root mean square distance of the predicted centres from the instance's."""


def find_instances(prediction: Prediction, grow: float) -> tuple[Instance, ...]:
    """The instances among the pixels with at least the probability grow, patch by patch."""
    numbered, _ = ndimage.label(prediction.ship >= grow, structure=_EIGHT_NEIGHBOURS)
    found: list[Instance] = []
    for number, window in enumerate(ndimage.find_objects(numbered), start=1):
        rows, cols = np.nonzero(numbered[window] == number)
        if len(rows) >= _LEAST_PIXELS:
            patch = _patch(prediction, rows + window[0].start, cols + window[1].start)
            found += _instances(patch)
    return tuple(found)


class _Box(NamedTuple):
    row: float
    col: float
    length_px: float
    beam_px: float
    heading_deg: float


@dataclass(frozen=True)
class _Patch:
    """The connected pixels of one patch."""

    at: Floats
    """(pixel, 2), row and column."""
    ship: Floats
    """(pixel,), probability."""
    hull: Floats
    """(pixel, 7), HULL_PLANES."""
    centre: Floats
    """(pixel, 2), the predicted centre of its ship."""
    support: Floats
    """(pixel,), smoothed sum of the probabilities of pixels that predict the same centre."""


def _patch(prediction: Prediction, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> _Patch:
    at = np.stack([rows, cols], axis=1).astype(np.float64)
    hull = np.clip(prediction.hull[:, rows, cols].T.astype(np.float64), -_LARGEST, _LARGEST)
    ship = prediction.ship[rows, cols].astype(np.float64)
    centre = at + REACH_PX * hull[:, HULL_PLANES.index("down") :]
    return _Patch(at, ship, hull, centre, _support(centre, ship))


def _support(centre: Floats, weight: Floats) -> Floats:
    """The weight of the votes near each pixel's, from a blurred histogram of the centres."""
    first = np.floor(centre.min(axis=0)) - 4
    cell = np.rint(centre - first).astype(np.intp)
    votes = np.zeros(tuple(cell.max(axis=0) + 5))
    np.add.at(votes, (cell[:, 0], cell[:, 1]), weight)
    blurred = ndimage.gaussian_filter(votes, _BLUR_PX, mode="constant")
    return np.asarray(blurred[cell[:, 0], cell[:, 1]])


def _instances(patch: _Patch) -> Iterator[Instance]:
    """The instances of a patch, the best supported first; each removes its pixels from the rest."""
    free = np.ones(len(patch.at), dtype=bool)
    for seed in np.argsort(-patch.support, kind="stable").tolist():
        if not free[seed]:
            continue
        free[seed] = False
        near = np.hypot(*(patch.centre - patch.centre[seed]).T) <= _NEAR_PX
        members = _members(patch, near & (free | (np.arange(len(free)) == seed)), free)
        if np.count_nonzero(members) < _LEAST_PIXELS:
            continue
        instance, inside = _instance(patch, members)
        free &= ~members & ~inside
        yield instance


def _members(patch: _Patch, core: NDArray[np.bool_], free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The core, and the free pixels that lie in its mean box and predict about its centre."""
    box = _mean_box(patch, core)
    along, across = _in_box(patch.at, box)
    inside = (along <= box.length_px / 2 + _RIM_PX) & (across <= box.beam_px / 2 + _RIM_PX)
    apart_along, apart_across = _in_box(patch.centre, box)
    agrees = (apart_along <= max(_NEAR_PX, _ALONG_SHARE * box.length_px)) & (
        apart_across <= max(_NEAR_PX, box.beam_px / 2)
    )
    return core | (free & inside & agrees)


def _mean_box(patch: _Patch, members: NDArray[np.bool_]) -> _Box:
    """The weighted mean of the members' boxes.

    Weights: probability divided by the estimated relative error of the length.
    """
    hull, weight = patch.hull[members], patch.ship[members] * np.exp(-patch.hull[members, _ERROR])
    row, col = np.average(patch.centre[members], axis=0, weights=weight)
    length, beam, cosine, sine = np.average(hull[:, :4], axis=0, weights=weight)
    return _Box(
        float(row),
        float(col),
        math.exp(length) * USUAL_LENGTH_M / PIXEL_M,
        math.exp(beam) * USUAL_BEAM_M / PIXEL_M,
        math.degrees(math.atan2(sine, cosine)) / 2 % 180,
    )


def _in_box(at: Floats, box: _Box) -> tuple[Floats, Floats]:
    """Distances of positions from a box's centre, along it and across, in pixels."""
    (along_row, along_col), (across_row, across_col) = axes(box.heading_deg)
    down, right = at[:, 0] - box.row, at[:, 1] - box.col
    return (
        np.abs(down * along_row + right * along_col),
        np.abs(down * across_row + right * across_col),
    )


def _instance(patch: _Patch, members: NDArray[np.bool_]) -> tuple[Instance, NDArray[np.bool_]]:
    """The instance of these pixels, and which pixels of the patch its box covers."""
    box = _mean_box(patch, members)
    along, across = _in_box(patch.at, box)
    inside = (along <= box.length_px / 2) & (across <= box.beam_px / 2)
    mass = patch.ship[members]
    apart = patch.centre[members] - np.array([box.row, box.col])
    instance = Instance(
        row=box.row,
        col=box.col,
        length_m=box.length_px * PIXEL_M,
        beam_m=box.beam_px * PIXEL_M,
        heading_deg=box.heading_deg,
        length_error=math.exp(float(np.average(patch.hull[members, _ERROR], weights=mass))),
        mean_probability=float(mass.mean()),
        pixels=len(mass),
        fill=float(mass.sum()) / (box.length_px * box.beam_px),
        agreement_px=math.sqrt(float(np.average((apart**2).sum(axis=1), weights=mass))),
    )
    return instance, inside
