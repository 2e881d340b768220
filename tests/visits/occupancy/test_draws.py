"""Counting over histories, against counting by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.visits.occupancy.draws import StayDraws, credible
from tests.support.panels import ORIGIN


def make_draws(rows, draws=2, end=10.0):
    draw, arrival, departure = (np.array(column) for column in zip(*rows, strict=True))
    return StayDraws(
        port="RUVYP",
        berth="oil-1",
        origin=ORIGIN,
        end=end,
        draws=draws,
        draw=draw.astype(np.int32),
        arrival=arrival.astype(float),
        departure=departure.astype(float),
        length_m=np.full(len(draw), 90.0),
        visit=np.full(len(draw), -1, np.int32),
    )


ROWS = [(0, -1.0, 1.5), (0, 2.0, 4.0), (0, 9.0, 12.0), (1, 0.0, 2.5), (1, 5.0, 5.25)]


def test_arrivals_are_counted_in_the_window_they_began_in():
    found = make_draws(ROWS).arrivals([0.0, 2.0, 5.0, 10.0])
    assert found.tolist() == [[0, 1, 1], [1, 0, 1]]


def test_ship_days_are_those_inside_each_window():
    found = make_draws(ROWS).occupied_days([0.0, 2.0, 5.0, 10.0])
    assert found == pytest.approx(np.array([[1.5, 2.0, 1.0], [2.0, 0.5, 0.25]]))


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(-5, 10), st.floats(0.01, 8)), min_size=1, max_size=30
    ),
    st.lists(st.floats(0, 10), min_size=2, max_size=6, unique=True).map(sorted),
)
def test_ship_days_agree_with_clipping_each_stay(rows, edges):
    stays = [(draw, arrival, arrival + stay) for draw, arrival, stay in rows]
    found = make_draws(stays, draws=4).occupied_days(edges)
    for window, (low, high) in enumerate(itertools.pairwise(edges)):
        for draw in range(4):
            by_hand = sum(max(0.0, min(d, high) - max(a, low)) for k, a, d in stays if k == draw)
            assert found[draw, window] == pytest.approx(by_hand, abs=1e-9)


@pytest.mark.parametrize("mass", [0.5, 0.9])
def test_intervals_of_counts_hold_their_mass_on_average(mass):
    held = []
    for mean in np.linspace(3, 30, 40):
        values = np.random.default_rng(int(mean * 10)).poisson(mean, 20_000)
        low, high = credible(values, mass)
        held.append(np.mean((values >= low) & (values <= high)))
    assert np.mean(held) == pytest.approx(mass, abs=0.03)


def test_an_interval_of_measures_has_equal_tails():
    low, high = credible(np.linspace(0, 1, 1001), 0.9)
    assert (low, high) == pytest.approx((0.05, 0.95), abs=2e-3)


def test_an_interval_of_one_value_is_that_value():
    assert credible(np.zeros(50), 0.9) == (0.0, 0.0)
    assert credible(np.array([0] * 97 + [1] * 3), 0.9) == (0.0, 0.0)
