"""From a panel to the arrays of the Markov chain: densities of each look by length class."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import lognorm, t

from jobs.visits.occupancy import berth_hmm
from jobs.visits.occupancy.panel import ACCEPTED, Panel
from jobs.visits.occupancy.prior import LENGTH_STEP, Points, length_classes
from jobs.visits.occupancy.rate_levels import Levels, one_rate
from jobs.visits.occupancy.scores import UNKNOWN_SCORE, score_classes

Looks: TypeAlias = tuple[NDArray[np.generic], ...]
"""time, detector, kind, clear, fits, false_fit, said, score, the arguments of ``berth_hmm``."""

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
    kind[1:-1], said = kinds_of(panel)
    fits = np.ones((number, len(length_classes())))
    false_fit = np.ones(number)
    fits[1:-1], false_fit[1:-1] = length_fits(panel.length_m, panel.length_sd_m)
    whole = np.ones((number, 3))
    whole[1:-1] = said
    score = _padded(scores_of(panel))
    return (
        time,
        _padded(panel.detector),
        kind,
        _padded(panel.clear),
        fits,
        false_fit,
        whole,
        score,
    )


def kinds_of(panel: Panel) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """The kind of every look, (look,), and the probability of what reviewers said, (look, 3).

    The network's report and the reviewer's word are one observation: its errors are learned from
    all looks, reviewed or not. If reviewed looks had the reviewer's errors alone, what is left to
    the network would be a choice of looks, and its recall and false alarms be wrong.
    """
    kind = np.where(panel.vessels > 0, berth_hmm.VESSEL, berth_hmm.NOTHING).astype(np.int8)
    said = np.ones((len(panel), 3))
    if panel.review is None:
        return kind, said
    review, missed, invented = panel.review, panel.review.missed, panel.review.invented
    accepted, drawn = review.accepted > 0, (review.drawn > 0) & ~(review.accepted > 0)
    reported = panel.reported > 0
    rejected = (review.rejected > 0) & (panel.vessels == 0)
    kind[rejected] = berth_hmm.REJECTED
    kind[drawn] = np.where(reported, berth_hmm.REPLACED, berth_hmm.DRAWN)[drawn]
    said[accepted] = (1 - missed, invented, invented)
    said[rejected] = (missed, 1 - invented, 1 - invented)
    said[drawn & ~reported] = (1, 1 - missed, invented)
    said[drawn & reported] = (missed, (1 - invented) * (1 - missed), (1 - invented) * invented)
    empty = review.whole & (panel.vessels == 0)
    said[empty] *= (1, missed, 1 - invented)
    return kind, said


def scores_of(panel: Panel) -> NDArray[np.int64]:
    """The class of the surest report of each look, of those that a reviewer accepted if there are
    any; (look,), UNKNOWN_SCORE where it is not known or there is none.
    """
    classes = score_classes(panel)
    if panel.reports is None or not classes.shape[1]:
        return np.full(len(panel), UNKNOWN_SCORE, np.int64)
    first = np.argmax(panel.reports.verdict == ACCEPTED, axis=1)  # 0 where none is
    return np.asarray(classes[np.arange(len(panel)), first])


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
    """Log likelihood of a panel at each parameter point, with one rate; (point,)."""
    looks = looks_of(panel)
    month = np.zeros(len(looks[0]), np.int64)
    return at_points(looks, month, one_rate(len(points.rate)), points)


def at_points(
    looks: Looks, month: NDArray[np.int64], levels: Levels, points: Points
) -> NDArray[np.float64]:
    """Log likelihood of the arrays of ``looks_of`` at each parameter point; (point,).

    month and levels as of ``rate_levels``.
    """
    found: NDArray[np.float64] = berth_hmm.log_likelihoods(looks, month, levels, *points.arrays)
    return found


def _padded(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.concatenate([[0], values, [0]]).astype(values.dtype)
