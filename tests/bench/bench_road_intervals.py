"""Coverage of the intervals of a road's visit count, over simulated years in five scenarios.

python -m tests.bench.bench_road_intervals --years 100 --out build/roads

Prints how often 50 and 90 % intervals held the year's visits, with binomial errors, bias, width,
ships that lay there against ships estimated, recall's bias, and processor seconds of a fit with its
histories. A JSON line is kept for each year as it comes; a run with the same --out goes on after
the last one, so a long run can be had in parts (--minutes).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.visits.occupancy.draws import credible
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.queue_model import QueuePrior
from tests.bench.visits.berth_years import YEAR_DAYS
from tests.bench.visits.road_years import ROADS, only_numbers, simulate_road_of, without_places
from tests.support.panels import fit_queue

pytestmark = pytest.mark.bench

SEED = 20250611


MODELS: dict[str, Callable[[Panel], Panel]] = {
    "again": lambda panel: panel,
    "reports": without_places,
    "numbers": only_numbers,
}
"""What the model may know: all, also what was seen again; scores; the numbers of reports alone."""


def measure(name: str, year: int, model: str = "again") -> dict[str, Any]:
    """Simulate and estimate one road-year."""
    rng = np.random.default_rng([SEED, list(ROADS).index(name), year])
    road = simulate_road_of(ROADS[name], rng)
    panel = MODELS[model](road.panel)
    began = time.process_time()
    found = fit_queue(panel, QueuePrior(), seed=year)
    seconds = time.process_time() - began
    counts = found.draws.arrivals([0.0, YEAR_DAYS])[:, 0]
    low50, high50 = credible(counts, 0.5)
    low90, high90 = credible(counts, 0.9)
    return {
        "scenario": name,
        "year": year,
        "model": model,
        "visits": road.visits,
        "looks": len(road.panel),
        "mean": float(counts.mean()),
        "low50": low50,
        "high50": high50,
        "low90": low90,
        "high90": high90,
        "present": float(road.present.mean()),
        "estimated_present": float(found.draws.present(road.panel.time).mean()),
        "recall": road.recall,
        "estimated_recall": float(found.recall.mean()),
        "agreement": found.agreement(year),
        "effective": found.fit.sampled.effective,
        "seconds": seconds,
    }


def summary(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """A row a scenario; shares and biases in per cent, width in visits."""
    found = []
    groups = pd.DataFrame(rows).groupby(["scenario", "model"], sort=False)
    for (name, model), part in groups:
        error, truth = part["mean"] - part["visits"], part["visits"].mean()
        row = {"scenario": name, "model": model, "years": len(part), "visits": truth}
        for mass in (50, 90):
            held = part["visits"].between(part[f"low{mass}"], part[f"high{mass}"]).mean()
            row[f"held{mass}"] = 100 * held
            row[f"se{mass}"] = 100 * np.sqrt(held * (1 - held) / len(part))
        row["bias"], row["bias_se"] = 100 * error.mean() / truth, 100 * error.sem() / truth
        row["width90"] = (part["high90"] - part["low90"]).mean()
        there = part["present"].mean()
        row["present"] = there
        row["present_bias"] = 100 * (part["estimated_present"].mean() / there - 1)
        row["recall_bias"] = 100 * (part["estimated_recall"] - part["recall"]).mean()
        row["doubted"] = 100 * (part["agreement"] < 0.005).mean()
        row["seconds"] = part["seconds"].mean()
        found.append(row)
    return pd.DataFrame(found)


def measure_all(
    tasks: Iterator[tuple[str, int, str]], kept: Path, until: float = np.inf
) -> list[dict[str, Any]]:
    """Every task that is not in ``kept`` yet, until a time; all rows."""
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    done = {(row["scenario"], row["year"], row["model"]) for row in rows}
    for task in tasks:
        if task in done:
            continue
        if time.monotonic() > until:
            break
        rows.append(measure(*task))
        with kept.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    return rows


@pytest.mark.timeout(1800)
def test_a_roads_intervals_hold(tmp_path: Path) -> None:
    """A small run; the figures in the docs come from the long one."""
    tasks = ((name, year, "again") for year in range(15) for name in ("prior", "few places"))
    rows = summary(measure_all(tasks, tmp_path / "years.jsonl"))
    print("\n" + rows.round(1).to_string())
    # three standard errors of 15 years
    assert (rows["held90"] > 66).all()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=100, help="years of each scenario")
    parser.add_argument("--scenarios", nargs="+", choices=list(ROADS), default=list(ROADS))
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=["again"])
    parser.add_argument("--minutes", type=float, default=np.inf, help="begin no year after these")
    parser.add_argument("--out", type=Path, default=Path("build/roads"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    tasks = (
        (name, year, model)
        for year in range(options.years)
        for name in options.scenarios
        for model in options.models
    )
    until = time.monotonic() + 60 * options.minutes
    rows = measure_all(tasks, options.out / "years.jsonl", until)
    print(summary(rows).round(1).to_string())


if __name__ == "__main__":
    main()
