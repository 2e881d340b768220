"""Azimuth ambiguities: faint copies of bright targets, some kilometres along the flight.

A radar samples along its flight by pulses. What is brighter than the sea by much more than the
ambiguity ratio shows again ahead and behind, at wavelength x slant range x pulse rate / (2 x
speed). An item does not say in which of the three sub-swaths a port lies: each distance counts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jobs.segment.radar.shapes import Shape

DISTANCES_M = ((5_340.0, 5_600.0), (4_760.0, 5_040.0), (5_860.0, 6_160.0))
"""Of IW1, IW2 and IW3: near to far range of the sub-swath, pulse rates of 1,717, 1,452 and 1,686 Hz
at 7.1 km/s of beam on ground, wavelength 5.55 cm."""
ASIDE_M = 260.0
"""Off the line of flight: a few degrees of error in its direction, and the range that a copy is
displaced by."""
WEAKER_DB = (18.0, 36.0)
"""Of a copy against its original."""


def ghosts_among(
    found: Sequence[Shape],
    sources: NDArray[np.float64],
    flight: tuple[float, float],
    pixel_m: float,
) -> NDArray[np.bool_]:
    """Which shapes are copies of a source.

    ``sources``: (3, source), row, column and peak ratio of everything bright, land included;
    ``flight``: unit vector (east, north). A shape is a copy where a source lies at one of the
    distances along the flight, ahead or behind, and is brighter by WEAKER_DB.
    """
    if not len(found) or not sources.size:
        return np.zeros(len(found), bool)
    rows, cols, peaks = (np.array([getattr(s, n) for s in found]) for n in ("row", "col", "peak"))
    east = (cols[:, None] - sources[1]) * pixel_m
    north = (sources[0] - rows[:, None]) * pixel_m
    along = np.abs(east * flight[0] + north * flight[1])
    aside = np.abs(east * flight[1] - north * flight[0])
    weaker = 10 * np.log10(sources[2] / peaks[:, None])
    at = np.zeros(along.shape, bool)
    for nearest, farthest in DISTANCES_M:
        at |= (along >= nearest) & (along <= farthest)
    like = at & (aside <= ASIDE_M) & (weaker >= WEAKER_DB[0]) & (weaker <= WEAKER_DB[1])
    return np.asarray(like.any(axis=1))
