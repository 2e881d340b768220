"""CPU seconds of tile and segment by the size of a port, and what commits add to the archive.

python -m tests.bench.bench_costs [--passes 6] [--work DIR]

Prints what ``jobs/plan/rates.py`` states, as this machine gives it: one process, the stages' own
code on one thread, local files, everything warm. The files are made to be like those of Earth
Search: blocks of 1024 pixels, deflate with a predictor, the port's window across four of them. The
sizes take turns, and the least of the passes counts, as other work on the machine only adds; CPU
seconds per overpass and per megapixel are a line through the sizes, fitted to relative errors.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from multiprocessing import Queue, get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import nnls

from jobs import segment, tile
from jobs.archive import PortArchive
from jobs.domain import SENSORS, Grid, Overpass, Scene, Settings, Source, StageName, Unit
from jobs.plan.rates import PerOverpass
from jobs.storage import storage_at
from models.weights import weights_digest
from tests.support.scenes import GRID, NOON, overpass, scene, small_port, write_band

SIDES = (256, 512, 1024, 1032, 1200)
"""Pixels along the side of the port's grid; several, to separate a cost per overpass from one
per pixel."""
CALIBRATED = 512
REFERENCE_S = 0.25
"""CPU seconds for tile and segment of an overpass of CALIBRATED pixels along each side: the speed
of the core in whose seconds ``jobs/plan/rates.py`` counts."""
MOST_CALIBRATED = 400
CALIBRATE_EVERY_S = 4.0
BANDS = ("blue", "green", "red", "nir")
FILE_SIDE = 4096
CORNER = 1500
"""Pixels from the files' corner to the port's grid."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passes", type=int, default=6)
    parser.add_argument("--work", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=chosen.work) as folder:
        sources = scene_files(Path(folder))
        one = scene_of(sources)
        ports = [Filled(Path(folder), one, side, chosen.passes) for side in SIDES]
        for _ in range(chosen.passes + 1):
            for port in ports:
                port.take_one()
        for port in ports:
            print(port.line())
    for number, stage in enumerate(StageName):
        least = {port.side: port.least()[number] for port in ports}
        print(f"{stage}: {fitted(least)}")


def fitted(cpu_s: Mapping[int, float]) -> PerOverpass:
    """The line through CPU seconds of an overpass by the side of its grid in pixels."""
    megapixels = np.array([side * side / 1e6 for side in cpu_s])
    seconds = np.array(list(cpu_s.values()))
    terms = np.stack([np.ones_like(megapixels), megapixels], axis=1) / seconds[:, None]
    (overpass, megapixel), _ = nnls(terms, np.ones_like(seconds))
    return PerOverpass(round(float(overpass), 4), round(float(megapixel), 4))


def scene_files(folder: Path) -> dict[str, Source]:
    """Four bands and a mask with the smoothness of water and land and the noise of a sensor."""
    random = np.random.default_rng(1)
    sources = {}
    for band in BANDS:
        values = ground(random) + random.normal(0, 18, (FILE_SIDE, FILE_SIDE))
        sources[band] = _write(folder / f"{band}.tif", np.clip(values, 1, 65535).astype("u2"), 10.0)
    classes = np.full((FILE_SIDE // 2, FILE_SIDE // 2), 6, np.uint8)
    classes[:, ::97] = 9
    return sources | {"mask": _write(folder / "scl.tif", classes, 20.0)}


def _write(path: Path, values: NDArray[np.generic], metres: float) -> Source:
    left, top = GRID.left - CORNER * 10.0, GRID.top + CORNER * 10.0
    transform = (metres, 0.0, left, 0.0, -metres, top)
    found = write_band(path, values, transform=transform, block=1024, predictor=2)
    return found if metres == 10 else replace(found, scale=1.0, offset=0.0)


def ground(random: np.random.Generator) -> NDArray[np.floating]:
    coarse = random.normal(0, 1, (FILE_SIDE // 64, FILE_SIDE // 64))
    return 1300 + 400 * np.clip(ndimage.zoom(coarse, 64, order=1), 0, 3)


class Filled:
    """An archive on this disk that is filled overpass by overpass, each in a commit of its own."""

    def __init__(self, folder: Path, one: Scene, side: int, passes: int, name: str = "") -> None:
        self.side = side
        self.bands = len(SENSORS[one.sensor].bands)
        self.root = folder / f"archive-{name}{side}"
        grid = replace(GRID, width=side, height=side)
        self.archive = PortArchive.create_or_open(
            storage_at(str(self.root)), small_port(grid=grid), np.zeros(grid.shape, bool)
        )
        taken = [_overpass(one, day) for day in range(passes + 1)]
        self.archive.ensure(taken)
        self.begun = Counter(_kinds(self.root))
        self.units = _units(self.archive, taken, grid)
        self.spent: list[tuple[float, float]] = []

    def take_one(self) -> None:
        """The next overpass, through both stages and committed."""
        unit, fork = next(self.units), self.archive.fork()
        results = []
        times = [time.process_time()]
        settings = Settings("bench", None, weights_digest(None))
        for run in (tile.run, partial(segment.run, prefer_gpu=False, read=tile.read_overpass)):
            results.append((run(unit, settings, fork), "0" * 16))
            times.append(time.process_time())
        self.archive.commit(results, [fork], "bench", {})
        self.spent.append((times[1] - times[0], times[2] - times[1]))

    def least(self) -> tuple[float, float]:
        """CPU seconds of tile and of segment; the first overpass has warmed everything up."""
        tiled, segmented = np.array(self.spent[1:]).min(axis=0)
        return float(tiled), float(segmented)

    def line(self) -> str:
        """All that was measured, for people."""
        megapixels = self.side**2 / 1e6
        tiled, segmented = (seconds / megapixels for seconds in self.least())
        added = Counter(_kinds(self.root)) - self.begun
        commits = len(self.spent)
        files = ", ".join(f"{count / commits:.2f} {kind}" for kind, count in sorted(added.items()))
        size = sum(path.stat().st_size for path in self.root.rglob("chunks/*")) / commits
        ratio = self.side**2 * (self.bands * 2 + 2) / size
        return (
            f"{self.side} x {self.side}: tile {tiled:.3f} CPU-s/Mpx, segment {segmented:.3f} "
            f"CPU-s/Mpx, {size / 1e6:.2f} MB, ratio {ratio:.2f}; objects of a port "
            f"{self.begun.total()}, of a commit of one overpass {files}"
        )


@contextmanager
def calibrating(folder: Path, sources: dict[str, Source]) -> Iterator[Callable[[], float]]:
    """Measure this machine all the while, in a process of its own that is idle most of the time.

    Called at the end: CPU seconds that it took for one of those of ``jobs/plan/rates.py``, the
    median over the while.
    """
    context = get_context("spawn")
    over, spent = context.Event(), context.Queue()
    process = context.Process(target=_calibrate, args=(folder, sources, over, spent))
    process.start()

    def factor() -> float:
        over.set()
        found = [float(spent.get(timeout=300)) for _ in range(spent.get(timeout=300))]
        return median(found) / REFERENCE_S

    try:
        yield factor
    finally:
        over.set()
        process.join()


def _calibrate(folder: Path, sources: dict[str, Source], over: Event, spent: Queue[Any]) -> None:
    torch.set_num_threads(1)
    port = Filled(folder, scene_of(sources), CALIBRATED, MOST_CALIBRATED)
    while not over.is_set() and len(port.spent) < MOST_CALIBRATED:
        port.take_one()
        over.wait(CALIBRATE_EVERY_S)
    found = [sum(each) for each in port.spent[1:]]
    for each in (len(found), *found):
        spent.put(each)


def scene_of(sources: dict[str, Source], sensor: str = "sentinel-2-l2a") -> Scene:
    """The scene of a sensor with these files."""
    bands = {name: source for name, source in sources.items() if name != "mask"}
    return replace(scene(bands, mask=sources.get("mask")), sensor=sensor)


def _overpass(one: Scene, day: int) -> Overpass:
    found = overpass(replace(one, item_id=f"item-{day}"))
    return replace(found, id=f"TESTP-{day:03d}", acquired=NOON + timedelta(days=day))


def _units(archive: PortArchive, taken: list[Overpass], grid: Grid) -> Iterator[Unit]:
    steps = archive.steps()
    for each in taken:
        yield Unit(small_port(grid=grid), each, steps[each.id].index)


def _kinds(root: Path) -> Iterator[str]:
    """What each file of the archive is: chunks, manifests, snapshots, transactions, refs."""
    for path in root.rglob("*"):
        if path.is_file():
            parts = path.relative_to(root).parts
            yield parts[2]


if __name__ == "__main__":
    main()
