"""Simulated road-years: ships at anchor, any number of them, seen by imperfect looks.

Independent of the queue model: stays have shapes of their own, and each ship is followed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit, logit

from jobs.visits.found_again import Sighted, seen_again
from jobs.visits.occupancy.detector import Detector, ScoreStep
from jobs.visits.occupancy.panel import UNSAID, Panel, Reports
from jobs.visits.occupancy.scores import sure_from
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


FLEET_MEDIAN_M, FLEET_MEDIAN_SD, FLEET_SD = 120.0, 0.4, 0.4
FALSE_LENGTH_M = 60.0
LENGTH_SD_M, LENGTH_SD_SHARE = 8.0, 0.05
CHAIN_M = 150.0
"""From the anchor to the bow, at the most."""


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
    of_reports, of_places = rng.spawn(1)[0], rng.spawn(1)[0]
    scores = _scores(found, wrong, of_reports)
    sighted, area_km2 = sighted_at((arrival, departure), time, found, wrong, scores, of_places)
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
        reports=_reports(scores),
    )
    panel = replace(panel, again=seen_again(sighted, panel, area_km2))
    return RoadYear(arrival, panel, factor, there, recall)


def sighted_at(
    stays: tuple[NDArray[np.float64], NDArray[np.float64]],
    time: NDArray[np.float64],
    found: NDArray[np.int64],
    wrong: NDArray[np.int64],
    scores: Sequence[NDArray[np.float64]],
    rng: Generator,
) -> tuple[Sighted, float]:
    """The reports with places and lengths, and the area of the road in km2.

    So many of the ships there as were found, any of them. On half of the roads ships lie anywhere,
    on the others at fixed places, half as many again as ships lie there at most.
    """
    arrival, departure = stays
    area_km2 = float(np.exp(rng.uniform(np.log(5), np.log(40))))
    side_m = 1000 * np.sqrt(area_km2)
    anchor = rng.uniform(0, side_m, (len(arrival), 2))
    if rng.random() < 0.5:
        anchor = _fixed_places(arrival, departure, side_m, rng)
    median_m = FLEET_MEDIAN_M * np.exp(FLEET_MEDIAN_SD * rng.standard_normal())
    length = median_m * np.exp(FLEET_SD * rng.standard_normal(len(arrival)))
    rows = []
    for look, at in enumerate(time):
        there = np.flatnonzero((arrival <= at) & (at < departure))
        seen = rng.choice(there, found[look], replace=False)
        turned = rng.uniform(0, 2 * np.pi, len(seen))
        circle_m = rng.uniform(0.3, 1.0, len(seen)) * CHAIN_M + length[seen] / 2
        place = anchor[seen] + circle_m[:, None] * np.stack([np.cos(turned), np.sin(turned)], 1)
        sd = LENGTH_SD_M + LENGTH_SD_SHARE * length[seen]
        measured = np.maximum(length[seen] + sd * rng.standard_normal(len(seen)), 15.0)
        rows += [(look, *p, m, s) for p, m, s in zip(place, measured, sd, strict=True)]
        for _ in range(wrong[look]):
            false_m = FALSE_LENGTH_M * np.exp(FLEET_SD * rng.standard_normal())
            rows.append((look, *rng.uniform(0, side_m, 2), false_m, LENGTH_SD_M))
    columns = np.array(rows, np.float64).reshape(-1, 5).T
    whole = np.zeros(columns.shape[1], np.bool_)
    sure = np.concatenate([*scores, []]) >= sure_from(BELIEVED)
    return Sighted(columns[0].astype(np.intp), *columns[1:], whole, sure), area_km2


def _fixed_places(
    arrival: NDArray[np.float64],
    departure: NDArray[np.float64],
    side_m: float,
    rng: Generator,
) -> NDArray[np.float64]:
    """(ship, 2): each lies at a place that no other has, any of those that are free."""
    most = max(int(np.sum((arrival <= t) & (t < departure))) for t in arrival)
    places = rng.uniform(0, side_m, (most + most // 2 + 1, 2))
    free_from = np.full(len(places), -np.inf)
    chosen = np.empty((len(arrival), 2))
    for ship, (begin, end) in enumerate(zip(arrival, departure, strict=True)):
        place = rng.choice(np.flatnonzero(free_from <= begin))
        free_from[place], chosen[ship] = end, places[place]
    return chosen


def _scores(
    found: NDArray[np.int64], wrong: NDArray[np.int64], rng: Generator
) -> list[NDArray[np.float64]]:
    """Scores of each look's reports, of its ships before its false alarms, of a network of this
    road's own.
    """
    shares = [
        expit(logit(middle) + SHARE_SD * rng.standard_normal())
        for middle in (np.array(TRUE_SHARES), np.array(FALSE_SHARES))
    ]
    scores = []
    for number in zip(found, wrong, strict=True):
        parts = []
        for each, reach in zip(number, shares, strict=True):
            first = rng.random(each) < reach[0]
            second = first & (rng.random(each) < reach[1])
            parts.append(0.3 + 0.2 * first + 0.2 * second + 1e-9)
        scores.append(np.concatenate(parts))
    return scores


def _reports(scores: Sequence[NDArray[np.float64]]) -> Reports:
    shape = len(scores), max((len(each) for each in scores), default=0)
    score = np.full(shape, np.nan)
    for look, each in enumerate(scores):
        score[look, : len(each)] = np.sort(each)[::-1]
    return Reports(score, np.full(shape, UNSAID, np.int8))


def without_places(panel: Panel) -> Panel:
    """The panel as one that does not know what was seen again."""
    return replace(panel, again=None)


def only_numbers(panel: Panel) -> Panel:
    """The panel as only the number of its reports has it."""
    without = tuple(replace(each, steps=()) for each in panel.detectors)
    return replace(panel, detectors=without, again=None)


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
