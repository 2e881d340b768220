"""Errors of a detector: recall, and false alarms.

Neither is known exactly: both have a prior standard deviation, of logit and logarithm, which the
looks narrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from jobs.domain import SENSORS, BerthKind
from jobs.errors import InputError

REFERENCE_LENGTH_M = 100.0
"""Length of the ship that ``recall`` is for."""


@dataclass(frozen=True)
class ScoreStep:
    """The errors of the reports with a score from this on, in the words of ``Detector``."""

    from_score: float
    recall: float
    recall_sd: float
    recall_slope: float
    false_share: float
    """Of all false alarms, 0..1."""


@dataclass(frozen=True)
class Detector:
    """The errors of one sensor's detector at one kind of place, in a look without cloud."""

    sensor: str
    """Name in the sensor registry, or any other in a simulation."""
    recall: float
    """Chance to find a ship of REFERENCE_LENGTH_M that is there, 0 < recall < 1."""
    recall_sd: float
    """Standard deviation of its logit from place to place."""
    recall_slope: float
    """Increase of the logit per e-fold of a ship's length."""
    false_alarms: float
    """Expected number of vessels reported in a look at an empty berth, 0 < value < 1; the same
    number of a look at an anchorage is of a square kilometre."""
    false_alarms_sd: float
    """Standard deviation of its logarithm from place to place."""
    source: str = ""
    """Source of the figures, as text for the report."""
    steps: tuple[ScoreStep, ...] = ()
    """By rising score; empty where scores say nothing."""

    @property
    def thresholds(self) -> tuple[Detector | ScoreStep, ...]:
        """Of all reports, and of those from each step on."""
        return (self, *self.steps)

    def recall_logit(self, length_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logit of the chance to find ships of these lengths in a clear look."""
        return recall_logit(self, length_m)


def recall_logit(
    errors: Detector | ScoreStep, length_m: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logit of the chance to report ships of these lengths in a clear look, with any score or from
    a step on.
    """
    longer = np.log(np.asarray(length_m) / REFERENCE_LENGTH_M)
    found: NDArray[np.float64] = logit(errors.recall) + errors.recall_slope * longer
    return found


BERTH, ANCHORAGE = "berth", "anchorage"
"""The kinds of place; ships alongside a quay are seen far less often than ships in open water."""

UNKNOWN = {
    BERTH: Detector("unknown", 0.5, 1.5, 1.0, 0.01, 2.0, "not measured: a broad guess"),
    ANCHORAGE: Detector("unknown", 0.5, 1.5, 1.0, 0.05, 2.0, "not measured: a broad guess"),
}
"""Of a network without an evaluation: nine of ten places have a recall of .08 to .92 at 100 m,
and .0004 to .3 false alarms per look at an empty berth. Wide, so that the looks decide."""


class MeasuredStep(Protocol):
    """Errors of the reports with a score from this on."""

    @property
    def from_score(self) -> float: ...
    @property
    def recall(self) -> float: ...
    @property
    def recall_sd(self) -> float: ...
    @property
    def recall_slope(self) -> float: ...
    @property
    def false_alarms(self) -> float: ...


class MeasuredError(Protocol):
    """Errors of a network at one kind of place; a weights file has one for each.

    ``sensor`` is empty for those of a weights file: they are of the sensors whose own files say so.
    """

    @property
    def sensor(self) -> str: ...
    @property
    def place(self) -> str: ...
    @property
    def measured_at(self) -> str: ...
    @property
    def recall(self) -> float: ...
    @property
    def recall_sd(self) -> float: ...
    @property
    def recall_slope(self) -> float: ...
    @property
    def false_alarms(self) -> float: ...
    @property
    def false_alarms_sd(self) -> float: ...
    @property
    def ports(self) -> int: ...
    @property
    def ships(self) -> int: ...
    @property
    def steps(self) -> Sequence[MeasuredStep]: ...


def place_of(kind: BerthKind) -> str:
    """The kind of place a berth is."""
    return ANCHORAGE if kind is BerthKind.ANCHORAGE else BERTH


def detectors_for(errors: Iterable[MeasuredError], sensor: str, place: str) -> Detector:
    """The errors at one kind of place as measured, or UNKNOWN's where they were not.

    Errors that name another sensor are not this one's, nor are a weights file's those of a sensor
    that networks are not measured on.
    Raises InputError for a place that is neither BERTH nor ANCHORAGE.
    """
    if place not in UNKNOWN:
        raise InputError(f"a place {place!r} was found; expected {' or '.join(UNKNOWN)}")
    for error in errors:
        if error.place == place and _is_of(error, sensor):
            return Detector(
                sensor=sensor,
                recall=error.recall,
                recall_sd=error.recall_sd,
                recall_slope=error.recall_slope,
                false_alarms=error.false_alarms,
                false_alarms_sd=error.false_alarms_sd,
                source=f"{error.ships} ships at {error.ports} {error.measured_at}, {_told(error)}",
                steps=tuple(_step(step, error.false_alarms) for step in error.steps),
            )
    return replace(UNKNOWN[place], sensor=sensor)


def _told(error: MeasuredError) -> str:
    """Whether the score of a report counts, as text for the report."""
    if not error.steps:
        return "every score alike"
    return "scores from " + ", ".join(f"{step.from_score:.1g}" for step in error.steps) + " apart"


def _step(step: MeasuredStep, all_false_alarms: float) -> ScoreStep:
    return ScoreStep(
        from_score=step.from_score,
        recall=step.recall,
        recall_sd=step.recall_sd,
        recall_slope=step.recall_slope,
        false_share=step.false_alarms / all_false_alarms,
    )


def _is_of(error: MeasuredError, sensor: str) -> bool:
    """Whether the errors are those on a sensor's images; a name of a simulation is any sensor's."""
    known = SENSORS.get(sensor)
    return error.sensor == sensor or (not error.sensor and (known is None or known.errors is None))
