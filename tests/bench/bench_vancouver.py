"""The whole job on real true colour it was never trained on: English Bay, ten dates.

Runs ``berthwatch run`` on ``real/vancouver.yaml`` into a fresh archive, prints vessels per date and
precision and recall against the labels drawn by eye, and draws three dates with what was found.
Rule: ships of 40 m and more with confidence 2 or 3, away from the data's edge, are wanted; the
others labelled may be found or not; a match is a centre within 60 m.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from jobs.archive import PortArchive
from jobs.domain import Port
from jobs.plan import Plan, read_plan
from jobs.publish.imagery import ArchiveImagery
from jobs.simulate.score import match_vessels
from jobs.storage import LocalFolder

HERE = Path(__file__).parent / "real"
DRAWN = ("2019-07-20", "2020-02-20", "2020-03-11")

pytestmark = pytest.mark.bench


@pytest.mark.timeout(1200)
def test_vancouver(shared: Path, tmp_path: Path) -> None:
    for name in ("vancouver.yaml", "english_bay.geojson"):
        shutil.copy(HERE / name, tmp_path)
    job = tmp_path / "vancouver.yaml"
    catalog = shared / "real-imagery" / "catalog.json"
    job.write_text(
        job.read_text().replace("../../../../shared/data/real-imagery/catalog.json", str(catalog))
    )
    command = [sys.executable, "-c", "from jobs.cli import main; main()", "run", str(job), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    folder = Path(json.loads(done.stdout)["published"])
    found = read_found(folder / "vessels.csv")
    true = read_labels(shared / "real-imagery" / "vancouver_ships.csv")
    ignore = ~wanted(true)
    rows = []
    for day in sorted(true["time"].unique()):
        here, there = found[found["time"] == day], true[true["time"] == day]
        matches = match_vessels(here, there, ignore)
        rows.append([day, len(here), int((~ignore[there.index]).sum()), matches])
    print("\ndate        vessels  labelled  right  false  missed")
    for day, count, labelled, m in rows:
        print(
            f"{day}  {count:7d}  {labelled:8d}  {m.true_positives:5d}  {m.false_positives:5d}  "
            f"{m.false_negatives:6d}"
        )
    m = match_vessels(found, true, ignore)
    f1 = 2 * m.true_positives / (2 * m.true_positives + m.false_positives + m.false_negatives)
    print(
        f"precision {m.precision:.3f}  recall {m.recall:.3f}  F1 {f1:.3f}  "
        f"mean length error {m.length_error_m:.1f} m"
    )
    (plan,) = (read_plan(path) for path in (tmp_path / "archive" / "plans").iterdir())
    for day in DRAWN:
        print(draw(plan, tmp_path / "archive", found, true, day, tmp_path / f"{day}.png"))


def read_found(path: Path) -> pd.DataFrame:
    """The vessels that count: without those taken for fixed structure."""
    found = pd.read_csv(path)
    found["time"] = found["time"].str[:10]
    print(f"\n{len(found)} vessels, {found['fixed'].sum()} of them fixed structure")
    return found[~found["fixed"]].reset_index(drop=True)


def read_labels(path: Path) -> pd.DataFrame:
    true = pd.read_csv(path)
    true["time"] = true["date_utc"].str[:10]
    return true


def wanted(true: pd.DataFrame) -> pd.Series:
    """The labels that a detector of ships of 40 m and more should find."""
    sure = true["confidence"].fillna(1) >= 2
    return (true["class"] == "ship") & sure & ~true["at_data_edge"] & (true["length_m"] >= 40)


def draw(
    plan: Plan, root: Path, found: pd.DataFrame, true: pd.DataFrame, day: str, path: Path
) -> Path:
    """One date with found vessels (yellow) and wanted labels (cyan), doubtful ones in grey."""
    port = plan.ports[0]
    archive = PortArchive.create_or_open(LocalFolder(root), port, None)
    (overpass,) = (o for o in plan.overpasses if o.acquired.date().isoformat() == day)
    rgb = ArchiveImagery({port.id: archive}).rgb(port.id, overpass.id)
    assert rgb is not None
    picture = Image.fromarray(rgb)
    pen = ImageDraw.Draw(picture)
    there, here = true[true["time"] == day], found[found["time"] == day]
    sure = wanted(there)
    for colour, radius, rows in (
        ("grey", 9, there[~sure]),
        ("cyan", 12, there[sure]),
        ("yellow", 7, here),
    ):
        for column, row in pixels(port, rows):
            box = (column - radius, row - radius, column + radius, row + radius)
            pen.ellipse(box, outline=colour)
    covered = np.asarray(picture).astype(bool).any(axis=2)
    rows_used, columns_used = np.where(covered.any(axis=1))[0], np.where(covered.any(axis=0))[0]
    picture.crop((columns_used[0], rows_used[0], columns_used[-1] + 1, rows_used[-1] + 1)).save(
        path
    )
    return path


def pixels(port: Port, rows: pd.DataFrame) -> list[tuple[float, float]]:
    from pyproj import Transformer

    to_metres = Transformer.from_crs(4326, port.grid.epsg, always_xy=True)
    x, y = to_metres.transform(rows["lon"].to_numpy(), rows["lat"].to_numpy())
    grid = port.grid
    return list(zip((x - grid.left) / 10, (grid.top - y) / 10, strict=True))
