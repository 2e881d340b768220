"""From instances to vessels: calibrated sizes, how sure they are, and whether they are cut."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.config import PIXEL_M, Calibration
from models.geometry import Corners, axes, box_corners
from models.inference.instances import Prediction, Shape, shapes

__all__ = ["Detection", "Prediction", "find_vessels"]

_END_REACH_PX = 1.5
_BROAD_M = 45.0


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
    found = [
        to_vessel(shape, calibration, pixel_m, open_pixels)
        for shape in shapes(prediction, calibration.grow)
        if _holds(open_pixels, shape.row, shape.col)
    ]
    found = [vessel for vessel in found if vessel.score >= calibration.least_score]
    return tuple(sorted(found, key=lambda vessel: (vessel.row, vessel.col)))


def to_vessel(
    shape: Shape, calibration: Calibration, pixel_m: float, open_pixels: NDArray[np.bool_]
) -> Detection:
    """A measured vessel; the network's metres are those of PIXEL_M, the image's may be others."""
    per_m = pixel_m / PIXEL_M
    beam_m = max(calibration.beam_offset_m + calibration.beam_factor * shape.beam_m, PIXEL_M / 2)
    length_m = calibration.length_offset_m + calibration.length_factor * shape.length_m
    length_m = max(length_m, beam_m)
    length_px, beam_px = length_m / PIXEL_M, beam_m / PIXEL_M
    corners = box_corners(shape.row, shape.col, length_px, beam_px, shape.heading_deg)
    expected_m = shape.length_error * shape.length_m
    return Detection(
        row=shape.row,
        col=shape.col,
        length_m=length_m * per_m,
        length_sd_m=(calibration.length_sd_base_m + calibration.length_sd_share * expected_m)
        * per_m,
        beam_m=beam_m * per_m,
        heading_deg=shape.heading_deg,
        score=score(shape, calibration),
        truncated=_is_cut(shape, length_px, open_pixels),
        corners=corners,
    )


def score(shape: Shape, calibration: Calibration) -> float:
    """The calibrated probability that an instance is a ship."""
    weighted = zip(calibration.score_weights, evidence(shape), strict=True)
    total = sum(weight * value for weight, value in weighted)
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


def evidence(shape: Shape) -> tuple[float, ...]:
    """What speaks for a ship: how sure the network is, how much its pixels agree, how it is built.

    Pieces of quays and breakwaters are what is mistaken for ships: their pixels disagree about
    centre and length, and they are too broad or too long for their breadth.
    """
    slender = math.log(shape.length_m / shape.beam_m)
    sure = min(max(shape.mean_probability, 0.01), 0.99)
    return (
        1.0,
        math.log(sure / (1 - sure)),
        math.log(shape.pixels),
        shape.fill,
        slender,
        slender**2,
        max(0.0, shape.beam_m - _BROAD_M) / 10,
        math.log(shape.length_error),
        math.log(0.5 + shape.agreement_px),
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
