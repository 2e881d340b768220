"""When traffic changed, began or ended, from the histories' rates by calendar month.

Each history has a rate in every month. The share of the histories whose rate changes at a month's
border is the probability that it did, given the looks and the prior; so it is to be read with the
probability that the prior alone gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.visits.occupancy.rate_levels import Levels

Floats = NDArray[np.float64]

NO_CALLS_PER_DAY = 1 / 365
"""Less than a ship a year is no traffic."""
BEGINS_BY = 5.0
"""Traffic begins or ends where it crosses NO_CALLS_PER_DAY by this factor at least."""
SAME = 1e-9
"""Relative difference of rates that are one."""
PRIOR_POINTS = 10_000
"""Of the prior's probabilities: that of a beginning, of about .004, is right to a fifth."""
MOST_FACTOR = 1000.0
"""A rise from no traffic has no greater factor."""


@dataclass(frozen=True)
class RateChanges:
    """What histories say of the borders before the second month and each later one; (border,)."""

    changed: Floats
    """Probability that the rate changed there."""
    began: Floats
    """Probability that traffic began there: none before it, and some after it."""
    ended: Floats
    """Probability that traffic ended there."""
    factor: NDArray[np.float64]
    """(border, 3): 5, 50 and 95 % of the factor of those that changed; NaN where none did."""
    ever: float
    """Probability that the rate changed at any of them."""


def rate_changes(calls_per_day: Floats) -> RateChanges:
    """The changes of rates by (history, month)."""
    before, after = calls_per_day[:, :-1], calls_per_day[:, 1:]
    changed = np.abs(after - before) > SAME * np.maximum(before, after)
    return RateChanges(
        changed=changed.mean(axis=0),
        began=_begins(before, after).mean(axis=0),
        ended=_begins(after, before).mean(axis=0),
        factor=_factors(before, after, changed),
        ever=float(changed.any(axis=1).mean()),
    )


def _begins(before: Floats, after: Floats) -> NDArray[np.bool_]:
    none = (before < NO_CALLS_PER_DAY) & (after >= NO_CALLS_PER_DAY)
    return none & (after >= BEGINS_BY * before)


def _factors(before: Floats, after: Floats, changed: NDArray[np.bool_]) -> Floats:
    factor = np.clip(after / np.maximum(before, 1e-12), 1 / MOST_FACTOR, MOST_FACTOR)
    found = np.full((before.shape[1], 3), np.nan)
    for border in np.flatnonzero(changed.any(axis=0)):
        found[border] = np.quantile(factor[changed[:, border], border], [0.05, 0.5, 0.95])
    return found


def drawn_factors(levels: Levels, months: int, rng: np.random.Generator) -> Floats:
    """A path of the factor of the rate for each point, as the prior has it; (point, month)."""
    _, factor, start, share, change = levels
    points = np.arange(len(change))
    level = _drawn(start, rng)
    path = np.empty((len(change), months))
    for month in range(months):
        if month > 0:
            anew = rng.random(len(change)) < change
            level = np.where(anew, _drawn(share, rng), level)
        path[:, month] = factor[points, level]
    return path


def _drawn(chances: Floats, rng: np.random.Generator) -> NDArray[np.intp]:
    """A level of each point, by its chances (point, level)."""
    summed = np.cumsum(chances, axis=1)
    at = rng.random((len(chances), 1)) * summed[:, -1:]
    return np.asarray((summed <= at).sum(axis=1).clip(0, chances.shape[1] - 1), np.intp)
