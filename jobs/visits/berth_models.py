"""The model of each berth: its prior, from job settings and kind, and the fit to a panel.

A berth for one ship gets the berth model, a place for several ships the queue model.
"""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import TypeAlias

from jobs.domain import Berth, BerthKind, Dwell, EstimateSettings, content_id
from jobs.visits.occupancy.berth import BerthFit, BerthPosterior, sample_berth
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.prior import BerthPrior
from jobs.visits.occupancy.queue_model import QueueFit, QueuePosterior, QueuePrior, sample_queue

Fit: TypeAlias = BerthFit | QueueFit
PlacePosterior: TypeAlias = BerthPosterior | QueuePosterior

SENSITIVITY_POINTS = 120.0
"""Effective points for half and double dwell: those rows show a direction, not a result."""
TWO_SIDED_95 = 2 * 1.96
VAGUE_SD = 0.6
"""Of ln dwell at berths of unknown trade: 95 % of half a day to five days."""


def fit(panel: Panel, berth: Berth, settings: EstimateSettings) -> Fit:
    """The posterior of a berth's parameters given its looks."""
    seed = seed_of(settings, panel.port, panel.berth, "parameters")
    own = settings.dwell_at.get(f"{panel.port}/{panel.berth}")
    if berth.capacity == 1:
        prior = berth_prior(berth.kind, own or settings.dwell)
        return sample_berth(panel, replace(prior, dwell_is_own=own is not None), seed)
    several = replace(queue_prior(own or settings.waiting), dwell_is_own=own is not None)
    return sample_queue(panel, several, berth.capacity, seed)


def refit(found: Fit, factor: float, seed: int) -> Fit:
    """The fit to the same looks under a prior dwell longer by a factor."""
    like, least = found.sampled, SENSITIVITY_POINTS
    if isinstance(found, BerthFit):
        return sample_berth(found.panel, found.prior.with_dwell(factor), seed, least, like)
    prior = found.prior.with_dwell(factor)
    return sample_queue(found.panel, prior, found.capacity, seed, least, like)


def berth_prior(kind: BerthKind, dwell: Dwell | None) -> BerthPrior:
    """The prior of a berth for one ship, with the job's dwell where it gives one."""
    if dwell is not None:
        return BerthPrior(
            dwell_median_days=dwell.median_days, dwell_sd=_log_sd(dwell), source=dwell.source
        )
    if kind is BerthKind.OIL_TERMINAL:
        return BerthPrior()
    return BerthPrior(
        dwell_sd=VAGUE_SD,
        length_median_m=120.0,
        length_median_sd=0.4,
        source="a wide guess: give a dwell of your own, from AIS or the port's calls",
    )


def queue_prior(waiting: Dwell | None) -> QueuePrior:
    """The prior of a place for several ships, with the job's waiting time where it gives one."""
    if waiting is None:
        return QueuePrior()
    return QueuePrior(
        dwell_median_days=waiting.median_days, dwell_sd=_log_sd(waiting), source=waiting.source
    )


def _log_sd(dwell: Dwell) -> float:
    return log(dwell.high_days / dwell.low_days) / TWO_SIDED_95


def seed_of(settings: EstimateSettings, *names: str) -> int:
    """A seed that depends on the job's seed and some names only, the same on every machine."""
    return int(content_id([settings.seed, *names], 8), 16)
