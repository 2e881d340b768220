"""Partial pooling of the berths of a port: a berth with few looks borrows from the others.

Every parameter is a standard normal number under its prior. Berths of one port share part of it:
the number of berth b is m + e_b, with m common to the port and var(m) = SHARED, var(e_b) = 1 -
SHARED. The berths are fitted separately; then m and the berths' points are drawn in turn (Gibbs),
each point weighted by its density given m. So the prior of a single berth stays the same, and the
draws of two berths are correlated as their parameters are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.visits.occupancy.importance_sampling import Posterior

Floats = NDArray[np.float64]

SHARED: Mapping[str, float] = {
    "rate": 0.3,
    "dwell": 0.5,
    "length": 0.3,
    "sd_of_length": 0.3,
    "recall": 0.8,
    "false_alarms": 0.5,
    "true_scores": 0.8,
    "false_scores": 0.5,
    "places": 0.3,
    "rate_levels": 0.3,
    "rate_changes": 0.3,
}
"""Share of the prior variance that is common to a port's berths. Judgement, not measurement: berths
of a port differ in trade, and hardly in how well ships are detected at their quays."""
WARM_UP = 50
"""Sweeps before the first that is kept."""


@dataclass(frozen=True)
class Member:
    """One berth's sampled points; names such as ``rate`` or ``recall sentinel-2-l2a``, by
    column.
    """

    sampled: Posterior
    names: tuple[str, ...]


def pooled(members: Sequence[Member], draws: int, seed: int) -> list[NDArray[np.intp]]:
    """For each berth the index of a point for each draw, (draw,); draws i are joint."""
    rng = np.random.default_rng([seed, 2])
    if len(members) < 2:
        return [member.sampled.resample(draws, rng) for member in members]
    names = sorted({name for member in members for name in member.names})
    columns = [np.array([names.index(name) for name in member.names]) for member in members]
    shared = np.array([SHARED[name.split(" ")[0]] for name in names])
    chosen = np.zeros((len(members), draws), np.intp)
    common = np.zeros(len(names))
    for sweep in range(-WARM_UP, draws):
        picks = [
            _pick(member.sampled, common[column], shared[column], rng)
            for member, column in zip(members, columns, strict=True)
        ]
        common = _common(members, columns, picks, shared, rng)
        chosen[:, max(sweep, 0)] = picks
    return list(chosen)


def _pick(sampled: Posterior, common: Floats, shared: Floats, rng: np.random.Generator) -> int:
    """A point of one berth given the common part: drawn by weight times density given it."""
    own = 1 - shared
    apart = (sampled.normal - common) ** 2 / own - sampled.normal**2
    log_weight = sampled.log_weight - 0.5 * apart.sum(axis=1)
    total = np.cumsum(np.exp(log_weight - log_weight.max()))
    return int(np.searchsorted(total, rng.random() * total[-1]).clip(0, len(total) - 1))


def _common(
    members: Sequence[Member],
    columns: Sequence[NDArray[np.intp]],
    picks: Sequence[int],
    shared: Floats,
    rng: np.random.Generator,
) -> Floats:
    """A draw of the common part given every berth's point: normal prior, normal deviations."""
    precision, pull = 1 / shared, np.zeros(len(shared))
    for member, column, pick in zip(members, columns, picks, strict=True):
        precision[column] += 1 / (1 - shared[column])
        pull[column] += member.sampled.normal[pick] / (1 - shared[column])
    return pull / precision + rng.standard_normal(len(shared)) / np.sqrt(precision)
