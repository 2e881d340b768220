"""The berth model's exponential case against the R package msm, on the same panels.

    python -m pytest -m bench -s tests/bench/bench_msm.py

With one stage, one detector and no measured lengths the model is a two-state Markov chain seen with
misclassification, which msm (Jackson 2011) fits as well. Compared: the log-likelihood at given
parameters, and the rates and log-likelihood where it is greatest.
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
from jobs.visits.occupancy.likelihood import log_likelihood
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.prior import Points, length_classes
from tests.bench.visits.berth_years import Eye, Looks, observe, random_orbits, simulate_history

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


@cache
def why_not() -> str:
    """Why msm cannot run here; empty where it can."""
    if shutil.which("Rscript") is None:
        return "Rscript is not installed (Debian: r-cran-msm)"
    found = subprocess.run(["Rscript", "-e", "library(msm)"], capture_output=True)
    return "" if found.returncode == 0 else "R has no package msm (Debian: r-cran-msm)"


def simulate(point: Point, seed: int) -> Panel:
    """Two years of looks every two days or so at a berth with exponential stays."""
    rng = np.random.default_rng(seed)
    fleet_m = np.array([100.0])
    history = simulate_history(
        rng, np.array([point.rate_per_day]), point.dwell_days, "exponential", fleet_m, DAYS
    )
    time = random_orbits(rng, 2.0, DAYS)
    looks = Looks(time, np.zeros(len(time), dtype=np.int32), np.ones(len(time)))
    # an Eye's recall is a logit's: the greatest float below 1 never misses
    eye = Eye(min(point.recall, 1 - 1e-16), 0.0, point.false_alarms, 15.0)
    panel, _ = observe(rng, history, looks, (eye,), (BELIEVED,), DAYS)
    nothing = np.full(len(time), np.nan)
    return replace(panel, length_m=nothing, length_sd_m=nothing)


def ours_at(panel: Panel, point: Point) -> float:
    """Log likelihood of the berth model; without lengths all classes have one emission."""
    classes = len(length_classes())
    (found,) = log_likelihood(
        panel,
        Points(
            rate=np.array([point.rate_per_day]),
            dwell=np.array([point.dwell_days]),
            stages=np.array([1]),
            mix=np.full((1, classes), 1 / classes),
            recall=np.full((1, 1, classes), point.recall),
            false_alarm=np.full((1, 1), point.false_alarms),
        ),
    )
    return float(found)


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
    """The result of msm; states are 1 nothing reported, 2 a vessel, 99 not known."""
    rows = [f"1,{-LONG_BEFORE_DAYS},99"]
    seen = np.minimum(panel.vessels, 1) + 1
    rows += [f"1,{float(time)!r},{state}" for time, state in zip(panel.time, seen, strict=True)]
    data, program = folder / "looks.csv", folder / "msm.R"
    data.write_text("subject,days,state\n" + "\n".join(rows) + "\n")
    program.write_text(R_PROGRAM)
    reported = 1 - np.exp(-point.false_alarms)
    missed = (1 - point.recall) * (1 - reported)
    numbers = [str(x) for x in (point.rate_per_day, point.dwell_days, missed, reported)]
    command = ["Rscript", str(program), str(data), *numbers]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Answer(*(float(line) for line in done.stdout.split()))


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_agrees_with_msm(point: Point, tmp_path: Path) -> None:
    if why_not():
        pytest.skip(why_not())
    panel = simulate(point, seed=7)
    mine, msm = ours(panel, point), theirs(panel, point, tmp_path)
    print(f"\n{point}: {len(panel)} looks, {int(np.sum(panel.vessels > 0))} with a vessel")
    for name, value in vars(mine).items():
        other = getattr(msm, name)
        print(f"  {name:16s} ours {value:14.8f}  msm {other:14.8f}  {value / other - 1:+.1e}")
        assert value == pytest.approx(other, rel=RELATIVE)
