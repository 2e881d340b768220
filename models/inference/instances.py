"""From maps to instances: pixels that name the same centre are one ship.

Hulls at berths touch the quay and each other, so a connected patch of ship pixels is often several
ships, or one in pieces. But every pixel also says where the centre of its ship lies and how long,
broad and turned it is: where most voices agree a ship is told first, then the next among the rest.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.config import PIXEL_M
from models.dataset.targets import HULL_PLANES, REACH_PX, USUAL_BEAM_M, USUAL_LENGTH_M
from models.geometry import axes

_ERROR = HULL_PLANES.index("error")
_WILDEST = 20.0
"""What no pixel of a network that has learned says; it bounds the memory that an unlearned one's
wild ways would take."""
_LEAST_PIXELS = 3
_BLUR_PX = 1.0
_NEAR_PX = 1.5
_ALONG_SHARE = 0.2
"""Pixels of one ship may differ about its centre by this share of its length, along it."""
_RIM_PX = 1.0
_EIGHT = np.ones((3, 3), dtype=bool)

Image = NDArray[np.float32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Prediction:
    """What the network says of each pixel."""

    ship: Image
    """(y, x) probability that the pixel is ship; exactly 0 where, and only where, no data is"""
    border: Image
    """(y, x) probability that the pixel is the edge of a hull or the seam between two"""
    hull: Image
    """(7, y, x), what each pixel says of the ship it belongs to, targets.HULL_PLANES"""


@dataclass(frozen=True)
class Shape:
    """One instance as its pixels say it is, before calibration. Lengths in metres at PIXEL_M."""

    row: float
    col: float
    length_m: float
    beam_m: float
    heading_deg: float
    length_error: float
    """the network's own guess of the length's relative error"""
    mean_probability: float
    pixels: int
    fill: float
    """sum of the probabilities over the box's area; about 1 for a whole hull"""
    agreement_px: float
    """how far apart the pixels see its centre, root mean square"""


def shapes(prediction: Prediction, grow: float) -> tuple[Shape, ...]:
    """The instances among the pixels that are ship with at least grow, patch by patch."""
    numbered, _ = ndimage.label(prediction.ship >= grow, structure=_EIGHT)
    found: list[Shape] = []
    for number, window in enumerate(ndimage.find_objects(numbered), start=1):
        rows, cols = np.nonzero(numbered[window] == number)
        if len(rows) >= _LEAST_PIXELS:
            patch = _patch(prediction, rows + window[0].start, cols + window[1].start)
            found += _ships(patch)
    return tuple(found)


class _Box(NamedTuple):
    row: float
    col: float
    length_px: float
    beam_px: float
    heading_deg: float


@dataclass(frozen=True)
class _Patch:
    """Connected pixels: (pixel, 2) or (pixel,) each."""

    at: Floats
    ship: Floats
    says: Floats
    """(pixel, 7), HULL_PLANES"""
    centre: Floats
    """where each says its ship's centre lies, (row, col)"""
    support: Floats
    """how many others say the same"""


def _patch(prediction: Prediction, rows: NDArray[np.intp], cols: NDArray[np.intp]) -> _Patch:
    at = np.stack([rows, cols], axis=1).astype(np.float64)
    says = np.clip(prediction.hull[:, rows, cols].T.astype(np.float64), -_WILDEST, _WILDEST)
    ship = prediction.ship[rows, cols].astype(np.float64)
    centre = at + REACH_PX * says[:, HULL_PLANES.index("down") :]
    return _Patch(at, ship, says, centre, _support(centre, ship))


def _support(centre: Floats, weight: Floats) -> Floats:
    """The weight of the voices near each, from a blurred count of them."""
    first = np.floor(centre.min(axis=0)) - 4
    cell = np.rint(centre - first).astype(np.intp)
    votes = np.zeros(tuple(cell.max(axis=0) + 5))
    np.add.at(votes, (cell[:, 0], cell[:, 1]), weight)
    blurred = ndimage.gaussian_filter(votes, _BLUR_PX, mode="constant")
    return np.asarray(blurred[cell[:, 0], cell[:, 1]])


def _ships(patch: _Patch) -> Iterator[Shape]:
    """The ships of a patch, the best supported first; each takes its pixels away."""
    free = np.ones(len(patch.at), dtype=bool)
    for seed in np.argsort(-patch.support, kind="stable").tolist():
        if not free[seed]:
            continue
        free[seed] = False
        near = np.hypot(*(patch.centre - patch.centre[seed]).T) <= _NEAR_PX
        members = _members(patch, near & (free | (np.arange(len(free)) == seed)), free)
        if np.count_nonzero(members) < _LEAST_PIXELS:
            continue
        shape, inside = _shape(patch, members)
        free &= ~members & ~inside
        yield shape


def _members(patch: _Patch, core: NDArray[np.bool_], free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The free pixels that lie in the box which the core describes and agree about its centre."""
    box = _mean_box(patch, core)
    along, across = _in_box(patch.at, box)
    lies = (along <= box.length_px / 2 + _RIM_PX) & (across <= box.beam_px / 2 + _RIM_PX)
    apart_along, apart_across = _in_box(patch.centre, box)
    agrees = (apart_along <= max(_NEAR_PX, _ALONG_SHARE * box.length_px)) & (
        apart_across <= max(_NEAR_PX, box.beam_px / 2)
    )
    return core | (free & lies & agrees)


def _mean_box(patch: _Patch, members: NDArray[np.bool_]) -> _Box:
    """The box that the members tell of together; those weigh more that are surer of its length."""
    says, weight = patch.says[members], patch.ship[members] * np.exp(-patch.says[members, _ERROR])
    row, col = np.average(patch.centre[members], axis=0, weights=weight)
    length, beam, cosine, sine = np.average(says[:, :4], axis=0, weights=weight)
    return _Box(
        float(row),
        float(col),
        math.exp(length) * USUAL_LENGTH_M / PIXEL_M,
        math.exp(beam) * USUAL_BEAM_M / PIXEL_M,
        math.degrees(math.atan2(sine, cosine)) / 2 % 180,
    )


def _in_box(at: Floats, box: _Box) -> tuple[Floats, Floats]:
    """How far positions lie from a box's centre, along it and across."""
    (along_row, along_col), (across_row, across_col) = axes(box.heading_deg)
    down, right = at[:, 0] - box.row, at[:, 1] - box.col
    return (
        np.abs(down * along_row + right * along_col),
        np.abs(down * across_row + right * across_col),
    )


def _shape(patch: _Patch, members: NDArray[np.bool_]) -> tuple[Shape, NDArray[np.bool_]]:
    """What the members make, and which pixels of the patch its box covers."""
    box = _mean_box(patch, members)
    along, across = _in_box(patch.at, box)
    inside = (along <= box.length_px / 2) & (across <= box.beam_px / 2)
    mass = patch.ship[members]
    apart = patch.centre[members] - np.array([box.row, box.col])
    shape = Shape(
        row=box.row,
        col=box.col,
        length_m=box.length_px * PIXEL_M,
        beam_m=box.beam_px * PIXEL_M,
        heading_deg=box.heading_deg,
        length_error=math.exp(float(np.average(patch.says[members, _ERROR], weights=mass))),
        mean_probability=float(mass.mean()),
        pixels=len(mass),
        fill=float(mass.sum()) / (box.length_px * box.beam_px),
        agreement_px=math.sqrt(float(np.average((apart**2).sum(axis=1), weights=mass))),
    )
    return shape, inside
