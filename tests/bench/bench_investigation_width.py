"""What the width of the investigation's intervals is made of: the same twins, with more known.

    python -m tests.bench.bench_investigation_width --twins 16 --jobs 2

For each set of sensors, the mean 90 % interval of the visits at the berth of loading as the model
gives it, and where one thing after another is told to it that it has to find out from the looks:
that the rate is one, how each detector errs there, how long ships stay. With all of them told, what
is left is that most stays are seen by no look: no model of the same looks is narrower. The last row
is what is left where every look is without fault besides.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd
import pytest

from jobs.visits.occupancy.detector import Detector
from jobs.visits.occupancy.panel import Panel
from jobs.visits.occupancy.prior import BerthPrior
from tests.bench.bench_investigation import held, simulated, summarised
from tests.bench.visits.baselines import with_visits
from tests.bench.visits.berth_years import DWELL_SHAPES, History
from tests.bench.visits.investigation import DAYS, LOADING, SETS, VISITS, Watched
from tests.support.panels import fit_berth

pytestmark = pytest.mark.bench

KNOWN_SD = 0.02
"""Of what is told: a model needs some freedom to be fitted at all."""
AIS_STAYS, AIS_SEED = 20, 7
Case: TypeAlias = tuple[Panel, BerthPrior]


def steady(case: Case, watched: Watched, history: History) -> Case:
    """The traffic has one rate."""
    panel, prior = case
    return panel, replace(prior, changes=None)


def errors_known(case: Case, watched: Watched, history: History) -> Case:
    """Each detector errs as it truly does at this berth."""
    panel, prior = case
    known = tuple(
        replace(each, recall_sd=KNOWN_SD, false_alarms_sd=KNOWN_SD) for each in watched.true_errors
    )
    return replace(panel, detectors=known), prior


def stays_known(case: Case, watched: Watched, history: History) -> Case:
    """Ships stay as long as they truly did in the mean."""
    panel, prior = case
    mean_days = float(np.mean(history.departure - history.arrival))
    return panel, replace(prior, dwell_median_days=mean_days, dwell_sd=KNOWN_SD)


def stays_of_others(case: Case, watched: Watched, history: History) -> Case:
    """What AIS shows of so many stays of other ships at the berth, which stay as long in the mean.

    As in `berthwatch ais`: their mean, and its standard error.
    """
    panel, prior = case
    mean_days = float(np.mean(history.departure - history.arrival))
    rng = np.random.default_rng([AIS_SEED, len(history.arrival), round(1e6 * mean_days)])
    days = mean_days * np.array([DWELL_SHAPES["lognormal"](rng) for _ in range(AIS_STAYS)])
    error = float(days.std(ddof=1) / days.mean() / np.sqrt(AIS_STAYS))
    return panel, replace(prior, dwell_median_days=float(days.mean()), dwell_sd=error)


def faultless(case: Case, watched: Watched, history: History) -> Case:
    """And every look told truly whether a ship lay there."""
    panel, prior = case
    true = tuple(Detector(d.sensor, 0.999, KNOWN_SD, 0.0, 1e-4, KNOWN_SD) for d in panel.detectors)
    there = (history.stay_at(panel.time) >= 0).astype(np.int32)
    unmeasured = np.full(len(panel.time), np.nan)
    return (
        replace(
            panel,
            vessels=there,
            length_m=unmeasured,
            length_sd_m=unmeasured,
            clear=np.ones(len(panel.time)),
            detectors=true,
            reports=None,
        ),
        prior,
    )


Told: TypeAlias = Callable[[Case, Watched, History], Case]
TOLD: Mapping[str, tuple[Told, ...]] = {
    "as it is": (),
    "one rate": (steady,),
    "errors": (errors_known,),
    "stays of 20 ships with AIS": (stays_of_others,),
    "stays": (stays_known,),
    "errors and stays": (errors_known, stays_known),
    "all three": (steady, errors_known, stays_known),
    "and looks without fault": (steady, stays_known, faultless),
}


def widths(number: int) -> list[dict[str, object]]:
    """A row for each set of sensors and each thing told, of one twin."""
    twin, watched = simulated(number)
    history = twin.calls[LOADING].history
    rows = []
    for sensors, chosen in SETS.items():
        seen = watched[LOADING].by(chosen)
        for told, changes in TOLD.items():
            case = (with_visits(seen.panel), BerthPrior())
            for change in changes:
                case = change(case, seen, history)
            stays = fit_berth(*case, draws=1000, seed=number).draws
            found = summarised(stays.arrivals([0.0, DAYS])[:, 0])
            rows.append({"twin": number, "sensors": sensors, "told": told, **vars(found)})
    return rows


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Means over the twins; ``of_first`` is the width by that of Sentinel-2 alone, as it is."""
    found = []
    for (sensors, told), part in rows.groupby(["sensors", "told"], sort=False):
        means = part[["mean", "low90", "high90"]].mean()
        found.append(
            {
                "sensors": sensors,
                "told": told,
                **means,
                "width90": means["high90"] - means["low90"],
                "held50": held(part, np.full(len(part), VISITS), 50),
                "held90": held(part, np.full(len(part), VISITS), 90),
            }
        )
    made = pd.DataFrame(found)
    return made.assign(of_first=made["width90"] / made["width90"][0])


def run(twins: int, jobs: int, out: Path) -> pd.DataFrame:
    """Everything for so many twins, printed and written; the table."""
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        parts = pool.map(widths, range(twins), chunksize=1)
    rows = pd.DataFrame([row for part in parts for row in part])
    out.mkdir(parents=True, exist_ok=True)
    rows.to_csv(out / "widths.csv", index=False)
    made = table(rows)
    print(made.round(2).to_string(index=False))
    return made


@pytest.mark.timeout(900)
def test_what_is_told_narrows(tmp_path: Path) -> None:
    width = run(2, 2, tmp_path).pivot(index="sensors", columns="told", values="width90")
    assert (width["all three"] < width["as it is"]).all()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--twins", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, default=Path("build/investigation-width"))
    options = parser.parse_args()
    run(options.twins, options.jobs, options.out)


if __name__ == "__main__":
    main()
