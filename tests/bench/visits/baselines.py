"""What others do with the same looks: count sightings, or scale them up by a formula."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from scipy.stats import gamma, norm

from jobs.visits.occupancy.panel import Panel

MAX_GAP_DAYS = 4.0
"""Longest time between two sightings of one stay, as the stage that merges them has it."""
LENGTH_GATE_SD = 3.0
CLEAR_FROM = 0.9
TYPICAL_STAGES = 4
"""Stays vary about half their mean."""
Z50, Z90 = norm.ppf(0.75), norm.ppf(0.95)


@dataclass(frozen=True)
class Estimate:
    """A number of visits with its central 50 and 90 % intervals; NaN where a method gives none."""

    mean: float
    low50: float = np.nan
    high50: float = np.nan
    low90: float = np.nan
    high90: float = np.nan


@dataclass(frozen=True)
class Known:
    """What a formula takes for granted."""

    dwell_median_days: float
    dwell_sd: float
    """Of the logarithm of the mean dwell; 0 where it is known."""
    length_m: float

    def dwell_quantiles(self, number: int) -> NDArray[np.float64]:
        """Equally likely mean dwells, days."""
        middle = (np.arange(number) + 0.5) / number
        return self.dwell_median_days * np.exp(self.dwell_sd * norm.ppf(middle))


# --- naive --------------------------------------------------------------------------------------


def with_visits(panel: Panel) -> Panel:
    """The panel with sightings merged into stays, as one would count them by hand."""
    visit = merged_sightings(panel)
    return replace(
        panel,
        visit=visit,
        visit_ids=tuple(
            f"{panel.port}-{panel.berth}-{n}" for n in range(visit.max(initial=-1) + 1)
        ),
    )


def merged_sightings(panel: Panel) -> NDArray[np.int32]:
    """(look,) index of the stay each sighting is counted to, -1 where nothing was reported.

    A clear look without a ship, a gap of over MAX_GAP_DAYS or another length begins a new stay.
    """
    visit = np.full(len(panel), -1, dtype=np.int32)
    present, last = -1, -1
    number = 0
    for look in range(len(panel)):
        if panel.vessels[look] == 0:
            present = -1 if panel.clear[look] >= CLEAR_FROM else present
            continue
        if present < 0 or not _same_ship(panel, last, look):
            present, number = number, number + 1
        visit[look], last = present, look
    return visit


def _same_ship(panel: Panel, before: int, after: int) -> bool:
    apart_m = abs(panel.length_m[after] - panel.length_m[before])
    sd_m = np.hypot(panel.length_sd_m[after], panel.length_sd_m[before])
    soon = panel.time[after] - panel.time[before] <= MAX_GAP_DAYS
    # an unknown length contradicts nothing
    return bool(soon and not apart_m > LENGTH_GATE_SD * sd_m)


def naive(panel: Panel) -> Estimate:
    """The number of seen stays, as if nothing were ever missed."""
    return Estimate(float(merged_sightings(panel).max(initial=-1) + 1))


# --- snapshot law -------------------------------------------------------------------------------


def snapshot(panel: Panel, known: Known) -> Estimate:
    """Little's law: visits = occupied share x days / E[dwell], with false alarms taken off.

    The share is sum((y - f) / p) / n; its variance takes looks as correlated over a relaxation time
    of the berth; recall and dwell add their own. The interval is that of a lognormal.
    """
    if not len(panel):
        return Estimate(np.nan)
    found, false = look_chances(panel, known.length_m)
    seen = np.minimum(panel.vessels, 1)
    # half a sighting where there was none, so that the interval does not shrink to nothing
    floor = 0.5 / found.sum()
    share = float(np.clip(np.mean((seen - false) / (found - false * found)), floor, 0.95))
    # the dwell is not known, so its reciprocal is averaged
    visits = share * panel.days / known.dwell_median_days * np.exp(known.dwell_sd**2 / 2)
    spread = np.sqrt(
        _share_variance(panel, found, false, share, known) / share**2
        + known.dwell_sd**2
        + _recall_sd(panel, found) ** 2
        + 1 / (TYPICAL_STAGES * visits)
    )
    return _lognormal(visits, float(spread))


def look_chances(panel: Panel, length_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(look,) chance to find a ship that is there, and to report one that is not."""
    found = expit([d.recall_logit(np.array(length_m)) for d in panel.detectors])[panel.detector]
    false = np.array([d.false_alarms for d in panel.detectors])[panel.detector]
    return found * panel.clear, 1 - np.exp(-false * panel.clear)


def _share_variance(
    panel: Panel,
    found: NDArray[np.float64],
    false: NDArray[np.float64],
    share: float,
    known: Known,
) -> float:
    """Of the occupied share: looks nearer than a relaxation time see the same ship."""
    apart = np.abs(panel.time[:, None] - panel.time[None, :])
    relaxation_days = known.dwell_median_days * (1 - share)
    ship = share * (1 - share) * np.exp(-apart / relaxation_days).mean()
    reported = share * found + (1 - share) * false
    look = np.mean((reported * (1 - reported)) / found**2 - share * (1 - share)) / len(panel)
    return float(ship + max(look, 0.0))


def _recall_sd(panel: Panel, found: NDArray[np.float64]) -> float:
    """Of the logarithm of the recall."""
    logit_sd = np.array([d.recall_sd for d in panel.detectors])[panel.detector]
    return float(np.mean((1 - found) * logit_sd))


def _lognormal(mean: float, sd: float) -> Estimate:
    median = mean * np.exp(-(sd**2) / 2)
    return Estimate(
        mean,
        *(float(median * np.exp(z * sd)) for z in (-Z50, Z50, -Z90, Z90)),
    )


# --- Horvitz-Thompson ---------------------------------------------------------------------------


def horvitz_thompson(panel: Panel, known: Known) -> Estimate:
    """Each seen stay stands for 1 / pi, pi being its chance to be seen at all.

    V = sum 1 / pi, Var = sum (1 - pi) / pi^2, a normal interval; the false alarms expected at an
    empty berth are taken off as a share.
    """
    if not len(panel):
        return Estimate(np.nan)
    visit = merged_sightings(panel)
    seen = visit.max(initial=-1) + 1
    lengths = [_length_of(panel, visit == index, known.length_m) for index in range(seen)]
    grid_m = np.array([40.0, 60.0, 80.0, 100.0, 130.0])
    chance = np.interp(lengths, grid_m, [seen_at_all(panel, known, m) for m in grid_m])
    real = 1 - _false_share(panel, visit, known)
    total = float(real * np.sum(1 / chance))
    sd = float(np.sqrt(real * np.sum((1 - chance) / chance**2)))
    ends = (max(total + z * sd, 0.0) for z in (-Z50, Z50, -Z90, Z90))
    return Estimate(total, *ends)


def _length_of(panel: Panel, looks: NDArray[np.bool_], otherwise_m: float) -> float:
    measured = panel.length_m[looks & np.isfinite(panel.length_m)]
    return float(np.mean(measured)) if len(measured) else otherwise_m


def seen_at_all(panel: Panel, known: Known, length_m: float) -> float:
    """Chance that a stay that began at any time of the panel is found in at least one look."""
    found, _ = look_chances(panel, length_m)
    missed = np.concatenate([[0.0], np.cumsum(np.log1p(-found))])
    arrival = (np.arange(1000) + 0.5) * panel.days / 1000
    stay = gamma.ppf((np.arange(8) + 0.5) / 8, TYPICAL_STAGES) / TYPICAL_STAGES
    dwell = np.multiply.outer(known.dwell_quantiles(8), stay).ravel()
    last = np.searchsorted(panel.time, arrival[:, None] + dwell[None, :])
    first = np.searchsorted(panel.time, arrival)[:, None]
    return float(np.mean(1 - np.exp(missed[last] - missed[first])))


def _false_share(panel: Panel, visit: NDArray[np.int32], known: Known) -> float:
    """Share of the seen stays that no ship made, as expected."""
    if visit.max(initial=-1) < 0:
        return 0.0
    _, false = look_chances(panel, known.length_m)
    empty = np.sum(panel.vessels == 0)
    return float(np.clip(empty * false.mean() / (visit.max() + 1), 0.0, 0.9))
