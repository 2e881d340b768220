"""Simulated panels of looks at one place, and fits of a single place, for tests and benches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom

from jobs.visits.occupancy.agreement import FALSE_SHAPE
from jobs.visits.occupancy.berth import BerthPosterior, sample_berth
from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.panel import UNSAID, Panel, Reports
from jobs.visits.occupancy.prior import BerthPrior
from jobs.visits.occupancy.queue_model import QueuePosterior, QueuePrior, sample_queue

ORIGIN = datetime(2024, 3, 1, tzinfo=UTC)
GOOD = Detector("good", 0.9, 0.3, 0.0, 0.01, 0.3)


def make_panel(
    time: Sequence[float] | NDArray[np.float64],
    vessels: Sequence[int] | NDArray[np.integer],
    *,
    days: float = 60.0,
    length_m: Sequence[float] | None = None,
    length_sd_m: float = 8.0,
    clear: Sequence[float] | None = None,
    detectors: tuple[Detector, ...] = (GOOD,),
    detector: Sequence[int] | None = None,
    berth: str = "oil-1",
) -> Panel:
    """A panel; lengths are unknown unless given, everything is clear, every sighting a visit."""
    looks = len(time)
    lengths = np.full(looks, np.nan) if length_m is None else np.array(length_m, np.float64)
    seen = np.asarray(vessels) > 0
    visit = np.where(seen, np.cumsum(seen) - 1, -1).astype(np.int32)
    return Panel(
        port="RUVYP",
        berth=berth,
        origin=ORIGIN,
        days=days,
        time=np.asarray(time, np.float64),
        detector=np.zeros(looks, np.int32) if detector is None else np.array(detector, np.int32),
        clear=np.ones(looks) if clear is None else np.array(clear, np.float64),
        vessels=np.asarray(vessels, np.int32),
        length_m=lengths,
        length_sd_m=np.where(np.isnan(lengths), np.nan, length_sd_m),
        visit=visit,
        detectors=detectors,
        visit_ids=tuple(f"visit-{n}" for n in range(int(seen.sum()))),
    )


NO_SCORES = (np.array([[[1.0, 0.0]]]), np.array([[[1.0, 0.0]]]))
"""Least shares of ships and false alarms of one point and detector, whose scores say nothing."""


def scored(panel: Panel, score: Sequence[Sequence[float]]) -> Panel:
    """The panel with the scores of the reports of each look, the surest first."""
    most = max(len(each) for each in score)
    padded = np.array([[*each, *[np.nan] * (most - len(each))] for each in score])
    return replace(panel, reports=Reports(padded, np.full(padded.shape, UNSAID, np.int8)))


def false_chance(number: int, mean: float) -> float:
    """Probability of so many false alarms at a place for several ships."""
    return float(nbinom.pmf(number, FALSE_SHAPE, FALSE_SHAPE / (FALSE_SHAPE + mean)))


def simulated_berth(
    seed: int, rate: float, dwell: float, stages: int, recall: float, days: float = 365.0
) -> tuple[Panel, int]:
    """Looks every other day or so at a berth, and how many ships truly came; own code, own loop."""
    rng = np.random.default_rng(seed)
    stays: list[tuple[float, float]] = []
    now = -60.0
    while now < days:
        now += rng.exponential(1 / rate)
        stays.append((now, now := now + rng.gamma(stages, dwell / stages)))
    time = np.sort(rng.uniform(0, days, int(days / 2.5)))
    there = [any(a <= t < d for a, d in stays) for t in time]
    seen = np.array([here and rng.random() < recall for here in there])
    false = rng.random(len(time)) < 0.01
    came = sum(0 <= arrival < days for arrival, _ in stays)
    return make_panel(time, (seen | false).astype(int), days=days), came


def fit_berth(panel: Panel, prior: BerthPrior, draws: int = 1000, seed: int = 0) -> BerthPosterior:
    """Posterior histories of one berth given its looks, and the parameters behind them.

    The parameters (rate, dwell and its shape, the fleet's lengths, each detector's recall and false
    alarms) are integrated over, not fixed at their best values. The same seed gives the same draws.
    """
    fit = sample_berth(panel, prior, seed)
    chosen = fit.sampled.resample(draws, np.random.default_rng([seed, 2]))
    return fit.posterior(chosen, seed)


def fit_queue(
    panel: Panel,
    prior: QueuePrior,
    capacity: int | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> QueuePosterior:
    """Posterior histories of a place for several ships; ``capacity`` None: any number.

    The same seed gives the same draws. Raises InputError for a capacity below one.
    """
    fit = sample_queue(panel, prior, capacity, seed)
    return fit.posterior(fit.sampled.resample(draws, np.random.default_rng([seed, 2])), seed)
