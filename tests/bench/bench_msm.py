"""The berth model's exponential case against the R package msm, on the same panels.

    python -m pytest -m bench -s tests/bench/bench_msm.py

With one stage, one detector and no measured lengths the model is a two-state Markov chain seen with
misclassification, which msm (Jackson 2011) fits as well. Compared: the log-likelihood at given
parameters, and the rates and log-likelihood where it is greatest; for a rate that changes at a
known day as well, by a covariate of msm's and by levels of ours.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize

from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.likelihood import at_points, log_likelihood, looks_of
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.prior import Points, length_classes
from jobs.visits.occupancy.rate_levels import with_borders
from tests.bench.visits.berth_years import (
    YEAR_DAYS,
    Eye,
    Looks,
    observe,
    random_orbits,
    simulate_history,
)

pytestmark = pytest.mark.bench

DAYS = 730.0
RELATIVE = 1e-5
"""The issue asks for 1e-3; what is left is where two optimisers stop."""
BELIEVED = Detector("simulated", 0.8, 0.5, 0.0, 0.03, 0.5)

R_PROGRAM = """
suppressMessages(library(msm))
given <- commandArgs(TRUE)
looks <- read.csv(given[1])
p <- as.numeric(given[2:5]) # rate, dwell, chance to miss a ship, chance to report one at no ship
q <- rbind(c(0, p[1]), c(1 / p[2], 0))
hidden <- p[3] > 0
extra <- if (hidden) list(ematrix = rbind(c(0, p[4]), c(p[3], 0))) else list()
fit <- function(fixed, ...) do.call(msm, c(list(
  state ~ days, subject = quote(subject), data = looks, qmatrix = q, obstype = 1,
  censor = 99, censor.states = list(c(1, 2)), initprobs = c(.5, .5), fixedpars = fixed, ...
), extra))
at <- fit(TRUE)
best <- fit(if (hidden) 3:4 else NULL,
  control = list(reltol = 1e-15, maxit = 5000, fnscale = at$minus2loglik))
# a censored first state has weight one in each state where msm has no hidden model
start <- if (hidden) 0 else log(2)
cat(sprintf("%.12g\\n", c(-at$minus2loglik / 2 - start, -best$minus2loglik / 2 - start,
  best$estimates.t[1:2])))
"""
CHANGING_R_PROGRAM = """
suppressMessages(library(msm))
given <- commandArgs(TRUE)
looks <- read.csv(given[1])
p <- as.numeric(given[2:6]) # rate, dwell, chance to miss, chance to report at no ship, ln factor
q <- rbind(c(0, p[1]), c(1 / p[2], 0))
hidden <- p[3] > 0
extra <- if (hidden) list(ematrix = rbind(c(0, p[4]), c(p[3], 0))) else list()
fit <- function(fixed, ...) do.call(msm, c(list(
  state ~ days, subject = quote(subject), data = looks, qmatrix = q, obstype = 1,
  covariates = list("1-2" = ~ after), covinits = list(after = p[5]), center = FALSE,
  censor = 99, censor.states = list(c(1, 2)), initprobs = c(.5, .5), fixedpars = fixed, ...
), extra))
at <- fit(TRUE)
best <- fit(if (hidden) 4:5 else NULL,
  control = list(reltol = 1e-15, maxit = 5000, fnscale = at$minus2loglik))
start <- if (hidden) 0 else log(2)
cat(sprintf("%.12g\n", c(-at$minus2loglik / 2 - start, -best$minus2loglik / 2 - start,
  best$estimates.t[1:3])))
"""
LONG_BEFORE_DAYS = 2000.0
"""A look of unknown outcome so long before starts msm where we start: in the long run."""


@dataclass(frozen=True)
class Point:
    """The parameters of a two-state berth."""

    rate_per_day: float
    dwell_days: float
    recall: float
    false_alarms: float


@dataclass(frozen=True)
class Answer:
    """Log likelihoods of a panel by one program."""

    log_likelihood: float
    """At the given point."""
    greatest: float
    """Over all rates and dwells, detector as given."""
    rate_per_day: float
    """Where it is greatest."""
    leaving_per_day: float


POINTS = (
    Point(0.2, 1.7, 0.8, 0.03),
    Point(0.6, 0.9, 0.65, 0.08),
    Point(0.1, 3.0, 0.95, 0.01),
    Point(0.25, 1.5, 1.0, 0.0),
    Point(0.5, 2.5, 1.0, 0.0),
)
"""The last two without misclassification."""


FACTOR = 4.0
"""By which the rate is greater in the second half of the panel, where it changes."""


@dataclass(frozen=True)
class ChangingAnswer(Answer):
    """As Answer, with the rate of the first half, and the factor of the second."""

    factor: float


@cache
def why_not() -> str:
    """Why msm cannot run here; empty where it can."""
    if shutil.which("Rscript") is None:
        return "Rscript is not installed (Debian: r-cran-msm)"
    found = subprocess.run(["Rscript", "-e", "library(msm)"], capture_output=True)
    return "" if found.returncode == 0 else "R has no package msm (Debian: r-cran-msm)"


def simulate(point: Point, seed: int, factor: float = 1.0) -> Panel:
    """Two years of looks every two days or so at a berth with exponential stays.

    The rate of the second year is greater by a factor.
    """
    rng = np.random.default_rng(seed)
    fleet_m = np.array([100.0])
    rates = point.rate_per_day * np.repeat([1.0, factor], 12)
    history = simulate_history(rng, rates, point.dwell_days, "exponential", fleet_m, DAYS)
    time = random_orbits(rng, 2.0, DAYS)
    looks = Looks(time, np.zeros(len(time), dtype=np.int32), np.ones(len(time)))
    # an Eye's recall is a logit's: the greatest float below 1 never misses
    eye = Eye(min(point.recall, 1 - 1e-16), 0.0, point.false_alarms, 15.0)
    panel, _ = observe(rng, history, looks, (eye,), (BELIEVED,), DAYS)
    nothing = np.full(len(time), np.nan)
    return replace(panel, length_m=nothing, length_sd_m=nothing)


def as_points(point: Point) -> Points:
    """One parameter point; without lengths all classes have one emission."""
    classes = len(length_classes())
    return Points(
        rate=np.array([point.rate_per_day]),
        dwell=np.array([point.dwell_days]),
        stages=np.array([1]),
        mix=np.full((1, classes), 1 / classes),
        recall=np.full((1, 1, classes), point.recall),
        false_alarm=np.full((1, 1), point.false_alarms),
        ships_least=np.array([1.0, 0.0])[None, None, :, None] * np.ones(classes),
        false_least=np.array([[[1.0, 0.0]]]),
    )


def ours_at(panel: Panel, point: Point) -> float:
    """Log likelihood of the berth model."""
    (found,) = log_likelihood(panel, as_points(point))
    return float(found)


def ours_changing_at(panel: Panel, point: Point, factor: float) -> float:
    """Log likelihood where the second level surely follows on the first at the day of change."""
    looks, month, _ = with_borders(looks_of(panel), np.array([YEAR_DAYS]))
    first, second = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    levels = (np.array([2]), np.array([[1.0, factor]]), first, second, np.array([1.0]))
    (found,) = at_points(looks, month, levels, as_points(point))
    return float(found)


def ours_changing(panel: Panel, point: Point) -> ChangingAnswer:
    def lost(logs: np.ndarray) -> float:
        rate, dwell, factor = np.exp(logs)
        changed = replace(point, rate_per_day=rate, dwell_days=dwell)
        return -ours_changing_at(panel, changed, factor)

    start = np.log([point.rate_per_day, point.dwell_days, FACTOR])
    tight = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 5000}
    best = minimize(lost, start, method="Nelder-Mead", options=tight)
    rate, dwell, factor = np.exp(best.x)
    at = ours_changing_at(panel, point, FACTOR)
    return ChangingAnswer(at, -best.fun, rate, 1 / dwell, factor)


def ours(panel: Panel, point: Point) -> Answer:
    def lost(logs: np.ndarray) -> float:
        rate, dwell = np.exp(logs)
        return -ours_at(panel, replace(point, rate_per_day=rate, dwell_days=dwell))

    start = np.log([point.rate_per_day, point.dwell_days])
    tight = {"xatol": 1e-9, "fatol": 1e-11, "maxiter": 5000}
    best = minimize(lost, start, method="Nelder-Mead", options=tight)
    rate, dwell = np.exp(best.x)
    return Answer(ours_at(panel, point), -best.fun, rate, 1 / dwell)


def theirs(panel: Panel, point: Point, folder: Path) -> Answer:
    """The result of msm where one rate holds."""
    return Answer(*_run_msm(R_PROGRAM, panel, point, folder))


def theirs_changing(panel: Panel, point: Point, folder: Path) -> ChangingAnswer:
    """The result of msm where the rate changes at the middle."""
    at, best, rate, leaving, effect = _run_msm(
        CHANGING_R_PROGRAM, panel, point, folder, float(np.log(FACTOR))
    )
    return ChangingAnswer(at, best, rate, leaving, float(np.exp(effect)))


def _run_msm(
    program_text: str, panel: Panel, point: Point, folder: Path, *more: float
) -> tuple[float, ...]:
    """Numbers that an R program prints; states are 1 nothing reported, 2 a vessel, 99 not known.

    A row of unknown state stands where the rate changes: what a row says holds until the next.
    """
    moments = [-LONG_BEFORE_DAYS, *panel.time.tolist(), YEAR_DAYS]
    states = [99, *(np.minimum(panel.vessels, 1) + 1).tolist(), 99]
    rows = [
        f"1,{moment!r},{state},{int(moment >= YEAR_DAYS)}"
        for moment, state in sorted(zip(moments, states, strict=True))
    ]
    data, program = folder / "looks.csv", folder / "msm.R"
    data.write_text("subject,days,state,after\n" + "\n".join(rows) + "\n")
    program.write_text(program_text)
    reported = 1 - np.exp(-point.false_alarms)
    missed = (1 - point.recall) * (1 - reported)
    numbers = [str(x) for x in (point.rate_per_day, point.dwell_days, missed, reported, *more)]
    command = ["Rscript", str(program), str(data), *numbers]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return tuple(float(line) for line in done.stdout.split())


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_agrees_with_msm(point: Point, tmp_path: Path) -> None:
    if why_not():
        pytest.skip(why_not())
    panel = simulate(point, seed=7)
    compare(panel, point, ours(panel, point), theirs(panel, point, tmp_path))


@pytest.mark.parametrize("point", POINTS[:1] + POINTS[3:4], ids=str)
def test_agrees_with_msm_where_the_rate_changes(point: Point, tmp_path: Path) -> None:
    if why_not():
        pytest.skip(why_not())
    panel = simulate(point, seed=7, factor=FACTOR)
    compare(panel, point, ours_changing(panel, point), theirs_changing(panel, point, tmp_path))


def compare(panel: Panel, point: Point, mine: Answer, msm: Answer) -> None:
    print(f"\n{point}: {len(panel)} looks, {int(np.sum(panel.vessels > 0))} with a vessel")
    for name, value in vars(mine).items():
        other = getattr(msm, name)
        print(f"  {name:16s} ours {value:14.8f}  msm {other:14.8f}  {value / other - 1:+.1e}")
        assert value == pytest.approx(other, rel=RELATIVE)
