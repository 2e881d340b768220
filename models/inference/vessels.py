"""From instances to vessels: calibrated sizes with standard deviations, scores, truncation."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.config import PIXEL_M, Calibration
from models.geometry import Corners, axes, box_corners
from models.inference.instances import Instance, Prediction, find_instances
from models.inference.suppression import surest

_END_REACH_PX = 1.5
"""Beyond bow and stern, data is needed up to here."""
_BROAD_M = 45.0
"""Beams above this are evidence against a ship."""


@dataclass(frozen=True)
class Detection:
    """One vessel. Pixel coordinates: 0.0 is the centre of the first pixel."""

    row: float
    col: float
    length_m: float
    length_sd_m: float
    """Standard deviation of the length."""
    beam_m: float
    heading_deg: float
    """0 <= heading < 180, clockwise from up (towards smaller rows)."""
    score: float
    """Calibrated probability that the detection is a ship, 0..1."""
    truncated: bool
    """Bow or stern lies at the image's edge, at missing data or at excluded pixels."""
    corners: Corners
    """The four (row, col) corners of the rotated box."""


def find_vessels(
    prediction: Prediction,
    calibration: Calibration,
    pixel_m: float,
    usable: NDArray[np.bool_] | None = None,
) -> tuple[Detection, ...]:
    """The vessels of a prediction, ordered by row and column; none lies on another.

    pixel_m: ground size of a pixel, in metres. usable: (y, x), False where no vessel's centre may
    lie (cloud, land); None = usable everywhere.
    """
    open_pixels = prediction.ship > 0
    if usable is not None:
        open_pixels = open_pixels & usable
    found = [
        to_vessel(instance, calibration, pixel_m, open_pixels)
        for instance in find_instances(prediction, calibration.grow)
        if _holds(open_pixels, instance.row, instance.col)
    ]
    found = [vessel for vessel in found if vessel.score >= calibration.least_score]
    found.sort(key=lambda vessel: (vessel.row, vessel.col))
    kept = surest([vessel.corners for vessel in found], [vessel.score for vessel in found])
    return tuple(found[index] for index in kept)


def to_vessel(
    instance: Instance, calibration: Calibration, pixel_m: float, open_pixels: NDArray[np.bool_]
) -> Detection:
    """An instance as a calibrated vessel; its metres are rescaled from PIXEL_M to pixel_m.

    open_pixels: (y, x), True where there is usable data.
    """
    per_m = pixel_m / PIXEL_M
    beam_m = max(calibration.beam_offset_m + calibration.beam_factor * instance.beam_m, PIXEL_M / 2)
    length_m = calibration.length_offset_m + calibration.length_factor * instance.length_m
    length_m = max(length_m, beam_m)
    length_px, beam_px = length_m / PIXEL_M, beam_m / PIXEL_M
    corners = box_corners(instance.row, instance.col, length_px, beam_px, instance.heading_deg)
    expected_m = instance.length_error * instance.length_m
    return Detection(
        row=instance.row,
        col=instance.col,
        length_m=length_m * per_m,
        length_sd_m=(calibration.length_sd_base_m + calibration.length_sd_share * expected_m)
        * per_m,
        beam_m=beam_m * per_m,
        heading_deg=instance.heading_deg,
        score=score(instance, calibration),
        truncated=_is_cut(instance, length_px, open_pixels),
        corners=corners,
    )


def score(instance: Instance, calibration: Calibration) -> float:
    """Probability that an instance is a ship, by logistic regression on its evidence."""
    weighted = zip(calibration.score_weights, evidence(instance), strict=True)
    total = sum(weight * value for weight, value in weighted)
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, total))))


def evidence(instance: Instance) -> tuple[float, ...]:
    """The nine features of the score: constant, probability, agreement of pixels, proportions.

    Most false alarms are parts of quays and breakwaters: their pixels disagree about centre and
    length, and they are too broad, or too long for their beam.
    """
    slender = math.log(instance.length_m / instance.beam_m)
    sure = min(max(instance.mean_probability, 0.01), 0.99)
    return (
        1.0,
        math.log(sure / (1 - sure)),
        math.log(instance.pixels),
        instance.fill,
        slender,
        slender**2,
        max(0.0, instance.beam_m - _BROAD_M) / 10,
        math.log(instance.length_error),
        math.log(0.5 + instance.agreement_px),
    )


def _is_cut(instance: Instance, length_px: float, open_pixels: NDArray[np.bool_]) -> bool:
    """Whether there is no usable data just beyond the bow or the stern.

    Only the ends count: a ship moored along an excluded quay is complete.
    """
    (along_row, along_col), _ = axes(instance.heading_deg)
    reach = length_px / 2 + _END_REACH_PX
    ends = (
        (instance.row + side * reach * along_row, instance.col + side * reach * along_col)
        for side in (-1, 1)
    )
    return not all(_holds(open_pixels, row, col) for row, col in ends)


def _holds(open_pixels: NDArray[np.bool_], row: float, col: float) -> bool:
    """Whether a position lies in the image and on an open pixel."""
    line, column = round(row), round(col)
    height, width = open_pixels.shape
    return 0 <= line < height and 0 <= column < width and bool(open_pixels[line, column])
