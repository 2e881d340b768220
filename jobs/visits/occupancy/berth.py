"""The berth model: one ship at a time, observed by imperfect looks; its fit and its histories."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from jobs.visits.occupancy import berth_hmm
from jobs.visits.occupancy.agreement import agreement_of_sightings
from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.occupancy.importance_sampling import Posterior, sample_posterior
from jobs.visits.occupancy.likelihood import Looks, at_points, looks_of
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.partial_pooling import Member
from jobs.visits.occupancy.prior import LENGTH_STEP, BerthPrior, Points, length_classes

NO_DETECTOR = Detector("none", 0.5, 0.0, 0.0, 0.01, 0.0)
"""Placeholder of a panel without looks; its figures have no effect."""


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
    def points(self) -> Points:
        """The parameters at every sampled point."""
        return self.prior.points(self.sampled.normal, self.sampled.choice, self.detectors)

    @property
    def member(self) -> Member:
        """The fit as one of its port's berths."""
        sensors = [detector.sensor for detector in self.detectors]
        recall = [f"recall {sensor} at quays" for sensor in sensors]
        false = [f"false_alarms {sensor} at quays" for sensor in sensors]
        return Member(self.sampled, ("rate", "dwell", "length", "sd_of_length", *recall, *false))

    def posterior(self, chosen: NDArray[np.intp], seed: int) -> BerthPosterior:
        """Histories under the chosen points, one for each."""
        rng = np.random.default_rng([seed, 3])
        return BerthPosterior(self, _histories(self, chosen, rng), chosen)


@dataclass(frozen=True)
class BerthPosterior:
    """Posterior histories of one berth, and the parameters behind them."""

    fit: BerthFit
    draws: StayDraws
    chosen: NDArray[np.intp]
    """(draw,), the sampled point behind each history."""

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
    looks = looks_of(panel)

    def log_likelihood(
        normal: NDArray[np.float64], choice: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        return at_points(looks, prior.points(normal, choice, detectors))

    sampled = sample_posterior(
        log_likelihood,
        prior.dimensions(len(detectors)),
        len(prior.stages),
        seed,
        least_effective=least_effective,
        like=like,
    )
    return BerthFit(panel, prior, sampled)


def _histories(fit: BerthFit, chosen: NDArray[np.intp], rng: np.random.Generator) -> StayDraws:
    panel = fit.panel
    looks: Looks = looks_of(panel)
    different, times = np.unique(chosen, return_counts=True)
    points = fit.points.take(different)
    drawn: NDArray[np.float64] = berth_hmm.histories(  # type: ignore[call-arg]
        looks, *points.arrays, times, rng
    )
    rows = in_order(drawn, chosen)
    sighting = rows[:, 4].astype(np.intp) - 1  # look 0 is the start of the period
    within = np.exp(LENGTH_STEP * (rng.random(len(rows)) - 0.5))
    visit = np.full(len(rows), -1, np.int32)
    seen = sighting >= 0
    visit[seen] = panel.visit[sighting[seen]]
    return StayDraws(
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


def in_order(rows: NDArray[np.float64], chosen: NDArray[np.intp]) -> NDArray[np.float64]:
    """Rows (stay, ...) of histories drawn point by point, numbered and sorted as they were chosen.

    The first column is the number of the history; each history keeps the order of its rows.
    """
    draw = np.argsort(chosen, kind="stable")[rows[:, 0].astype(np.intp)].astype(np.int32)
    order = np.argsort(draw, kind="stable")
    ordered = rows[order]
    ordered[:, 0] = draw[order]
    return ordered
