"""CPU seconds per megapixel of tile and segment, and what an overpass adds to the archive.

python -m tests.bench.bench_costs [--passes 6] [--work DIR]

Prints the constants of ``jobs/plan/cost.py`` as this machine gives them: one process, the stages'
own code on one thread, local files, everything warm. The files are made to be like those of Earth
Search: blocks of 1024 pixels, deflate with a predictor, the port's window across four of them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from jobs import segment, tile
from jobs.archive import ForkStore, PortArchive
from jobs.domain import Grid, Overpass, Settings, Source, Unit
from jobs.storage import storage_at
from models.weights import weights_digest
from tests.support.scenes import GRID, NOON, overpass, scene, small_port, write_band

SIDES = (256, 512, 1024, 1032, 1200)
"""Pixels along the side of the port's grid; several, to separate a cost per overpass from one
per pixel."""
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
        for side in SIDES:
            _measure(Path(folder), sources, side, chosen.passes)


def scene_files(folder: Path) -> dict[str, Source]:
    """Four bands and a mask with the smoothness of water and land and the noise of a sensor."""
    random = np.random.default_rng(1)
    sources = {}
    for band in BANDS:
        values = _ground(random) + random.normal(0, 18, (FILE_SIDE, FILE_SIDE))
        sources[band] = _write(folder / f"{band}.tif", np.clip(values, 1, 65535).astype("u2"), 10.0)
    classes = np.full((FILE_SIDE // 2, FILE_SIDE // 2), 6, np.uint8)
    classes[:, ::97] = 9
    return sources | {"mask": _write(folder / "scl.tif", classes, 20.0)}


def _write(path: Path, values: NDArray[np.generic], metres: float) -> Source:
    left, top = GRID.left - CORNER * 10.0, GRID.top + CORNER * 10.0
    transform = (metres, 0.0, left, 0.0, -metres, top)
    found = write_band(path, values, transform=transform, block=1024, predictor=2)
    return found if metres == 10 else replace(found, scale=1.0, offset=0.0)


def _ground(random: np.random.Generator) -> NDArray[np.floating]:
    coarse = random.normal(0, 1, (FILE_SIDE // 64, FILE_SIDE // 64))
    return 1300 + 400 * np.clip(ndimage.zoom(coarse, 64, order=1), 0, 3)


def _measure(folder: Path, sources: dict[str, Source], side: int, passes: int) -> None:
    grid = replace(GRID, width=side, height=side)
    root = folder / f"archive-{side}"
    archive = PortArchive.create_or_open(
        storage_at(str(root)), small_port(grid=grid), np.zeros(grid.shape, bool)
    )
    taken = [_overpass(sources, day) for day in range(passes + 1)]
    archive.ensure(taken)
    before, fork = _objects(root), archive.fork()
    spent = [_stages(fork, unit) for unit in _units(archive, taken, grid)]
    megapixels = side * side / 1e6
    archive.commit([], [fork], "bench", {})
    tiled, segmented = np.median(np.array(spent[1:]), axis=0) / megapixels
    added = _objects(root)
    count, size = (added[0] - before[0]) / len(taken), (added[1] - before[1]) / len(taken)
    ratio = side * side * (len(BANDS) * 2 + 2) / size
    print(
        f"{side} x {side}: tile {tiled:.3f} CPU-s/Mpx, segment {segmented:.3f} CPU-s/Mpx, "
        f"{count:.1f} objects and {size / 1e6:.2f} MB an overpass, ratio {ratio:.2f}"
    )


def _overpass(sources: dict[str, Source], day: int) -> Overpass:
    bands = {name: source for name, source in sources.items() if name != "mask"}
    found = overpass(scene(bands, mask=sources["mask"], id=f"item-{day}"))
    return replace(found, id=f"TESTP-{day:03d}", acquired=NOON + timedelta(days=day))


def _units(archive: PortArchive, taken: list[Overpass], grid: Grid) -> Iterator[Unit]:
    steps = archive.steps()
    for each in taken:
        yield Unit(small_port(grid=grid), each, steps[each.id].index)


def _stages(fork: ForkStore, unit: Unit) -> tuple[float, float]:
    """CPU seconds of tile and of segment; the first unit's warm everything up."""
    settings = Settings("bench", None, weights_digest(None))
    times = [time.process_time()]
    for run in (tile.run, partial(segment.run, prefer_gpu=False)):
        assert run(unit, settings, fork)
        times.append(time.process_time())
    return times[1] - times[0], times[2] - times[1]


def _objects(root: Path) -> tuple[int, int]:
    """(files, bytes) of the archive."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return len(files), sum(path.stat().st_size for path in files)


if __name__ == "__main__":
    main()
