"""What the score of a report says: how often ships, and false alarms, are reported with each.

Errors measured from several scores on (``ScoreStep``) give, for each class of scores between two of
them, the share of the reported ships and of the false alarms. Neither share is that of every port:
each has a level of its own, as recall and false alarms have, which the looks narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from jobs.visits.occupancy.detector import Detector, ScoreStep
from jobs.visits.occupancy.panel import Panel

Floats = NDArray[np.float64]

TRUE_SD = 0.7
FALSE_SD = 0.7
"""Standard deviation, from port to port, of the logit of the share of reports that reach the next
step, of ships and of false alarms. Judgement: one date of a port cannot show it."""
LEAST_SHARE = 1e-4
"""No share is surer than this: what was never measured may yet happen."""
UNKNOWN_SCORE = -1
"""The class of a report whose score is not known; it is as probable of a ship as of none."""
SURE_SHARE = 0.5
NUMBERS = 2
"""Standard normal numbers of each detector: of the shares of ships, and of false alarms."""


def steps_of(detectors: Sequence[Detector]) -> int:
    """The most steps that any of the detectors has; 0 where no score says anything."""
    return max((len(detector.steps) for detector in detectors), default=0)


def numbers_of(detectors: Sequence[Detector]) -> int:
    """How many standard normal numbers the shares of the detectors take."""
    return NUMBERS * len(detectors) if steps_of(detectors) else 0


def sure_step(detector: Detector) -> int:
    """The highest step that half of the ships reach whose length is REFERENCE_LENGTH_M; 0 for none.

    From there on false alarms are fewest beside what is left of the ships.
    """
    reach = [number for number, step in enumerate(detector.steps, 1) if _half(step, detector)]
    return max(reach, default=0)


def sure_from(detector: Detector) -> float:
    """The score from which a report is sure by ``sure_step``."""
    step = sure_step(detector)
    return detector.steps[step - 1].from_score if step else 0.0


def _half(step: ScoreStep, detector: Detector) -> bool:
    return step.recall >= SURE_SHARE * detector.recall


def score_names(detectors: Sequence[Detector], place: str) -> tuple[str, ...]:
    """Of these numbers, for ``partial_pooling``."""
    if not numbers_of(detectors):
        return ()
    of_both = ("true_scores", "false_scores")
    return tuple(f"{name} {each.sensor} {place}" for name in of_both for each in detectors)


def score_classes(panel: Panel) -> NDArray[np.int64]:
    """(look, report), the class of each score, counted from 0; UNKNOWN_SCORE where there is none
    and where the detector's were not measured.
    """
    if panel.reports is None:
        return np.empty((len(panel), 0), np.int64)
    score = panel.reports.score
    found = np.full(score.shape, UNKNOWN_SCORE, np.int64)
    for number, detector in enumerate(panel.detectors):
        looks = panel.detector == number
        if detector.steps:
            edges = [step.from_score for step in detector.steps]
            found[looks] = np.searchsorted(edges, score[looks], side="right")
    found[np.isnan(score)] = UNKNOWN_SCORE
    return found


def least_of_ships(recalls: Sequence[Floats], shift: Floats, most: int) -> Floats:
    """Share of the reported ships with a score of each class or a higher one.

    recalls: of all reports and from each step on, each of (point, ...). shift: (point,), standard
    normal. Returns (point, most + 2, ...): 1 of the lowest class, 0 beyond the highest.
    """
    ratios = [after / before for before, after in pairwise(recalls)]
    found = np.zeros((len(shift), most + 2, *recalls[0].shape[1:]))
    return _filled(found, ratios, TRUE_SD * shift)


def least_of_false_alarms(detector: Detector, shift: Floats, most: int) -> Floats:
    """As ``least_of_ships``, of false alarms; (point, most + 2)."""
    shares = [1.0, *(step.false_share for step in detector.steps)]
    ratios = [np.full(len(shift), after / before) for before, after in pairwise(shares)]
    return _filled(np.zeros((len(shift), most + 2)), ratios, FALSE_SD * shift)


def _filled(found: Floats, ratios: Sequence[Floats], shift: Floats) -> Floats:
    """The shares, from those of one step among the reports that reach the one before."""
    found[:, 0] = 1.0
    for number, ratio in enumerate(ratios):
        level = logit(np.clip(ratio, LEAST_SHARE, 1 - LEAST_SHARE))
        moved = shift.reshape(-1, *(1,) * (level.ndim - 1))
        found[:, number + 1] = found[:, number] * expit(level + moved)
    return found
