"""Posterior draws of stays, from which every published number is counted.

One draw is one complete history of a berth given the looks: every stay, seen or not, with its
arrival, departure and length. A quantity (visits in May, barrels, when a cap was crossed) is
computed in each draw, and its quantiles over the draws are its interval. Because all numbers come
from the same draws, months add up to years, and berths to ports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

DAY_S = 86_400.0


@dataclass(frozen=True)
class StayDraws:
    """The stays at one berth in ``draws`` equally likely histories; a ragged table, a row a stay.

    Rows are ordered by draw, then arrival. Times are days since ``origin``, as float64.
    """

    port: str
    berth: str
    origin: datetime
    """UTC; day 0."""
    end: float
    """The histories run from day 0 to this day."""
    draws: int
    draw: NDArray[np.int32]
    """(row,), 0 <= draw < draws."""
    arrival: NDArray[np.float64]
    """(row,); before 0 for a ship that was there on day 0."""
    departure: NDArray[np.float64]
    """(row,); after ``end`` for a ship that is still there."""
    length_m: NDArray[np.float64]
    """(row,), one draw of the ship's length over all."""
    visit: NDArray[np.int32]
    """(row,), index into ``visit_ids`` of the seen visit this stay is; -1 for an unseen stay."""
    visit_ids: tuple[str, ...] = ()

    def arrivals(self, edges: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int32]:
        """Visits that began in each window [edges[i], edges[i+1]), in days; (draw, window)."""
        window = np.searchsorted(edges, self.arrival, side="right") - 1
        return self._summed(window, np.ones(len(self.draw)), len(edges) - 1).astype(np.int32)

    def occupied_days(self, edges: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Ship-days in each window [edges[i], edges[i+1]), in days; (draw, window)."""
        bounds = np.asarray(edges, dtype=np.float64)
        return np.diff(self._since(self.arrival, bounds) - self._since(self.departure, bounds))

    def present(self, moments: NDArray[np.float64]) -> NDArray[np.int64]:
        """Ships at the berth at each moment, in days, ascending; (draw, moment)."""
        one = np.ones(len(self.draw))
        ends = (self.arrival, self.departure)
        came, gone = (np.searchsorted(moments, end, side="left") for end in ends)
        change = self._summed(came, one, len(moments)) - self._summed(gone, one, len(moments))
        return np.asarray(np.rint(change.cumsum(axis=1)), np.int64)

    def _since(
        self, moments: NDArray[np.float64], bounds: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Days since the moments that lie before each bound, summed; (draw, bound)."""
        window = np.searchsorted(bounds, moments, side="left")
        before = self._summed(window, np.ones(len(moments)), len(bounds)).cumsum(axis=1)
        total: NDArray[np.float64] = before * bounds
        total -= self._summed(window, moments, len(bounds)).cumsum(axis=1)
        return total

    def _summed(
        self, window: NDArray[np.intp], weight: NDArray[np.float64], windows: int
    ) -> NDArray[np.float64]:
        inside = (window >= 0) & (window < windows)
        cell = self.draw[inside] * windows + window[inside]
        total = np.bincount(cell, weight[inside], self.draws * windows)
        return np.asarray(total, np.float64).reshape(self.draws, windows)


def credible(values: NDArray[np.number], mass: float) -> tuple[float, float]:
    """Central interval of draws (draw,) that has about the given mass, 0..1.

    Counts are whole numbers: the ends are mid-distribution quantiles (Lancaster 1961), so that the
    interval of a count holds the mass on average instead of always more.
    """
    tail = (1 - mass) / 2
    value, number = np.unique(values, return_counts=True)
    share = number / number.sum()
    middle = np.cumsum(share) - share / 2
    low = value[min(int(np.searchsorted(middle, tail, side="left")), len(value) - 1)]
    high = value[max(int(np.searchsorted(middle, 1 - tail, side="right")) - 1, 0)]
    # with most of the mass on one value both ends fall on it, from either side
    return float(min(low, high)), float(max(low, high))


def days_since(origin: datetime, time: datetime) -> float:
    """Days from one moment to another, negative before it."""
    return (time - origin).total_seconds() / DAY_S
