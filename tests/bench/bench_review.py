"""Whether intervals hold once looks are reviewed, and how much narrower they get.

    python -m tests.bench.bench_review [--berths 40]

Berths are simulated with their ships, a mediocre network and a reviewer who errs as the settings
say: who judges nothing, only what was reported, or every look as a whole. "Apart" is what is not
done: reviewed looks have the reviewer's errors alone, so that those left to the network are the
ones in which it found nothing. Printed for each: how
often the 90 % interval of the number of visits holds the true number, its mean width, and bias and
root mean square error of the mean.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np

from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.draws import credible
from jobs.visits.occupancy.panel import Panel, PanelReview
from jobs.visits.occupancy.prior import BerthPrior
from tests.support.panels import fit_berth, make_panel

DAYS = 180.0
RATE, DWELL, STAGES = 1 / 6, 1.5, 2
RECALL, FALSE = 0.55, 0.06
NETWORK = Detector("network", 0.5, 1.0, 0.0, 0.04, 1.0)
MISSED, INVENTED = 0.02, 0.01
REVIEWER = Detector("reviewer", 1 - MISSED, 0.0, 0.0, INVENTED, 0.0)
WAYS = ("nothing", "reports", "reports, apart", "whole looks")


@dataclass(frozen=True)
class World:
    """One berth: when it was looked at, what was there, what the network said."""

    time: np.ndarray
    there: np.ndarray
    real: np.ndarray
    """Whether the network reported the ship itself."""
    false: np.ndarray
    """Whether it reported something else."""
    visits: int


def world(rng: np.random.Generator) -> World:
    stays = []
    now = -60.0
    while now < DAYS:
        now += rng.exponential(1 / RATE)
        stays.append((now, now := now + rng.gamma(STAGES, DWELL / STAGES)))
    time = np.sort(rng.uniform(0, DAYS, int(DAYS / 2.5)))
    there = np.array([any(a <= t < d for a, d in stays) for t in time])
    real = there & (rng.random(len(time)) < RECALL)
    false = ~real & (rng.random(len(time)) < 1 - np.exp(-FALSE))
    return World(time, there, real, false, sum(0 <= a < DAYS for a, _ in stays))


def reviewed(one: World, way: str, rng: np.random.Generator) -> Panel:
    """The panel of a berth as one way of reviewing leaves it."""
    reported = one.real | one.false
    if way == "nothing":
        return make_panel(one.time, reported.astype(int), days=DAYS, detectors=(NETWORK,))
    chance = rng.random(len(one.time))
    accepted = reported & np.where(one.real, chance >= MISSED, chance < INVENTED)
    drawn = np.zeros(len(one.time), bool)
    if way == "whole looks":
        found = np.where(one.there & ~one.real, 1 - MISSED, INVENTED)
        drawn = ~accepted & ~one.real & (rng.random(len(one.time)) < found)
    panel = make_panel(one.time, (accepted | drawn).astype(int), days=DAYS, detectors=(NETWORK,))
    if way == "reports, apart":
        whose = reported.astype(np.int32)
        return replace(panel, detectors=(NETWORK, REVIEWER), detector=whose)
    said = PanelReview(
        accepted.astype(np.int32),
        (reported & ~accepted).astype(np.int32),
        drawn.astype(np.int32),
        np.full(len(one.time), way == "whole looks"),
        MISSED,
        INVENTED,
    )
    return replace(panel, review=said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--berths", type=int, default=40)
    berths = parser.parse_args().berths
    worlds = [world(np.random.default_rng([7, number])) for number in range(berths)]
    print("reviewed         held   width    bias   error")
    for way in WAYS:
        rows = []
        for number, one in enumerate(worlds):
            panel = reviewed(one, way, np.random.default_rng([8, number]))
            draws = fit_berth(panel, BerthPrior(), draws=400, seed=number).draws
            visits = draws.arrivals([0.0, DAYS])[:, 0]
            low, high = credible(visits, 0.9)
            rows.append((low <= one.visits <= high, high - low, visits.mean() - one.visits))
        held, width, error = (np.array(column, float) for column in zip(*rows, strict=True))
        numbers = (width.mean(), error.mean(), np.sqrt((error**2).mean()))
        print(f"{way:14s} {held.mean():6.2f}" + "".join(f"{each:8.1f}" for each in numbers))


if __name__ == "__main__":
    main()
