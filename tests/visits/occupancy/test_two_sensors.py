"""Two sensors minutes apart share the ships that are there: recall of both, and no ship twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.prior import BerthPrior
from jobs.visits.occupancy.queue_model import QueuePrior
from tests.support.panels import fit_berth, fit_queue, make_panel

DAYS, MINUTES = 150.0, 10 / 1440
RECALLS = (0.85, 0.45)
SENSORS = tuple(Detector(name, 0.5, 1.2, 0.0, 0.01, 0.5) for name in ("first", "second"))
LOOKS = np.arange(1.0, DAYS, 3.0)
Ints = NDArray[np.intp]


def present(rng: np.random.Generator, time: NDArray[np.float64], ships: int) -> list[Ints]:
    """The ships there at each moment: places taken for two days and free for two, in the mean."""
    number, found = 0, [np.empty(0, np.intp) for _ in time]
    for _ in range(ships):
        now = -20.0
        while now < DAYS:
            arrival = now + rng.exponential(2.0)
            now = arrival + rng.gamma(4, 0.5)
            number += 1
            for at in np.flatnonzero((time >= arrival) & (time < now)):
                found[at] = np.append(found[at], number)
    return found


def panel(seed: int, ships: int, second_after: float) -> Panel:
    """Looks of both sensors at a place, the second so many days after the first."""
    rng = np.random.default_rng(seed)
    time = np.concatenate([LOOKS, LOOKS + second_after])
    detector = np.repeat([0, 1], len(LOOKS))
    order = np.argsort(time, kind="stable")
    time, detector = time[order], detector[order]
    there = present(rng, time, ships)
    seen = [rng.binomial(len(each), RECALLS[d]) for each, d in zip(there, detector, strict=True)]
    return make_panel(time, seen, days=DAYS, detectors=SENSORS, detector=list(detector))


def alone(both: Panel, number: int) -> Panel:
    """The looks of one of its sensors."""
    mine = both.detector == number
    return make_panel(both.time[mine], both.vessels[mine], days=DAYS, detectors=(SENSORS[number],))


def recall(found: Panel, ships: int) -> NDArray[np.float64]:
    """(draw, detector)"""
    if ships == 1:
        return fit_berth(found, replace(BerthPrior(), changes=None), draws=400).recall
    return fit_queue(found, replace(QueuePrior(), changes=None), draws=400).recall


@pytest.mark.parametrize("ships", [1, 8], ids=["berth", "road"])
def test_recall_of_both_is_learned_more_sharply_minutes_apart_than_from_either_alone(ships):
    widths = []
    for seed in range(3):
        near = panel(seed, ships, MINUTES)
        together = recall(near, ships)
        apart = [recall(alone(near, number), ships)[:, 0] for number in (0, 1)]
        widths.append([(together[:, n].std(), apart[n].std()) for n in (0, 1)])
        for number, truth in enumerate(RECALLS):
            low, high = np.quantile(together[:, number], [0.005, 0.995])
            assert low < truth < high
    of_pairs, of_one = np.mean(widths, axis=0).T
    assert (of_pairs < 0.7 * of_one).all()


def test_minutes_apart_tells_more_of_recall_than_days_apart():
    seeds = range(3)
    near, far = (
        np.mean([recall(panel(seed, 8, after), 8).std(axis=0) for seed in seeds], axis=0)
        for after in (MINUTES, 1.5)
    )
    assert (near < far).all()


@pytest.mark.parametrize("ships", [1, 8], ids=["berth", "road"])
def test_a_ship_seen_twice_within_minutes_is_counted_once(ships):
    """A second look of one instant, at the same ships, changes the number of visits little."""
    sure = tuple(Detector(name, 0.9, 0.1, 0.0, 0.01, 0.1) for name in ("first", "second"))
    rng = np.random.default_rng(5)
    seen = [rng.binomial(len(each), 0.95) for each in present(rng, LOOKS, ships)]
    once = make_panel(LOOKS, seen, days=DAYS, detectors=sure[:1])
    twice = make_panel(
        np.column_stack([LOOKS, LOOKS + MINUTES]).ravel(),
        np.repeat(seen, 2),
        days=DAYS,
        detectors=sure,
        detector=[0, 1] * len(LOOKS),
    )
    prior = BerthPrior() if ships == 1 else QueuePrior()
    fitted = fit_berth if ships == 1 else fit_queue
    counts = [
        fitted(each, replace(prior, changes=None), draws=400).draws.arrivals([0.0, DAYS]).mean()
        for each in (once, twice)
    ]
    assert counts[1] == pytest.approx(counts[0], rel=0.15)
