"""Effect of the background model: fixed structure separated from ships, real and simulated ports.

Runs the whole job on English Bay (ten dates of true colour, labels by eye) and on a simulated port
of a month whose berths are occupied most of the time, and prints for both, at scores from .3 and
.5, precision, recall and F1 with and without what lies on fixed structure: of the network alone
(its detections on each date, cloud left out) and of the job's published vessels. Labels as in
bench_vancouver. Real ships pasted on open water: bench_pasted_ships.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from pyproj import Transformer

from jobs.archive import PortArchive
from jobs.domain import Grid, OverpassRecord, Settings, StageName, UnitState, Vessel
from jobs.domain.sensors import SENSORS
from jobs.plan import Plan, read_plan
from jobs.run.settings import settings_for
from jobs.segment import structures
from jobs.segment.fixed_structure import Structure
from jobs.segment.network import away_from_cloud, in_metres, load_predictor, visible
from jobs.simulate.score import SMALL_BELOW_M, VISIBLE_FROM, match_vessels
from jobs.simulate.settings import SimulationConfig
from jobs.simulate.simulation import simulate_archive
from jobs.storage import LocalFolder
from tests.bench.bench_vancouver import HERE, read_labels, wanted

SCORES = (0.3, 0.5)
MOSTLY = 0.6
"""Share of the passes from which a simulated berth counts as mostly occupied."""
BUSY = SimulationConfig(
    seed=5,
    ports=("RUVYP",),
    start=date(2024, 3, 1),
    days=30,
    cloud_share=0.25,
    visits_per_week=3.0,
    median_dwell_days=4.0,
)

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class World:
    """One port's archive after a run, and its true ships."""

    plan: Plan
    archive: PortArchive
    published: Path
    there: pd.DataFrame
    """time (day), lon, lat, length_m, and ignore: excluded from the counts."""

    @property
    def settings(self) -> Settings:
        return settings_for(self.plan)

    @property
    def grid(self) -> Grid:
        return self.archive.port.grid

    @property
    def ids(self) -> list[str]:
        steps = self.archive.steps().values()
        return [s.overpass_id for s in steps if s.state[StageName.SEGMENT] is UnitState.DONE]

    def records(self) -> Iterator[OverpassRecord]:
        return self.archive.records(self.ids)

    def count(self, found: pd.DataFrame) -> tuple[int, int, int]:
        """Right, wrong and missed."""
        true = self.there[self.there["time"].isin(set(found["time"]) | set(self.there["time"]))]
        matches = match_vessels(found, true, true["ignore"])
        return matches.true_positives, matches.false_positives, matches.false_negatives


def test_english_bay(shared: Path, tmp_path: Path) -> None:
    for name in ("vancouver.yaml", "english_bay.geojson"):
        shutil.copy(HERE / name, tmp_path)
    job = tmp_path / "vancouver.yaml"
    text = job.read_text()
    catalog = shared / "real-imagery" / "catalog.json"
    job.write_text(text.replace("../../../../shared/data/real-imagery/catalog.json", str(catalog)))
    labels = read_labels(shared / "real-imagery" / "vancouver_ships.csv")
    world = ran(job, labels.assign(ignore=~wanted(labels)))
    print("\nEnglish Bay, ten dates")
    report(world)


def test_simulated_port_of_busy_berths(tmp_path: Path) -> None:
    made = simulate_archive(BUSY, tmp_path, lambda line: None)
    there = pd.read_csv(tmp_path / "truth" / "vessels.csv")
    there["time"] = there["overpass_utc"].str[:10]
    unseen = there["visible"] < VISIBLE_FROM
    world = ran(made.job, there.assign(ignore=unseen | (there["length_m"] < SMALL_BELOW_M)))
    print(f"\nsimulated, {made.overpasses} passes")
    report(world)
    busy_berths(world)


def ran(job: Path, there: pd.DataFrame) -> World:
    command = [sys.executable, "-c", "from jobs.cli import main; main()", "run", str(job), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    root = job.parent / "archive"
    (plan,) = (read_plan(path) for path in (root / "plans").iterdir())
    archive = PortArchive.create_or_open(LocalFolder(root), plan.ports[0], None)
    return World(plan, archive, Path(json.loads(done.stdout)["published"]), there)


# --- with and without ---------------------------------------------------------------------------


def report(world: World) -> None:
    print(
        "what          score  background  precision  recall    F1  right  wrong  missed  rejected"
    )
    of_job = pd.read_csv(world.published / "vessels.csv")
    of_job["time"] = of_job["time"].str[:10]
    for what, found in (("network alone", network_alone(world)), ("whole job", of_job)):
        for score in SCORES:
            believed = found[found["score"] >= score]
            for name, kept in (("without", believed), ("with", believed[~believed["fixed"]])):
                right, wrong, missed = world.count(kept.reset_index(drop=True))
                precision, recall = right / max(right + wrong, 1), right / max(right + missed, 1)
                f1 = 2 * right / (2 * right + wrong + missed)
                print(
                    f"{what:13s}  {score:4.1f}  {name:10s}  {precision:9.3f}  {recall:6.3f} "
                    f"{f1:5.3f}  {right:5d}  {wrong:5d}  {missed:6d}  "
                    f"{len(believed) - len(kept):8d}"
                )


def network_alone(world: World) -> pd.DataFrame:
    """Everything the network detects, without land or berths, and whether it is fixed."""
    found = structures(world.records(), pixels_of(world), world.grid, world.settings)
    predictor, rows = load_predictor(world.settings), []
    for record in world.records():
        sensor, pixels = SENSORS[record.sensor], pixels_of(world)(record.overpass_id)
        prediction = predictor.predict(visible(pixels, sensor), sensor.bands)
        usable = away_from_cloud(pixels.quality, world.grid.resolution_m)
        vessels = [in_metres(d, world.grid) for d in predictor.detect(prediction, usable=usable)]
        rows += [row(world, record, v, found[record.sensor]) for v in vessels]
    return pd.DataFrame(rows)


def pixels_of(world: World) -> Callable:  # type: ignore[type-arg]
    steps = world.archive.steps()
    return lambda overpass_id: world.archive.image(steps[overpass_id])


def row(world: World, record: OverpassRecord, vessel: Vessel, by: Structure) -> dict[str, object]:
    lon, lat = Transformer.from_crs(world.grid.epsg, 4326, always_xy=True).transform(
        vessel.x, vessel.y
    )
    marked = by.mark(vessel, record.overpass_id)
    return {
        "time": record.acquired.date().isoformat(),
        "lon": lon,
        "lat": lat,
        "length_m": vessel.length_m,
        "score": vessel.score,
        "fixed": marked.fixed,
    }


def busy_berths(world: World) -> None:
    """Right vessels of the job at berths that are occupied in most passes, and those rejected."""
    found = pd.read_csv(world.published / "vessels.csv")
    found["time"] = found["time"].str[:10]
    there = world.there[~world.there["ignore"]]
    passes = world.there["time"].nunique()
    for berth, rows in world.there[world.there["berth"].notna()].groupby("berth"):
        share = rows["time"].nunique() / passes
        if share < MOSTLY:
            continue
        here, true = (
            found[found["berth"] == berth].reset_index(drop=True),
            there[there["berth"] == berth],
        )
        kept = here[~here["fixed"]].reset_index(drop=True)
        none = pd.Series(False, index=true.index)
        before, after = match_vessels(here, true, none), match_vessels(kept, true, none)
        print(
            f"berth {berth}: occupied in {share:.0%} of the passes, {before.true_positives} of "
            f"{len(true)} visible ships found, "
            f"{before.true_positives - after.true_positives} of them rejected, "
            f"{before.false_positives - after.false_positives} of {before.false_positives} others"
        )
