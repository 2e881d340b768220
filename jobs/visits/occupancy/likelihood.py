"""From a panel to the arrays of the Markov chain: densities of each look by length class."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import lognorm, t

from jobs.visits.occupancy import berth_hmm
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.prior import LENGTH_STEP, Points, length_classes

Looks: TypeAlias = tuple[NDArray[np.generic], ...]
"""time, detector, kind, clear, fits, false_fit, the arguments of ``berth_hmm``."""

FREEDOM = 5.0
"""Degrees of freedom of measured lengths, with heavier tails than normal: wakes, tugs alongside,
half a hull."""
FALSE_MEDIAN_M, FALSE_SD = 70.0, 0.6
"""Lengths of false alarms: sheds, jetties and wakes are of any size."""


def looks_of(panel: Panel) -> Looks:
    """The looks as arrays, between two ends without observation, at day 0 and the last day."""
    number = len(panel) + 2
    time = np.concatenate([[0.0], panel.time, [panel.days]])
    kind = np.full(number, berth_hmm.NO_LOOK, np.int8)
    kind[1:-1] = np.where(panel.vessels > 0, berth_hmm.VESSEL, berth_hmm.NOTHING)
    fits = np.ones((number, len(length_classes())))
    false_fit = np.ones(number)
    fits[1:-1], false_fit[1:-1] = length_fits(panel.length_m, panel.length_sd_m)
    return (time, _padded(panel.detector), kind, _padded(panel.clear), fits, false_fit)


def length_fits(
    length_m: NDArray[np.float64], length_sd_m: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Densities (1/m) of measured lengths: (look, class) for ships, (look,) for false alarms.

    Both are 1 where no length was measured.
    """
    classes = length_classes()
    known = np.isfinite(length_m) & (length_m > 0)
    sd = np.hypot(length_sd_m[known, None], classes * LENGTH_STEP / np.sqrt(12))
    # sd of a Student number with 5 degrees of freedom is sqrt(5 / 3) of its scale
    scale = sd * np.sqrt((FREEDOM - 2) / FREEDOM)
    fits = np.ones((len(length_m), len(classes)))
    fits[known] = t.pdf((length_m[known, None] - classes) / scale, FREEDOM) / scale
    false_fit = np.ones(len(length_m))
    false_fit[known] = lognorm.pdf(length_m[known], FALSE_SD, scale=FALSE_MEDIAN_M)
    return fits, false_fit


def log_likelihood(panel: Panel, points: Points) -> NDArray[np.float64]:
    """Log likelihood of a panel at each parameter point; (point,)."""
    return at_points(looks_of(panel), points)


def at_points(looks: Looks, points: Points) -> NDArray[np.float64]:
    """Log likelihood of the arrays of ``looks_of`` at each parameter point; (point,)."""
    found: NDArray[np.float64] = berth_hmm.log_likelihoods(looks, *points.arrays)
    return found


def _padded(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate([[0], values, [0]]).astype(values.dtype)
