"""Ships in one radar image: contrast with the sea, shapes, their scores, and no ghosts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jobs.domain import Orbit
from jobs.segment.radar.contrast import Contrast, contrast_of
from jobs.segment.radar.evidence import crowding, evidence
from jobs.segment.radar.ghosts import ghosts_among
from jobs.segment.radar.sea import Mask, Plane
from jobs.segment.radar.shapes import STEP, Shape, shapes

WEIGHTS = (
    -11.206,
    -0.97,
    2.487,
    0.154,
    0.927,
    2.177,
    -3.131,
    -2.805,
    0.246,
    -0.407,
    -2.023,
    -0.045,
)
"""Of the evidence, fitted to simulated harbours (tests/bench/bench_radar.py)."""
LEAST_SCORE, LEAST_SCORE_AT_QUAY = 0.4, 0.1
"""Of a reported ship. By the quay little is certain in one look: what always stands there is told
later, by the port's background of the same orbit."""


@dataclass(frozen=True)
class LengthFit:
    """A ship's length by the extent of its shape, blur included, and the error of that."""

    offset_m: float
    factor: float
    sd_m: float


OPEN_WATER = LengthFit(-15.0, 1.07, 21.0)
AT_QUAY = LengthFit(90.0, 0.27, 49.0)
"""Fitted to the same harbours. Beside a quay a shape is part of a ship or more than it, and says
little of its length: the usual one of the fleet, plus or minus half of it."""
SHORTEST_M = 20.0
SLENDERNESS = 6.3
"""Length by beam of the boxes that are drawn; the beam is not measured, the blur is broader."""


@dataclass(frozen=True)
class RadarShip:
    """One detection, in pixels of the grid: 0.0 is the centre of the first."""

    row: float
    col: float
    length_m: float
    length_sd_m: float
    heading_deg: float
    """0 <= heading < 180, clockwise from up."""
    score: float
    truncated: bool
    """It touches the edge of the image or of its data."""


@dataclass(frozen=True)
class RadarFinding:
    """What one image shows."""

    ships: tuple[RadarShip, ...]
    probability: Plane
    """(y, x): the score of the shape that a pixel is part of, 0 elsewhere."""
    ghosts: int
    """Shapes that were left out as azimuth ambiguities."""


def find_ships(
    image: Plane,
    land: Mask,
    quays: Mask,
    orbit: Orbit | None,
    latitude_deg: float,
    pixel_m: float,
) -> RadarFinding:
    """The ships of an image (VV and VH, y, x), linear gamma nought, NaN where unknown.

    land: the land mask, (y, x); no ship is looked for on it, but for the surroundings of quays
    (``quays``). Without an orbit ghosts stay.
    """
    contrast = contrast_of(image, ~land)
    taken = contrast.bright | land
    known: Mask = np.asarray(np.isfinite(image).any(axis=0))
    found = shapes(contrast, ~land | quays, pixel_m)
    scores = np.array([_score(each, taken, pixel_m) for each in found])
    least = np.array(
        [LEAST_SCORE_AT_QUAY if _at(quays, s) else LEAST_SCORE for s in found], np.float64
    )
    ghost = np.zeros(len(found), bool)
    if orbit is not None:
        flight = orbit.flight(latitude_deg)
        ghost = ghosts_among(found, _sources(contrast), flight, pixel_m)
    kept = np.flatnonzero((scores >= least) & ~ghost)
    probability = np.zeros(land.shape, np.float32)
    for number in kept:
        shape = found[number]
        probability[shape.rows, shape.cols] = scores[number]
    ships = tuple(
        _ship(found[n], float(scores[n]), _at(quays, found[n]), known, pixel_m) for n in kept
    )
    return RadarFinding(ships, probability, int((ghost & (scores >= least)).sum()))


def _score(shape: Shape, taken: Mask, pixel_m: float) -> float:
    total = float(evidence(shape, crowding(shape, taken), pixel_m) @ np.array(WEIGHTS))
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


def _ship(shape: Shape, score: float, at_quay: bool, known: Mask, pixel_m: float) -> RadarShip:
    fit = AT_QUAY if at_quay else OPEN_WATER
    length_m = fit.offset_m + fit.factor * shape.long_px * pixel_m
    return RadarShip(
        row=shape.row,
        col=shape.col,
        length_m=max(length_m, SHORTEST_M),
        length_sd_m=fit.sd_m,
        heading_deg=shape.heading_deg,
        score=score,
        truncated=_is_cut(shape, known),
    )


def _is_cut(shape: Shape, known: Mask) -> bool:
    height, width = known.shape
    top, bottom = shape.rows.min() - 1, shape.rows.max() + 1
    left, right = shape.cols.min() - 1, shape.cols.max() + 1
    if top < 0 or left < 0 or bottom >= height or right >= width:
        return True
    return not bool(known[top : bottom + 1, left : right + 1].all())


def _at(where: Mask, shape: Shape) -> bool:
    rows, columns = where.shape
    row = min(max(round(shape.row), 0), rows - 1)
    column = min(max(round(shape.col), 0), columns - 1)
    return bool(where[row, column])


def _sources(contrast: Contrast) -> NDArray[np.float64]:
    """(3, source): row, column and ratio of local maxima that may cast a ghost, also on land."""
    ratio = np.nan_to_num(contrast.ratio, nan=0.0)
    strong = ratio > contrast.threshold * STEP**12  # 18 dB: weaker ones cast nothing visible
    peaks = strong & (ratio == ndimage.maximum_filter(ratio, 5))
    rows, cols = np.nonzero(peaks)
    return np.array([rows, cols, ratio[rows, cols]], np.float64)
