"""Simulated road-years: ships at anchor, any number of them, seen by imperfect looks.

Independent of the queue model: stays have shapes of their own, and each ship is followed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit, logit

from jobs.visits.occupancy.detector import Detector, ScoreStep
from jobs.visits.occupancy.panel import UNSAID, Panel, Reports
from tests.bench.visits.berth_years import (
    DWELL_SHAPES,
    MONTH_DAYS,
    NEAREST_STAGES,
    ORIGIN,
    SCENARIOS,
    WARM_UP_DAYS,
    YEAR_DAYS,
    Scenario,
    clear_share,
    clouded_at,
    random_orbits,
    rates_by_month,
)

RATE_MEDIAN_PER_DAY, RATE_SD = 0.5, 0.8
"""Narrower than the model's prior, so that no road holds a hundred ships."""
DWELL_MEDIAN_DAYS, DWELL_SD = 2.0, 0.5
RECALL, RECALL_SD = 0.8, 0.5
FALSE_ALARMS, FALSE_ALARMS_SD = 0.2, 0.5
STEPS = (ScoreStep(0.5, 0.65, 0.6, 0.0, 0.3), ScoreStep(0.7, 0.45, 0.7, 0.0, 0.1))
TRUE_SHARES, FALSE_SHARES, SHARE_SD = (0.81, 0.69), (0.3, 0.33), 0.7
"""Of the reports that reach a step, those that reach the next one at the median road; standard
deviation of the logit from road to road."""
BELIEVED = Detector("simulated", RECALL, RECALL_SD, 0.0, FALSE_ALARMS, FALSE_ALARMS_SD, steps=STEPS)


@dataclass(frozen=True)
class RoadYear:
    """One simulated year: what was true, and the panel a model may see."""

    arrival: NDArray[np.float64]
    panel: Panel
    factor: NDArray[np.float64]
    """(month,), of the rate."""
    present: NDArray[np.int64]
    """(look,), ships that lay there."""
    recall: float

    @property
    def visits(self) -> int:
        """The number to be estimated."""
        return int(np.sum((self.arrival >= 0) & (self.arrival < YEAR_DAYS)))


@dataclass(frozen=True)
class Road:
    """Where a kind of road-year departs from what the model takes for granted."""

    scenario: Scenario = SCENARIOS[0]
    places: int | None = None
    """Ships that find them all taken go elsewhere; the rate is such that two in five do."""
    regular: float = 0.0
    """Share by which arrivals are evenly spaced: 0 Poisson, 1 a timetable."""
    recall: float | None = None
    """None: drawn from the prior."""
    false_alarms: float = 1.0
    """Times as many as drawn."""


ROADS = {
    "prior": Road(),
    "few places": Road(places=6),
    "regular arrivals": Road(regular=0.8),
    "recall .6, believed .8": Road(recall=0.6),
    "months that differ": Road(next(s for s in SCENARIOS if s.name == "monthly change")),
    "three times the false alarms": Road(false_alarms=3.0),
}


def simulate_road(scenario: Scenario, rng: Generator) -> RoadYear:
    """A year of a road whose rate, dwell, detector, orbits and weather are all drawn."""
    return simulate_road_of(Road(scenario), rng)


def simulate_road_of(road: Road, rng: Generator) -> RoadYear:
    """A year of a kind of road; what it does not fix is drawn."""
    rate = RATE_MEDIAN_PER_DAY * np.exp(RATE_SD * rng.standard_normal())
    dwell = DWELL_MEDIAN_DAYS * np.exp(DWELL_SD * rng.standard_normal())
    shape = str(rng.choice(list(NEAREST_STAGES)))
    factor = rates_by_month(road.scenario, rng)
    if road.places is not None:
        rate = (road.places + 2) / dwell
    arrival = arrivals(rng, rate * factor)
    if road.regular:
        even = np.linspace(arrival[0], arrival[-1], len(arrival))
        arrival = np.sort((1 - road.regular) * arrival + road.regular * even)
    departure = arrival + dwell * np.array([DWELL_SHAPES[shape](rng) for _ in arrival])
    if road.places is not None:
        admitted = _admitted(arrival, departure, road.places)
        arrival, departure = arrival[admitted], departure[admitted]
    time = random_orbits(rng, rng.uniform(1, 6))
    time = time[~clouded_at(rng, time, rng.uniform(0.2, 0.7), rng.uniform(1, 4))]
    clear = clear_share(rng, len(time))
    recall = float(expit(logit(RECALL) + RECALL_SD * rng.standard_normal()))
    recall = recall if road.recall is None else road.recall
    false = FALSE_ALARMS * np.exp(FALSE_ALARMS_SD * rng.standard_normal())
    there = np.array([int(np.sum((arrival <= t) & (t < departure))) for t in time], np.int64)
    found = rng.binomial(there, recall * clear)
    wrong = rng.poisson(road.false_alarms * false * clear)
    nothing = np.full(len(time), np.nan)
    panel = Panel(
        port="SIM",
        berth="road",
        origin=ORIGIN,
        days=YEAR_DAYS,
        time=time,
        detector=np.zeros(len(time), np.int32),
        clear=clear,
        vessels=(found + wrong).astype(np.int32),
        length_m=nothing,
        length_sd_m=nothing,
        visit=np.full(len(time), -1, np.int32),
        detectors=(BELIEVED,),
        reports=_reports(found, wrong, rng.spawn(1)[0]),
    )
    return RoadYear(arrival, panel, factor, there, recall)


def _reports(found: NDArray[np.int64], wrong: NDArray[np.int64], rng: Generator) -> Reports:
    """Scores of each look's reports, of a network of this road's own."""
    shares = [
        expit(logit(middle) + SHARE_SD * rng.standard_normal())
        for middle in (np.array(TRUE_SHARES), np.array(FALSE_SHARES))
    ]
    shape = len(found), int((found + wrong).max(initial=0))
    score = np.full(shape, np.nan)
    for look, number in enumerate(zip(found, wrong, strict=True)):
        parts = []
        for each, reach in zip(number, shares, strict=True):
            first = rng.random(each) < reach[0]
            second = first & (rng.random(each) < reach[1])
            parts.append(0.3 + 0.2 * first + 0.2 * second)
        scores = np.sort(np.concatenate(parts))[::-1]
        score[look, : len(scores)] = scores
    return Reports(score + 1e-9, np.full(shape, UNSAID, np.int8))


def only_numbers(panel: Panel) -> Panel:
    """The panel as only the number of its reports has it."""
    without = tuple(replace(each, steps=()) for each in panel.detectors)
    return replace(panel, detectors=without)


def _admitted(
    arrival: NDArray[np.float64], departure: NDArray[np.float64], places: int
) -> NDArray[np.bool_]:
    """Which ships find a place, in order of arrival."""
    free_from = np.full(places, -np.inf)
    admitted = np.zeros(len(arrival), np.bool_)
    for number, (begin, end) in enumerate(zip(arrival, departure, strict=True)):
        place = int(np.argmin(free_from))
        if free_from[place] <= begin:
            free_from[place], admitted[number] = end, True
    return admitted


def arrivals(rng: Generator, monthly_rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Moments of a Poisson process whose rate steps by months, the first one's before day 0."""
    months = len(monthly_rate)
    starts = np.concatenate([[-WARM_UP_DAYS], MONTH_DAYS * np.arange(1, months)])
    ends = MONTH_DAYS * np.arange(1, months + 1)
    numbers = rng.poisson(monthly_rate * (ends - starts))
    spans = zip(starts, ends, numbers, strict=True)
    return np.sort(np.concatenate([rng.uniform(start, end, n) for start, end, n in spans]))
