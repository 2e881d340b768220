"""What reading from afar costs: requests, bytes and time per overpass, for one GDAL setting after
another and for many ports under one scene.

Run as ``python -m tests.bench.bench_remote [--latency-ms 40] [--mbit 200] [--quick]``. Everything
is on this machine: an HTTP server and an S3 server (moto behind a proxy) that answer late and
share one wire of limited width. Every case runs in a new process, so that nothing is cached.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from jobs import tile
from jobs.domain import Grid, Scene, Source
from jobs.domain.sensors import SENSORS
from jobs.tile import raster
from jobs.tile.stage import read_overpass
from tests.support.scenes import scene
from tests.support.servers.files import file_server
from tests.support.servers.s3 import environment, faulty_proxy, s3_server
from tests.support.servers.server import Server

S2 = SENSORS["sentinel-2-l2a"]
BLOCK = 1024
PORT_PIXELS = 600
EPSG, LEFT, TOP = 32653, 399_960.0, 4_800_000.0

ONE_AT_A_TIME: tuple[tuple[str, str | None], ...] = (
    ("CPL_VSIL_CURL_NON_CACHED", None),
    ("CPL_VSIL_CURL_NON_CACHED", "/vsicurl/:/vsis3/"),
    ("CPL_VSIL_CURL_USE_HEAD", "NO"),
    ("GDAL_INGESTED_BYTES_AT_OPEN", "32768"),
    ("GDAL_INGESTED_BYTES_AT_OPEN", "131072"),
    ("VSI_CACHE", "TRUE"),
    ("GDAL_HTTP_MERGE_CONSECUTIVE_RANGES", "NO"),
    ("GDAL_HTTP_MULTIRANGE", "SERIAL"),
    ("GDAL_HTTP_MULTIPLEX", "NO"),
    ("GDAL_HTTP_VERSION", "2"),
    ("CPL_VSIL_CURL_CHUNK_SIZE", "65536"),
    ("CPL_VSIL_CURL_CHUNK_SIZE", "1048576"),
    ("CPL_VSIL_CURL_CACHE_SIZE", "134217728"),
    ("GDAL_DISABLE_READDIR_ON_OPEN", "FALSE"),
    ("GDAL_DISABLE_READDIR_ON_OPEN", "TRUE"),
    ("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", ".tif"),
    ("GDAL_NUM_THREADS", "2"),
)
"""Changes to jobs/tile's own settings; None takes a setting away."""


# --- a scene ------------------------------------------------------------------------------------


def port_grids(pixels: int, count: int) -> list[Grid]:
    """Ports spread over a scene, always the same ones."""
    rng = np.random.default_rng(4)
    corners = rng.integers(0, pixels - PORT_PIXELS, (count, 2)) // 2 * 2
    return [
        Grid(EPSG, LEFT + 10.0 * x, TOP - 10.0 * y, PORT_PIXELS, PORT_PIXELS) for x, y in corners
    ]


def make_scene(folder: Path, pixels: int, grids: Sequence[Grid]) -> Scene:
    """Four bands of 10 m and the classification of 20 m as COGs, as large as in the archives."""
    bands = {
        band: _cog(folder / f"{band}.tif", _picture(pixels, 10.0, grids, i), 10.0)
        for i, band in enumerate(S2.bands)
    }
    classes = (_picture(pixels // 2, 20.0, grids, 9) // 1000 % 12).astype(np.uint8)
    mask = replace(_cog(folder / "scl.tif", classes, 20.0), scale=1.0, offset=0.0)
    return scene(bands, mask=mask)


def _picture(
    pixels: int, resolution: float, grids: Sequence[Grid], seed: int
) -> NDArray[np.uint16]:
    """Waves in the blocks where ports lie, which compress as the real thing does (to 1.4 MB)."""
    rng = np.random.default_rng(seed)
    waves = (1300 + 60 * rng.standard_normal((BLOCK, BLOCK))).astype(np.uint16)
    picture = np.full((pixels, pixels), 1300, np.uint16)
    for column, row in {block for grid in grids for block, _ in _blocks(resolution, grid)}:
        part = picture[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK]
        part[...] = waves[: part.shape[0], : part.shape[1]]
    return picture


def _cog(path: Path, values: NDArray[np.generic], resolution: float) -> Source:
    transform = Affine(resolution, 0, LEFT, 0, -resolution, TOP)
    with rasterio.open(
        path,
        "w",
        driver="COG",
        count=1,
        height=values.shape[0],
        width=values.shape[1],
        dtype=values.dtype,
        crs=f"EPSG:{EPSG}",
        transform=transform,
        nodata=0,
        blocksize=BLOCK,
        compress="deflate",
        level=1,
        predictor=2,
        overview_resampling="nearest",
    ) as file:
        file.write(values, 1)
    shape = (values.shape[0], values.shape[1])
    return Source(str(path), 1, EPSG, tuple(transform)[:6], shape, 1e-4, -0.1, 0.0)


def moved(local: Scene, base: str) -> Scene:
    """The scene as it lies on a server."""

    def there(source: Source) -> Source:
        return replace(source, href=f"{base}/{Path(source.href).name}")

    assert local.mask is not None
    return replace(
        local, bands={b: there(s) for b, s in local.bands.items()}, mask=there(local.mask)
    )


def own_bytes(local: Scene, grids: Sequence[Grid]) -> tuple[float, int]:
    """Compressed bytes of the ports' own pixels, and of the blocks these lie in (each once)."""
    own, whole = 0.0, 0
    assert local.mask is not None
    for source in (*local.bands.values(), local.mask):
        with rasterio.open(source.href) as file:
            seen: set[tuple[int, int]] = set()
            for grid in grids:
                for block, share in _blocks(source.transform[0], grid):
                    name = f"BLOCK_SIZE_{block[0]}_{block[1]}"
                    size = int(file.get_tag_item(name, "TIFF", bidx=1))
                    own += size * share
                    whole += 0 if block in seen else size
                    seen.add(block)
    return own, whole


def _blocks(step: float, grid: Grid) -> Iterator[tuple[tuple[int, int], float]]:
    """The blocks (column, row) a port touches, and its share of each block's pixels."""
    left, top = (grid.left - LEFT) / step, (TOP - grid.top) / step
    size = grid.width * grid.resolution_m / step
    for row in range(int(top // BLOCK), int((top + size - 1) // BLOCK) + 1):
        for column in range(int(left // BLOCK), int((left + size - 1) // BLOCK) + 1):
            high = min(top + size, (row + 1) * BLOCK) - max(top, row * BLOCK)
            wide = min(left + size, (column + 1) * BLOCK) - max(left, column * BLOCK)
            yield (column, row), high * wide / BLOCK**2


# --- one case -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What is read and how."""

    name: str
    scene: Scene
    grids: tuple[Grid, ...]
    settings: Mapping[str, str]
    environment: Mapping[str, str]
    sharing: bool = False
    threads: int = 1
    """Across the bands of an overpass."""


@dataclass(frozen=True)
class Figures:
    """What it cost."""

    wall_s: float
    cpu_s: float
    requests: int
    connections: int
    bytes_sent: int


def work(case: Case) -> tuple[float, float]:
    """Read every port; wall and CPU seconds. Runs in a process of its own."""
    os.environ.update(case.environment)
    raster.GDAL_SETTINGS.clear()
    raster.GDAL_SETTINGS.update(case.settings)
    wall, cpu = time.perf_counter(), time.process_time()
    with tile.sharing_files() if case.sharing else nullcontext():
        for grid in case.grids:
            _read(case, grid)
    return time.perf_counter() - wall, time.process_time() - cpu


def _read(case: Case, grid: Grid) -> None:
    if case.threads == 1:
        read_overpass([case.scene], S2, grid)
        return
    parts = [
        replace(case.scene, bands={band: source}, mask=case.scene.mask if i == 0 else None)
        for i, (band, source) in enumerate(case.scene.bands.items())
    ]
    with ThreadPoolExecutor(case.threads) as pool:
        list(pool.map(lambda part: read_overpass([part], S2, grid), parts))


def measure(case: Case, server: Server) -> Figures:
    """The case in a new process, seen from there and from the server."""
    server.forget()
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        wall_s, cpu_s = pool.submit(work, case).result()
    return Figures(wall_s, cpu_s, len(server.requests), server.connections, server.bytes_sent)


# --- the report ---------------------------------------------------------------------------------

HEAD = (
    f"{'':54}{'requests':>9}{'connects':>9}{'MB':>8}{'over-read':>10}{'of blocks':>10}"
    f"{'wall s':>8}{'CPU s':>7}"
)


def report(case: Case, figures: Figures, local: Scene) -> dict[str, object]:
    """Print a line per overpass; requests and times are per overpass too."""
    own, whole = own_bytes(local, case.grids)
    count = len(case.grids)
    print(
        f"{case.name:54}{figures.requests / count:9.1f}{figures.connections / count:9.1f}"
        f"{figures.bytes_sent / count / 1e6:8.2f}{figures.bytes_sent / own:10.2f}"
        f"{figures.bytes_sent / whole:10.2f}{figures.wall_s / count:8.2f}"
        f"{figures.cpu_s / count:7.2f}",
        flush=True,
    )
    return {"case": case.name, "overpasses": count, **figures.__dict__, "own_bytes": own}


def cases(there: Scene, grids: Sequence[Grid], around: Mapping[str, str]) -> Iterator[Case]:
    """All that is measured on one server."""
    usual = dict(raster.GDAL_SETTINGS)
    first = (grids[0],)
    yield Case("jobs/tile as it is", there, first, usual, around)
    for name, value in ONE_AT_A_TIME:
        if name == "GDAL_DISABLE_READDIR_ON_OPEN" and not around:
            continue  # over HTTP files carry a fragment, and what lies beside them would be they
        changed = {k: v for k, v in (usual | {name: value}).items() if v is not None}
        yield Case(f"{name}={value or '(unset)'}", there, first, changed, around)
    for threads in (2, 4):
        yield Case(f"{threads} threads across bands", there, first, usual, around, threads=threads)
    for count in (1, 4, len(grids)):
        for sharing in (False, True):
            name = f"{count} ports of one scene, {'shared files' if sharing else 'each alone'}"
            yield Case(name, there, tuple(grids[:count]), usual, around, sharing=sharing)


@contextmanager
def servers(
    local: Scene, folder: Path, latency_s: float, bytes_per_s: float
) -> Iterator[list[tuple[str, Server, Scene, Mapping[str, str]]]]:
    """The scene on both servers."""
    with (
        file_server(folder, latency_s=latency_s, bytes_per_s=bytes_per_s) as http,
        s3_server() as s3,
        faulty_proxy(s3.url, latency_s=latency_s, bytes_per_s=bytes_per_s) as proxy,
    ):
        s3.put(folder, "scene")
        yield [
            ("HTTP", http, moved(local, http.url), {}),
            ("S3", proxy, moved(local, f"s3://{s3.bucket}/scene"), environment(proxy.url)),
        ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; --json also writes the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--latency-ms", type=float, default=40.0)
    parser.add_argument("--mbit", type=float, default=200.0)
    parser.add_argument("--quick", action="store_true", help="a smaller scene, fewer ports")
    parser.add_argument("--only", choices=("HTTP", "S3"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    pixels, ports = (4096, 6) if options.quick else (10980, 16)
    grids = port_grids(pixels, ports)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        local = make_scene(Path(name), pixels, grids)
        wire = options.latency_ms / 1e3, options.mbit * 1e6 / 8
        with servers(local, Path(name), *wire) as both:
            for kind, server, there, around in both:
                if options.only not in (None, kind):
                    continue
                print(f"\n{kind}, {options.latency_ms:g} ms, {options.mbit:g} Mbit/s\n{HEAD}")
                for case in cases(there, grids, around):
                    rows.append({"server": kind} | report(case, measure(case, server), local))
    if options.json is not None:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
