"""Bootstrap intervals of statistics over ports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

RESAMPLES = 1000
LEVEL = 0.9

Unit = TypeVar("Unit")


@dataclass(frozen=True)
class Interval:
    """The central LEVEL interval of a statistic over resampled units; NaN where it is unknown."""

    low: float
    high: float


def bootstrap(
    units: Sequence[Unit],
    statistics: Callable[[Sequence[Unit]], Mapping[str, float]],
    seed: int = 0,
) -> dict[str, Interval]:
    """Percentile intervals over units (ports) resampled with replacement.

    The same units and seed give the same intervals. A resample in which a statistic is undefined
    (NaN) does not count for it. With fewer than two units all intervals are NaN.
    """
    if len(units) < 2:
        unknown = Interval(float("nan"), float("nan"))
        return dict.fromkeys(statistics(units), unknown)
    picks = np.random.default_rng(seed).integers(0, len(units), (RESAMPLES, len(units)))
    resampled = [statistics([units[k] for k in pick]) for pick in picks]
    return {name: _interval([one[name] for one in resampled]) for name in resampled[0]}


def _interval(values: Sequence[float]) -> Interval:
    known = np.array([value for value in values if not np.isnan(value)])
    if not len(known):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
