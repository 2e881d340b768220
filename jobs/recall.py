"""What an archive itself says of its detectors: pairs of looks hours apart, looks at empty berths.

A ship seen by one of two satellites on one morning was there for the other as well: how often the
other saw it is its recall, whatever the number of ships (capture and recapture, Lincoln 1930). What
this cannot see are ships that both miss for one reason, such as a dark deck on dark water, and
things that both mistake for a ship: where these are common, the recall found is too high.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp, log, sqrt

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import digamma, expit, logit, polygamma

from jobs.detector import REFERENCE_LENGTH_M, Detector
from jobs.errors import InputError
from jobs.occupancy.panel import Panel

CLEAR_FROM = 0.9
"""With less of the berth clear, a look tells of the cloud and not of the detector."""

CLOSE_DAYS = 0.25
"""Two looks are close within six hours: few ships come or go meanwhile."""

_LEVELS = 41
_LEVEL_REACH_SD = 4.0
_SHARES = (np.arange(40) + 0.5) / 40
"""Occupied shares, equally likely beforehand."""
_ALARM_NODES = 5

Floats = NDArray[np.float64]


# --- close passes -------------------------------------------------------------------------------


@dataclass(frozen=True)
class ClosePasses:
    """Pairs of clear looks at berths for one ship, by two detectors shortly after one another."""

    first: NDArray[np.bool_]
    """(pair,), whether the one detector reported a vessel."""
    second: NDArray[np.bool_]
    """(pair,), whether the other did."""
    gap_days: Floats
    """(pair,), the time between the two, whichever came first."""

    def __len__(self) -> int:
        return len(self.gap_days)


def close_passes(
    panels: Iterable[Panel], within_days: float = CLOSE_DAYS
) -> dict[tuple[Detector, Detector], ClosePasses]:
    """The pairs of clear looks at one berth within some time, by the two detectors they are of.

    The pair's detectors come in the order of their sensors' names; no look is in two pairs.
    """
    rows: dict[tuple[Detector, Detector], list[tuple[bool, bool, float]]] = defaultdict(list)
    for panel in panels:
        for early, late in _pairs(panel, within_days):
            one, other = sorted((early, late), key=lambda look: _sensor(panel, look).sensor)
            seen = panel.vessels[one] > 0, panel.vessels[other] > 0
            gap = float(panel.time[late] - panel.time[early])
            rows[_sensor(panel, one), _sensor(panel, other)].append((*seen, gap))
    return {
        detectors: ClosePasses(
            np.array([row[0] for row in pairs], dtype=bool),
            np.array([row[1] for row in pairs], dtype=bool),
            np.array([row[2] for row in pairs], dtype=np.float64),
        )
        for detectors, pairs in rows.items()
    }


def _sensor(panel: Panel, look: int) -> Detector:
    return panel.detectors[int(panel.detector[look])]


def _pairs(panel: Panel, within_days: float) -> list[tuple[int, int]]:
    clear = np.flatnonzero(panel.clear >= CLEAR_FROM)
    pairs: list[tuple[int, int]] = []
    for early, late in pairwise(clear):
        is_taken = bool(pairs) and pairs[-1][1] == early
        if not is_taken and panel.time[late] - panel.time[early] <= within_days:
            pairs.append((int(early), int(late)))
    return pairs


def recall_from_close_passes(
    passes: ClosePasses,
    detectors: tuple[Detector, Detector],
    dwell_days: float,
    length_m: float = REFERENCE_LENGTH_M,
) -> tuple[Detector, Detector]:
    """Both detectors with the recall that the pairs leave likely, of what they were taken to have.

    The berths' occupied share is taken as unknown, and ships as coming and going at random with
    that mean stay; length_m is the usual one there. Two equal detectors share one recall. No pairs
    give the detectors back (to the grid's precision).
    """
    if dwell_days <= 0:
        raise InputError(f"a mean stay of {dwell_days} days was given; expected more than 0")
    one, other = detectors
    levels = _grid(one), _grid(other)
    joint = np.zeros((_LEVELS, _LEVELS))
    for factor, weight in _alarm_factors():
        chances = (_chances(levels[k], detectors[k], length_m, factor) for k in (0, 1))
        joint += weight * _likelihood(passes, tuple(chances), dwell_days)
    if one == other:
        joint = np.diag(np.diag(joint)) * _prior(one, levels[0])[:, None]
    else:
        joint *= _prior(one, levels[0])[:, None] * _prior(other, levels[1])[None, :]
    note = f"{len(passes)} close passes"
    return (
        _with_recall(one, levels[0], joint.sum(axis=1), note),
        _with_recall(other, levels[1], joint.sum(axis=0), note),
    )


def _grid(detector: Detector) -> Floats:
    """Possible logits of the recall at the reference length."""
    reach = max(_LEVEL_REACH_SD * detector.recall_sd, 1e-6)
    return np.asarray(logit(detector.recall) + np.linspace(-reach, reach, _LEVELS))


def _prior(detector: Detector, levels: Floats) -> Floats:
    away = (levels - logit(detector.recall)) / max(detector.recall_sd, 1e-6)
    return np.asarray(np.exp(-(away**2) / 2))


def _alarm_factors() -> list[tuple[float, float]]:
    """Standard normal places and their weights, for what is not known of the false alarms."""
    nodes, weights = hermegauss(_ALARM_NODES)
    return [(float(x), float(w)) for x, w in zip(nodes, weights / weights.sum(), strict=True)]


def _chances(
    levels: Floats, detector: Detector, length_m: float, alarm_sd: float
) -> tuple[Floats, Floats]:
    """Chance of a report where a ship is (level,) and where none is (level,)."""
    longer = detector.recall_slope * log(length_m / REFERENCE_LENGTH_M)
    invented = 1 - exp(-detector.false_alarms * exp(alarm_sd * detector.false_alarms_sd))
    occupied = 1 - (1 - expit(levels + longer)) * (1 - invented)
    return np.asarray(occupied), np.full_like(levels, invented)


def _likelihood(
    passes: ClosePasses, chances: tuple[tuple[Floats, Floats], ...], dwell_days: float
) -> Floats:
    """Of the pairs, over both detectors' levels (level, level), the occupied share summed out."""
    patterns = [(seen, other) for seen in (True, False) for other in (True, False)]
    logs = []
    for share in _SHARES:
        total = np.zeros((_LEVELS, _LEVELS))
        for seen, other in patterns:
            gaps = passes.gap_days[(passes.first == seen) & (passes.second == other)]
            times, counts = np.unique(np.round(gaps, 2), return_counts=True)
            one, two = _outcome(chances[0], seen), _outcome(chances[1], other)
            for gap, count in zip(times, counts, strict=True):
                total += count * np.log(_pair_chance(one, two, share, gap / dwell_days))
        logs.append(total)
    likelihood = np.stack(logs)
    return np.asarray(np.exp(likelihood - likelihood.max()).sum(axis=0))


def _outcome(chances: tuple[Floats, Floats], seen: bool) -> tuple[Floats, Floats]:
    return chances if seen else (1 - chances[0], 1 - chances[1])


def _pair_chance(
    one: tuple[Floats, Floats], two: tuple[Floats, Floats], share: float, stays: float
) -> Floats:
    """Chance of a pair's outcomes; a berth forgets its state at the rate of leaving over 1 - share.

    stays: the time between the looks in mean stays.
    """
    kept = exp(-stays / (1 - share))
    both = share * (share + (1 - share) * kept)
    (one_full, one_empty), (two_full, two_empty) = one, two
    changed = share - both
    return np.asarray(
        both * one_full[:, None] * two_full[None, :]
        + changed * one_full[:, None] * two_empty[None, :]
        + changed * one_empty[:, None] * two_full[None, :]
        + (1 - share - changed) * one_empty[:, None] * two_empty[None, :]
    )


def _with_recall(detector: Detector, levels: Floats, weight: Floats, note: str) -> Detector:
    share = weight / weight.sum()
    mean = float(share @ levels)
    sd = sqrt(float(share @ (levels - mean) ** 2))
    return replace(
        detector, recall=float(expit(mean)), recall_sd=sd, source=_sources(detector, note)
    )


def _sources(detector: Detector, note: str) -> str:
    return f"{detector.source}; {note}" if detector.source else note


# --- looks at empty berths ----------------------------------------------------------------------


@dataclass(frozen=True)
class EmptyWindow:
    """A time in which a berth is known to have been empty, and who says so."""

    port: str
    berth: str
    start: datetime
    """UTC, inclusive."""
    end: datetime
    """UTC, exclusive."""
    source: str

    def __post_init__(self) -> None:
        place = f"{self.port}/{self.berth}"
        if not self.source.strip():
            raise InputError(f"an empty time of {place} has no source: name who says so")
        if self.start >= self.end:
            raise InputError(
                f"an empty time of {place} begins {self.start} and ends {self.end}; "
                "expected an end after its start"
            )


@dataclass(frozen=True)
class EmptyLooks:
    """Clear looks of one detector at what was empty, and the vessels reported there."""

    looks: int
    reported: int


def empty_looks(
    panels: Iterable[Panel], windows: Sequence[EmptyWindow]
) -> Mapping[Detector, EmptyLooks]:
    """What each detector reported in the clear looks within the windows."""
    looks: dict[Detector, int] = defaultdict(int)
    reported: dict[Detector, int] = defaultdict(int)
    for panel in panels:
        empty = _within(panel, windows) & (panel.clear >= CLEAR_FROM)
        for index, detector in enumerate(panel.detectors):
            chosen = empty & (panel.detector == index)
            looks[detector] += int(chosen.sum())
            reported[detector] += int(panel.vessels[chosen].sum())
    return {one: EmptyLooks(count, reported[one]) for one, count in looks.items() if count}


def _within(panel: Panel, windows: Sequence[EmptyWindow]) -> NDArray[np.bool_]:
    """Which looks of a panel lie in a window of its berth, (look,)."""
    inside = np.zeros(len(panel), dtype=bool)
    for window in windows:
        if (window.port, window.berth) == (panel.port, panel.berth):
            start, end = (
                (moment - panel.origin) / timedelta(days=1) for moment in (window.start, window.end)
            )
            inside |= (panel.time >= start) & (panel.time < end)
    return inside


def false_alarms_from_empty(detector: Detector, empty: EmptyLooks) -> Detector:
    """The detector with the false alarms that looks at empty berths leave likely.

    A Gamma distribution with the logarithm's mean and sd stands for what was known before; Poisson
    counts turn it into another. An sd of 0 says that they are known, and stay.
    """
    if detector.false_alarms_sd == 0 or empty.looks == 0:
        return detector
    shape, rate = _gamma(log(detector.false_alarms), detector.false_alarms_sd)
    shape, rate = shape + empty.reported, rate + empty.looks
    return replace(
        detector,
        false_alarms=exp(float(digamma(shape)) - log(rate)),
        false_alarms_sd=sqrt(float(polygamma(1, shape))),
        source=_sources(detector, f"{empty.looks} looks at empty berths"),
    )


def _gamma(log_mean: float, log_sd: float) -> tuple[float, float]:
    """Shape and rate of the Gamma distribution whose logarithm has that mean and sd."""
    shape = float(brentq(lambda a: float(polygamma(1, a)) - log_sd**2, 1e-6, 1e9))
    return shape, exp(float(digamma(shape)) - log_mean)
