"""Rates that change at month borders: what is drawn of them, and what is said of them."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from jobs.visits.occupancy.likelihood import looks_of
from jobs.visits.occupancy.prior import BerthPrior
from jobs.visits.occupancy.queue_model import QueuePrior
from jobs.visits.occupancy.rate_changes import rate_changes
from jobs.visits.occupancy.rate_levels import (
    DIMENSIONS,
    FIRST_RUNG,
    KINDS,
    ON_OFF,
    RUNGS,
    STEADY,
    ChangePrior,
    month_borders,
    moved_from_first,
    with_borders,
)
from tests.support.panels import fit_berth, fit_queue, make_panel


def test_borders_are_where_calendar_months_end():
    borders = month_borders(datetime(2023, 11, 20, tzinfo=UTC), 110.0)
    assert borders.tolist() == [11.0, 42.0, 73.0, 102.0]  # December, January, February, March 2024
    assert month_borders(datetime(2024, 2, 1, tzinfo=UTC), 29.0).tolist() == []


def test_a_border_is_two_moments_without_a_look():
    panel = make_panel([1.0, 31.0, 40.0], [1, 0, 1], days=60.0)
    looks, month, look_of = with_borders(looks_of(panel), np.array([31.0]))
    assert looks[0].tolist() == [0, 1, 31, 31, 31, 40, 60]
    assert month.tolist() == [0, 0, 0, 1, 1, 1, 1]
    assert look_of.tolist() == [0, 1, -1, -1, 2, 3, 4]
    assert looks[2].tolist() == [2, 1, 2, 2, 0, 1, 2]  # NO_LOOK at the ends and at the border


def test_the_rate_of_the_first_month_is_a_parameter_under_the_same_prior():
    rng = np.random.default_rng(0)
    prior, number = ChangePrior(), 200_000
    normal = rng.standard_normal((number, 1 + DIMENSIONS))
    kind = rng.integers(0, KINDS, number)
    moved, likelier = moved_from_first(prior, KINDS, normal, kind, 1.2)
    weight = np.exp(likelier) / number
    assert weight.sum() == pytest.approx(1, abs=0.02)
    for one in (STEADY, FIRST_RUNG + 2, FIRST_RUNG + 3, ON_OFF):
        mine = weight[kind == one] / weight[kind == one].sum()
        mean = mine @ moved[kind == one, 0]
        assert mean == pytest.approx(0, abs=0.05)
        assert mine @ (moved[kind == one, 0] - mean) ** 2 == pytest.approx(1, abs=0.1)
        assert weight[kind == one].sum() == pytest.approx(prior.kinds()[one], abs=0.02)
    size, factor, start, *_ = prior.levels(moved[:, 1:], kind)
    ladder = (kind >= FIRST_RUNG) & (kind < ON_OFF)
    first = np.sum(factor * start, axis=1)
    assert set(size[ladder]) == {len(RUNGS)}
    # what was drawn is the first month's rate: ln mean rate plus ln factor
    whole = moved[ladder, 0] + np.log(first[ladder]) / 1.2
    assert whole == pytest.approx(normal[ladder, 0])
    assert factor[ladder] @ RUNGS == pytest.approx(np.ones(ladder.sum()))


def looks_at(rng, rate_by_half, days=366.0):
    """Looks every other day or so at a berth; own loop, rate changed on 1 July 2024."""
    stays, now = [], 0.0
    while now < days:
        rate = rate_by_half[0] if now < 182 else rate_by_half[1]
        wait = rng.exponential(1 / rate) if rate > 0 else np.inf
        if now < 182 <= now + wait:
            now = 182.0
            continue
        now += wait
        stays.append((now, now := now + rng.gamma(2, 0.75)))
    time = np.sort(rng.uniform(0, days, 180))
    there = [any(a <= t < d for a, d in stays) for t in time]
    seen = np.array([here and rng.random() < 0.9 for here in there])
    return time, seen.astype(int)


def at_2024(panel):
    return replace(panel, origin=datetime(2024, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(("rates", "began"), [((0.0, 0.6), True), ((0.6, 0.0), False)])
def test_traffic_that_begins_or_ends_in_july_does_so_in_the_histories(rates, began):
    time, seen = looks_at(np.random.default_rng(4), rates)
    found = fit_berth(at_2024(make_panel(time, seen, days=366.0)), BerthPrior(), draws=400)
    said = rate_changes(found.calls_per_day)
    chance = said.began if began else said.ended
    assert said.ever > 0.99
    # the first ship may come, and the last one may have gone, some weeks from it
    assert 4 <= np.argmax(chance) <= 6
    assert chance[3:8].sum() > 0.6
    assert chance[:3].sum() + chance[8:].sum() < 0.1
    half = found.draws.arrivals([0.0, 182.0])[:, 0]
    assert (np.quantile(half, 0.95) < 6) == began


def test_steady_traffic_is_not_said_to_change():
    time, seen = looks_at(np.random.default_rng(2), (0.3, 0.3))
    panel = at_2024(make_panel(time, seen, days=366.0))
    found = fit_berth(panel, BerthPrior(), draws=400)
    said = rate_changes(found.calls_per_day)
    assert said.ever < 0.7
    assert said.changed.max() < 0.5
    assert max(said.began.max(), said.ended.max()) < 0.05


def test_a_road_that_fills_in_july_is_told_from_a_steady_one():
    rng = np.random.default_rng(1)
    time = np.sort(rng.uniform(0, 366, 90))
    panel = make_panel(time, rng.binomial(rng.poisson(np.where(time < 182, 1, 6)), 0.9), days=366.0)
    found = fit_queue(at_2024(panel), QueuePrior(), draws=300)
    said = rate_changes(found.calls_per_day)
    assert said.changed[5] > 0.8
    assert np.median(found.calls_per_day[:, 8] / found.calls_per_day[:, 2]) == pytest.approx(
        6, rel=0.5
    )


def test_a_single_month_has_one_rate():
    found = fit_berth(make_panel([1.0, 9.0], [1, 0], days=31.0), BerthPrior(), draws=50)
    assert found.calls_per_day.shape == (50, 1)
    assert (found.factors == 1).all()


def test_what_begins_comes_from_less_than_a_ship_a_year():
    month = 12 / 365
    calls = np.array([[1e-9, month, month], [month / 24, month / 8, 0], [month, month, month]])
    said = rate_changes(calls)
    assert said.changed.tolist() == pytest.approx([2 / 3, 1 / 3])
    assert said.began.tolist() == pytest.approx([1 / 3, 0])
    assert said.ended.tolist() == pytest.approx([0, 1 / 3])
    assert said.ever == pytest.approx(2 / 3)
