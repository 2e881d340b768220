"""The queue model: anchorages and berths that hold several ships, by their number.

The counts give the ship-days, the arrivals, the queue and, by Little's law, the wait; recall is
learned where looks follow each other faster than ships change. Ships are not followed: at 10 m the
length of one among thirty at anchor has little information. But how many of a road's ships are
there again at the next look tells how fast they change (``seen_again``).

Quays hold what is known of them (``birth_death``). What a road holds is not known: it has places
(``open_road``), whose number is learned, since where they are few the number of ships varies less
than a Poisson number, which otherwise only ships never seen could explain.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from jobs.errors import InputError
from jobs.visits.occupancy import birth_death, open_road, seen_again_likelihood
from jobs.visits.occupancy.agreement import agreement_of_moves, agreement_of_numbers
from jobs.visits.occupancy.berth import NO_DETECTOR, in_order
from jobs.visits.occupancy.berth_hmm import NO_LOOK, NOTHING
from jobs.visits.occupancy.detector import Detector, ScoreStep, recall_logit
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.occupancy.importance_sampling import Posterior, sample_posterior
from jobs.visits.occupancy.likelihood import Looks
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.partial_pooling import Member
from jobs.visits.occupancy.rate_changes import PRIOR_POINTS, drawn_factors
from jobs.visits.occupancy.rate_levels import (
    CHANGES,
    DIMENSIONS,
    NAMES,
    ChangePrior,
    Levels,
    capped,
    drawn_kinds,
    groups_of,
    kinds_of_traffic,
    levels_of,
    month_borders,
    moved_from_first,
    with_borders,
)
from jobs.visits.occupancy.reviewed_counts import (
    is_reviewed,
    marks_of,
    missed_of,
)
from jobs.visits.occupancy.scores import (
    least_of_false_alarms,
    least_of_ships,
    numbers_of,
    score_names,
    steps_of,
)
from jobs.visits.occupancy.seen_again import SeenAgain, detected_again

Floats = NDArray[np.float64]
Errors: TypeAlias = tuple[Floats, Floats, Floats, Floats]
"""Recall and false alarms, (point, detector), and the least shares of both by class of score,
(point, detector, class + 1)."""
TOO_MANY = 10
"""More vessels than this beyond what a quay holds are no evidence of ships at it; the polygon or
the network is wrong, and the likelihood of a greater number would underflow."""
ENDLESS = 100.0
"""Places per ship that would lie there, beyond which there might as well be no end of them."""
MOST_SHIPS, MOST_PER_SEEN = 1000.0, 5.0
"""Ships that a month's rate would bring to lie on a road at once, at the most, or as many as the
mean rate would: so many, or so many times the most ever seen. Judgement: under the prior three
roads in 100,000 have more, and a month without looks would give them tens of thousands to follow.
"""
MISSED_TOLD = 40
"""Of what reviewers said, greater numbers of missed ships than this beyond twice the most that was
ever seen are not told apart."""


@dataclass(frozen=True)
class QueuePrior:
    """Lognormal prior of a place for several ships; ``*_sd`` are of the natural logarithm."""

    rate_median_per_day: float = 0.5
    rate_sd: float = 1.2
    dwell_median_days: float = 2.0
    dwell_sd: float = 0.6
    """95 % of .6 to 6.5 days: ships wait for hours or for weeks."""
    places_median: float = 10.0
    """Places of a road per ship that would lie there if there were no end of places."""
    places_sd: float = 1.5
    """95 % of .5 to 190: numbers of ships with a variance of a third of a Poisson number's, or
    with all of it."""
    length_median_m: float = 120.0
    length_median_sd: float = 0.4
    """Of the fleet's median: fleets of coasters and of bulkers are both probable."""
    length_sd: float = 0.4
    """Within the fleet."""
    changes: ChangePrior | None = CHANGES
    """How the rate changes; None: one rate holds."""
    dwell_is_own: bool = False
    """Whether the dwell is believed of this berth alone: it is then not pooled with others'."""
    source: str = "a wide guess: waiting times at anchor are not published for these ports"

    def __post_init__(self) -> None:
        for name in (
            "rate_median_per_day",
            "dwell_median_days",
            "places_median",
            "length_median_m",
        ):
            if not getattr(self, name) > 0:
                raise InputError(f"{name} is {getattr(self, name)}; it must be above zero")

    def with_dwell(self, factor: float) -> QueuePrior:
        """A copy with every dwell longer by a factor."""
        return replace(self, dwell_median_days=self.dwell_median_days * factor)

    def log_seen(
        self, normal: Floats, detectors: tuple[Detector, ...], capacity: int | None
    ) -> Floats:
        """Logarithm of ships that the first detector sees per rate, over that at the medians."""
        recall = log_expit(self._recall_logit(detectors[0], normal[:, 2]))
        recall -= log_expit(self._recall_logit(detectors[0], np.zeros(1)))
        seen = np.asarray(self.dwell_sd * normal[:, 1] + recall, np.float64)
        if capacity is None:
            each = self._places_per_ship(normal, detectors)
            seen += np.log1p(1 / self.places_median) - np.log1p(1 / each)
        return seen

    def places(
        self,
        normal: Floats,
        detectors: tuple[Detector, ...],
        capacity: int | None,
    ) -> Floats:
        """Places for a ship, (point,); infinite for a road without end of them."""
        if capacity is not None:
            return np.full(len(normal), float(capacity))
        each = self._places_per_ship(normal, detectors)
        rate, dwell = self.points(normal, detectors)[:2]
        return np.where(each > ENDLESS, np.inf, np.maximum(np.round(each * rate * dwell), 1.0))

    def _recall_logit(self, detector: Detector | ScoreStep, normal: Floats) -> Floats:
        """Of the mean over a fleet, whose lengths differ and whose median is not known; (point,).

        Ships of little recall are missed more often than those of great recall are found beyond
        the median ship's: MacKay's approximation of the mean of a logistic function (1992, "The
        evidence framework applied to classification networks", Neural Computation 4).
        """
        within = detector.recall_slope * self.length_sd
        found = self._median_ships_logit(detector, normal) / np.sqrt(1 + np.pi / 8 * within**2)
        return np.asarray(found, np.float64)

    def _median_ships_logit(self, detector: Detector | ScoreStep, normal: Floats) -> Floats:
        """Of the fleet's median ship; (point,)."""
        median = float(recall_logit(detector, np.array(self.length_median_m)))
        sd = np.hypot(detector.recall_sd, detector.recall_slope * self.length_median_sd)
        return np.asarray(median + sd * normal, np.float64)

    def detected_again(self, normal: Floats, detectors: tuple[Detector, ...]) -> Floats:
        """As of ``seen_again``, from normal numbers."""
        logits = [self._median_ships_logit(d, normal[:, 2 + i]) for i, d in enumerate(detectors)]
        within = np.array([detector.recall_slope * self.length_sd for detector in detectors])
        return detected_again(np.stack(logits, axis=1), within)

    def _places_per_ship(self, normal: Floats, detectors: tuple[Detector, ...]) -> Floats:
        numbers = normal[:, 2 + 2 * len(detectors) + numbers_of(detectors)]
        return np.asarray(self.places_median * np.exp(self.places_sd * numbers), np.float64)

    def points(
        self, normal: Floats, detectors: tuple[Detector, ...]
    ) -> tuple[Floats, Floats, Errors]:
        """Rate, dwell (point,) and the detectors' errors, from normal numbers."""
        return (
            self.rate_median_per_day * np.exp(self.rate_sd * normal[:, 0]),
            self.dwell_median_days * np.exp(self.dwell_sd * normal[:, 1]),
            self._errors(normal, detectors),
        )

    def _errors(self, normal: Floats, detectors: tuple[Detector, ...]) -> Errors:
        g, most = len(detectors), steps_of(detectors)
        scores = np.zeros((len(normal), 2 * g))
        if most:
            scores = normal[:, 2 + 2 * g : 2 + 4 * g]
        recall, false, ships_least, false_least = [], [], [], []
        for i, detector in enumerate(detectors):
            each = [expit(self._recall_logit(one, normal[:, 2 + i])) for one in detector.thresholds]
            recall.append(each[0])
            ships_least.append(least_of_ships(each, scores[:, i], most))
            rate = np.exp(detector.false_alarms_sd * normal[:, 2 + g + i])
            false.append(detector.false_alarms * rate)
            false_least.append(least_of_false_alarms(detector, scores[:, g + i], most))
        return (
            np.stack(recall, axis=1),
            np.stack(false, axis=1),
            np.stack(ships_least, axis=1),
            np.stack(false_least, axis=1),
        )


@dataclass(frozen=True)
class QueueFit:
    """Posterior of the parameters of one place, as weighted points."""

    panel: Panel
    prior: QueuePrior
    capacity: int | None
    sampled: Posterior

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """Those of the panel, or NO_DETECTOR."""
        return self.panel.detectors or (NO_DETECTOR,)

    @property
    def member(self) -> Member:
        """The fit as one of its port's berths; recall in open water is not that at quays."""
        place = "at quays" if self.capacity is not None else "in anchorages"
        sensors = [detector.sensor for detector in self.detectors]
        recall = [f"recall {sensor} {place}" for sensor in sensors]
        false = [f"false_alarms {sensor} {place}" for sensor in sensors]
        scores = score_names(self.detectors, place)
        dwell = f"dwell of several {place}"
        if self.prior.dwell_is_own:
            dwell = f"dwell of {self.panel.berth}"
        names = (f"rate of several {place}", dwell, *recall, *false, *scores)
        if self.capacity is None:
            names = (*names, f"places {place}")
        changes = [f"{name} of several {place}" for name in NAMES]
        return Member(
            replace(self.sampled, normal=self.normal),
            (*names, *changes[: self.sampled.normal.shape[1] - len(names)]),
        )

    @cached_property
    def normal(self) -> Floats:
        """(point, number), standard normal under the prior, the first that of the mean rate."""
        prior, sampled = self.prior, self.sampled
        kinds = kinds_of_traffic(prior.changes, month_borders(self.panel.origin, self.panel.days))
        seen = prior.log_seen(sampled.normal, self.detectors, self.capacity)
        moved, _ = moved_from_first(
            prior.changes, kinds, sampled.normal, sampled.choice, prior.rate_sd, seen
        )
        return moved

    def levels(self, chosen: NDArray[np.intp]) -> Levels:
        """The levels of the rate at some of the points."""
        normal, kind = self.normal[chosen], self.sampled.choice[chosen]
        points = self.prior.points(normal, self.detectors)
        return _levels(self.prior, normal, kind, points, _limit(self.panel, self.capacity))

    def prior_calls_per_day(self, seed: int) -> Floats:
        """As ``QueuePosterior.calls_per_day``, before any look."""
        rng = np.random.default_rng([seed, 5])
        borders = month_borders(self.panel.origin, self.panel.days)
        kinds = kinds_of_traffic(self.prior.changes, borders)
        normal = rng.standard_normal((PRIOR_POINTS, self.sampled.normal.shape[1]))
        kind = drawn_kinds(self.prior.changes, kinds, PRIOR_POINTS, rng)
        points = self.prior.points(normal, self.detectors)
        rate, dwell = points[:2]
        levels = _levels(self.prior, normal, kind, points, _limit(self.panel, self.capacity))
        factors = drawn_factors(levels, len(borders) + 1, rng)
        places = self.prior.places(normal, self.detectors, self.capacity)
        return _calls(rate, dwell, factors, places, self.capacity)

    def posterior(self, chosen: NDArray[np.intp], seed: int) -> QueuePosterior:
        """Histories under the chosen points, one for each."""
        rng = np.random.default_rng([seed, 3])
        different, times = np.unique(chosen, return_counts=True)
        points = self.prior.points(self.normal[different], self.detectors)
        borders = month_borders(self.panel.origin, self.panel.days)
        looks, month, _ = with_borders(counts_of(self.panel, self.capacity), borders)
        levels = self.levels(different)
        if self.capacity is not None:
            rows, by_month = birth_death.histories(
                looks, month, self.capacity, levels, *points, times, rng
            )
        else:
            places = self.prior.places(self.normal[different], self.detectors, None)
            rows, by_month = open_road.histories(looks, month, places, levels, *points, times, rng)
        factors = np.empty_like(by_month)
        factors[np.argsort(chosen, kind="stable")] = by_month
        draws = _draws(self.panel, self.prior, in_order(rows, chosen), len(chosen), rng)
        return QueuePosterior(self, draws, chosen, factors)


@dataclass(frozen=True)
class QueuePosterior:
    """Posterior histories of one place, and the parameters behind them."""

    fit: QueueFit
    draws: StayDraws
    chosen: NDArray[np.intp]
    """(draw,), the sampled point behind each history."""
    factors: Floats
    """(draw, calendar month), by which the rate of each month is greater than the point's."""

    @property
    def calls_per_day(self) -> Floats:
        """(draw, calendar month), ships a day in the long run, if the month's rate held on."""
        rate, dwell = self._points[:2]
        fit = self.fit
        places = fit.prior.places(fit.normal[self.chosen], fit.detectors, fit.capacity)
        return _calls(rate, dwell, self.factors, places, fit.capacity)

    @property
    def dwell(self) -> Floats:
        """(draw,), mean stay in days: the wait, where ships wait for a berth."""
        return self._points[1]

    @property
    def recall(self) -> Floats:
        """(draw, detector), probability to detect a ship that is there in a clear look."""
        return self.errors[0]

    @property
    def errors(self) -> Errors:
        """Of the detectors, by draw."""
        return self._points[2]

    def agreement(self, seed: int) -> float:
        """How probable reports as far from the expected ones are, 0..1, by ``agreement``; on a road
        also numbers of ships that change as oddly, if that is less probable.
        """
        panel = self.fit.panel
        rate, dwell, (recall, false, *_) = self._points
        rng = np.random.default_rng([seed, 4])
        present = self.draws.present(panel.time)
        of_reports = agreement_of_numbers(
            panel.reported,
            present,
            recall[:, panel.detector] * panel.clear,
            false[:, panel.detector] * panel.clear,
            rng,
        )
        if self.fit.capacity is not None or len(panel.time) < 2:
            return of_reports
        month = np.searchsorted(month_borders(panel.origin, panel.days), panel.time[1:], "right")
        places = self.fit.prior.places(self.fit.normal[self.chosen], self.fit.detectors, None)
        of_moves = agreement_of_moves(
            present,
            np.diff(panel.time),
            rate[:, None] * self.factors[:, month],
            1 / dwell,
            places,
            rng,
        )
        return min(1.0, 2 * min(of_reports, of_moves))

    @property
    def _points(self) -> tuple[Floats, Floats, Errors]:
        return self.fit.prior.points(self.fit.normal[self.chosen], self.fit.detectors)


def sample_queue(
    panel: Panel,
    prior: QueuePrior,
    capacity: int | None = None,
    seed: int = 0,
    least_effective: float = 300.0,
    like: Posterior | None = None,
) -> QueueFit:
    """Posterior of the parameters of one place given its counts."""
    if capacity is not None and capacity < 1:
        raise InputError(f"a place with capacity {capacity} holds no ship; expected 1 or more")
    detectors = panel.detectors or (NO_DETECTOR,)
    borders = month_borders(panel.origin, panel.days)
    looks, month, _ = with_borders(counts_of(panel, capacity), borders)
    kinds = kinds_of_traffic(prior.changes, borders)

    def log_likelihood(normal: Floats, kind: NDArray[np.intp]) -> Floats:
        seen = prior.log_seen(normal, detectors, capacity)
        normal, likelier = moved_from_first(prior.changes, kinds, normal, kind, prior.rate_sd, seen)
        points = prior.points(normal, detectors)
        levels = _levels(prior, normal, kind, points, _limit(panel, capacity))
        if capacity is not None:
            found: Floats = birth_death.log_likelihoods(looks, month, capacity, levels, *points)
        else:
            places = prior.places(normal, detectors, None)
            found = open_road.log_likelihoods(looks, month, places, levels, *points)
            if panel.again is not None:
                found = found + _of_seen_again(panel.again, prior, normal, points, detectors)
        return likelier + found

    dimensions = 2 + 2 * len(detectors) + numbers_of(detectors) + (DIMENSIONS if kinds > 1 else 0)
    dimensions += 1 if capacity is None else 0
    sampled = sample_posterior(
        log_likelihood,
        dimensions,
        kinds,
        seed,
        groups=groups_of(dimensions, kinds),
        least_effective=least_effective,
        like=like,
    )
    return QueueFit(panel, prior, capacity, sampled)


def _levels(
    prior: QueuePrior,
    normal: Floats,
    kind: NDArray[np.intp],
    points: tuple[Floats, Floats, Errors],
    limit: float,
) -> Levels:
    """The levels of the rate at points, none of which would bring more ships than the limit."""
    rate, dwell = points[:2]
    return capped(levels_of(prior.changes, normal, kind), limit / (rate * dwell))


def _of_seen_again(
    again: SeenAgain,
    prior: QueuePrior,
    normal: Floats,
    points: tuple[Floats, Floats, Errors],
    detectors: tuple[Detector, ...],
) -> Floats:
    """Log likelihood of what was seen again at points; (point,)."""
    _, dwell, (_, false, _, false_least) = points
    sure = false * false_least[:, np.arange(len(detectors)), again.steps]
    detected = prior.detected_again(normal, detectors)
    found: Floats = seen_again_likelihood.log_likelihoods(again.arrays, dwell, sure, detected)
    return found


def _limit(panel: Panel, capacity: int | None) -> float:
    if capacity is not None:
        return np.inf
    return max(MOST_SHIPS, MOST_PER_SEEN * float(panel.reported.max(initial=0)))


def counts_of(panel: Panel, capacity: int | None = None) -> Looks:
    """time, detector, kind, clear, vessels of the looks between two ends that saw nothing, whether
    they were reviewed, the marks of the reports, and what reviewers said of missed ships.
    """
    most = np.iinfo(np.int32).max if capacity is None else capacity + TOO_MANY
    kind = np.full(len(panel) + 2, NO_LOOK, np.int8)
    kind[1:-1] = NOTHING
    reported = np.minimum(panel.reported, most)
    told = int(max(panel.vessels.max(initial=0), panel.reported.max(initial=0)))
    told = capacity if capacity is not None else 2 * told + MISSED_TOLD
    reviewed = np.zeros(len(panel), np.bool_)
    if panel.review is not None:
        reviewed = is_reviewed(panel.review)
    marks = marks_of(panel, most)
    return (
        np.concatenate([[0.0], panel.time, [panel.days]]),
        np.concatenate([[0], panel.detector, [0]]),
        kind,
        np.concatenate([[1.0], panel.clear, [1.0]]),
        np.concatenate([[0], reported, [0]]),
        np.concatenate([[False], reviewed, [False]]),
        np.pad(marks, ((1, 1), (0, 0), (0, 0)), constant_values=1.0),
        np.pad(missed_of(panel, told), ((1, 1), (0, 0)), constant_values=1.0),
    )


def _calls(
    rate: Floats, dwell: Floats, factors: Floats, places: Floats, capacity: int | None
) -> Floats:
    """Ships that come a day and find room, by point and month."""
    come = rate[:, None] * factors
    if capacity is None:
        return np.asarray(come / (1 + come * (dwell / places)[:, None]), np.float64)
    # who finds no room does not call: Erlang's loss formula
    load, lost = come * dwell[:, None], np.ones_like(come)
    for ships in range(1, capacity + 1):
        lost = load * lost / (ships + load * lost)
    return np.asarray(come * (1 - lost), np.float64)


def _draws(
    panel: Panel, prior: QueuePrior, rows: Floats, draws: int, rng: np.random.Generator
) -> StayDraws:
    lengths = prior.length_median_m * np.exp(prior.length_sd * rng.standard_normal(len(rows)))
    return StayDraws(
        port=panel.port,
        berth=panel.berth,
        origin=panel.origin,
        end=panel.days,
        draws=draws,
        draw=rows[:, 0].astype(np.int32),
        arrival=rows[:, 1].copy(),
        departure=rows[:, 2].copy(),
        length_m=lengths,
        visit=np.full(len(rows), -1, np.int32),
    )
