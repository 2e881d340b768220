"""The prior of a berth for one ship, with its sources, and its parameter points."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from jobs.errors import InputError
from jobs.visits.occupancy.detector import Detector, recall_logit
from jobs.visits.occupancy.rate_levels import CHANGES, ChangePrior
from jobs.visits.occupancy.scores import (
    least_of_false_alarms,
    least_of_ships,
    numbers_of,
    steps_of,
)

LENGTH_STEP = 0.1
"""Width of a length class in ln: 9 m at 90 m, finer than one look measures."""
SHORTEST_M, LONGEST_M = 25.0, 420.0


@dataclass(frozen=True)
class BerthPrior:
    """Lognormal prior of the traffic of one berth for one ship.

    ``*_sd`` are standard deviations of the natural logarithm.
    """

    rate_median_per_day: float = 1 / 6
    """Ships a day that come to the berth while it is empty."""
    rate_sd: float = 1.2
    """95 % between one ship in 63 days and 1.8 a day: wide, so that the looks decide."""
    dwell_median_days: float = 1.5
    """The mean stay."""
    dwell_sd: float = 0.35
    """95 % of .75 to 3 days."""
    stages: tuple[int, ...] = (1, 2, 4, 8)
    """Erlang stages of a stay, equally likely: from exponential to a coefficient of
    variation of .35."""
    length_median_m: float = 90.0
    length_median_sd: float = 0.3
    length_sd: float = 0.3
    """Standard deviation of ln length in the fleet that calls here."""
    length_sd_sd: float = 0.4
    changes: ChangePrior | None = CHANGES
    """How the rate changes; None: one rate holds."""
    dwell_is_own: bool = False
    """Whether the dwell is believed of this berth alone: it is then not pooled with others'."""
    source: str = "1.5 to 1.9 days at Vostochny, mean 41 h of tankers in US ports"
    """Source of the dwell, as text for the report."""

    def __post_init__(self) -> None:
        for name in ("rate_median_per_day", "dwell_median_days", "length_median_m", "length_sd"):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be above zero")
        for name in ("rate_sd", "dwell_sd", "length_median_sd", "length_sd_sd"):
            if not getattr(self, name) >= 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must not be negative")
        if not self.stages or min(self.stages) < 1 or max(self.stages) > 64:
            raise InputError(f"stages are {self.stages}; expected whole numbers from 1 to 64")

    def with_dwell(self, factor: float) -> BerthPrior:
        """A copy with every dwell longer by a factor."""
        return replace(self, dwell_median_days=self.dwell_median_days * factor)

    def dimensions(self, detectors: tuple[Detector, ...]) -> int:
        """Number of standard normal numbers of one parameter point."""
        return 4 + 2 * len(detectors) + numbers_of(detectors)

    def points(
        self, normal: NDArray[np.float64], choice: NDArray[np.intp], detectors: tuple[Detector, ...]
    ) -> Points:
        """Parameter points from standard normal numbers (point, dimension) and stage choices."""
        z = normal.T
        classes = length_classes()
        median = np.log(self.length_median_m) + self.length_median_sd * z[2]
        sd = self.length_sd * np.exp(self.length_sd_sd * z[3])
        g = len(detectors)
        scores = np.zeros((2 * g, len(normal)))
        if numbers_of(detectors):
            scores = z[4 + 2 * g : 4 + 4 * g]
        return Points(
            rate=self.rate_median_per_day * np.exp(self.rate_sd * z[0]),
            dwell=self.dwell_median_days * np.exp(self.dwell_sd * z[1]),
            stages=np.array(self.stages, np.int64)[choice],
            mix=_mix(median, sd, np.log(classes)),
            recall=_recall(z[4 : 4 + g], detectors, classes),
            false_alarm=_false_alarm(z[4 + g : 4 + 2 * g], detectors),
            ships_least=_ships_least(z[4 : 4 + g], scores[:g], detectors, classes),
            false_least=_false_least(scores[g:], detectors),
        )


@dataclass(frozen=True)
class Points:
    """Parameters of the berth model at a number of points."""

    rate: NDArray[np.float64]
    """(point,), per day of empty berth."""
    dwell: NDArray[np.float64]
    """(point,), mean, days."""
    stages: NDArray[np.int64]
    """(point,)"""
    mix: NDArray[np.float64]
    """(point, class), sums to 1."""
    recall: NDArray[np.float64]
    """(point, detector, class), in a clear look."""
    false_alarm: NDArray[np.float64]
    """(point, detector), expected number in a clear look at the empty berth."""
    ships_least: NDArray[np.float64]
    """(point, detector, score class + 1, class): share of the reported ships with a score of each
    class or a higher one, as of ``scores``."""
    false_least: NDArray[np.float64]
    """(point, detector, score class + 1): the same of false alarms."""

    def take(self, index: NDArray[np.intp]) -> Points:
        """Some of the points, in that order."""
        return Points(
            self.rate[index],
            self.dwell[index],
            self.stages[index],
            self.mix[index],
            self.recall[index],
            self.false_alarm[index],
            self.ships_least[index],
            self.false_least[index],
        )

    @property
    def arrays(self) -> tuple[Any, ...]:
        """The fields, in order; those of the detectors' errors as a tuple of their own."""
        errors = (self.recall, self.false_alarm, self.ships_least, self.false_least)
        return (self.rate, self.dwell, self.stages, self.mix, errors)


def length_classes() -> NDArray[np.float64]:
    """Centres of the length classes, metres, evenly spaced in ln."""
    number = round(log(LONGEST_M / SHORTEST_M) / LENGTH_STEP)
    middle = np.arange(number, dtype=np.float64) + 0.5
    return SHORTEST_M * np.exp(LENGTH_STEP * middle)


def _mix(
    median: NDArray[np.float64], sd: NDArray[np.float64], ln_length: NDArray[np.float64]
) -> NDArray[np.float64]:
    exponent = -0.5 * ((ln_length - median[:, None]) / sd[:, None]) ** 2
    # the greatest becomes 0: a narrow fleet far off the classes would underflow to no weight
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    mix: NDArray[np.float64] = np.divide(weight, weight.sum(axis=1, keepdims=True))
    return mix


def _recall(
    z: NDArray[np.float64], detectors: tuple[Detector, ...], classes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probabilities (point, detector, class)."""
    logits = [
        detector.recall_logit(classes) + detector.recall_sd * shift[:, None]
        for detector, shift in zip(detectors, z, strict=True)
    ]
    shape = (z.shape[1], 0, len(classes))
    return expit(np.stack(logits, axis=1)) if logits else np.empty(shape)


def _false_alarm(z: NDArray[np.float64], detectors: tuple[Detector, ...]) -> NDArray[np.float64]:
    """Expected numbers of (point, detector)."""
    means = [
        detector.false_alarms * np.exp(detector.false_alarms_sd * shift)
        for detector, shift in zip(detectors, z, strict=True)
    ]
    return np.stack(means, axis=1) if means else np.empty((z.shape[1], 0))


def _ships_least(
    z: NDArray[np.float64],
    shifts: NDArray[np.float64],
    detectors: tuple[Detector, ...],
    classes: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(point, detector, score class + 1, class)."""
    most = steps_of(detectors)
    found = np.empty((z.shape[1], len(detectors), most + 2, len(classes)))
    for number, (detector, level) in enumerate(zip(detectors, z, strict=True)):
        recalls = [
            expit(recall_logit(each, classes) + each.recall_sd * level[:, None])
            for each in detector.thresholds
        ]
        found[:, number] = least_of_ships(recalls, shifts[number], most)
    return found


def _false_least(
    shifts: NDArray[np.float64], detectors: tuple[Detector, ...]
) -> NDArray[np.float64]:
    """(point, detector, score class + 1)."""
    most = steps_of(detectors)
    found = np.empty((shifts.shape[1], len(detectors), most + 2))
    for number, detector in enumerate(detectors):
        found[:, number] = least_of_false_alarms(detector, shifts[number], most)
    return found
