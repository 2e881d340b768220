"""Which reports of an anchorage are found again at the next look, by place and length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.scores import sure_step
from jobs.visits.occupancy.seen_again import SeenAgain
from jobs.visits.one_to_one import one_to_one
from jobs.visits.stays import (
    LENGTH_GATE_M,
    LENGTH_GATE_SD,
    LENGTH_SD_FLOOR_M,
    SWING_GATE_M,
    SWING_SD_M,
)

Floats = NDArray[np.float64]

LONGEST_GAP = 12.0
"""Days between two looks, beyond which few ships are there still: under the prior one in fifty."""
STRANGERS_AFTER = 90.0
"""Days after which what is found again is taken for other ships, or for no ships at all."""
SHARE_OF_LENGTHS = 0.6
"""Of strangers, whose lengths do not tell them apart: judgement, as long as no far looks say."""
GUESSED_REPORTS = 20.0
"""What that is worth, as reports of looks far apart."""
CERTAIN = 0.999
"""Of a chance, at the most."""
FAR_PAIRS = 400
"""Pairs of looks far apart that are compared, at the most."""


@dataclass(frozen=True)
class Sighted:
    """The reports at one anchorage that count as ships; all arrays are (report,)."""

    look: NDArray[np.intp]
    """Index of the look, ascending."""
    x: Floats
    """Metres, in one projection."""
    y: Floats
    length_m: Floats
    length_sd_m: Floats
    truncated: NDArray[np.bool_]
    """Cut off by cloud or the swath's edge: longer than measured."""
    sure: NDArray[np.bool_]
    """Whether the score reaches the detector's step of ``sure_step``."""

    def of(self, look: int) -> slice:
        """Those of one look."""
        return slice(*np.searchsorted(self.look, [look, look + 1]))

    def again(self, first: int, second: int) -> int:
        """How many sure reports of a look are found in another one; all are put together one to
        one.
        """
        a, b = self.of(first), self.of(second)
        away = np.hypot(self.x[a, None] - self.x[None, b], self.y[a, None] - self.y[None, b])
        sd = np.hypot(self.length_sd_m[a, None], self.length_sd_m[None, b])
        sd = np.maximum(sd, LENGTH_SD_FLOOR_M)
        apart = self._length_difference_m(a, b)
        possible = (away <= SWING_GATE_M) & (apart <= LENGTH_GATE_SD * sd + LENGTH_GATE_M)
        cost = (away / SWING_SD_M) ** 2 + (apart / sd) ** 2
        rows, _ = one_to_one(np.where(possible, cost, np.inf))
        return int(self.sure[a][rows].sum())

    def number(self, looks: int) -> NDArray[np.int32]:
        """(look,), of all reports."""
        return np.bincount(self.look, minlength=looks).astype(np.int32)

    def number_sure(self, looks: int) -> NDArray[np.int32]:
        """(look,), of the sure ones."""
        return np.bincount(self.look[self.sure], minlength=looks).astype(np.int32)

    def _length_difference_m(self, a: slice, b: slice) -> Floats:
        """Of every two, 0 where one that is cut may be longer."""
        excess = self.length_m[a, None] - self.length_m[None, b]
        longer = np.where(self.truncated[None, b], 0.0, excess)
        shorter = np.where(self.truncated[a, None], 0.0, -excess)
        return np.where(excess > 0, longer, shorter)


def seen_again(sighted: Sighted, panel: Panel, area_km2: float) -> SeenAgain:
    """Of each look of a panel with sure reports, how many of these were there again at the next."""
    time, looks = panel.time, len(panel)
    number, sure = sighted.number(looks), sighted.number_sure(looks)
    first = np.flatnonzero((sure[:-1] > 0) & (np.diff(time) <= LONGEST_GAP))
    return SeenAgain(
        gap=np.diff(time)[first],
        first=panel.detector[first],
        second=panel.detector[first + 1],
        first_clear=panel.clear[first],
        second_clear=panel.clear[first + 1],
        reports=number[first],
        sure=sure[first],
        again=np.array([sighted.again(i, i + 1) for i in first.tolist()], np.int32),
        second_reports=number[first + 1],
        steps=np.array([sure_step(each) for each in panel.detectors], np.intp),
        stranger=_stranger(sighted, time, area_km2),
    )


def _stranger(sighted: Sighted, time: Floats, area_km2: float) -> float:
    """Chance that a report is found again in one report of a stranger: as in looks far apart, from
    which a guess by the area is moved.
    """
    number, sure = sighted.number(len(time)), sighted.number_sure(len(time))
    usual = max(float(number.mean()) if len(number) else 0.0, 1.0)
    guess = min(0.5, SHARE_OF_LENGTHS * np.pi * (SWING_GATE_M / 1000) ** 2 / area_km2)
    reports, others = [GUESSED_REPORTS], [usual]
    again = GUESSED_REPORTS * (1 - (1 - guess) ** usual)
    for i, j in _far_pairs(time, sure):
        again += sighted.again(i, j)
        reports.append(float(sure[i]))
        others.append(float(number[j]))
    weight, of = np.array(reports), np.array(others)

    def too_many(chance: float) -> float:
        return float((weight * (1 - (1 - chance) ** of)).sum() - again)

    return float(brentq(too_many, 0.0, CERTAIN)) if too_many(CERTAIN) > 0 else CERTAIN


def _far_pairs(time: Floats, sure: NDArray[np.int32]) -> Iterator[tuple[int, int]]:
    """Looks with the first such look STRANGERS_AFTER later, evenly over the time."""
    seen = np.flatnonzero(sure > 0)
    after = np.searchsorted(time[seen], time[seen] + STRANGERS_AFTER)
    pairs = [(int(i), int(seen[j])) for i, j in zip(seen, after, strict=True) if j < len(seen)]
    step = -(-len(pairs) // FAR_PAIRS) if pairs else 1
    yield from pairs[::step]
