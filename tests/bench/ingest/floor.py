"""The floor: window reads and whole Zarr chunks in plain processes, with nothing around them."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from itertools import pairwise
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import zarr
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.windows import from_bounds

from jobs.domain import Grid
from tests.bench.ingest.archive import BANDS, MadeArchive
from tests.bench.ingest.usage import Span, usage


def run(archive: MadeArchive, out: Path, processes: int) -> tuple[float, list[Span]]:
    """Wall seconds, and each process's usage before and after; the start-up does not count."""
    hrefs = [{n: a["href"] for n, a in item["assets"].items()} for item in archive.items]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes + 1)
    cuts = [len(hrefs) * n // processes for n in range(processes + 1)]
    ends = []
    for start, end in pairwise(cuts):
        mine, theirs = context.Pipe(duplex=False)
        arguments = (out, start, hrefs[start:end], archive.port, barrier, theirs)
        context.Process(target=work, args=arguments).start()
        ends.append(mine)
    barrier.wait()
    began = time.perf_counter()
    found = [end.recv() for end in ends]
    return time.perf_counter() - began, found


def work(
    out: Path,
    start: int,
    scenes: Sequence[dict[str, str]],
    grid: Grid,
    barrier: Barrier,
    told: Connection,
) -> None:
    """One process's share of the scenes."""
    group = zarr.open_group(out, mode="r+")
    barrier.wait()
    before = usage()
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        for number, hrefs in enumerate(scenes, start):
            bands = [window(hrefs[band], grid, Resampling.bilinear) for band in BANDS]
            group["reflectance"][number] = np.stack(bands)  # type: ignore[index]
            group["scl"][number] = window(hrefs["scl"], grid, Resampling.nearest)  # type: ignore[index]
    told.send((before, usage()))


def window(href: str, grid: Grid, resampling: Resampling) -> NDArray[Any]:
    """The grid's part of a file; warped where it is of another projection."""
    with rasterio.open(href) as file:
        if file.crs.to_epsg() == grid.epsg:
            place = from_bounds(*grid.bounds, transform=file.transform)
            # GDAL repeats coarse pixels itself
            return np.asarray(file.read(1, window=place, out_shape=grid.shape))
        with WarpedVRT(
            file,
            crs=grid.epsg,
            transform=rasterio.Affine(*grid.transform),
            width=grid.width,
            height=grid.height,
            resampling=resampling,
        ) as warped:
            return np.asarray(warped.read(1))
