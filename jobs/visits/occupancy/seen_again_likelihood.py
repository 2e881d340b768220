"""Compiled: the likelihood of what was seen again at a road, look after look."""

from __future__ import annotations

import math

import numpy as np

from jobs.visits.compiled import njit

WORTH = 0.5
"""Of what pairs of looks would tell were they independent: a ship that stays is in several of them,
and their numbers are in the counts already. With 1, intervals of simulated roads are too narrow
(docs/visits.md)."""
TOGETHER = 20.0
"""Concentration of the beta-binomial numbers: ships of one look are not independent, nor are those
that lie there for weeks in look after look."""
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
            by_case[law * spread + z] += WORTH * log_beta_binomial(again[i], sure[i], chance)


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
