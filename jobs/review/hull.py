"""Hulls drawn by hand: a ship from its outline, and whether two outlines are one ship's."""

from __future__ import annotations

import math

import numpy as np
from shapely.geometry import Polygon

from jobs.domain import Grid, Vessel
from jobs.errors import InputError
from jobs.review.decision import Corners
from jobs.visits import HULL_SD_M

SHORTEST_M, LONGEST_M = 5.0, 500.0
SAME_FROM = 0.3
"""Overlap (intersection over union) from which two outlines are the same ship."""

SAME_BOX_FROM = 0.5
"""Overlap from which a hull was drawn over one that was there; two ships side by side have less."""


def vessel_from(corners: Corners, score: float) -> Vessel:
    """The ship in the least rectangle around an outline; InputError for what is no ship's."""
    outline = Polygon(corners)
    rectangle = outline.minimum_rotated_rectangle
    if not isinstance(rectangle, Polygon) or outline.area <= 0:
        raise InputError("the hull is a line or a point; draw its outline")
    points = np.array(rectangle.exterior.coords[:4])
    sides = np.roll(points, -1, axis=0) - points
    lengths = np.hypot(*sides.T)
    along = sides[int(np.argmax(lengths))]
    length_m, beam_m = float(lengths.max()), float(lengths.min())
    if not SHORTEST_M <= length_m <= LONGEST_M:
        raise InputError(
            f"the hull is {length_m:.0f} m long; expected {SHORTEST_M:.0f} to {LONGEST_M:.0f} m"
        )
    centre = rectangle.centroid
    return Vessel(
        x=float(centre.x),
        y=float(centre.y),
        length_m=length_m,
        length_sd_m=HULL_SD_M,
        beam_m=beam_m,
        heading_deg=math.degrees(math.atan2(along[0], along[1])) % 180,
        score=score,
        truncated=False,
        corners=tuple((float(x), float(y)) for x, y in points),
    )


def check_inside(corners: Corners, grid: Grid) -> None:
    """Refuse a hull whose middle lies outside the port's grid."""
    left, bottom, right, top = grid.bounds
    x, y = np.mean(corners, axis=0)
    if not (left <= x <= right and bottom <= y <= top):
        raise InputError("the hull lies outside the port's grid; draw it on the picture")


def overlap(one: Corners, other: Corners) -> float:
    """Intersection over union of two outlines, 0..1."""
    first, second = Polygon(one), Polygon(other)
    if not (first.is_valid and second.is_valid) or not first.area + second.area:
        return 0.0
    shared = first.intersection(second).area
    return float(shared / (first.area + second.area - shared))


def same_box(one: Corners, other: Corners, within_m: float = 1.0) -> bool:
    """Whether two boxes have the same corners, up to the rounding of published coordinates."""
    if len(one) != len(other):
        return False
    return bool(np.abs(np.subtract(one, other)).max(initial=0.0) <= within_m)
