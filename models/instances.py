"""From the probability map to vessels: separate the hulls, measure each, say how sure it is."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import watershed

from models.geometry import Corners, axes, box_corners
from models.settings import Calibration

_LEAST_PIXELS = 3
_END_REACH_PX = 1.5
_BROAD_M = 45.0


@dataclass(frozen=True)
class Prediction:
    """What the network says of each pixel."""

    ship: NDArray[np.float32]
    """(y, x) probability that the pixel is ship; exactly 0 where, and only where, no data is"""
    border: NDArray[np.float32]
    """(y, x) probability that the pixel is the edge of a hull or the seam between two"""
    size: NDArray[np.float32] | None = None
    """(5, y, x), what each pixel of a hull says of the ship it belongs to: logarithm of its length
    and of its beam in metres, cosine and sine of twice its heading, logarithm of the relative
    error of that length; None of a network that does not say"""


@dataclass(frozen=True)
class Detection:
    """One vessel. Pixel coordinates: 0.0 = centre of the first pixel."""

    row: float
    col: float
    length_m: float
    length_sd_m: float
    beam_m: float
    heading_deg: float
    """0 <= heading < 180, clockwise from the grid's up"""
    score: float
    """0..1, the share of such detections that are ships"""
    truncated: bool
    """bow or stern lies at the image's edge, at missing data or at excluded pixels"""
    corners: Corners
    """4 (row, col) of the rotated box"""


@dataclass(frozen=True)
class Shape:
    """One instance as measured on the map, before calibration."""

    row: float
    col: float
    length_m: float
    beam_m: float
    heading_deg: float
    mean_probability: float
    pixels: int
    fill: float
    """share of its box (of moments) that its pixels cover; about 1 for a hull"""


def find_vessels(
    prediction: Prediction,
    calibration: Calibration,
    pixel_m: float,
    usable: NDArray[np.bool_] | None = None,
) -> tuple[Detection, ...]:
    """The vessels of a prediction, ordered by row and column.

    usable: (y, x), False where no vessel's centre may lie (cloud, land); None = usable everywhere.
    """
    open_pixels = prediction.ship > 0
    if usable is not None:
        open_pixels = open_pixels & usable
    shapes = measure(separate(prediction, calibration), prediction.ship, pixel_m)
    found = [
        to_vessel(shape, calibration, pixel_m, open_pixels)
        for shape in shapes
        if _holds(open_pixels, shape.row, shape.col)
    ]
    found = [vessel for vessel in found if vessel.score >= calibration.least_score]
    return tuple(sorted(found, key=lambda vessel: (vessel.row, vessel.col)))


def separate(prediction: Prediction, calibration: Calibration) -> NDArray[np.int32]:
    """Number the vessels' pixels 1, 2, ... (y, x); 0 = no vessel.

    Seeds are what is left of the hulls without their borders; each grows to its hull's edge.
    """
    inner = prediction.ship * (1 - prediction.border)
    seeds, _ = ndimage.label(inner >= calibration.seed)
    hull = prediction.ship >= calibration.grow
    grown = watershed(-inner, seeds, mask=hull)
    return np.asarray(grown, dtype=np.int32)


def measure(
    numbered: NDArray[np.int32], ship: NDArray[np.float32], pixel_m: float
) -> Iterator[Shape]:
    """Position, size and heading of each numbered vessel, from its second moments.

    A rectangle of length L has the variance L^2 / 12 along its axis; weighting by probability
    makes the size vary smoothly with what the network sees, unlike a count of pixels.
    """
    for number, window in enumerate(ndimage.find_objects(numbered), start=1):
        if window is None:
            continue
        weights = np.where(numbered[window] == number, ship[window], 0)
        if np.count_nonzero(weights) >= _LEAST_PIXELS:
            yield _moments(weights, window[0].start, window[1].start, pixel_m)


def _moments(weights: NDArray[np.float32], top: int, left: int, pixel_m: float) -> Shape:
    rows, cols = np.nonzero(weights)
    mass = weights[rows, cols].astype(np.float64)
    row, col = np.average(rows, weights=mass), np.average(cols, weights=mass)
    spread = np.cov(np.stack([rows, cols]), aweights=mass, ddof=0) + np.eye(2) / 12
    variances, directions = np.linalg.eigh(spread)
    along_row, along_col = directions[:, 1]
    beam_m, length_m = (math.sqrt(12 * variance) * pixel_m for variance in variances)
    return Shape(
        row=top + float(row),
        col=left + float(col),
        length_m=length_m,
        beam_m=beam_m,
        heading_deg=math.degrees(math.atan2(along_col, -along_row)) % 180,
        mean_probability=float(mass.mean()),
        pixels=len(mass),
        fill=len(mass) * pixel_m**2 / (length_m * beam_m),
    )


def to_vessel(
    shape: Shape, calibration: Calibration, pixel_m: float, open_pixels: NDArray[np.bool_]
) -> Detection:
    beam_m = max(calibration.beam_offset_m + calibration.beam_factor * shape.beam_m, pixel_m / 2)
    length_m = calibration.length_offset_m + calibration.length_factor * shape.length_m
    length_m = max(length_m, beam_m)
    corners = box_corners(
        shape.row, shape.col, length_m / pixel_m, beam_m / pixel_m, shape.heading_deg
    )
    return Detection(
        row=shape.row,
        col=shape.col,
        length_m=length_m,
        length_sd_m=calibration.length_sd_base_m + calibration.length_sd_share * length_m,
        beam_m=beam_m,
        heading_deg=shape.heading_deg,
        score=score(shape, calibration),
        truncated=_is_cut(shape, length_m / pixel_m, open_pixels),
        corners=corners,
    )


def score(shape: Shape, calibration: Calibration) -> float:
    """The calibrated probability that an instance is a ship."""
    weighted = zip(calibration.score_weights, evidence(shape), strict=True)
    total = sum(weight * value for weight, value in weighted)
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


def evidence(shape: Shape) -> tuple[float, ...]:
    """What speaks for a ship: how sure the network is, and how much it looks like a hull.

    Pieces of quays and breakwaters are what is mistaken for ships; they are too broad, too long
    for their breadth, or bent, so that they fill little of their box.
    """
    slender = math.log(shape.length_m / shape.beam_m)
    return (
        1.0,
        shape.mean_probability,
        math.log(shape.pixels),
        shape.fill,
        slender,
        slender**2,
        max(0.0, shape.beam_m - _BROAD_M) / 10,
    )


def _is_cut(shape: Shape, length_px: float, open_pixels: NDArray[np.bool_]) -> bool:
    """Whether what lies just before the bow or behind the stern cannot be seen.

    Only the ends count: a moored ship lies along an excluded quay and is whole all the same.
    """
    (along_row, along_col), _ = axes(shape.heading_deg)
    reach = length_px / 2 + _END_REACH_PX
    ends = (
        (shape.row + side * reach * along_row, shape.col + side * reach * along_col)
        for side in (-1, 1)
    )
    return not all(_holds(open_pixels, row, col) for row, col in ends)


def _holds(open_pixels: NDArray[np.bool_], row: float, col: float) -> bool:
    """Whether a position lies inside the image on an open pixel."""
    line, column = round(row), round(col)
    height, width = open_pixels.shape
    return 0 <= line < height and 0 <= column < width and bool(open_pixels[line, column])
