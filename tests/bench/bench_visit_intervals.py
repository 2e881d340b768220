"""Coverage of the intervals of the visit count: over 1,000 simulated berth-years, in five
scenarios.

python -m tests.bench.bench_visit_intervals --years 1000 --others 250 --out build/visits

Prints coverage of the 50 and 90 % intervals with its binomial error, bias and width of the berth
model, of the same without the reports' scores, of the oracle that knows rate, dwell and detector,
and of naive counting, the snapshot law and Horvitz-Thompson; writes the same as JSON, a row a
berth-year, and plots.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import logit

from jobs.visits.occupancy.draws import StayDraws, credible
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.prior import BerthPrior
from tests.bench.visits.baselines import (
    Estimate,
    Known,
    horvitz_thompson,
    naive,
    snapshot,
    with_visits,
)
from tests.bench.visits.berth_years import (
    DWELL_MEDIAN_DAYS,
    DWELL_SD,
    NEAREST_STAGES,
    RATE_MEDIAN_PER_DAY,
    RATE_SD,
    RECALL,
    RECALL_SD,
    SCENARIOS,
    YEAR_DAYS,
    BerthYear,
    simulate_year,
)
from tests.support.panels import fit_berth

pytestmark = pytest.mark.bench

SEED = 20240307
DRAWS = 1000
MASSES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
KNOWN = Known(DWELL_MEDIAN_DAYS, DWELL_SD, length_m=90.0)
CERTAIN_SD = 0.01
"""Of a logarithm or logit that the oracle knows."""
METHODS = ("model", "no_scores", "oracle", "naive", "snapshot", "horvitz_thompson")


@dataclass(frozen=True)
class Measured:
    """One berth-year and what each method made of it."""

    scenario: str
    year: int
    visits: int
    looks: int
    sightings: int
    rate_per_day: float
    dwell_mean_days: float
    shape: str
    recall: float
    revisit_days: float
    cloud_fraction: float
    pit: float
    covered: tuple[bool, ...]
    """Whether the model's interval of each of MASSES held the truth."""
    seconds: float
    """What one fit took."""
    estimates: dict[str, Estimate]


# --- a berth-year -------------------------------------------------------------------------------


def measure(task: tuple[int, int]) -> Measured:
    """Simulate and estimate one berth-year; (scenario, year) is its seed as well."""
    scenario, year = task
    rng = np.random.default_rng([SEED, scenario, year])
    truth = simulate_year(SCENARIOS[scenario], rng)
    panel = with_visits(truth.panel)
    began = time.perf_counter()
    counts = model_counts(panel, year)
    seconds = time.perf_counter() - began
    return Measured(
        scenario=truth.scenario,
        year=year,
        visits=truth.visits,
        looks=len(panel),
        sightings=int(np.sum(panel.vessels > 0)),
        rate_per_day=truth.rate_per_day,
        dwell_mean_days=truth.dwell_mean_days,
        shape=truth.shape,
        recall=truth.eye.recall,
        revisit_days=truth.revisit_days,
        cloud_fraction=truth.cloud_fraction,
        pit=randomised_pit(counts, truth.visits, rng),
        covered=tuple(holds(credible(counts, mass), truth.visits) for mass in MASSES),
        seconds=seconds,
        estimates={
            "model": summarised(counts),
            "no_scores": summarised(model_counts(replace(panel, reports=None), year)),
            "oracle": summarised(oracle_counts(truth, panel, year)),
            "naive": naive(panel),
            "snapshot": snapshot(panel, KNOWN),
            "horvitz_thompson": horvitz_thompson(panel, KNOWN),
        },
    )


def model_counts(panel: Panel, seed: int) -> NDArray[np.int32]:
    """(draw,) visits of the year as the berth model has them, with its own defaults."""
    return counted(fit_berth(panel, BerthPrior(), draws=DRAWS, seed=seed).draws)


def oracle_counts(truth: BerthYear, panel: Panel, seed: int) -> NDArray[np.int32]:
    """(draw,) visits as the model would have them if it knew rate, dwell and detector."""
    prior = replace(
        BerthPrior(),
        rate_median_per_day=truth.rate_per_day,
        rate_sd=CERTAIN_SD,
        dwell_median_days=truth.dwell_mean_days,
        dwell_sd=CERTAIN_SD,
        stages=(NEAREST_STAGES[truth.shape],),
    )
    detector = replace(
        panel.detectors[0],
        recall=truth.eye.recall,
        recall_sd=CERTAIN_SD,
        false_alarms=truth.eye.false_alarms,
        false_alarms_sd=CERTAIN_SD,
    )
    known = replace(panel, detectors=(detector,))
    return counted(fit_berth(known, prior, draws=DRAWS, seed=seed).draws)


def counted(draws: StayDraws) -> NDArray[np.int32]:
    return draws.arrivals([0.0, YEAR_DAYS])[:, 0]


def summarised(counts: NDArray[np.int32]) -> Estimate:
    return Estimate(float(counts.mean()), *credible(counts, 0.5), *credible(counts, 0.9))


def holds(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def randomised_pit(counts: NDArray[np.int32], truth: int, rng: np.random.Generator) -> float:
    """Where the truth falls among the draws, 0..1; ties are broken by chance, so flat is right."""
    return float(np.mean(counts < truth) + rng.random() * np.mean(counts == truth))


# --- many ---------------------------------------------------------------------------------------


def measure_all(tasks: Sequence[tuple[int, int]], jobs: int) -> list[Measured]:
    """Every task, on so many processes; the order and the numbers do not depend on them."""
    if jobs == 1:
        return [measure(task) for task in tasks]
    # spawned, as numba's threads and caches do not survive a fork
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        return pool.map(measure, tasks, chunksize=5)


def tasks_of(years: int, others: int, first: int = 0) -> list[tuple[int, int]]:
    """So many years of the first scenario, and of each other one, numbered from the first."""
    return [
        (scenario, year)
        for scenario in range(len(SCENARIOS))
        for year in range(first, first + (years if scenario == 0 else others))
    ]


def adjusted_bias(measured: Sequence[Measured]) -> tuple[float, float]:
    """Bias of the model in per cent and its standard error, less what the luck of the draw made.

    Rates, dwells and recalls are drawn from known distributions; where the sample's means are off,
    so is the mean error. They serve as control variates, with their squares (Owen 2013, 8.9).
    """
    truth = np.array([one.visits for one in measured], float)
    error = np.array([one.estimates["model"].mean for one in measured]) - truth
    drawn = np.array(
        [
            [
                np.log(one.rate_per_day / RATE_MEDIAN_PER_DAY) / RATE_SD,
                np.log(one.dwell_mean_days / DWELL_MEDIAN_DAYS) / DWELL_SD,
                (logit(one.recall) - logit(RECALL)) / RECALL_SD,
            ]
            for one in measured
        ]
    )
    known = np.column_stack([np.ones(len(truth)), drawn, drawn**2 - 1])
    found, *_ = np.linalg.lstsq(known, error, rcond=None)
    spread = float(np.std(error - known @ found)) / np.sqrt(len(truth))
    return 100 * found[0] / truth.mean(), 100 * spread / truth.mean()


def summary(measured: Iterable[Measured]) -> pd.DataFrame:
    """A row a scenario and method; coverage in per cent, width in visits, bias in per cent."""
    table = flat(measured)
    groups = table.groupby(["scenario", "method"], sort=False)
    return groups.apply(_summary_row, include_groups=False).reset_index()


def flat(measured: Iterable[Measured]) -> pd.DataFrame:
    """A row a berth-year and method."""
    return pd.DataFrame(
        {"scenario": one.scenario, "method": method, "visits": one.visits}
        | vars(one.estimates[method])
        for one in measured
        for method in METHODS
    )


def _summary_row(rows: pd.DataFrame) -> pd.Series:
    number, truth = len(rows), rows["visits"].mean()
    error = rows["mean"] - rows["visits"]
    row = {"years": number, "truth": truth, "bias": 100 * error.mean() / truth}
    row["bias_se"] = 100 * error.std() / np.sqrt(number) / truth
    row["rmse"] = np.sqrt((error**2).mean())
    for mass in (50, 90):
        low, high = rows[f"low{mass}"], rows[f"high{mass}"]
        share = ((low <= rows["visits"]) & (rows["visits"] <= high)).mean()
        given = low.notna().any()
        row[f"cover{mass}"] = 100 * share if given else np.nan
        row[f"cover{mass}_se"] = 100 * np.sqrt(share * (1 - share) / number) if given else np.nan
        row[f"width{mass}"] = (high - low).mean()
    return pd.Series(row)


def printed(rows: pd.DataFrame) -> str:
    """The summary as a table for people."""
    head = f"{'scenario':20s}{'method':18s}{'years':>6s}{'truth':>7s}{'bias %':>14s}{'rmse':>7s}"
    lines = [f"{head}{'50 % holds':>14s}{'90 % holds':>14s}{'width 50':>10s}{'width 90':>10s}"]
    lines += [
        f"{row.scenario:20s}{row.method:18s}{row.years:6.0f}{row.truth:7.1f}"
        f"{row.bias:8.1f} ±{row.bias_se:4.1f}{row.rmse:7.1f}"
        f"{row.cover50:8.1f} ±{row.cover50_se:4.1f}{row.cover90:8.1f} ±{row.cover90_se:4.1f}"
        f"{row.width50:10.1f}{row.width90:10.1f}"
        for row in rows.itertuples()
    ]
    return "\n".join(lines)


def by_truth(measured: Sequence[Measured]) -> pd.DataFrame:
    """Coverage and bias of the model by what was true in the first scenario.

    Given the truth a Bayesian estimate leans towards its prior: only all years together, or parts
    by what the looks show, should have no bias.
    """
    first = [one for one in measured if one.scenario == SCENARIOS[0].name]
    table = flat(first).query("method == 'model'").reset_index(drop=True)
    parts = {
        "shape": [one.shape for one in first],
        "revisit, days": _halves([one.revisit_days for one in first]),
        "cloud": _halves([one.cloud_fraction for one in first]),
        "recall": _halves([one.recall for one in first]),
        "rate a day": _halves([one.rate_per_day for one in first]),
        "dwell, days": _halves([one.dwell_mean_days for one in first]),
    }
    rows = [
        _summary_row(part).rename(f"{name} {value}")
        for name, values in parts.items()
        for value, part in table.groupby(np.array(values))
    ]
    columns = ["years", "truth", "bias", "bias_se", "cover50", "cover90", "width90"]
    return pd.DataFrame(rows)[columns].round(1)


def _halves(values: Sequence[float]) -> list[str]:
    middle = float(np.median(values))
    return [f"{'<' if value < middle else '>='} {middle:.2f}" for value in values]


# --- output -------------------------------------------------------------------------------------


def write(measured: Sequence[Measured], rows: pd.DataFrame, out: Path, kind: str) -> None:
    """years.json, summary.json and the plots."""
    out.mkdir(parents=True, exist_ok=True)
    years = [vars(one) | {"estimates": _plain(one.estimates)} for one in measured]
    (out / "years.json").write_text("[\n" + ",\n".join(json.dumps(y) for y in years) + "\n]\n")
    (out / "summary.json").write_text(rows.round(3).to_json(orient="records", indent=1) + "\n")
    draw(measured, out, kind)


def _plain(estimates: dict[str, Estimate]) -> dict[str, Any]:
    return {
        name: {key: None if np.isnan(value) else value for key, value in vars(found).items()}
        for name, found in estimates.items()
    }


def draw(measured: Sequence[Measured], out: Path, kind: str) -> None:
    # matplotlib takes a second and only pictures need it
    from tests.bench.visits import plots

    names = list(dict.fromkeys(one.scenario for one in measured))
    of = partial(_of_scenario, measured)
    covered = {name: np.array([one.covered for one in of(name)]) for name in names}
    plots.reliability(out / f"visit-coverage.{kind}", MASSES, covered)
    plots.pit_histograms(
        out / f"visit-pit.{kind}", {name: [one.pit for one in of(name)] for name in names}
    )
    first = flat(of(names[0]))
    wide = {method: first[first["method"] == method] for method in METHODS}
    width = {m: (t["high90"] - t["low90"]).to_numpy() for m, t in wide.items()}
    plots.widths(out / f"visit-width.{kind}", width["model"], width["oracle"])
    truth = wide["model"]["visits"].to_numpy(dtype=float)
    means = {method: table["mean"].to_numpy() for method, table in wide.items()}
    plots.estimates(out / f"visit-estimates.{kind}", truth, means)


def _of_scenario(measured: Sequence[Measured], name: str) -> list[Measured]:
    return [one for one in measured if one.scenario == name]


@pytest.mark.timeout(1800)
def test_intervals_hold(tmp_path: Path) -> None:
    """A small run; the figures in the docs come from the long one."""
    measured = measure_all(tasks_of(years=60, others=10), jobs=2)
    rows = summary(measured)
    print("\n" + printed(rows))
    write(measured, rows, tmp_path, "png")
    model = rows[(rows["scenario"] == "prior") & (rows["method"] == "model")].iloc[0]
    # three standard errors of 60 years; a broken model is far outside
    assert abs(model["cover90"] - 90) < 11.6
    assert abs(model["cover50"] - 50) < 19.4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=1000, help="berth-years of the first scenario")
    parser.add_argument("--others", type=int, default=250, help="berth-years of each other one")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=Path("build/visit-intervals"))
    parser.add_argument("--kind", choices=("png", "svg"), default="png", help="of the plots")
    parser.add_argument("--first", type=int, default=0, help="number, and so seed, of the first")
    options = parser.parse_args()
    began = time.perf_counter()
    measured = measure_all(tasks_of(options.years, options.others, options.first), options.jobs)
    rows = summary(measured)
    write(measured, rows, options.out, options.kind)
    print(printed(rows))
    print(by_truth(measured).to_string())
    prior = _of_scenario(measured, next(iter(SCENARIOS)).name)
    print(
        "bias of the model, adjusted for what was drawn: {:.1f} ± {:.1f} %".format(
            *adjusted_bias(prior)
        )
    )
    fits = np.mean([one.seconds for one in measured])
    print(f"{time.perf_counter() - began:.0f} s in all, {fits:.2f} s a fit, in {options.out}")


if __name__ == "__main__":
    main()
