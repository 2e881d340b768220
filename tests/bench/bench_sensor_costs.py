"""CPU seconds and memory of tile and segment by sensor, beside what the plan says of each.

python -m tests.bench.bench_sensor_costs [--passes 4] [--work DIR]

As ``bench_costs``: the stages' own code in one process, one thread, local files, everything warm;
the kinds of files take turns, and the least of the passes counts. What a kind takes more or less
than Sentinel-2 on the port's own pixels is divided by this machine's factor, which is measured at
the same time, and added to the plan's rate of Sentinel-2. The last lines are the rates of
``jobs/plan/rates.py``, fitted to the rows. Memory is the most of a process of its own that reads an
overpass at the larger side, beyond what it had before, with GDAL's cache as in the images.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing import Queue, get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.warp import transform_bounds
from scipy.optimize import nnls

from jobs.domain import SENSORS, Grid, Scene, Source, StageName
from jobs.plan import BASE_MEMORY, Estimate, estimate_overpass, stage_cpu_s
from jobs.tile.stage import read_overpass
from tests.bench.bench_costs import (
    BANDS,
    CALIBRATED,
    REFERENCE_S,
    Filled,
    fitted,
    ground,
    scene_files,
    scene_of,
)
from tests.support.ground_range import ground_range_scene
from tests.support.scenes import GRID, overpass, write_band

MARGIN_M = 600.0
"""From the files' edges to the port's."""
NEXT_ZONE = 32652
LANDSAT_M = 30.0
WHOLE_SWATH = (16_700, 25_000)
"""Rows and columns of a product in ground range."""
SIDES = (256, 768)
GDAL_CACHE_MB = "128"
"""As infra/docker/Dockerfile sets it."""
FINE_SIDES = (128, 256)
"""Of SkySat, which has 400 pixels on one of the grid's."""


@dataclass(frozen=True)
class Kind:
    """One kind of files: the scene that has them, and the sides of the ports under it."""

    name: str
    scene: Callable[[Path], Scene]
    sides: Sequence[int] = SIDES


def _raster(metres: float, epsg: int, side: int) -> tuple[tuple[float, ...], tuple[int, int]]:
    """Transform and shape of a file of such pixels that the port lies in."""
    bounds = replace(GRID, width=side, height=side).bounds
    left, bottom, right, top = transform_bounds(f"EPSG:{GRID.epsg}", f"EPSG:{epsg}", *bounds)
    west = np.floor((left - MARGIN_M) / metres) * metres
    north = np.ceil((top + MARGIN_M) / metres) * metres
    if metres == LANDSAT_M:  # whose centres lie at multiples of it
        west, north = west + metres / 2, north + metres / 2
    shape = int((north - bottom + MARGIN_M) / metres), int((right + MARGIN_M - west) / metres)
    return (metres, 0.0, float(west), 0.0, -metres, float(north)), shape


def _image(shape: tuple[int, int], seed: int) -> NDArray[np.uint16]:
    """Land and water, and the noise of a sensor."""
    random = np.random.default_rng(seed)
    values = np.tile(ground(random), (-(-shape[0] // 4096), -(-shape[1] // 4096)))
    return np.clip(values[: shape[0], : shape[1]] + random.normal(0, 18, shape), 1, 65535).astype(
        "u2"
    )


def _cut(values: NDArray[np.generic]) -> None:
    """A slanting edge across the middle, without data beyond it."""
    rows, columns = np.indices(values.shape[-2:], sparse=True)
    values[..., columns > 0.55 * values.shape[-1] + 0.2 * rows] = 0


def _one_file(
    folder: Path, metres: float, side: int, count: int, *, epsg: int = GRID.epsg, cut: bool = False
) -> dict[str, Source]:
    """The bands in one file, as Planet delivers them, with UDM2."""
    transform, shape = _raster(metres, epsg, side)
    stack = np.stack([_image(shape, seed) for seed in range(count)])
    planes = np.zeros((8, *shape), np.uint8)
    planes[5] = stack[0] > 2000
    planes[0], planes[6] = 1 - planes[5], 87
    if cut:
        _cut(stack)
        planes[7] = stack[0] == 0
    name = f"{metres:g}-{count}-{epsg}-{cut}"
    options = {"transform": transform, "epsg": epsg, "block": 512}
    image = write_band(folder / f"{name}.tif", stack, predictor=2, **options)
    mask = write_band(folder / f"{name}-udm2.tif", planes, nodata=None, **options)
    indexes = range(1, 5) if count == 4 else range(2, 9, 2)
    bands = {name: replace(image, index=n) for name, n in zip(BANDS, indexes, strict=True)}
    return bands | {"mask": replace(mask, scale=1.0, offset=0.0)}


def _files(
    folder: Path, metres: float, *, epsg: int = GRID.epsg, mask_m: float, cut: bool = False
) -> dict[str, Source]:
    """A file for each band and one for a mask of classes or bits, which says nothing."""
    found = {}
    for seed, band in enumerate(BANDS):
        transform, shape = _raster(metres, epsg, max(SIDES))
        values = _image(shape, seed)
        if cut:
            _cut(values)
        path = folder / f"{band}-{metres:g}-{epsg}-{cut}.tif"
        found[band] = write_band(
            path, values, transform=transform, epsg=epsg, block=512, predictor=2
        )
    transform, shape = _raster(mask_m, epsg, max(SIDES))
    classes = np.full(shape, 6, np.uint16 if metres == LANDSAT_M else np.uint8)
    path = folder / f"mask-{metres:g}-{epsg}-{cut}.tif"
    mask = write_band(path, classes, transform=transform, epsg=epsg, block=512)
    return found | {"mask": replace(mask, scale=1.0, offset=0.0)}


def _radar(folder: Path, epsg: int = GRID.epsg) -> dict[str, Source]:
    """Power of both polarisations: water and land with the speckle of four looks."""
    transform, shape = _raster(10.0, epsg, max(SIDES))
    random, found = np.random.default_rng(3), {}
    land = _image(shape, 0) > 2000
    for band, level in (("vv", 0.02), ("vh", 0.004)):
        power = np.where(land, 10 * level, level) * random.gamma(4.4, 1 / 4.4, shape)
        path = folder / f"{band}-{epsg}.tif"
        written = write_band(
            path,
            power.astype(np.float32),
            transform=transform,
            epsg=epsg,
            nodata=-32768,
            block=512,
            predictor=3,
        )
        found[band] = replace(written, scale=1.0, offset=0.0)
    return found


def _ground_range(folder: Path) -> Scene:
    """Sea in both polarisations, with tables as long as those of a whole product."""
    grid = replace(GRID, width=COARSE, height=COARSE)
    planes = {band: np.full(grid.shape, level) for band, level in (("vv", 0.02), ("vh", 0.004))}
    return ground_range_scene(folder, planes, grid=grid, tables_of=WHOLE_SWATH)


def _colour(folder: Path) -> dict[str, Source]:
    """Sentinel-2's picture of three bands, in the next zone, with its classification."""
    transform, shape = _raster(10.0, NEXT_ZONE, max(SIDES))
    stack = np.stack([np.clip(_image(shape, seed) // 12, 1, 255) for seed in range(3)])
    options = {"transform": transform, "epsg": NEXT_ZONE, "block": 512}
    image = write_band(folder / "tci.tif", stack.astype(np.uint8), predictor=2, **options)
    image = replace(image, scale=1.0, offset=0.0)
    mask = _files(folder, 10.0, epsg=NEXT_ZONE, mask_m=20.0)["mask"]
    bands = {name: replace(image, index=n) for n, name in enumerate(("red", "green", "blue"), 1)}
    return bands | {"mask": mask}


S2, S2_COLOUR = "sentinel-2-l2a", "sentinel-2-visual"
LANDSAT, S1 = "landsat-c2-l2", "sentinel-1-rtc"
PLANET, SKYSAT = "planetscope-sr", "skysat-sr"
COARSE, FINE = max(SIDES), max(FINE_SIDES)
REFERENCE = "Sentinel-2"
KINDS = (
    Kind(REFERENCE, lambda f: scene_of(scene_files(f), S2), (*FINE_SIDES, CALIBRATED, COARSE)),
    Kind("its next zone", lambda f: scene_of(_files(f, 10, epsg=NEXT_ZONE, mask_m=20), S2)),
    Kind("its picture, next zone", lambda f: scene_of(_colour(f), S2_COLOUR)),
    Kind("Landsat", lambda f: scene_of(_files(f, LANDSAT_M, mask_m=LANDSAT_M), LANDSAT)),
    Kind(
        "Landsat, cut",
        lambda f: scene_of(_files(f, LANDSAT_M, mask_m=LANDSAT_M, cut=True), LANDSAT),
    ),
    Kind(
        "Landsat, next zone",
        lambda f: scene_of(_files(f, LANDSAT_M, epsg=NEXT_ZONE, mask_m=LANDSAT_M), LANDSAT),
    ),
    Kind("Sentinel-1", lambda f: scene_of(_radar(f), S1)),
    Kind("its next zone (radar)", lambda f: scene_of(_radar(f, NEXT_ZONE), S1)),
    Kind("in ground range", _ground_range),
    Kind("PlanetScope, 4 bands", lambda f: scene_of(_one_file(f, 3, COARSE, 4), PLANET)),
    Kind("4 bands, cut", lambda f: scene_of(_one_file(f, 3, COARSE, 4, cut=True), PLANET)),
    Kind(
        "4 bands, next zone", lambda f: scene_of(_one_file(f, 3, COARSE, 4, epsg=NEXT_ZONE), PLANET)
    ),
    Kind("8 bands", lambda f: scene_of(_one_file(f, 3, COARSE, 8), PLANET)),
    Kind("SkySat", lambda f: scene_of(_one_file(f, 0.5, FINE, 4), SKYSAT), FINE_SIDES),
)


PER = {
    "resampled_files": 1,
    "warped_samples": 1e6,
    "turned_samples": 1e6,
    "finer_samples": 1e6,
    "flag_pixels": 1e6,
    "point_files": 1,
    "point_samples": 1e6,
}
"""What the rates of resampling are of, and for how many."""


@dataclass(frozen=True)
class Row:
    """A kind at one side of the port: what it took, and what the plan counts of it."""

    kind: str
    side: int
    tile_s: float
    segment_s: float
    counted: Estimate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--work", type=Path)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=chosen.work) as folder:
        scenes = {kind.name: _made(kind, Path(folder)) for kind in KINDS}
        _report(_measured(Path(folder), scenes, chosen.passes))
        for kind in KINDS:
            _report_memory(kind, scenes[kind.name])


def _made(kind: Kind, folder: Path) -> Scene:
    own = folder / re.sub(r"\W+", "-", kind.name)
    own.mkdir()
    return kind.scene(own)


def _grid(side: int) -> Grid:
    return replace(GRID, width=side, height=side)


def _measured(folder: Path, scenes: Mapping[str, Scene], passes: int) -> list[Row]:
    ports = [
        (kind.name, Filled(folder, scenes[kind.name], side, passes, f"{number}-"))
        for number, kind in enumerate(KINDS)
        for side in kind.sides
    ]
    for _ in range(passes + 1):
        for _, port in ports:
            port.take_one()
    return [
        Row(
            name,
            port.side,
            *port.least(),
            estimate_overpass(overpass(scenes[name]), _grid(port.side)),
        )
        for name, port in ports
    ]


def _report(rows: Sequence[Row]) -> None:
    reference = {row.side: row for row in rows if row.kind == REFERENCE}
    calibrated = reference[CALIBRATED]
    factor = (calibrated.tile_s + calibrated.segment_s) / REFERENCE_S
    print(f"this machine takes {factor:.2f} times the rates' seconds")
    print(f"{'':24}{'side':>5}{'tile':>9}{'planned':>9}{'ratio':>7}{'segment':>9}{'planned':>9}")
    tiled: dict[Row, float] = {}
    segmented: dict[Row, float] = {}
    for row in rows:
        beside = reference[row.side]
        planned = [stage_cpu_s(stage, row.counted) for stage in StageName]
        usual = [stage_cpu_s(stage, beside.counted) for stage in StageName]
        tiled[row] = usual[0] + (row.tile_s - beside.tile_s) / factor
        segmented[row] = usual[1] + (row.segment_s - beside.segment_s) / factor
        print(
            f"{row.kind:24}{row.side:5}{tiled[row]:9.3f}{planned[0]:9.3f}"
            f"{tiled[row] / planned[0]:7.2f}{segmented[row]:9.3f}{planned[1]:9.3f}",
            flush=True,
        )
    for stage, seconds in zip(StageName, (tiled, segmented), strict=True):
        radar = {row.side: s for row, s in seconds.items() if row.kind == "Sentinel-1"}
        print(f"radar, {stage}: {fitted(radar)}")
    print("resampling:", _fitted_resampling(tiled))


def _fitted_resampling(tiled: Mapping[Row, float]) -> dict[str, float]:
    """Rates by least relative errors, of what is beside the rate of files on the grid."""
    plain = dict.fromkeys(PER, 0)
    terms, beside = [], []
    for row, seconds in tiled.items():
        base = stage_cpu_s(StageName.TILE, replace(row.counted, **plain))
        if row.counted.resampled_files or row.counted.point_files:
            counts = [getattr(row.counted, name) / each for name, each in PER.items()]
            terms.append([count / seconds for count in counts])
            beside.append((seconds - base) / seconds)
    found, _ = nnls(np.array(terms), np.array(beside))
    return {name: round(float(rate), 4) for name, rate in zip(PER, found, strict=True)}


def _report_memory(kind: Kind, one: Scene) -> None:
    context = get_context("spawn")
    side, found = max(kind.sides), context.Queue()
    process = context.Process(target=_most_memory, args=(one, side, found))
    process.start()
    most = found.get(timeout=300)
    process.join()
    planned = estimate_overpass(overpass(one), _grid(side)).peak_memory - BASE_MEMORY
    print(
        f"{kind.name:24}{side:5}{most / 2**20:8.0f} MiB{planned / 2**20:8.0f} planned", flush=True
    )


def _most_memory(one: Scene, side: int, found: Queue[Any]) -> None:
    """Read an overpass; put the most memory that this process had beyond what it began with."""
    os.environ["GDAL_CACHEMAX"] = GDAL_CACHE_MB
    read_overpass([one], SENSORS[one.sensor], _grid(8))
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status("VmRSS")
    read_overpass([one], SENSORS[one.sensor], _grid(side))
    found.put(_status("VmHWM") - before)


def _status(name: str) -> int:
    """Bytes, of this process."""
    text = Path("/proc/self/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) * 1024  # type: ignore[index]


if __name__ == "__main__":
    main()
