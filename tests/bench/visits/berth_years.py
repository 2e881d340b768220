"""Simulated berth-years: ships that come and go, weather, orbits, and a detector that errs.

Independent of the berth model: stays have shapes the model does not have, clouds last
for days, orbits are as irregular as real ones. Times are days since ORIGIN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit, gamma, logit

from jobs.visits.occupancy.detector import REFERENCE_LENGTH_M, Detector, ScoreStep
from jobs.visits.occupancy.panel import UNSAID, Panel, Reports

Days = NDArray[np.float64]

ORIGIN = datetime(2024, 1, 1, tzinfo=UTC)
YEAR_DAYS = 365.0
WARM_UP_DAYS = 60.0
"""Many stays: what was there before day 0 no longer depends on how the berth began."""
MONTH_DAYS = YEAR_DAYS / 12

# --- ships --------------------------------------------------------------------------------------


def _exponential(rng: Generator) -> float:
    return float(rng.exponential())


def _weibull(rng: Generator) -> float:
    return float(rng.weibull(1.5) / gamma(1 + 1 / 1.5))


def _lognormal(rng: Generator) -> float:
    """Coefficient of variation .5."""
    variance = np.log(1.25)
    return float(rng.lognormal(-variance / 2, np.sqrt(variance)))


def _uniform(rng: Generator) -> float:
    return float(rng.uniform(0.1, 1.9))


def _mixture(rng: Generator) -> float:
    """Four short stays to a long one."""
    return float(rng.gamma(6.0) / 6.0 * (2.4 if rng.random() < 0.2 else 0.65))


DWELL_SHAPES: Mapping[str, Callable[[Generator], float]] = {
    "lognormal": _lognormal,
    "weibull": _weibull,
    "uniform": _uniform,
    "mixture": _mixture,
    "exponential": _exponential,
}
"""One stay as a multiple of the mean stay."""

NEAREST_STAGES: Mapping[str, int] = {"lognormal": 4, "weibull": 2, "uniform": 4, "mixture": 1}
"""The shapes of the scenarios, none of them the model's own; with the stages of the Erlang
distribution whose variance is nearest, the best the model could know."""


@dataclass(frozen=True)
class History:
    """Every stay at one berth, in time order; one ship at a time."""

    arrival: Days
    departure: Days
    length_m: NDArray[np.float64]

    def arrivals(self, first: float, last: float) -> int:
        """Stays that began in [first, last)."""
        return int(np.sum((self.arrival >= first) & (self.arrival < last)))

    def stay_at(self, time: Days) -> NDArray[np.int64]:
        """Index of the stay that each moment falls in, -1 for an empty berth."""
        latest = np.searchsorted(self.arrival, time, side="right") - 1
        if not len(self.arrival):
            return np.full(len(time), -1)
        there = (latest >= 0) & (time < self.departure[latest])
        return np.where(there, latest, -1)


def simulate_history(
    rng: Generator,
    monthly_rate: NDArray[np.float64],
    dwell_mean_days: float,
    shape: str,
    fleet_m: NDArray[np.float64],
    days: float = YEAR_DAYS,
) -> History:
    """Ships come to an empty berth at its month's rate per day and stay as long as the shape says.

    The ship of each stay is any of the fleet. Before day 0 the first month's rate holds.
    """
    arrival, departure, now = [], [], -WARM_UP_DAYS
    while (now := _next_arrival(rng, monthly_rate, now)) < days:
        arrival.append(now)
        now += dwell_mean_days * DWELL_SHAPES[shape](rng)
        departure.append(now)
    return History(np.array(arrival), np.array(departure), rng.choice(fleet_m, len(arrival)))


def _next_arrival(rng: Generator, monthly_rate: NDArray[np.float64], now: float) -> float:
    """The first ship after a moment, by the exact inverse of a hazard that steps by months."""
    wait = rng.exponential()
    while True:
        month = int(np.clip(now // MONTH_DAYS, 0, len(monthly_rate) - 1))
        ends = (month + 1) * MONTH_DAYS if month < len(monthly_rate) - 1 else np.inf
        rate = monthly_rate[month]
        if wait <= rate * (ends - now):
            return float(now + wait / rate)
        wait -= rate * (ends - now)
        # rounding must not leave the moment just before the end of the month it has left
        now = float(np.nextafter(ends, np.inf))


# --- looks --------------------------------------------------------------------------------------

CYCLES_DAYS = (10, 12, 16)
"""How long Sentinel-2, Sentinel-1 and Landsat take until they repeat."""
DROPPED = 0.05
"""Share of planned passes that were never taken or never delivered."""


def orbit_times(
    rng: Generator, cycle_days: int, offsets: NDArray[np.int64], hour: float, days: float
) -> Days:
    """Passes on fixed days of a repeating cycle, at one hour give or take a quarter."""
    phase = rng.integers(cycle_days)
    starts = np.arange(-cycle_days, days + cycle_days, cycle_days)
    planned = (starts[:, None] + (offsets + phase)[None, :]).ravel() + hour / 24
    time = planned + rng.normal(0, 0.25 / 24, len(planned))
    kept = (time >= 0) & (time < days) & (rng.random(len(time)) >= DROPPED)
    return np.sort(time[kept])


def random_orbits(rng: Generator, revisit_days: float, days: float = YEAR_DAYS) -> Days:
    """Passes of a constellation that comes every so many days on average, unevenly.

    The days in the cycle are evenly spread, then shifted by up to a day: the pattern of gaps
    repeats, as that of two satellites on overlapping tracks does.
    """
    cycle = int(rng.choice(CYCLES_DAYS))
    passes = max(1, round(cycle / revisit_days))
    even = np.rint(np.arange(passes) * cycle / passes)
    offsets = np.unique((even + rng.integers(-1, 2, passes)) % cycle).astype(np.int64)
    return orbit_times(rng, cycle, offsets, rng.uniform(0, 24), days)


def clouded_at(rng: Generator, time: Days, fraction: float, efold_days: float) -> NDArray[np.bool_]:
    """Weather with two states: clouded that share of the time, forgotten in so many days."""
    clouded = np.empty(len(time), dtype=bool)
    chance, before = fraction, -np.inf
    for index, moment in enumerate(time):
        memory = np.exp(-(moment - before) / efold_days)
        clouded[index] = rng.random() < fraction + (chance - fraction) * memory
        chance, before = float(clouded[index]), moment
    return clouded


PARTLY = 0.15
"""Share of the usable looks in which some cloud lies over the berth."""


def clear_share(rng: Generator, looks: int) -> NDArray[np.float64]:
    """How much of the berth each usable look saw: mostly all of it."""
    return np.where(rng.random(looks) < PARTLY, rng.uniform(0.35, 0.95, looks), 1.0)


# --- the detector -------------------------------------------------------------------------------

FALSE_LENGTH_MEDIAN_M, FALSE_LENGTH_SD = 50.0, 0.6
"""What is taken for a ship is of any size; sd of the logarithm."""
CUT_OFF = 0.05
"""Share of the sightings whose length is not measured."""


@dataclass(frozen=True)
class Eye:
    """How a detector truly errs at this berth."""

    recall: float
    """Of a ship of REFERENCE_LENGTH_M."""
    recall_slope: float
    false_alarms: float
    """Expected number in a clear look."""
    length_sd_m: float

    def finds(self, length_m: NDArray[np.float64]) -> NDArray[np.float64]:
        """Chance to find ships of these lengths in a clear look."""
        chance: NDArray[np.float64] = expit(
            logit(self.recall) + self.recall_slope * np.log(length_m / REFERENCE_LENGTH_M)
        )
        return chance


@dataclass(frozen=True)
class Looks:
    """The usable looks at a berth, in time order."""

    time: Days
    eye: NDArray[np.int32]
    clear: NDArray[np.float64]


def observe(
    rng: Generator,
    history: History,
    looks: Looks,
    eyes: tuple[Eye, ...],
    believed: tuple[Detector, ...],
    days: float,
    port: str = "SIM",
    origin: datetime = ORIGIN,
) -> tuple[Panel, NDArray[np.int64]]:
    """What the looks report, with the believed errors of the detectors, and the truth of each look.

    The truth is the index of the stay whose ship was found, -1 where none was.
    """
    stay = history.stay_at(looks.time)
    length_m = history.length_m[stay] if len(history.length_m) else np.full(len(stay), np.nan)
    chance = np.choose(looks.eye, [eye.finds(length_m) for eye in eyes]) * looks.clear
    found = (stay >= 0) & (rng.random(len(stay)) < chance)
    false = rng.poisson(np.array([eye.false_alarms for eye in eyes])[looks.eye] * looks.clear)
    sd_m = np.array([eye.length_sd_m for eye in eyes])[looks.eye]
    false_m = FALSE_LENGTH_MEDIAN_M * np.exp(FALSE_LENGTH_SD * rng.standard_normal(len(stay)))
    measured = np.where(found, length_m, false_m) + sd_m * rng.standard_normal(len(stay))
    told_of = (found | (false > 0)) & (rng.random(len(stay)) >= CUT_OFF)
    panel = Panel(
        port=port,
        berth="berth",
        origin=origin,
        days=days,
        time=looks.time,
        detector=looks.eye,
        clear=looks.clear,
        vessels=(found + false).astype(np.int32),
        length_m=panel_lengths(told_of, measured),
        length_sd_m=np.where(told_of, sd_m, np.nan),
        visit=np.full(len(stay), -1, dtype=np.int32),
        detectors=believed,
        reports=_report(found, false > 0, rng.spawn(1)[0]),
    )
    return panel, np.where(found, stay, -1)


def panel_lengths(told_of: NDArray[np.bool_], measured: Days) -> Days:
    return np.where(told_of, np.clip(measured, 15.0, None), np.nan)


def _report(found: NDArray[np.bool_], false: NDArray[np.bool_], rng: Generator) -> Reports:
    """The score of the ship found or else of the false alarm, of a network of this berth's own."""
    shares = [
        expit(logit(middle) + SHARE_SD * rng.standard_normal())
        for middle in (np.array(TRUE_SHARES), np.array(FALSE_SHARES))
    ]
    reach = np.where(found[:, None], *shares)
    first = rng.random(len(found)) < reach[:, 0]
    second = first & (rng.random(len(found)) < reach[:, 1])
    score = np.where(found | false, 0.301 + 0.2 * first + 0.2 * second, np.nan)[:, None]
    return Reports(score, np.full(score.shape, UNSAID, np.int8))


# --- berth-years --------------------------------------------------------------------------------

RATE_MEDIAN_PER_DAY, RATE_SD = 1 / 6, 1.2
DWELL_MEDIAN_DAYS, DWELL_SD = 1.5, 0.35
RECALL, RECALL_SD, RECALL_SLOPE = 0.8, 0.5, 1.5
FALSE_ALARMS, FALSE_ALARMS_SD = 0.03, 0.5
LENGTH_SD_M = 15.0
FLEET = 15
MONTHLY_SD = 0.6
"""Of the logarithm of the factor that one month's rate has on the year's."""

STEPS = (
    ScoreStep(0.5, 0.65, 0.6, RECALL_SLOPE, 0.3),
    ScoreStep(0.7, 0.45, 0.7, RECALL_SLOPE, 0.1),
)
TRUE_SHARES, FALSE_SHARES, SHARE_SD = (0.81, 0.69), (0.3, 0.33), 0.7
"""Of the reports that reach a step, those that reach the next one at the median berth; standard
deviation of the logit from berth to berth."""
BELIEVED = Detector(
    "simulated",
    RECALL,
    RECALL_SD,
    RECALL_SLOPE,
    FALSE_ALARMS,
    FALSE_ALARMS_SD,
    steps=STEPS,
)


@dataclass(frozen=True)
class Scenario:
    """Where a kind of berth-year departs from what the model takes for granted."""

    name: str
    dwell_mean_days: float | None = None
    """None: drawn from the prior."""
    recall: float | None = None
    monthly_sd: float = 0.0
    step: float | None = None
    """Factor by which the rate rises, or as likely falls, in the middle of the year; inf: from
    none."""
    season: float = 0.0
    """Amplitude of a sine over the year, as a share of the rate."""


SCENARIOS = (
    Scenario("prior"),
    Scenario("short dwell", dwell_mean_days=0.75),
    Scenario("long dwell", dwell_mean_days=3.0),
    Scenario("monthly change", monthly_sd=MONTHLY_SD),
    Scenario("recall wrong by .1", recall=RECALL - 0.1),
    Scenario("step by 3", step=3.0),
    Scenario("step by 10", step=10.0),
    Scenario("begins in July", step=np.inf),
    Scenario("seasonal", season=0.9),
)
"""Dwells have other shapes than the model's in all of them."""


def rates_by_month(scenario: Scenario, rng: Generator) -> NDArray[np.float64]:
    """Factors of the rate in the twelve months, with mean 1."""
    factor = np.exp(scenario.monthly_sd * rng.standard_normal(12))
    if scenario.step is not None:
        rises = bool(rng.random() < 0.5)
        low, high = (0.0, 1.0) if np.isinf(scenario.step) else (1.0, scenario.step)
        factor = np.repeat([low, high] if rises or low == 0 else [high, low], 6)
    if scenario.season:
        phase = rng.uniform(0, 12)
        factor = 1 + scenario.season * np.sin(2 * np.pi * (np.arange(12) + phase) / 12)
    return np.asarray(factor / factor.mean())


@dataclass(frozen=True)
class BerthYear:
    """One simulated year: what was true, and the panel a model may see."""

    scenario: str
    history: History
    panel: Panel
    rate_per_day: float
    """Mean arrivals a day of empty berth."""
    dwell_mean_days: float
    shape: str
    eye: Eye
    revisit_days: float
    cloud_fraction: float
    factor: NDArray[np.float64]
    """(month,), of the rate."""

    @property
    def visits(self) -> int:
        """The number to be estimated."""
        return self.history.arrivals(0.0, YEAR_DAYS)


def simulate_year(scenario: Scenario, rng: Generator) -> BerthYear:
    """A berth-year whose rate, dwell, detector, orbits and weather are all drawn."""
    rate = RATE_MEDIAN_PER_DAY * np.exp(RATE_SD * rng.standard_normal())
    drawn_dwell = DWELL_MEDIAN_DAYS * np.exp(DWELL_SD * rng.standard_normal())
    dwell = scenario.dwell_mean_days or drawn_dwell
    shape = str(rng.choice(list(NEAREST_STAGES)))
    factor = rates_by_month(scenario, rng)
    fleet_m = rng.uniform(60, 130, FLEET)
    history = simulate_history(rng, rate * factor, dwell, shape, fleet_m)
    eye = simulate_eye(scenario, rng)
    revisit, cloud = rng.uniform(1, 6), rng.uniform(0.2, 0.7)
    time = random_orbits(rng, revisit)
    time = time[~clouded_at(rng, time, cloud, rng.uniform(1, 4))]
    looks = Looks(time, np.zeros(len(time), dtype=np.int32), clear_share(rng, len(time)))
    panel, _ = observe(rng, history, looks, (eye,), (BELIEVED,), YEAR_DAYS)
    return BerthYear(
        scenario.name, history, panel, float(rate), dwell, shape, eye, revisit, cloud, factor
    )


def simulate_eye(scenario: Scenario, rng: Generator) -> Eye:
    """Errors drawn from the distribution of BELIEVED, unless the scenario says otherwise."""
    drawn = float(expit(logit(RECALL) + RECALL_SD * rng.standard_normal()))
    false_alarms = FALSE_ALARMS * np.exp(FALSE_ALARMS_SD * rng.standard_normal())
    return Eye(scenario.recall or drawn, RECALL_SLOPE, float(false_alarms), LENGTH_SD_M)
