"""The posterior predictive check: quiet where the model made the looks, loud where it did not."""

from __future__ import annotations

import numpy as np
import pytest

from jobs.visits.occupancy.agreement import (
    IMPROBABLE,
    agreement_of_moves,
    agreement_of_numbers,
    agreement_of_sightings,
)
from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.queue_model import QueuePrior
from tests.support.panels import fit_queue, make_panel

HISTORIES, LOOKS = 400, 40


def histories(ships: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Histories with so many ships in every look, recall .8 and .05 false alarms."""
    shape = (HISTORIES, LOOKS)
    return np.full(shape, ships), np.full(shape, 0.8), np.full(shape, 0.05)


@pytest.mark.parametrize("check", [agreement_of_numbers, agreement_of_sightings])
def test_looks_that_the_model_made_agree(check) -> None:
    rng = np.random.default_rng(1)
    found = [
        check(rng.binomial(1, 0.8, LOOKS) + rng.poisson(0.05, LOOKS), *histories(1), rng)
        for _ in range(200)
    ]
    assert np.mean(np.array(found) < 0.1) == pytest.approx(0.1, abs=0.07)


def test_numbers_that_come_and_go_together_do_not() -> None:
    rng = np.random.default_rng(2)
    together = np.repeat([0, 10], LOOKS // 2)
    assert agreement_of_numbers(together, *histories(6), rng) < IMPROBABLE


def test_a_berth_never_empty_is_not_one_with_ships_half_the_time() -> None:
    rng = np.random.default_rng(3)
    present = np.tile([0, 1], (HISTORIES, LOOKS // 2))
    _, found, false = histories(1)
    assert agreement_of_sightings(np.ones(LOOKS, int), present, found, false, rng) < IMPROBABLE


def moved(rng: np.random.Generator, places: float, rate: float, gaps: np.ndarray) -> np.ndarray:
    """Numbers of ships at looks, of histories whose ships stay two days in the mean."""
    numbers = np.zeros((HISTORIES, len(gaps) + 1), int)
    numbers[:, 0] = rng.poisson(2 * rate, HISTORIES) if np.isinf(places) else places // 2
    for look, gap in enumerate(gaps):
        before = numbers[:, look]
        come = 0.0 if np.isinf(places) else rate / places
        stays = np.exp(-(come + 0.5) * gap)
        taken = (1 - stays) * come / (come + 0.5)
        new = rng.binomial(before, stays + taken)
        if np.isinf(places):
            new = new + rng.poisson(2 * rate * (1 - stays), HISTORIES)
        else:
            new = new + rng.binomial(int(places) - before, taken)
        numbers[:, look + 1] = new
    return numbers


@pytest.mark.parametrize("places", [np.inf, 8.0])
def test_numbers_of_ships_that_change_as_the_model_has_it_agree(places: float) -> None:
    rng = np.random.default_rng(6)
    gaps = rng.exponential(3.0, LOOKS)
    args = (gaps, np.full((HISTORIES, LOOKS), 2.0), np.full(HISTORIES, 0.5))
    ends = np.full(HISTORIES, places)
    usual = agreement_of_moves(moved(rng, places, 2.0, gaps), *args, ends, rng)
    assert usual == pytest.approx(0.5, abs=0.1)
    odd = moved(rng, places, 2.0, gaps)
    odd[:, 20] = 40 if np.isinf(places) else 8
    odd[:, 21] = 0
    assert agreement_of_moves(odd, *args, ends, rng) < usual - 0.1


def test_two_reports_at_a_berth_for_one_are_one_sighting() -> None:
    rng = np.random.default_rng(4)
    assert agreement_of_sightings(np.full(LOOKS, 3), *histories(1), rng) > IMPROBABLE


def test_a_road_that_fills_and_empties_is_doubted_and_a_steady_one_is_not() -> None:
    """No ship for a hundred days, then forty at once on a few: no rate explains both."""
    sure = Detector("sure", 0.9, 0.1, 0.0, 0.01, 0.2)
    time = np.arange(60) * 3.0 + 1
    rng = np.random.default_rng(5)
    steady = rng.binomial(rng.poisson(8, 60), 0.9)
    odd = np.where(np.arange(60) % 20 == 10, 60, 0)
    prior = QueuePrior()
    for vessels, doubted in ((steady, False), (odd, True)):
        panel = make_panel(time, vessels, days=181.0, detectors=(sure,))
        found = fit_queue(panel, prior)
        assert (found.agreement(1) < IMPROBABLE) == doubted
