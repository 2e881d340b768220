"""Compiled: what ships that were seen again tell of how fast the ships of a road change.

Numbers alone do not tell: a road that always holds six ships may hold the same six, or others every
day. A ship at anchor lies where it lay, so of the reports of a look some are found again at a later
look, by place and length (``found_again``), the more, the fewer of the ships have left. A report is
found again where it was of a ship, which lies there still and is detected again; or else by chance,
another ship lying there, as often as that happens months later.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from jobs.visits.compiled import njit

Floats = NDArray[np.float64]

TOGETHER = 20.0
"""Concentration of the beta-binomial numbers: ships of one look are not independent, nor are those
that lie there for weeks in look after look."""
UNRECOGNISED = -0.45
"""Of the logit of the chance to detect a ship again that was detected before: one in ten swings or
is measured beyond the gates (``tests/bench/visits/road_years.py``: 99 of 1,140)."""
AGAIN_SD = 0.5
"""Of the same: how ships differ besides by their length is not measured, nor is the share that is
recognised."""
SPREAD = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
SPREAD_WEIGHT = np.exp(-0.5 * SPREAD**2) / np.exp(-0.5 * SPREAD**2).sum()
STAGES = (1, 2, 4)
"""Of stays by Erlang's law: coefficients of variation of 1, .7 and .5."""
LAWS = len(STAGES) + 1
"""Of stays, equally likely: those, and a mixture of two exponentials whose coefficient of variation
is 1.4. After a short gap all agree: as many have left as the mean stay says."""
SHORT = 0.5 * (1 + math.sqrt(1 / 3))
"""Share of the shorter stays of the mixture; both kinds have equal shares of the ships there."""


MOST_BY_CHANCE = 0.99
"""Of the chance that some stranger is found instead: in a crowd, nothing else is certain either."""


@dataclass(frozen=True)
class SeenAgain:
    """Sure reports of looks, and how many of them were there again at the next look.

    All arrays but ``steps`` are (pair,).
    """

    gap: Floats
    """Days from the first look to the second."""
    first: NDArray[np.int32]
    """Detector of the first look."""
    second: NDArray[np.int32]
    first_clear: Floats
    """The clear share of the road, 0..1."""
    second_clear: Floats
    reports: NDArray[np.int32]
    """All of the first look."""
    sure: NDArray[np.int32]
    """Those of them whose score reaches the step of their detector."""
    again: NDArray[np.int32]
    """Those of the sure that were found again in the second look."""
    second_reports: NDArray[np.int32]
    steps: NDArray[np.intp]
    """(detector,), the step of its scores from which a report is sure; 0: all are."""
    stranger: float
    """Chance that a report is taken for that of another ship, for each report of another ship."""

    def __len__(self) -> int:
        return len(self.gap)

    @property
    def arrays(self) -> tuple[NDArray[Any] | float, ...]:
        """What the likelihood needs, in its order."""
        detectors, clear = (self.first, self.second), (self.first_clear, self.second_clear)
        numbers = (self.reports, self.sure, self.again, self.second_reports)
        return (self.gap, *detectors, *clear, *numbers, self.stranger)


def detected_again(recall_logit: Floats, within: Floats) -> Floats:
    """Chance that a ship that one detector detected is detected by another in a clear look, and is
    recognised; (point, spread, detector, detector).

    recall_logit (point, detector), of the fleet's median ship; within (detector,), the standard
    deviation of the logit within the fleet: who was detected is more easily detected than others.
    """
    nodes, weight = np.polynomial.hermite_e.hermegauss(7)
    recall = expit(recall_logit[..., None] + within[:, None] * nodes)
    weight = weight / weight.sum()
    both = np.einsum("pdn,pen,n->pde", recall, recall, weight) / (recall @ weight)[..., None]
    spread = UNRECOGNISED + AGAIN_SD * SPREAD[:, None, None]
    return np.asarray(expit(logit(both)[:, None] + spread), np.float64)


@njit(cache=True)
def share_left(law, stays):
    """Share of the ships at a place that are there still after a gap of so many mean stays.

    The residual life of a renewal process: the integral of the survival from there on, over the
    mean (Cox 1962, Renewal Theory, section 5.2).
    """
    if law < len(STAGES):
        stages = STAGES[law]
        x = stages * stays
        term, total = 1.0, 0.0
        for i in range(stages):
            total += (stages - i) * term
            term *= x / (i + 1)
        return math.exp(-x) * total / stages
    return 0.5 * (math.exp(-2 * SHORT * stays) + math.exp(-2 * (1 - SHORT) * stays))


@njit(cache=True)
def log_beta_binomial(again, reports, chance):
    """Log probability that so many of the reports are found again, without the binomial
    coefficient, which no parameter changes.
    """
    a, b = TOGETHER * chance, TOGETHER * (1.0 - chance)
    total, product = 0.0, 1.0
    for k in range(reports):
        product *= (a + k) / (TOGETHER + k) if k < again else (b + k - again) / (TOGETHER + k)
        if product < 1e-200:
            total += math.log(product)
            product = 1.0
    return total + math.log(product)


@njit(cache=True)
def _add_pair(by_case, pairs, i, dwell, false_alarms, detected):
    """Adds the log likelihood of one pair of looks, for each law and spread."""
    gap, first, second, first_clear, second_clear, reports, sure, again, others, stranger = pairs
    d, e, spread = first[i], second[i], len(detected)
    real = sure[i] / (sure[i] + false_alarms[d] * first_clear[i])
    nobody = math.log1p(-stranger)
    for law in range(LAWS):
        left = real * second_clear[i] * share_left(law, gap[i] / dwell)
        for z in range(spread):
            known = left * detected[z, d, e]
            # who is known again is no stranger to the rest
            strangers = max(others[i] - known * reports[i], 0.0)
            by_chance = min(1.0 - math.exp(nobody * strangers), MOST_BY_CHANCE)
            chance = known + (1.0 - known) * by_chance
            by_case[law * spread + z] += log_beta_binomial(again[i], sure[i], chance)


@njit(cache=True, nogil=True)
def log_likelihoods(pairs, dwell, false_alarms, detected):
    """Log likelihood of what was seen again at each parameter point; (point,).

    pairs: the arrays of ``SeenAgain``; dwell (point,), mean stay in days; false_alarms (point,
    detector), sure ones of a clear look; detected (point, spread, detector, detector), as of
    ``detected_again``.
    """
    found = np.empty(len(dwell))
    spread = detected.shape[1]
    by_case = np.empty(spread * LAWS)
    for p in range(len(dwell)):
        by_case[:] = 0.0
        for i in range(len(pairs[0])):
            _add_pair(by_case, pairs, i, dwell[p], false_alarms[p], detected[p])
        most = by_case.max()
        total = 0.0
        for law in range(LAWS):
            for z in range(spread):
                total += SPREAD_WEIGHT[z] / LAWS * math.exp(by_case[law * spread + z] - most)
        found[p] = most + math.log(total)
    return found
