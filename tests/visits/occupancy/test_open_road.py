"""The road model: any number of ships, exactly, and histories that follow from it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

from jobs.visits.occupancy import birth_death, bridges, open_road
from jobs.visits.occupancy.berth_hmm import NO_LOOK
from jobs.visits.occupancy.detector import Detector, ScoreStep
from jobs.visits.occupancy.panel import PanelReview
from jobs.visits.occupancy.queue_model import QueuePrior, counts_of
from jobs.visits.occupancy.rate_levels import one_rate, with_borders
from jobs.visits.occupancy.reports import of_reports
from tests.support.panels import GOOD, NO_SCORES, fit_queue, make_panel, scored

RATE, LEAVE, RECALL, FALSE = 2.0, 0.6, 0.8, 0.1
KNOWN = Detector("any", RECALL, 0, 0, FALSE, 0)
COUNTS = make_panel([1.0, 1.2, 4.0, 9.0], [3, 2, 5, 0], detectors=(KNOWN,), days=12.0)
LEVELS = (
    np.array([3]),
    np.array([[0.3, 1.0, 4.0]]),
    np.array([[0.5, 0.4, 0.1]]),
    np.array([[0.3, 0.4, 0.3]]),
    np.array([0.25]),
)
BORDERS = np.array([1.1, 6.0])
LEAST = (np.array([[[1.0, 0.6, 0.0]]]), np.array([[[1.0, 0.1, 0.0]]]))
POINT = (
    np.array([RATE]),
    np.array([1 / LEAVE]),
    (np.array([[RECALL]]), np.array([[FALSE]]), *LEAST),
)


def generator(places, rate, most):
    q = np.zeros((most + 1, most + 1))
    for s in range(most + 1):
        if s < most:
            q[s, s + 1] = rate * (1 - s / places)
        if s > 0:
            q[s, s - 1] = s * LEAVE
    return q - np.diag(q.sum(axis=1))


def dense(looks, month, places, levels):
    """Mass (level, ship) after all looks, by matrix exponentials over 0..most ships."""
    most = 90 if math.isinf(places) else int(places)
    _, (factor,), (start,), (share,), (change,) = levels
    turn = (1 - change) * np.eye(len(factor)) + change * np.tile(share, (len(factor), 1))
    moves = [generator(places, RATE * each, most) for each in factor]
    mass = []
    for q, chance in zip(moves, start, strict=True):
        ratio = [q[s, s + 1] / q[s + 1, s] for s in range(most)]
        weight = np.cumprod([1.0, *ratio])
        mass.append(chance * weight / weight.sum())
    mass = np.array(mass)
    emission = np.empty(most + 1)
    for i in range(1, len(month)):
        if month[i] != month[i - 1]:
            mass = turn.T @ mass
        gap = looks[0][i] - looks[0][i - 1]
        mass = np.array([each @ expm(q * gap) for each, q in zip(mass, moves, strict=True)])
        if looks[2][i] == NO_LOOK:
            continue
        chance, false = RECALL * looks[3][i], FALSE * looks[3][i]
        of_true = of_reports(looks[6][i], looks[4][i], LEAST[0][0, 0], LEAST[1][0, 0])
        if looks[5][i]:
            birth_death.reviewed_likelihood(chance, false, of_true, looks[7][i], emission)
        else:
            birth_death.count_likelihood(chance, false, of_true, emission)
        mass = mass * emission
    return mass


def reviewed(panel):
    number = np.zeros((3, len(panel)), np.int32)
    number[:, 1] = 1, 1, 2
    whole = np.array([False, True, True, False])
    return replace(panel, review=PanelReview(*number, whole, 0.05, 0.02))


STEPS = (ScoreStep(0.5, 0.5, 0.0, 0.0, 0.1),)
SCORES = [[0.9, 0.6, 0.3], [0.4, 0.35], [0.9, 0.8, 0.7, 0.4, np.nan], []]
SCORED = scored(replace(COUNTS, detectors=(replace(KNOWN, steps=STEPS),)), SCORES)


@pytest.mark.parametrize(
    "panel",
    [COUNTS, reviewed(COUNTS), SCORED, reviewed(SCORED)],
    ids=["counts", "reviewed", "scored", "scored and reviewed"],
)
@pytest.mark.parametrize("places", [math.inf, 40.0, 9.0, 5.0])
def test_the_likelihood_is_that_of_a_chain_with_as_many_states_as_it_needs(places, panel):
    looks, month, _ = with_borders(counts_of(panel), BORDERS)
    found = open_road.log_likelihoods(looks, month, np.array([places]), LEVELS, *POINT)
    assert found[0] == pytest.approx(np.log(dense(looks, month, places, LEVELS).sum()), abs=1e-10)


@pytest.mark.parametrize("load", [3.0, 300.0, 3000.0])
def test_no_number_of_ships_is_too_great(load):
    # every number is Poisson by itself where no ship stays from one look to the next
    seen, recall = np.array([2, 4, 1, 3]), 2.5 / load
    panel = make_panel([10.0, 20.0, 30.0, 40.0], seen, detectors=(KNOWN,), days=50.0)
    looks, month, _ = with_borders(counts_of(panel), np.empty(0))
    dwell = 0.01
    errors = (np.array([[recall]]), np.zeros((1, 1)), *NO_SCORES)
    point = (np.array([load / dwell]), np.array([dwell]), errors)
    found = open_road.log_likelihoods(looks, month, np.array([math.inf]), one_rate(1), *point)[0]
    expected = sum(n * math.log(2.5) - 2.5 - math.lgamma(n + 1) for n in seen)
    assert found == pytest.approx(expected, abs=1e-9)


def test_more_ships_than_any_exponent_holds_are_counted():
    # exp(-load) is zero to a computer
    panel = make_panel([10.0, 20.0], [950, 1010], detectors=(KNOWN,), days=30.0)
    looks, month, _ = with_borders(counts_of(panel), np.empty(0))
    errors = (np.array([[0.98]]), np.zeros((1, 1)), *NO_SCORES)
    point = (np.array([1e5]), np.array([0.01]), errors)
    found = open_road.log_likelihoods(looks, month, np.array([math.inf]), one_rate(1), *point)[0]
    expected = sum(n * math.log(980) - 980 - math.lgamma(n + 1) for n in (950, 1010))
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("places", [math.inf, 6.0])
def test_histories_are_drawn_as_often_as_they_are_likely(places):
    looks, month, _ = with_borders(counts_of(COUNTS), BORDERS)
    number, rng = 6000, np.random.default_rng(5)
    rows, factors = open_road.histories(
        looks, month, np.array([places]), LEVELS, *POINT, np.array([number]), rng
    )
    assert (rows[:, 2] > rows[:, 1]).all()
    mass = dense(looks, month, places, LEVELS)
    last = mass.sum(axis=1) / mass.sum()
    for level, factor in enumerate(LEVELS[1][0]):
        assert np.mean(factors[:, -1] == factor) == pytest.approx(last[level], abs=0.02)
    there = rows[(rows[:, 1] <= 12) & (rows[:, 2] > 12), 0].astype(int)
    ships = np.bincount(np.bincount(there, None, number), None, mass.shape[1]) / number
    assert ships == pytest.approx(mass.sum(axis=0) / mass.sum(), abs=0.025)


@pytest.mark.parametrize(("origin", "target"), [(0, 0), (1, 3), (3, 1), (4, 4)])
def test_between_looks_places_fill_and_empty_as_the_chain_does(origin, target):
    places, gap, rng = 5, 1.5, np.random.default_rng(3)
    moves = generator(places, RATE, places)
    whole, half = expm(moves * gap)[origin, target], expm(moves * gap / 2)
    middle = half[origin] * half[:, target] / whole
    at, ups = [], 0
    for _ in range(6000):
        moments, changes = bridges.bridge_places(
            origin, target, places, RATE / places, LEAVE, gap, rng
        )
        assert origin + changes.sum() == target
        assert (np.diff(moments) >= 0).all()
        at.append(origin + changes[moments < gap / 2].sum())
        ups += int((changes > 0).sum())
    assert np.bincount(at, None, places + 1) / 6000 == pytest.approx(middle, abs=0.025)
    # arrivals: the integral of the rate over the bridge
    steps = (np.arange(60) + 0.5) / 60 * gap
    rate = RATE * (1 - np.arange(places + 1) / places)
    expected = sum(
        (expm(moves * t)[origin, :-1] * rate[:-1]) @ expm(moves * (gap - t))[1:, target]
        for t in steps
    )
    assert ups / 6000 == pytest.approx(expected * gap / 60 / whole, rel=0.05, abs=0.02)


def test_a_road_whose_numbers_vary_little_is_not_one_of_ships_never_seen():
    # six places, each taken at three looks of ten: less than a Poisson number varies
    rng = np.random.default_rng(8)
    time = np.arange(1.0, 730.0, 5.0)
    broad = Detector("any", 0.5, 1.5, 0.0, 0.1, 2.0)
    panel = make_panel(time, rng.binomial(6, 0.3, len(time)), days=731.0, detectors=(broad,))
    found = fit_queue(panel, QueuePrior(), draws=300)
    assert found.recall.mean() > 0.4
    assert found.draws.present(time).mean() < 5
    assert found.agreement(1) > 0.005


def test_ships_seen_at_every_look_are_there():
    # 20 sure sightings a look: no history calls them false or adds hundreds
    rng = np.random.default_rng(4)
    time = np.arange(2.0, 120.0, 9.0)
    panel = make_panel(time, rng.poisson(20, len(time)), days=121.0, detectors=(GOOD,))
    there = fit_queue(panel, QueuePrior(), draws=300).draws.present(time)
    assert panel.vessels.mean() < there.mean() < 1.4 * panel.vessels.mean()


def test_no_month_brings_more_ships_than_any_road_holds():
    prior = QueuePrior(300.0, 0.01, 1.0, 0.01, places_median=1e6)
    seen = make_panel([1.0, 80.0], [290, 310], detectors=(GOOD,), days=90.0)
    calls = fit_queue(seen, prior, draws=20).fit.prior_calls_per_day(1)
    assert 1000 < calls.max() < 1.1 * 5 * 310  # five times the most ever seen
    few = replace(seen, vessels=np.array([2, 3], np.int32))
    prior = replace(prior, rate_median_per_day=3.0, rate_sd=0.01)
    assert fit_queue(few, prior, draws=20).fit.prior_calls_per_day(1).max() < 1000
