"""Rotated boxes in pixel coordinates: their corners, the pixels they cover, their overlap.

Row and column 0.0 are the centre of the first pixel; headings are in degrees clockwise from up
(towards smaller rows).
"""

import math

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Polygon

Corners = tuple[tuple[float, float], ...]
"""(row, col) of each corner, in order around the box."""

_SUBPIXELS = 5
"""Sample positions along each side of a pixel."""


def box_corners(
    row: float, col: float, length_px: float, beam_px: float, heading_deg: float
) -> Corners:
    """The four corners of a rotated box."""
    (along_row, along_col), (across_row, across_col) = axes(heading_deg)
    half_length, half_beam = length_px / 2, beam_px / 2
    return tuple(
        (
            row + end * half_length * along_row + side * half_beam * across_row,
            col + end * half_length * along_col + side * half_beam * across_col,
        )
        for end, side in ((1, -1), (1, 1), (-1, 1), (-1, -1))
    )


def axes(heading_deg: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Unit vectors (row, col) along and across a heading."""
    sine, cosine = math.sin(math.radians(heading_deg)), math.cos(math.radians(heading_deg))
    return (-cosine, sine), (sine, cosine)


def coverage(
    shape: tuple[int, int],
    row: float,
    col: float,
    length_px: float,
    beam_px: float,
    heading_deg: float,
) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """The share of each pixel of an image (y, x) of this shape that a rotated box covers.

    Returns the window of the image that the box touches (possibly empty) and the shares there,
    0..1, sampled at 5 x 5 positions per pixel.
    """
    reach = math.hypot(length_px, beam_px) / 2 + 1
    window = tuple(
        _clipped(math.floor(centre - reach), math.ceil(centre + reach) + 1, size)
        for centre, size in zip((row, col), shape, strict=True)
    )
    rows, cols = (_subpixels(part) for part in window)
    (along_row, along_col), (across_row, across_col) = axes(heading_deg)
    down, right = rows[:, None] - row, cols[None, :] - col
    along = np.abs(down * along_row + right * along_col) <= length_px / 2
    across = np.abs(down * across_row + right * across_col) <= beam_px / 2
    height, width = len(rows) // _SUBPIXELS, len(cols) // _SUBPIXELS
    inside = (along & across).reshape(height, _SUBPIXELS, width, _SUBPIXELS)
    return (window[0], window[1]), inside.mean(axis=(1, 3), dtype=np.float32)


def _clipped(start: int, stop: int, size: int) -> slice:
    start = min(max(0, start), size)
    return slice(start, max(start, min(stop, size)))


def _subpixels(part: slice) -> NDArray[np.float64]:
    """Sample positions along one side of a window."""
    count = max(0, part.stop - part.start) * _SUBPIXELS
    return np.asarray(part.start - 0.5 + (np.arange(count) + 0.5) / _SUBPIXELS)


def overlap(one: Corners, other: Corners) -> float:
    """Intersection over union of two boxes, 0..1."""
    first, second = Polygon(one), Polygon(other)
    shared = float(first.intersection(second).area)
    return shared / (float(first.area + second.area) - shared)
