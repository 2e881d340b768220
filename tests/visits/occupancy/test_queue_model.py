"""The queue model: counts at places for several ships."""

import math

import numpy as np
import pytest
from scipy.linalg import expm

from jobs.errors import InputError
from jobs.visits.occupancy import birth_death
from jobs.visits.occupancy.berth_hmm import NOTHING
from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.queue_model import QueuePrior, counts_of
from jobs.visits.occupancy.rate_levels import with_borders
from tests.support.generators import ships_generator
from tests.support.panels import GOOD, NO_SCORES, fit_queue, make_panel

RATE, LEAVE = 2.0, 0.6


def points(number):
    return (
        np.full(number, RATE),
        np.full(number, 1 / LEAVE),
        (np.full((number, 1), 0.8), np.full((number, 1), 0.1), *NO_SCORES),
    )


COUNTS = make_panel(
    [1.0, 1.2, 4.0, 9.0], [3, 2, 5, 0], detectors=(Detector("any", 0.8, 0, 0, 0.1, 0),), days=12.0
)


def test_a_berth_for_two_never_holds_three():
    panel = make_panel([1.0, 2.0, 5.0], [2, 1, 2], days=10.0)
    stays = fit_queue(panel, QueuePrior(), capacity=2, draws=200).draws
    for moment in np.linspace(0, 10, 41):
        there = (stays.arrival <= moment) & (moment < stays.departure)
        assert np.bincount(stays.draw[there], minlength=200).max() <= 2


def test_queue_and_wait_follow_from_counts_of_close_looks():
    rng = np.random.default_rng(2)
    arrival = np.sort(rng.uniform(-20, 120, 280))
    departure = arrival + rng.exponential(1.5, 280)  # two a day for a day and a half: three ships
    time = np.sort(np.concatenate([np.arange(0.5, 120, 1.0), np.arange(0.7, 120, 1.0)]))
    there = np.array([((arrival <= t) & (t < departure)).sum() for t in time])
    panel = make_panel(time, rng.binomial(there, 0.85), days=120.0)
    found = fit_queue(panel, QueuePrior(), draws=300)
    queue = found.draws.occupied_days([0.0, 120.0]).mean() / 120
    assert queue == pytest.approx(there.mean(), rel=0.15)
    assert np.quantile(found.dwell, 0.05) < 1.5 < np.quantile(found.dwell, 0.95)
    assert found.recall.mean() == pytest.approx(0.85, abs=0.08)


def test_recall_is_learned_where_looks_follow_each_other_closely():
    vague = Detector("vague", 0.5, 1.5, 0.0, 0.01, 0.3)
    rng = np.random.default_rng(1)
    base = np.repeat(np.arange(1.0, 60, 2.0), 3) + np.tile([0.0, 0.01, 0.02], 30)
    there = np.repeat(rng.poisson(6, 30), 3)
    panel = make_panel(base, rng.binomial(there, 0.9), detectors=(vague,), days=60.0)
    found = fit_queue(panel, QueuePrior(), draws=200)
    assert found.recall.mean() == pytest.approx(0.9, abs=0.06)


def test_a_place_for_no_ship_is_refused():
    with pytest.raises(InputError, match="capacity 0"):
        fit_queue(make_panel([], [], detectors=(GOOD,)), QueuePrior(), capacity=0)


def test_a_crowd_at_a_quay_for_two_is_no_end_of_the_world():
    panel = make_panel([1.0, 2.0, 5.0], [300, 1, 2], days=10.0)
    found = fit_queue(panel, QueuePrior(), capacity=2, draws=50)
    assert np.isfinite(found.fit.sampled.weight).all()
    assert found.fit.sampled.effective > 100


def test_levels_that_change_at_borders_are_those_of_the_dense_chain():
    most, factors, share, change = 7, np.array([0.3, 2.0]), np.array([0.4, 0.6]), 0.25
    start = np.array([0.9, 0.1])
    levels = (np.array([2]), factors[None], start[None], share[None], np.array([change]))
    looks, month, _ = with_borders(counts_of(COUNTS, most), np.array([1.1, 6.0]))
    arguments = (looks, month, most, levels, *points(1))
    turn = (1 - change) * np.eye(2) + change * np.tile(share, (2, 1))
    mass = np.zeros((2, most + 1))
    for level in range(2):
        load = RATE * factors[level] / LEAVE
        weights = load ** np.arange(most + 1) / [math.factorial(n) for n in range(most + 1)]
        mass[level] = start[level] * weights / weights.sum()
    kinds, emission = looks[2], np.empty(most + 1)
    for i in range(1, len(month)):
        if month[i] != month[i - 1]:
            mass = turn.T @ mass
        gap = looks[0][i] - looks[0][i - 1]
        mass = np.array(
            [mass[v] @ expm(ships_generator(most, RATE * factors[v], LEAVE) * gap) for v in (0, 1)]
        )
        if kinds[i] == NOTHING:
            birth_death.count_likelihood(0.8, 0.1, np.ones(looks[4][i] + 1), emission)
            mass = mass * emission
    assert birth_death.log_likelihoods(*arguments)[0] == pytest.approx(np.log(mass.sum()), abs=1e-9)
    rng = np.random.default_rng(1)
    _, found = birth_death.histories(*arguments, np.array([6000]), rng)
    last = mass.sum(axis=1) / mass.sum()
    assert np.mean(found[:, -1] == factors[1]) == pytest.approx(last[1], abs=0.026)


@pytest.mark.parametrize("slope", [0.0, 1.0, 3.07])
def test_a_fleet_is_seen_as_often_as_its_ships_on_average(slope):
    rng = np.random.default_rng(0)
    prior, network = QueuePrior(), Detector("network", 0.8, 0.5, slope, 0.01, 0.3)
    normal = np.zeros((20_000, 5))
    normal[:, 2] = rng.standard_normal(len(normal))
    recall = prior.points(normal, (network,))[2][0][:, 0]
    # each fleet has a median of its own, and each of its ships a length
    fleet = network.recall_sd * normal[:, 2] + slope * 0.4 * rng.standard_normal(len(normal))
    lengths = 120.0 * np.exp(0.4 * rng.standard_normal((40, len(normal))))
    ships = 1 / (1 + np.exp(-(network.recall_logit(lengths) + fleet)))
    assert recall.mean() == pytest.approx(ships.mean(), abs=0.01)
    assert recall.std() == pytest.approx(ships.mean(axis=0).std(), abs=0.02)
