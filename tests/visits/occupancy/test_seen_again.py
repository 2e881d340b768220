"""What ships seen again tell of how fast those of a road change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.random import Generator
from scipy.integrate import quad
from scipy.special import expit, gammaln, logit
from scipy.stats import betabinom, erlang

from jobs.visits.found_again import Sighted, seen_again
from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.queue_model import QueuePrior
from jobs.visits.occupancy.seen_again import AGAIN_SD, UNRECOGNISED, SeenAgain, detected_again
from jobs.visits.occupancy.seen_again_likelihood import (
    LAWS,
    SHORT,
    SPREAD,
    SPREAD_WEIGHT,
    STAGES,
    TOGETHER,
    WORTH,
    log_beta_binomial,
    log_likelihoods,
    share_left,
)
from tests.support.panels import fit_queue, make_panel

SURVIVALS = (
    *(erlang(stages, scale=1 / stages).sf for stages in STAGES),
    lambda x: SHORT * np.exp(-2 * SHORT * x) + (1 - SHORT) * np.exp(-2 * (1 - SHORT) * x),
)
"""Of stays whose mean is 1, by law."""


@pytest.mark.parametrize("law", range(LAWS))
@pytest.mark.parametrize("gap", [0.0, 0.1, 1.0, 4.0])
def test_who_is_left_is_who_would_stay_so_long_yet(law: int, gap: float) -> None:
    left, _ = quad(SURVIVALS[law], gap, np.inf)

    assert share_left(law, gap) == pytest.approx(left, abs=1e-7)


@pytest.mark.parametrize("law", range(LAWS))
def test_after_a_short_gap_as_many_have_left_as_the_mean_says(law: int) -> None:
    assert 1 - share_left(law, 0.001) == pytest.approx(0.001, rel=0.01)


@pytest.mark.parametrize(
    ("again", "reports", "chance"), [(0, 3, 0.2), (5, 9, 0.7), (0, 900, 0.99), (900, 900, 1e-4)]
)
def test_numbers_seen_again_are_beta_binomial(again: int, reports: int, chance: float) -> None:
    whole = betabinom.logpmf(again, reports, TOGETHER * chance, TOGETHER * (1 - chance))
    ways = gammaln(reports + 1) - gammaln(again + 1) - gammaln(reports - again + 1)

    assert log_beta_binomial(again, reports, chance) == pytest.approx(whole - ways)


def test_the_likelihood_is_that_of_plain_python() -> None:
    rng = np.random.default_rng(1)
    pairs = _pairs(rng, 30)
    dwell, false = np.array([0.4, 3.0]), np.array([[0.2, 0.5], [0.1, 0.01]])
    detected = detected_again(rng.normal(1.0, 0.5, (2, 2)), np.array([0.3, 0.4]))

    found = log_likelihoods(pairs.arrays, dwell, false, detected)

    assert found == pytest.approx([_plain(pairs, dwell, false, detected, p) for p in (0, 1)])


def test_who_was_detected_is_more_easily_detected_again() -> None:
    alike = detected_again(np.array([[logit(0.6)]]), np.array([0.0]))[0, :, 0, 0]
    differ = detected_again(np.array([[logit(0.6)]]), np.array([1.5]))[0, :, 0, 0]

    assert alike == pytest.approx(expit(logit(0.6) + UNRECOGNISED + AGAIN_SD * SPREAD))
    assert (differ > alike).all()


def test_a_road_always_full_tells_how_fast_its_ships_change() -> None:
    """The numbers are the same; what is seen again is not."""
    slow, fast = _full_road(4.0), _full_road(0.7)

    assert (slow.vessels == fast.vessels).all()
    stays = [fit_queue(each, QueuePrior(), draws=400).dwell for each in (slow, fast)]
    assert np.quantile(stays[0], 0.05) > np.quantile(stays[1], 0.95)
    for known, truth in zip(stays, (4.0, 0.7), strict=True):
        assert np.quantile(known, 0.02) < truth < np.quantile(known, 0.98)
    untold = fit_queue(replace(fast, again=None), QueuePrior(), draws=400)
    told = fit_queue(fast, QueuePrior(), draws=400)
    assert np.std(np.log(told.dwell)) < 0.5 * np.std(np.log(untold.dwell))


def _full_road(stay_days: float) -> Panel:
    """Six places, each with a ship at every look; exponential stays, all detected."""
    rng = np.random.default_rng(5)
    time = np.cumsum(rng.uniform(0.1, 1.0, 160))
    places = np.array([(5000.0 * (n % 3), 5000.0 * (n // 3)) for n in range(6)])
    length = np.exp(rng.normal(np.log(150), 0.3, 6))
    rows = []
    for look, gap in enumerate(np.diff(time, prepend=0.0)):
        gone = rng.random(6) > np.exp(-gap / stay_days)
        length = np.where(gone, np.exp(rng.normal(np.log(150), 0.3, 6)), length)
        seen = length + rng.normal(0, 8, 6)
        places = np.where(gone[:, None], rng.uniform(0, 12000, (6, 2)), places)
        at = places + rng.normal(0, 80, (6, 2))
        rows += [(look, *p, m) for p, m in zip(at, seen, strict=True)]
    look, x, y, length_m = np.array(rows).T
    no, yes = np.zeros(len(look), np.bool_), np.ones(len(look), np.bool_)
    sighted = Sighted(look.astype(np.intp), x, y, length_m, np.full(len(look), 8.0), no, yes)
    detector = Detector("good", 0.97, 0.3, 0.0, 0.05, 0.3)
    panel = make_panel(time, np.full(len(time), 6), days=130.0, detectors=(detector,))
    return replace(panel, again=seen_again(sighted, panel, 144.0))


def _pairs(rng: Generator, number: int) -> SeenAgain:
    reports = rng.integers(1, 12, number).astype(np.int32)
    sure = rng.integers(1, reports + 1).astype(np.int32)
    first, second = rng.integers(0, 2, (2, number)).astype(np.int32)
    return SeenAgain(
        gap=rng.uniform(0, 10, number),
        first=first,
        second=second,
        first_clear=rng.uniform(0.5, 1, number),
        second_clear=rng.uniform(0.5, 1, number),
        reports=reports,
        sure=sure,
        again=rng.integers(0, sure + 1).astype(np.int32),
        second_reports=rng.integers(0, 12, number).astype(np.int32),
        steps=np.array([0, 1]),
        stranger=0.05,
    )


def _plain(
    pairs: SeenAgain, dwell: np.ndarray, false: np.ndarray, detected: np.ndarray, p: int
) -> float:
    total = 0.0
    for law in range(LAWS):
        for z, weight in enumerate(SPREAD_WEIGHT):
            each = []
            for gap, d, e, one, two, n, sure, m, others in zip(*pairs.arrays[:-1], strict=True):
                real = sure / (sure + false[p, d] * one)
                stays = quad(SURVIVALS[law], gap / dwell[p], np.inf)[0]
                known = real * two * detected[p, z, d, e] * stays
                strange = 1 - (1 - pairs.stranger) ** max(others - known * n, 0)
                each.append(log_beta_binomial(m, sure, known + (1 - known) * strange))
            total += weight / LAWS * np.exp(WORTH * sum(each))
    return float(np.log(total))
