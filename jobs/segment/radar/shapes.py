"""Connected bright pixels as shapes, over rising thresholds: the tree of components.

A ship alone is one component. Beside a bright quay it is part of a large one, from which it
separates at a higher threshold, if it is brighter than the wall between: so a component that is too
large for a ship is looked at again in its brighter parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jobs.segment.radar.contrast import Contrast
from jobs.segment.radar.sea import Plane

STEP = 10**0.15
"""From one threshold to the next: 1.5 dB."""
STEPS = 24
"""Up to 34 dB above the first."""
LEAST_PX = 3
"""Pixels of a shape; its impulse response alone gives a point above the threshold some five."""
LONGEST_M, BROADEST_M = 420.0, 75.0
"""Of a ship, its blur included."""
OWN_LEVEL_DB = 11.0
"""Below a shape's own bright level its pixels are blur, side lobes and wake: they count for no
size."""
_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True)
class Shape:
    """One component, measured in pixels."""

    row: float
    col: float
    long_px: float
    """Extent along the longer axis, blur included."""
    broad_px: float
    """Across it."""
    heading_deg: float
    """Of the longer axis, 0..180 clockwise from up."""
    peak: float
    """Highest ratio to the sea."""
    total: float
    """Sum of the ratios above the sea."""
    pixels: int
    depth: int
    """Thresholds above the first at which it was found; 0 is alone in the sea."""
    rows: NDArray[np.intp]
    cols: NDArray[np.intp]


def shapes(contrast: Contrast, searched: NDArray[np.bool_], pixel_m: float) -> tuple[Shape, ...]:
    """Ship-sized shapes of bright pixels among those searched, in order of row and column."""
    relative = np.where(searched, contrast.ratio / contrast.threshold, np.float32(0))
    relative = np.nan_to_num(relative, nan=0.0, posinf=0.0)
    found = list(_parts(relative, contrast.ratio, (0, 0), 0, pixel_m))
    return tuple(sorted(found, key=lambda each: (each.row, each.col)))


def _parts(
    relative: Plane, ratio: Plane, corner: tuple[int, int], depth: int, pixel_m: float
) -> Iterator[Shape]:
    """Shapes of a window whose upper left pixel is ``corner``, from a depth on."""
    labels, _ = ndimage.label(relative > STEP**depth, _EIGHT)
    for number, part in enumerate(ndimage.find_objects(labels), start=1):
        inside = labels[part] == number
        if inside.sum() < LEAST_PX:
            continue
        here = (corner[0] + part[0].start, corner[1] + part[1].start)
        shape = measured(np.where(inside, ratio[part], 0), here, depth)
        if shape.long_px * pixel_m <= LONGEST_M and shape.broad_px * pixel_m <= BROADEST_M:
            yield shape
        elif depth < STEPS:
            lone = np.where(inside, relative[part], np.float32(0))
            yield from _parts(lone, ratio[part], here, depth + 1, pixel_m)


def measured(ratio: Plane, corner: tuple[int, int], depth: int) -> Shape:
    """The size and place of one component: ``ratio`` (y, x), 0 outside it."""
    rows, cols = np.nonzero(ratio > 0)
    level = ratio[rows, cols].astype(np.float64)
    bright = float(np.sort(level)[-min(3, len(level)) :].mean())
    own = level >= bright / 10 ** (OWN_LEVEL_DB / 10)
    y, x = rows[own].astype(np.float64), cols[own].astype(np.float64)
    weight = np.sqrt(level[own])
    middle = np.average(y, weights=weight), np.average(x, weights=weight)
    heading = _axis_deg(y - middle[0], x - middle[1], weight)
    sine, cosine = math.sin(math.radians(heading)), math.cos(math.radians(heading))
    ahead, aside = (x * sine - y * cosine), (x * cosine + y * sine)
    long_px, broad_px = (float(np.ptp(each)) + 1 for each in (ahead, aside))
    along, across = ((each.max() + each.min()) / 2 for each in (ahead, aside))
    return Shape(
        row=corner[0] - along * cosine + across * sine,
        col=corner[1] + along * sine + across * cosine,
        long_px=long_px,
        broad_px=broad_px,
        heading_deg=heading,
        peak=float(level.max()),
        total=float((level - 1).sum()),
        pixels=len(level),
        depth=depth,
        rows=rows + corner[0],
        cols=cols + corner[1],
    )


def _axis_deg(
    down: NDArray[np.float64], right: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Direction of the longer axis of weighted points, 0..180 clockwise from up."""
    up = -down
    mixed = float((weight * up * right).sum())
    apart = float((weight * (up**2 - right**2)).sum())
    return math.degrees(0.5 * math.atan2(2 * mixed, apart)) % 180
