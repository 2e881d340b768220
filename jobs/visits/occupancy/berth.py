"""The berth model: one ship at a time, observed by imperfect looks; its fit and its histories."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jobs.visits.occupancy import berth_hmm
from jobs.visits.occupancy.agreement import agreement_of_sightings
from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.occupancy.importance_sampling import Posterior, sample_posterior
from jobs.visits.occupancy.likelihood import at_points, looks_of
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.partial_pooling import Member
from jobs.visits.occupancy.prior import LENGTH_STEP, BerthPrior, Points, length_classes
from jobs.visits.occupancy.rate_changes import PRIOR_POINTS, drawn_factors
from jobs.visits.occupancy.rate_levels import (
    DIMENSIONS,
    NAMES,
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
from jobs.visits.occupancy.scores import score_names

NO_DETECTOR = Detector("none", 0.5, 0.0, 0.0, 0.01, 0.0)
"""Placeholder of a panel without looks; its figures have no effect."""
FULL = 10.0
"""Ships that come in the time of a stay beyond which a greater rate is no other traffic: the berth
is full all but a tenth of the time."""


@dataclass(frozen=True)
class BerthFit:
    """Posterior of the parameters of one berth, as weighted points."""

    panel: Panel
    prior: BerthPrior
    sampled: Posterior

    @property
    def detectors(self) -> tuple[Detector, ...]:
        """Those of the panel, or NO_DETECTOR."""
        return self.panel.detectors or (NO_DETECTOR,)

    @cached_property
    def normal(self) -> NDArray[np.float64]:
        """(point, number), standard normal under the prior, the first that of the mean rate."""
        prior, sampled = self.prior, self.sampled
        kinds = kinds_of_traffic(prior.changes, month_borders(self.panel.origin, self.panel.days))
        moved, _ = moved_from_first(prior.changes, kinds, sampled.normal, self.kind, prior.rate_sd)
        return moved

    @property
    def kind(self) -> NDArray[np.intp]:
        """(point,), the kind of traffic."""
        return self.sampled.choice // len(self.prior.stages)

    @cached_property
    def points(self) -> Points:
        """The parameters at every sampled point."""
        stages = self.sampled.choice % len(self.prior.stages)
        return self.prior.points(self.normal, stages, self.detectors)

    def levels(self, chosen: NDArray[np.intp]) -> Levels:
        """The levels of the rate at some of the points."""
        return _levels(self.prior, self.normal[chosen], self.kind[chosen], self.points.take(chosen))

    @property
    def member(self) -> Member:
        """The fit as one of its port's berths."""
        sensors = [detector.sensor for detector in self.detectors]
        recall = [f"recall {sensor} at quays" for sensor in sensors]
        false = [f"false_alarms {sensor} at quays" for sensor in sensors]
        scores = score_names(self.detectors, "at quays")
        dwell = f"dwell of {self.panel.berth}" if self.prior.dwell_is_own else "dwell"
        names = ("rate", dwell, "length", "sd_of_length", *recall, *false, *scores)
        changes = NAMES[: self.sampled.normal.shape[1] - len(names)]
        return Member(replace(self.sampled, normal=self.normal), (*names, *changes))

    def prior_calls_per_day(self, seed: int) -> NDArray[np.float64]:
        """As ``BerthPosterior.calls_per_day``, before any look."""
        rng = np.random.default_rng([seed, 5])
        borders = month_borders(self.panel.origin, self.panel.days)
        kinds = kinds_of_traffic(self.prior.changes, borders)
        normal = rng.standard_normal((PRIOR_POINTS, self.sampled.normal.shape[1]))
        kind = drawn_kinds(self.prior.changes, kinds, PRIOR_POINTS, rng)
        points = self.prior.points(normal, np.zeros_like(kind), self.detectors)
        levels = _levels(self.prior, normal, kind, points)
        return _calls(points, drawn_factors(levels, len(borders) + 1, rng))

    def posterior(self, chosen: NDArray[np.intp], seed: int) -> BerthPosterior:
        """Histories under the chosen points, one for each."""
        rng = np.random.default_rng([seed, 3])
        draws, factors = _histories(self, chosen, rng)
        return BerthPosterior(self, draws, chosen, factors)


@dataclass(frozen=True)
class BerthPosterior:
    """Posterior histories of one berth, and the parameters behind them."""

    fit: BerthFit
    draws: StayDraws
    chosen: NDArray[np.intp]
    """(draw,), the sampled point behind each history."""
    factors: NDArray[np.float64]
    """(draw, calendar month), by which the rate of each month is greater than the point's."""

    @property
    def calls_per_day(self) -> NDArray[np.float64]:
        """(draw, calendar month), ships a day in the long run, if the month's rate held on."""
        return _calls(self.points, self.factors)

    @property
    def points(self) -> Points:
        """The parameters behind each history."""
        return self.fit.points.take(self.chosen)

    def mean(self, name: str) -> float:
        """Posterior mean of ``rate`` (per day of empty berth), ``dwell`` (days) or ``stages``."""
        return float(np.mean(getattr(self.points, name)))

    def agreement(self, seed: int) -> float:
        """How probable reports as far from the expected ones are, 0..1, by ``agreement``."""
        panel = self.fit.panel
        return agreement_of_sightings(
            panel.reported,
            self.draws.present(panel.time),
            self.recall[:, panel.detector] * panel.clear,
            self.points.false_alarm[:, panel.detector] * panel.clear,
            np.random.default_rng([seed, 4]),
        )

    @property
    def dwell(self) -> NDArray[np.float64]:
        """(draw,), mean stay in days."""
        return self.points.dwell

    @property
    def recall(self) -> NDArray[np.float64]:
        """(draw, detector), probability to detect a ship of this berth's fleet in a clear look."""
        points = self.points
        return np.asarray(np.einsum("pc,pdc->pd", points.mix, points.recall), np.float64)


def sample_berth(
    panel: Panel,
    prior: BerthPrior,
    seed: int = 0,
    least_effective: float = 300.0,
    like: Posterior | None = None,
) -> BerthFit:
    """Posterior of the parameters of one berth given its looks.

    like: a posterior that this one may resemble, where the search begins.
    """
    detectors = panel.detectors or (NO_DETECTOR,)
    borders = month_borders(panel.origin, panel.days)
    looks, month, _ = with_borders(looks_of(panel), borders)
    stages, kinds = len(prior.stages), kinds_of_traffic(prior.changes, borders)

    def log_likelihood(
        normal: NDArray[np.float64], choice: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        kind = choice // stages
        normal, likelier = moved_from_first(prior.changes, kinds, normal, kind, prior.rate_sd)
        points = prior.points(normal, choice % stages, detectors)
        levels = _levels(prior, normal, kind, points)
        return likelier + at_points(looks, month, levels, points)

    dimensions = prior.dimensions(detectors) + (DIMENSIONS if kinds > 1 else 0)
    sampled = sample_posterior(
        log_likelihood,
        dimensions,
        stages * kinds,
        seed,
        groups=groups_of(dimensions, kinds, stages),
        least_effective=least_effective,
        like=like,
    )
    return BerthFit(panel, prior, sampled)


def _calls(points: Points, factors: NDArray[np.float64]) -> NDArray[np.float64]:
    rate = points.rate[:, None] * factors
    return np.asarray(rate / (1 + rate * points.dwell[:, None]), np.float64)


def _levels(
    prior: BerthPrior, normal: NDArray[np.float64], kind: NDArray[np.intp], points: Points
) -> Levels:
    levels = levels_of(prior.changes, normal, kind)
    return capped(levels, FULL / (points.rate * points.dwell))


def _histories(
    fit: BerthFit, chosen: NDArray[np.intp], rng: np.random.Generator
) -> tuple[StayDraws, NDArray[np.float64]]:
    """The stays of each history, and the factors of its rate by month."""
    panel = fit.panel
    borders = month_borders(panel.origin, panel.days)
    looks, month, look_of = with_borders(looks_of(panel), borders)
    different, times = np.unique(chosen, return_counts=True)
    points = fit.points.take(different)
    drawn, by_month = berth_hmm.histories(  # type: ignore[call-arg]
        looks, month, fit.levels(different), *points.arrays, times, rng
    )
    factors = np.empty_like(by_month)
    factors[np.argsort(chosen, kind="stable")] = by_month
    rows = in_order(drawn, chosen)
    row = rows[:, 4].astype(np.intp)
    sighting = np.where(row >= 0, look_of[row] - 1, -1)  # look 0 is the start of the period
    within = np.exp(LENGTH_STEP * (rng.random(len(rows)) - 0.5))
    visit = np.full(len(rows), -1, np.int32)
    seen = sighting >= 0
    visit[seen] = panel.visit[sighting[seen]]
    stays = StayDraws(
        port=panel.port,
        berth=panel.berth,
        origin=panel.origin,
        end=panel.days,
        draws=len(chosen),
        draw=rows[:, 0].astype(np.int32),
        arrival=rows[:, 1].copy(),
        departure=rows[:, 2].copy(),
        length_m=length_classes()[rows[:, 3].astype(np.intp)] * within,
        visit=visit,
        visit_ids=panel.visit_ids,
    )
    return stays, factors


def in_order(rows: NDArray[np.float64], chosen: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rows (stay, ...) of histories drawn point by point, numbered and sorted as they were chosen.

    The first column is the number of the history; each history keeps the order of its rows.
    """
    draw = np.argsort(chosen, kind="stable")[rows[:, 0].astype(np.intp)].astype(np.int32)
    order = np.argsort(draw, kind="stable")
    ordered = rows[order]
    ordered[:, 0] = draw[order]
    return ordered
