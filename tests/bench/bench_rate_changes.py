"""Rates that change: intervals of the year's visits with and without levels of the rate, and
whether what is said of changes is true.

python -m tests.bench.bench_rate_changes --years 100 --out build/rates

Berths and roads, simulated by code of its own, in years with one rate, months that all differ, a
step in July by 3, by 10, or from none, and a season. Both models see the same years.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.visits.occupancy.draws import credible
from jobs.visits.occupancy.prior import BerthPrior
from jobs.visits.occupancy.queue_model import QueuePrior
from jobs.visits.occupancy.rate_changes import rate_changes
from jobs.visits.occupancy.rate_levels import CHANGES, ChangePrior
from tests.bench.visits.berth_years import SCENARIOS, YEAR_DAYS, Scenario, simulate_year
from tests.bench.visits.road_years import simulate_road
from tests.support.panels import fit_berth, fit_queue

pytestmark = pytest.mark.bench

SEED = 20241105
CHOSEN = ("prior", "monthly change", "step by 3", "step by 10", "begins in July", "seasonal")
PLACES = ("berth", "road")
MODELS: dict[str, ChangePrior | None] = {"one rate": None, "levels": CHANGES}
JULY = 5
"""Index of the border before July."""


@dataclass(frozen=True)
class Said:
    """What one model said of one year."""

    place: str
    scenario: str
    year: int
    model: str
    visits: int
    looks: int
    mean: float
    low50: float
    high50: float
    low90: float
    high90: float
    months_held: float
    """Share of the months whose 90 % interval held the month's visits."""
    seconds: float
    """Of processor time."""
    points: int
    changed: tuple[float, ...] = ()
    """Probability of a change at each border."""
    began: tuple[float, ...] = ()
    ever: float = 0.0


def measure(task: tuple[str, str, int]) -> list[Said]:
    """Simulate one year and let each model estimate it."""
    place, name, year = task
    scenario = next(one for one in SCENARIOS if one.name == name)
    rng = np.random.default_rng([SEED, PLACES.index(place), CHOSEN.index(name), year])
    panel, arrival = simulated(place, scenario, rng)
    found = []
    for model, changes in MODELS.items():
        began = time.process_time()
        if place == "berth":
            berth = fit_berth(panel, replace(BerthPrior(), changes=changes), seed=year)
            draws, calls, sampled = berth.draws, berth.calls_per_day, berth.fit.sampled
        else:
            road = fit_queue(panel, replace(QueuePrior(), changes=changes), seed=year)
            draws, calls, sampled = road.draws, road.calls_per_day, road.fit.sampled
        seconds = time.process_time() - began
        counts = draws.arrivals([0.0, YEAR_DAYS])[:, 0]
        edges = np.linspace(0, YEAR_DAYS, 13)
        truth = np.histogram(arrival, edges)[0]
        ends = [credible(column, 0.9) for column in draws.arrivals(edges).T]
        held = [low <= true <= high for (low, high), true in zip(ends, truth, strict=True)]
        what = rate_changes(calls)
        found.append(
            Said(
                place,
                name,
                year,
                model,
                int(truth.sum()),
                len(panel),
                float(counts.mean()),
                *credible(counts, 0.5),
                *credible(counts, 0.9),
                float(np.mean(held)),
                seconds,
                len(sampled.weight),
                tuple(what.changed.round(4).tolist()),
                tuple(what.began.round(4).tolist()),
                what.ever,
            )
        )
    return found


def simulated(place: str, scenario: Scenario, rng: np.random.Generator) -> Any:
    """The panel and the moments of arrival of one year."""
    if place == "berth":
        berth = simulate_year(scenario, rng)
        return berth.panel, berth.history.arrival
    road = simulate_road(scenario, rng)
    return road.panel, road.arrival


def measure_all(
    tasks: Sequence[tuple[str, str, int]], jobs: int, kept: Path | None = None
) -> list[Said]:
    """Every task, on so many processes; ``kept`` gets a JSON line for each as it comes."""
    found: list[Said] = []
    # spawned, as numba's threads and caches do not survive a fork
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for some in pool.imap(measure, tasks):
            found += some
            if kept is not None:
                with kept.open("a") as file:
                    file.writelines(json.dumps(vars(one)) + "\n" for one in some)
    return found


def summary(said: Sequence[Said]) -> pd.DataFrame:
    """A row a place, scenario and model; coverage and bias in per cent, with standard errors."""
    table = pd.DataFrame([vars(one) for one in said])
    rows = []
    for key, part in table.groupby(["place", "scenario", "model"], sort=False):
        error, truth = part["mean"] - part["visits"], part["visits"].mean()
        row = dict(zip(("place", "scenario", "model"), key, strict=True)) | {"years": len(part)}
        for mass in (50, 90):
            held = part["visits"].between(part[f"low{mass}"], part[f"high{mass}"]).mean()
            row[f"held{mass}"] = 100 * held
            row[f"se{mass}"] = 100 * np.sqrt(held * (1 - held) / len(part))
        row["bias"], row["bias_se"] = 100 * error.mean() / truth, 100 * error.sem() / truth
        row["rmse"] = np.sqrt((error**2).mean())
        row["width90"] = (part["high90"] - part["low90"]).mean()
        row["months90"] = 100 * part["months_held"].mean()
        row["seconds"] = part["seconds"].mean()
        rows.append(row)
    return pd.DataFrame(rows)


def statements(said: Sequence[Said]) -> pd.DataFrame:
    """How often what was said of changes was true, by how probable it was said to be."""
    truth: list[tuple[str, str, float, bool]] = []
    for one in (one for one in said if one.model == "levels"):
        steady, step = one.scenario == "prior", one.scenario.startswith(("step", "begins"))
        truth.append((one.place, "changed in the year", one.ever, not steady))
        if one.scenario == "seasonal" or one.scenario == "monthly change":
            continue
        for border, chance in enumerate(one.changed):
            truth.append((one.place, "changed at a border", chance, step and border == JULY))
        for border, chance in enumerate(one.began):
            true = one.scenario == "begins in July" and border == JULY
            truth.append((one.place, "began at a border", chance, true))
    table = pd.DataFrame(truth, columns=["place", "what", "said", "true"])
    table["class"] = pd.cut(table["said"], [-0.01, 0.05, 0.2, 0.5, 0.8, 0.9, 1.0])
    groups = table.groupby(["place", "what", "class"], observed=True)
    return groups.agg(number=("true", "size"), said=("said", "mean"), true=("true", "mean"))


def found_when(said: Sequence[Said]) -> pd.DataFrame:
    """Of the years with a step: how probable a change in the year, and how many months off the
    likeliest border was.
    """
    rows = []
    for one in said:
        if one.model == "levels" and one.changed:
            apart = int(np.argmax(one.changed)) - JULY
            row = {"place": one.place, "scenario": one.scenario, "ever": one.ever}
            row |= {"ever>.9": one.ever > 0.9, "july": one.changed[JULY]}
            rows.append(row | {"within_1": abs(apart) <= 1, "exact": apart == 0})
    return pd.DataFrame(rows).groupby(["place", "scenario"], sort=False).mean()


def printed(said: Sequence[Said]) -> str:
    pd.set_option("display.width", 200, "display.max_columns", 30)
    parts = (summary(said).round(1), statements(said).round(3), found_when(said).round(2))
    return "\n\n".join(part.to_string() for part in parts)


@pytest.mark.timeout(1800)
def test_levels_hold_where_one_rate_does_not() -> None:
    """A small run; the figures in the docs come from the long one."""
    tasks = [("berth", name, year) for name in ("prior", "step by 10") for year in range(20)]
    rows = summary(measure_all(tasks, 2)).set_index(["scenario", "model"])
    assert rows.loc[("prior", "levels"), "held90"] > 70
    wider = rows.loc[("prior", "levels"), "width90"] / rows.loc[("prior", "one rate"), "width90"]
    assert wider < 1.25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=100, help="years of each place and scenario")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--places", nargs="+", choices=PLACES, default=PLACES)
    parser.add_argument("--scenarios", nargs="+", choices=CHOSEN, default=CHOSEN)
    parser.add_argument("--out", type=Path, default=Path("build/rates"))
    options = parser.parse_args()
    tasks = [
        (place, name, year)
        for year in range(options.years)
        for place in options.places
        for name in options.scenarios
    ]
    options.out.mkdir(parents=True, exist_ok=True)
    print(printed(measure_all(tasks, options.jobs, options.out / "said.jsonl")))


if __name__ == "__main__":
    main()
