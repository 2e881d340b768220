"""What an overpass costs beside its pixels: a whole run of overpasses of 64 x 64 pixels.

    python -m tests.bench.bench_overhead [--overpasses 500 2000] [--rounds 3]

The real coordinator, scheduler and commits, two workers of one thread, the tile stage alone, files
of one block each: what a bigger port spends on pixels is not in here. A run before the first count
takes what a process spends once. Printed are CPU ms an overpass of the workers and of the client
with its scheduler, the least of the rounds.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.domain import Grid
from jobs.run.cluster import connect
from tests.bench.ingest import archive as made
from tests.bench.ingest.archive import BANDS, HOME, MadeArchive, write_cog
from tests.bench.ingest.measure import WORKERS, warm
from tests.bench.ingest.methods import METHODS
from tests.bench.ingest.usage import usage

pytestmark = pytest.mark.bench

EDGE_PX = 128
PORT_PX = 64
SCENE = replace(HOME, width=EDGE_PX, height=EDGE_PX)


def make(folder: Path, overpasses: int) -> MadeArchive:
    """That many dates of one tiny scene, whose files every date shares."""
    files = folder / "scene"
    files.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    for name in BANDS.values():
        image = rng.integers(1000, 3000, SCENE.shape).astype(np.uint16)
        write_cog(files / f"{name}.tif", image, SCENE.epsg, SCENE.transform, block=EDGE_PX)
    half = EDGE_PX // 2
    coarse = (20.0, 0.0, SCENE.left, 0.0, -20.0, SCENE.top)
    water = np.full((half, half), 6, np.uint8)
    write_cog(files / "SCL.tif", water, SCENE.epsg, coarse, block=half)
    items = []
    for number in range(overpasses):
        item = made._item(files, SCENE, number)
        for name, asset in item["assets"].items():
            edge = half if name == "scl" else EDGE_PX
            asset["proj:shape"] = [edge, edge]
        items.append(item)
    port = Grid(SCENE.epsg, SCENE.left + 200, SCENE.top - 200, PORT_PX, PORT_PX)
    return MadeArchive(files, SCENE, tuple(items), port)


def measure(folder: Path, overpasses: int) -> tuple[float, float]:
    """CPU ms an overpass of workers and of client with scheduler."""
    method, ingest = METHODS["ours"], METHODS["ours"].ingest
    assert ingest is not None
    with connect("local", workers=WORKERS) as client:
        client.run(warm)
        for count in (20, overpasses):
            archive, out = make(folder, count), folder / f"out{count}"
            shutil.rmtree(out, ignore_errors=True)
            prepared = method.prepare(archive, out)
            before, mine = client.run(usage), usage()
            ingest(client, archive, out, prepared)
            own, after = usage(), client.run(usage)
    workers = sum(after[each]["cpu_s"] - before[each]["cpu_s"] for each in after)
    return 1000 * workers / overpasses, 1000 * (own["cpu_s"] - mine["cpu_s"]) / overpasses


def test_overhead(tmp_path: Path) -> None:
    """A small run, so that the script itself is known to work."""
    assert min(measure(tmp_path, 10)) > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--overpasses", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    for size in chosen.overpasses:
        with tempfile.TemporaryDirectory() as folder:
            found = [measure(Path(folder), size) for _ in range(chosen.rounds)]
        workers, client = (min(column) for column in zip(*found, strict=True))
        print(f"{size:>6} overpasses: workers {workers:6.2f}, client {client:6.2f} CPU ms each")


if __name__ == "__main__":
    main()
