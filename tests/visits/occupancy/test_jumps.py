"""Markov chains over gaps, against the matrix exponential."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm

from jobs.visits.occupancy import berth_hmm, birth_death, jumps
from tests.support.generators import ships_generator, stages_generator

SERIES, MATRICES = 2, 60
"""Numbers of looks for which the series alone is used, and transition matrices too."""


def assert_moves(chain, generators, gap, random):
    states = len(generators[0])
    start = np.array([[random.random() + 1e-3 for _ in range(states)] for _ in generators])
    start /= start.sum(axis=1, keepdims=True)
    exact = [expm(each * gap) for each in generators]
    work = np.empty((2, states + 2))
    after = start.copy()
    jumps.advance(after, chain, gap, False, work)
    for each, before, matrix in zip(after, start, exact, strict=True):
        assert each == pytest.approx(before @ matrix, abs=1e-10)
    for level, matrix in enumerate(exact):
        for target in (0, states - 1):
            reach = np.eye(states)[[target]]
            jumps.advance(reach, jumps.at_level(chain, level), gap, True, work)
            assert reach[0] == pytest.approx(matrix[:, target], abs=1e-10)


RATE, PER_DAY, GAP = st.floats(0.01, 20), st.floats(0.05, 20), st.floats(0.001, 60)
LOOKS = st.sampled_from([SERIES, MATRICES])


@given(st.integers(1, 8), RATE, PER_DAY, GAP, LOOKS, st.randoms())
@settings(max_examples=60)
def test_a_stay_moves_as_the_matrix_exponential_says(stages, rate, move, gap, looks, random):
    rates = np.array([rate, rate / 3])
    chain = berth_hmm.chain_at(stages, rates, move, np.arange(looks) * gap)
    assert (chain[2].shape[1] > 0) == (looks == MATRICES and gap * max(rate, move) >= 0.25)
    assert_moves(chain, [stages_generator(stages, each, move) for each in rates], gap, random)


@given(st.integers(1, 8), RATE, PER_DAY, GAP, LOOKS, st.randoms())
@settings(max_examples=60)
def test_a_number_of_ships_moves_as_the_matrix_exponential_says(
    most, rate, leave, gap, looks, random
):
    rates = np.array([rate, 3 * rate])
    chain = birth_death.chain_at(most, rates, leave, np.arange(looks) * gap)
    assert_moves(chain, [ships_generator(most, each, leave) for each in rates], gap, random)


@pytest.mark.parametrize("looks", [SERIES, MATRICES])
@pytest.mark.parametrize("gap", [5_000.0, 20_000.0])
def test_a_long_gap_costs_no_precision(looks, gap):
    chain = berth_hmm.chain_at(2, np.array([2.0]), 3.0, np.arange(looks) * 5_000.0)
    mass = np.array([[1.0, 0, 0]])
    jumps.advance(mass, chain, gap, False, np.empty((2, 5)))
    empty = (1 / 2.0) / (1 / 2.0 + 2 / 3.0)
    assert mass[0] == pytest.approx([empty, (1 - empty) / 2, (1 - empty) / 2], abs=1e-9)


def test_gaps_are_counted_without_looks_at_one_moment():
    assert jumps.gaps_between(np.array([0.0, 2.0, 2.0, 2.5, 9.0])) == (3, 6.5)
