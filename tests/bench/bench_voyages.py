"""Share of voyages linked correctly, and calibration of the probabilities."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from jobs.visits.voyages.linking import Linkage, link
from tests.visits.voyages.test_linking import QUICK, ROUTES, Fleet, Truth, hits, simulate

FLEETS = 20
LENGTH_SD_M = (15.0, 5.0)
WIDTHS_DAYS = (0.2, 1.0, 3.0)
EDGES = np.array([0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0001])

pytestmark = pytest.mark.bench


@pytest.mark.parametrize("length_sd_m", LENGTH_SD_M)
@pytest.mark.parametrize("width_days", WIDTHS_DAYS)
@pytest.mark.parametrize("ships", [15, 4])
def test_links(ships: int, width_days: float, length_sd_m: float) -> None:
    fleet = Fleet(ships=ships, length_sd_m=length_sd_m, width_days=width_days)
    truths = [simulate(fleet, seed) for seed in range(FLEETS)]
    done = [(truth, link(truth.visits, ROUTES, QUICK, seed=k)) for k, truth in enumerate(truths)]
    chosen = [likeliest(linkage) for _, linkage in done]
    links = sum(len(truth.links) for truth in truths)
    right = sum(len(t.links & best) for (t, _), best in zip(done, chosen, strict=True))
    claimed = sum(map(len, chosen))
    print(f"\n{fleet.ships} ships, {sum(len(t.visits) for t in truths) / FLEETS:.0f} visits,")
    print(f"length sd {length_sd_m:g} m, times known to {width_days:g} d, {FLEETS} fleets:")
    print(f"  of {links} links right {right / links:.2f}; of {claimed} named {right / claimed:.2f}")
    chance = np.concatenate([linkage.probability for _, linkage in done])
    true = np.concatenate([hits(truth, linkage) for truth, linkage in done])
    none = np.concatenate([linkage.no_next for _, linkage in done])
    print(f"  expected links {chance.sum():.0f}; Brier score a visit {brier(done):.3f}")
    print(f"  without a next visit {none.sum():.0f}, in truth {len(none) - links}")
    reliability(chance, true)


def likeliest(linkage: Linkage) -> set[tuple[int, int]]:
    """For each visit its likeliest next, where that is likelier than none."""
    best: dict[int, tuple[float, int]] = {}
    rows = zip(linkage.before.tolist(), linkage.after.tolist(), linkage.probability, strict=True)
    for i, j, chance in rows:
        if chance > max(best.get(i, (0.0, -1))[0], linkage.no_next[i]):
            best[i] = (chance, j)
    return {(i, j) for i, (_, j) in best.items()}


def brier(done: list[tuple[Truth, Linkage]]) -> float:
    """Of every visit's next stop, over all candidates and none; 0 is perfect, 2 all wrong."""
    total, visits = 0.0, 0
    for truth, linkage in done:
        linked = {i for i, _ in truth.links}
        lost = np.array([i not in linked for i in range(len(truth.visits))])
        total += float(((linkage.probability - hits(truth, linkage)) ** 2).sum())
        total += float(((linkage.no_next - lost) ** 2).sum())
        visits += len(lost)
    return total / visits


def reliability(chance: NDArray[np.float64], true: NDArray[np.bool_]) -> None:
    print("  claimed  right   pairs")
    for low, high in pairwise(EDGES):
        here = (chance >= low) & (chance < high)
        if here.any():
            print(f"  {chance[here].mean():7.3f} {true[here].mean():6.3f} {here.sum():7d}")
