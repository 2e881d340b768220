"""Which chunks, shards and codec serve the archive's two readers, on recorded imagery.

    python -m tests.bench.bench_chunks [--overpasses 40] [--quick]

The readers: one overpass whole (segment, pictures), and one berth of 60 x 60 pixels through all
time (a person with xarray). Data: the ports of ../shared/data/real-imagery/s2-ports as Sentinel-2
digital numbers, cut and shifted anew for every overpass, and their size as COGs of 1024 blocks
(deflate, predictor 2). Times are CPU seconds of this process with a warm cache.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec, ZstdCodec

from tests.bench.ingest.archive import BANDS, recorded, write_cog

pytestmark = pytest.mark.bench

EDGE_PX = 1024
BERTH_PX = 60
CODECS: dict[str, Any] = {
    "zstd1 shuffle": BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"),
    "zstd3 shuffle": BloscCodec(cname="zstd", clevel=3, shuffle="shuffle"),
    "zstd1 bits": BloscCodec(cname="zstd", clevel=1, shuffle="bitshuffle"),
    "lz4 shuffle": BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"),
    "lz4 bits": BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle"),
    "plain zstd1": ZstdCodec(level=1),
}
HERE = "zstd1 shuffle"


@dataclass(frozen=True)
class Layout:
    """One way to lay an overpass out."""

    chunk_px: int
    codec: str = HERE
    sharded: bool = False
    """All chunks of an overpass in one shard."""

    @property
    def name(self) -> str:
        """As in the table."""
        return f"{self.chunk_px:>5} {self.codec:<14}{' one shard' if self.sharded else '':<10}"


LAYOUTS = (
    *(Layout(edge) for edge in (256, 512, 1024)),
    *(Layout(edge, sharded=True) for edge in (256, 512)),
    *(Layout(512, codec) for codec in CODECS if codec != HERE),
)


def images(count: int) -> Iterator[NDArray[np.uint16]]:
    """Overpasses (band, y, x) of every port in turn, each mirrored to size and shifted anew."""
    for number in range(count):
        sources = recorded()
        texture = sources[number % len(sources)]
        reach = [(0, max(0, EDGE_PX - n)) for n in texture.shape[1:]]
        whole = np.pad(texture, [(0, 0), *reach], mode="symmetric")[:, :EDGE_PX, :EDGE_PX]
        shift = np.random.default_rng(number).integers(0, EDGE_PX, 2)
        yield np.ascontiguousarray(np.roll(whole, shift, axis=(1, 2)))


def store(layout: Layout, count: int, folder: Path) -> zarr.Array[Any]:
    """An empty array of that layout."""
    edge = (layout.chunk_px, layout.chunk_px)
    return zarr.create_array(
        folder,
        shape=(count, len(BANDS), EDGE_PX, EDGE_PX),
        chunks=(1, len(BANDS), *edge),
        shards=(1, len(BANDS), EDGE_PX, EDGE_PX) if layout.sharded else None,
        dtype="uint16",
        compressors=CODECS[layout.codec],
        overwrite=True,
    )


def cpu_s(job: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    began = time.process_time()
    job()
    return time.process_time() - began


def measure(layout: Layout, data: Sequence[NDArray[np.uint16]], folder: Path) -> list[float]:
    """ms to write and to read one overpass, ms a step of a berth's series, files, MB a step."""
    array, count = store(layout, len(data), folder), len(data)

    def write() -> None:
        for number, image in enumerate(data):
            array[number] = image

    def whole() -> None:
        for number in range(count):
            np.asarray(array[number])

    start = EDGE_PX // 3
    berth = np.s_[start : start + BERTH_PX]
    parts = [cpu_s(write), cpu_s(whole), cpu_s(lambda: np.asarray(array[:, :, berth, berth]))]
    files = [path for path in folder.rglob("*") if path.is_file()]
    size_mb = sum(path.stat().st_size for path in files) / 2**20
    return [*(1000 * part / count for part in parts), len(files) / count, size_mb / count]


def cog_mb(data: Sequence[NDArray[np.uint16]], folder: Path) -> float:
    """MB of the same pixels as source COGs, without overviews, a step."""
    sizes = []
    for number, image in enumerate(data):
        for band, values in enumerate(image):
            path = folder / f"{number}_{band}.tif"
            write_cog(path, values, 32653, (10.0, 0, 0, 0, -10.0, 0), overviews=False)
            sizes.append(path.stat().st_size)
            path.unlink()
    return sum(sizes) / 2**20 / len(data)


def report(count: int) -> list[list[float]]:
    """Measure every layout and print the table."""
    data = list(images(count))
    folder = Path(tempfile.mkdtemp())
    try:
        cogs = cog_mb(data[:10], folder)
        print(f"{count} overpasses of 4 x {EDGE_PX} x {EDGE_PX}; as COGs {cogs:.2f} MB each")
        print(
            f"{'chunk codec':<30}{'write ms':>10}{'whole ms':>10}{'berth ms':>10}"
            f"{'files':>8}{'MB':>8}{'of COGs':>9}"
        )
        rows = []
        for layout in LAYOUTS:
            row = measure(layout, data, folder / "array")
            rows.append(row)
            cells = "".join(f"{value:>10.2f}" for value in row[:3])
            print(
                f"{layout.name:<30}{cells}{row[3]:>8.1f}{row[4]:>8.2f}{row[4] / cogs:>9.2f}",
                flush=True,
            )
        return rows
    finally:
        shutil.rmtree(folder)


@pytest.mark.real_data
def test_layouts() -> None:
    if not recorded():
        pytest.skip("no recorded imagery")
    assert len(report(4)) == len(LAYOUTS)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--overpasses", type=int, default=40)
    parser.add_argument("--quick", action="store_true", help="10 overpasses only")
    options = parser.parse_args()
    report(10 if options.quick else options.overpasses)


if __name__ == "__main__":
    main()
