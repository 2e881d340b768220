"""The compiled Markov chain against dense matrix exponentials, without any of its shortcuts."""

import itertools

import numpy as np
import pytest
from scipy.linalg import expm

from jobs.visits.occupancy import berth_hmm
from jobs.visits.occupancy.berth import in_order
from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.likelihood import log_likelihood, looks_of
from jobs.visits.occupancy.prior import BerthPrior, Points, length_classes
from jobs.visits.occupancy.rate_levels import one_rate, with_borders
from tests.support.panels import make_panel

RATE, DWELL = 0.35, 1.4
CLASSES = len(length_classes())


def whole(stages, mix, rate=RATE):
    """Generator over empty and every (stage, class)."""
    m = len(mix)
    q = np.zeros((1 + stages * m, 1 + stages * m))
    q[0, 1 : 1 + m] = rate * mix
    for j in range(stages):
        for c in range(m):
            here = 1 + j * m + c
            q[here, here + m if j < stages - 1 else 0] = stages / DWELL
    return q - np.diag(q.sum(axis=1))


def point(stages, recall=0.8, false_alarm=0.03, seed=0):
    """One parameter point with a fleet of any lengths."""
    mix = np.random.default_rng(seed).dirichlet(np.full(CLASSES, 0.5))
    found = np.linspace(0.6 * recall, recall, CLASSES)
    return Points(
        np.array([RATE]),
        np.array([DWELL]),
        np.array([stages], np.int64),
        mix[None],
        found[None, None],
        np.array([[false_alarm]]),
        np.array([1.0, 0.0])[None, None, :, None] * np.ones(CLASSES),
        np.array([[[1.0, 0.0]]]),
    )


def sampled_histories(panel, points, seed):
    """One history of each point."""
    return histories(panel, points, np.ones(len(points.rate), np.int64), seed)


def histories(panel, points, times, seed):
    """Histories at one rate."""
    month, levels = np.zeros(len(panel) + 2, np.int64), one_rate(len(points.rate))
    rng = np.random.default_rng(seed)
    rows, _ = berth_hmm.histories(looks_of(panel), month, levels, *points.arrays, times, rng)
    return rows


PANEL = make_panel(
    [0.5, 2.0, 2.1, 5.0, 5.0, 11.0, 30.0],
    [0, 1, 1, 1, 0, 0, 1],
    length_m=[np.nan, 80, 95, 150, np.nan, np.nan, np.nan],
    clear=[1, 1, 0.6, 1, 0.8, 0.4, 1],
    detectors=(Detector("any", 0.8, 0, 0, 0.03, 0),),
    days=40.0,
)


def smoothed(stages, moments):
    """ln likelihood and the chance that the berth is occupied at the moments, all by expm."""
    p = point(stages)
    q = whole(stages, p.mix[0])
    _, _, kind, clear, fits, false_fit, *_ = looks_of(PANEL)
    emissions = []
    for i in range(len(kind)):
        row = np.ones(1 + stages * CLASSES)
        if kind[i] != berth_hmm.NO_LOOK:
            none = np.exp(-0.03 * clear[i])
            found = p.recall[0, 0] * clear[i]
            if kind[i] == berth_hmm.NOTHING:
                row[0] = none
                row[1:] = np.tile((1 - found) * none, stages)
            else:
                row[0] = (1 - none) * false_fit[i]
                row[1:] = np.tile(found * fits[i] + (1 - found) * row[0], stages)
        emissions.append((looks_of(PANEL)[0][i], row))
    emissions += [(moment, np.ones(1 + stages * CLASSES)) for moment in moments]
    emissions.sort(key=lambda each: each[0])
    times = [time for time, _ in emissions]
    forward = [np.concatenate([[1 / RATE], np.tile(p.mix[0] * DWELL / stages, stages)])]
    forward[0] /= forward[0].sum()
    forward[0] = forward[0] * emissions[0][1]
    steps = [expm(q * (b - a)) for a, b in itertools.pairwise(times)]
    for step, (_, row) in zip(steps, emissions[1:], strict=True):
        forward.append(forward[-1] @ step * row)
    back = [np.ones(len(q))]
    for step, (_, row) in zip(reversed(steps), reversed(emissions[1:]), strict=True):
        back.insert(0, step @ (row * back[0]))
    total = forward[-1].sum()
    empty = [forward[times.index(m)][0] * back[times.index(m)][0] / total for m in moments]
    return float(np.log(total)), 1 - np.array(empty)


@pytest.mark.parametrize("stages", [1, 2, 4])
def test_the_likelihood_is_that_of_the_dense_chain(stages):
    exact, _ = smoothed(stages, [])
    assert log_likelihood(PANEL, point(stages))[0] == pytest.approx(exact, abs=1e-9)


@pytest.mark.parametrize("stages", [1, 3])
def test_histories_are_drawn_from_the_posterior_of_the_dense_chain(stages):
    moments = [1.0, 3.5, 8.0, 20.0, 35.0]
    _, exact = smoothed(stages, moments)
    number = 6000
    p = point(stages)
    many = p.take(np.zeros(number, np.intp))
    rows = sampled_histories(PANEL, many, 3)
    for moment, chance in zip(moments, exact, strict=True):
        share = np.sum((rows[:, 1] <= moment) & (moment < rows[:, 2])) / number
        assert abs(share - chance) < 4 * np.sqrt(chance * (1 - chance) / number) + 1e-9


def test_without_a_look_histories_are_the_chain_in_the_long_run():
    no_looks = make_panel([], [], days=200.0)
    points = point(2).take(np.zeros(3000, np.intp))
    rows = sampled_histories(no_looks, points, 1)
    inside = (rows[:, 1] >= 0) & (rows[:, 1] < 200)
    expected = 200 / (1 / RATE + DWELL)
    assert inside.sum() / 3000 == pytest.approx(expected, rel=0.01)
    whole_stays = rows[inside & (rows[:, 1] < 150)]
    stays = whole_stays[:, 2] - whole_stays[:, 1]
    assert stays.mean() == pytest.approx(DWELL, rel=0.01)
    assert stays.std() == pytest.approx(DWELL / np.sqrt(2), rel=0.02)  # of two stages


def test_a_berth_holds_one_ship_at_a_time():
    points = point(4).take(np.zeros(200, np.intp))
    rows = sampled_histories(PANEL, points, 1)
    same = np.diff(rows[:, 0]) == 0
    assert (rows[:, 2] > rows[:, 1]).all()
    assert (rows[1:, 1][same] > rows[:-1, 2][same]).all()
    sighting = rows[:, 4].astype(int)
    time = looks_of(PANEL)[0]
    seen = sighting >= 0
    assert seen.any()
    assert (rows[seen, 1] <= time[sighting[seen]]).all()
    assert (time[sighting[seen]] <= rows[seen, 2]).all()


def test_the_same_seed_gives_the_same_histories():
    points = point(2).take(np.zeros(50, np.intp))
    one, two, other = (sampled_histories(PANEL, points, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_the_default_prior_gives_lawful_points():
    prior = BerthPrior()
    rng = np.random.default_rng(0)
    normal = 2.5 * rng.standard_normal((200, prior.dimensions(PANEL.detectors)))
    p = prior.points(normal, rng.integers(0, 4, 200), PANEL.detectors)
    assert p.mix.sum(axis=1) == pytest.approx(1)
    assert ((p.recall > 0) & (p.recall < 1)).all()
    assert np.isfinite(log_likelihood(PANEL, p)).all()


def test_a_point_may_tell_several_histories():
    two = point(2).take(np.zeros(2, np.intp))
    rows = histories(PANEL, two, np.array([3, 2]), 1)
    assert set(rows[:, 0]) == {0, 1, 2, 3, 4}


def test_histories_are_numbered_as_their_points_were_chosen():
    # drawn point by point: histories 0, 1 of point 4 and history 2 of point 7
    rows = np.array([[0.0, 1.0], [0.0, 5.0], [1.0, 2.0], [2.0, 9.0]])
    ordered = in_order(rows, np.array([7, 4, 4]))
    assert ordered.tolist() == [[0, 9], [1, 1], [1, 5], [2, 2]]


BORDERS, FACTORS, START, SHARE, CHANGE = (
    np.array([5.0, 20.0]),
    np.array([0.2, 1.0, 3.0]),
    np.array([0.5, 0.5, 0.0]),
    np.array([0.2, 0.5, 0.3]),
    0.3,
)


def changing(number):
    one = np.ones((number, 1))
    factor, start, share = one * FACTORS, one * START, one * SHARE
    return np.full(number, 3, np.int64), factor, start, share, np.full(number, CHANGE)


def dense_levels(stages):
    """ln likelihood and posterior of the level by month, over (level, empty, stage) by expm."""
    p = point(stages)
    looks, month, _ = with_borders(looks_of(PANEL), BORDERS)
    time, _, kind, clear, fits, false_fit, *_ = looks
    size = 1 + stages * CLASSES
    moves = [whole(stages, p.mix[0], RATE * factor) for factor in FACTORS]
    turn = (1 - CHANGE) * np.eye(3) + CHANGE * np.tile(SHARE, (3, 1))
    first = []
    for factor, share in zip(FACTORS, START, strict=True):
        rate = RATE * factor
        mass = np.concatenate([[1 / rate], np.tile(p.mix[0] * DWELL / stages, stages)])
        first.append(share * mass / mass.sum())
    forward, back = [np.array(first)], [np.ones((3, size))]
    rows, steps = [], []
    for i in range(len(time)):
        row = np.ones(size)
        if kind[i] != berth_hmm.NO_LOOK:
            none, found = np.exp(-0.03 * clear[i]), p.recall[0, 0] * clear[i]
            row[0] = none if kind[i] == berth_hmm.NOTHING else (1 - none) * false_fit[i]
            missed = (1 - found) * row[0]
            seen = 0 if kind[i] == berth_hmm.NOTHING else found * fits[i]
            row[1:] = np.tile(missed + seen, stages)
        rows.append(row)
        if i:
            steps.append([expm(q * (time[i] - time[i - 1])) for q in moves])
            mass = forward[-1]
            if month[i] != month[i - 1]:
                mass = turn.T @ mass
            forward.append(np.array([m @ e for m, e in zip(mass, steps[-1], strict=True)]) * row)
    for i in range(len(time) - 2, -1, -1):
        mass = rows[i + 1] * back[0]
        mass = np.array([e @ m for m, e in zip(mass, steps[i], strict=True)])
        back.insert(0, turn @ mass if month[i + 1] != month[i] else mass)
    total = forward[-1].sum()
    level = [(f * b).sum(axis=1) / total for f, b in zip(forward, back, strict=True)]
    return float(np.log(total)), [level[list(month).index(m)] for m in range(3)]


@pytest.mark.parametrize("stages", [1, 3])
def test_levels_that_change_at_borders_are_those_of_the_dense_chain(stages):
    exact, by_month = dense_levels(stages)
    looks, month, _ = with_borders(looks_of(PANEL), BORDERS)
    arrays = point(stages).arrays
    found = berth_hmm.log_likelihoods(looks, month, changing(1), *arrays)
    assert found[0] == pytest.approx(exact, abs=1e-9)
    number, rng = 6000, np.random.default_rng(2)
    _, factors = berth_hmm.histories(looks, month, changing(1), *arrays, np.array([number]), rng)
    for m in range(3):
        share = np.mean(factors[:, m, None] == FACTORS, axis=0)
        assert share == pytest.approx(by_month[m], abs=4 * 0.5 / np.sqrt(number))
