"""Recall and false alarms of the detector at a new port, estimated from looks at labelled ports."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import exp, hypot, log

import numpy as np
from scipy.special import expit

from models.config import DetectorError, ScoreError
from models.evaluation.hierarchical import (
    NewPort,
    Normal,
    Observations,
    bernoulli,
    new_port,
    poisson,
)
from models.evaluation.looks import EmptyLook, Looks, Place, ShipLook

REFERENCE_LENGTH_M = 100.0
"""The length to which DetectorError.recall refers."""

RECALL_PRIOR = Normal(0.0, 1.5)
"""Of the logit: covers recalls from .05 to .95."""

SLOPE_PRIOR = Normal(1.0, 1.0)
"""Of the logit per e-fold of length: recall usually increases with it."""

FALSE_ALARMS_PRIOR = {
    Place.BERTH: Normal(log(0.02), 1.5),
    Place.ANCHORAGE: Normal(log(0.05), 2.0),
}
"""Of the logarithm of reports per look: at an empty berth (mean over a port's berths), and at a
square kilometre of open water."""

BETWEEN_BERTHS_SD = 1.7
"""Standard deviation of the logarithm of false alarms between berths of one port: they recur at the
same structures. One date cannot show it: measured on the shore of English Bay on ten dates
(tests/bench/bench_detector.py), where 2 of 39 stretches had 18 of the 39 reports."""

STEPS = (0.5, 0.7)
"""Scores from which errors are measured apart, where the scenes' reports have them: what a report
that is so sure says of whether it is a ship."""

_MOST_FALSE_ALARMS = 0.95


def detector_errors(looks: Sequence[Looks]) -> tuple[DetectorError, ...]:
    """One for each kind of place with ships, fitted over the ports."""
    ships = [ship for one in looks for ship in one.ships]
    empty = [part for one in looks for part in one.empty]
    return tuple(
        _error(
            place,
            [ship for ship in ships if ship.place is place],
            [part for part in empty if part.place is place and part.amount > 0],
        )
        for place in Place
        if any(ship.place is place for ship in ships)
    )


def _error(place: Place, ships: Sequence[ShipLook], empty: Sequence[EmptyLook]) -> DetectorError:
    recall, alarms = _recall(ships), _of_place(place, empty)
    return DetectorError(
        place=place.value,
        recall=float(expit(recall.level.mean)),
        recall_sd=recall.level.sd,
        recall_slope=recall.slope,
        false_alarms=min(exp(alarms.mean), _MOST_FALSE_ALARMS),
        false_alarms_sd=alarms.sd,
        ports=len({ship.group for ship in ships}),
        ships=len(ships),
        empty=float(sum(part.amount for part in empty)),
        steps=tuple(_steps(place, ships, empty)),
    )


def _steps(
    place: Place, ships: Sequence[ShipLook], empty: Sequence[EmptyLook]
) -> Iterator[ScoreError]:
    """The errors from each of STEPS on; none where a report's score is not known."""
    unknown = any(ship.seen and not ship.score for ship in ships)
    if unknown or any(part.reported != len(part.scores) for part in empty):
        return
    for least in STEPS:
        sure = [replace(ship, seen=ship.score >= least) for ship in ships]
        alarms = _of_place(place, [_at_least(part, least) for part in empty])
        recall = _recall(sure)
        yield ScoreError(
            from_score=least,
            recall=float(expit(recall.level.mean)),
            recall_sd=recall.level.sd,
            recall_slope=recall.slope,
            false_alarms=min(exp(alarms.mean), _MOST_FALSE_ALARMS),
            false_alarms_sd=alarms.sd,
        )


def _at_least(part: EmptyLook, score: float) -> EmptyLook:
    return replace(part, reported=sum(each >= score for each in part.scores))


def _recall(ships: Sequence[ShipLook]) -> NewPort:
    observations = Observations(
        port=[ship.group for ship in ships],
        outcome=np.array([float(ship.seen) for ship in ships]),
        covariate=np.log([ship.length_m / REFERENCE_LENGTH_M for ship in ships]),
        offset=np.zeros(len(ships)),
    )
    return new_port(bernoulli, observations, RECALL_PRIOR, SLOPE_PRIOR)


def _of_place(place: Place, empty: Sequence[EmptyLook]) -> Normal:
    """The logarithm of false alarms at a single berth, or at a square kilometre."""
    alarms = _false_alarms(place, empty)
    return _of_one_berth(alarms) if place is Place.BERTH else alarms


def _false_alarms(place: Place, empty: Sequence[EmptyLook]) -> Normal:
    observations = Observations(
        port=[part.group for part in empty],
        outcome=np.array([float(part.reported) for part in empty]),
        covariate=np.zeros(len(empty)),
        offset=np.log([part.amount for part in empty]),
    )
    return new_port(poisson, observations, FALSE_ALARMS_PRIOR[place]).level


def _of_one_berth(port: Normal) -> Normal:
    """From a port's log mean over its berths to the distribution over single berths.

    The mean of a lognormal distribution is exp(mean + sd^2 / 2).
    """
    middle = port.mean - BETWEEN_BERTHS_SD**2 / 2
    return Normal(middle, hypot(port.sd, BETWEEN_BERTHS_SD))
