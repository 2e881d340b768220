"""How far figures may be off because these ports were looked at and not others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

DRAWS = 1000
LEVEL = 0.9

Unit = TypeVar("Unit")


@dataclass(frozen=True)
class Interval:
    """The middle LEVEL of what a figure is over resampled ports; NaN where that is not known."""

    low: float
    high: float


def bootstrap(
    units: Sequence[Unit],
    figures: Callable[[Sequence[Unit]], Mapping[str, float]],
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, Interval]:
    """Intervals of figures over units (ports) drawn anew with replacement, as many as there are.

    The same units and seed give the same intervals. A draw in which a figure is undefined (NaN)
    does not count for it. One unit alone says nothing about others: its intervals are NaN.
    """
    if len(units) < 2:
        unknown = Interval(float("nan"), float("nan"))
        return dict.fromkeys(figures(units), unknown)
    picks = np.random.default_rng(seed).integers(0, len(units), (draws, len(units)))
    drawn = [figures([units[k] for k in pick]) for pick in picks]
    return {name: _middle([figure[name] for figure in drawn]) for name in drawn[0]}


def _middle(values: Sequence[float]) -> Interval:
    known = np.array([value for value in values if not np.isnan(value)])
    if not len(known):
        return Interval(float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high))
