"""How fast overpasses get into the archive, against what a user would pick instead.

    python -m tests.bench.bench_ingest --overpasses 60 240 --rounds 3 [--warped] [--quick]

Every method runs in a process and a cluster of its own, on the same made archive (24 scenes of
30 km, hard-linked to as many dates as are asked for; 1.5 GB in build/ingest, made at first use).
Where the port lies in its blocks decides how much of them must be decoded: the offset is drawn
anew, and once it is the worst. At each offset there are rounds, in which the methods take turns in
an order drawn by lot. What counts is the CPU of workers and client, and of the rounds the least:
whatever else the machine does only adds to it. Every row's pixels are compared with GDAL's.

"GDAL" is plain window reads and Zarr chunks in two processes: no Dask, no commit, no mask.
lazycogs and rasteret need another Python, and libraries that ours do not go with: their
environment is made in build/ingest at first use, and they are left out, with the reason, where it
cannot be made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling

from tests.bench.ingest import peers
from tests.bench.ingest.archive import BANDS, WORST, MadeArchive, Offset, make, offsets
from tests.bench.ingest.floor import window
from tests.bench.ingest.methods import METHODS

pytestmark = pytest.mark.bench

Figures = dict[str, Any]
SHOWN = ("worker_cpu_s", "client_cpu_s", "wall_s", "worker_peak_mb", "tasks", "stored_mb")
CHECKED = 4
"""Overpasses of every row whose pixels are compared."""


def run_one(name: str, folder: Path, size: int, *, warped: bool, offset: Offset) -> Figures:
    """One method in its own process; its output stays for the check."""
    out = output(folder, name)
    shutil.rmtree(out, ignore_errors=True)
    if name in peers.PINNED:
        return peers.run(name, make(folder, size, warped=warped, offset=offset), out, folder)
    words = [name, str(folder), str(out), str(size), "warped" if warped else "aligned"]
    command = [sys.executable, "-m", "tests.bench.ingest.measure", *words, *map(str, offset)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def output(folder: Path, name: str) -> Path:
    return folder / "out" / name.replace(" ", "-")


# --- pixels -------------------------------------------------------------------------------------


def check(name: str, archive: MadeArchive, out: Path, *, exact: bool) -> float:
    """The share of a method's pixels that are GDAL's; where exact, all must be."""
    read = peers.image if name in peers.PINNED else METHODS[name].image
    theirs = read(archive, out)
    count = len(archive.items)
    numbers = sorted({round(n * (count - 1) / (CHECKED - 1)) for n in range(CHECKED)})
    equal = [float(np.mean(theirs(n) == by_gdal(archive, n))) for n in numbers]
    assert not exact or min(equal) == 1, f"{name} gives other pixels than GDAL"
    return mean(equal)


def by_gdal(archive: MadeArchive, number: int) -> NDArray[np.uint16]:
    """The port's part of an overpass (band, y, x), as GDAL reads or warps it."""
    assets = archive.items[number]["assets"]
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        return np.stack(
            [window(assets[b]["href"], archive.port, Resampling.bilinear) for b in BANDS]
        )


# --- rounds -------------------------------------------------------------------------------------


def rows_of(
    folder: Path,
    size: int,
    names: Sequence[str],
    *,
    warped: bool,
    rounds: int,
    places: Sequence[Offset],
) -> Iterator[Figures]:
    """One row for each method, round and offset, checked, in the order they are measured."""
    rng = np.random.default_rng(size)
    for offset in places:
        archive = make(folder, size, warped=warped, offset=offset)
        for number in range(rounds):
            for name in rng.permutation(list(names)):
                row = run_one(str(name), folder, size, warped=warped, offset=offset)
                share = check(str(name), archive, output(folder, str(name)), exact=not warped)
                yield {**row, "overpasses": size, "offset": offset, "round": number, "equal": share}
    shutil.rmtree(folder / "out", ignore_errors=True)


def cpu(row: Figures) -> float:
    return float(row["worker_cpu_s"] + row["client_cpu_s"])


def least(rows: Sequence[Figures], name: str, offset: Offset) -> Figures:
    """Of a method's rounds at an offset the one that took least CPU."""
    return min(_of(rows, name, offset), key=cpu)


def _of(rows: Sequence[Figures], name: str, offset: Offset) -> list[Figures]:
    return [row for row in rows if row["method"] == name and row["offset"] == offset]


def table(rows: Sequence[Figures], names: Sequence[str]) -> str:
    """For each method CPU seconds (least and median of the rounds, means over the offsets), other
    figures of the least rounds, and the CPU as a multiple of ours: mean over drawn offsets, by
    offset.
    """
    places = list(dict.fromkeys(row["offset"] for row in rows))
    drawn = [place for place in places if place != WORST] or places
    shown = " ".join(f"{name:>14}" for name in ("CPU-s least", "median", *SHOWN))
    lines = [f"  {'':<11}{shown}   equal   x ours  at " + " ".join(map(str, places))]
    for name in names:
        best = [least(rows, name, place) for place in drawn]
        middle = [median(map(cpu, _of(rows, name, place))) for place in drawn]
        values = [mean(map(cpu, best)), mean(middle), *(mean(b[c] for b in best) for c in SHOWN)]
        line = f"  {name:<11}" + " ".join(f"{value:>14.1f}" for value in values)
        line += f"{mean(row['equal'] for row in rows if row['method'] == name):>8.4f}"
        if "ours" in names:
            whole = mean(map(cpu, best)) / mean(cpu(least(rows, "ours", p)) for p in drawn)
            each = [cpu(least(rows, name, p)) / cpu(least(rows, "ours", p)) for p in places]
            line += f"{whole:>9.2f}     " + " ".join(f"{ratio:>12.2f}" for ratio in each)
        lines.append(line)
    return "\n".join(lines)


def measure_all(
    folder: Path,
    sizes: Sequence[int],
    names: Sequence[str],
    *,
    warped: bool,
    rounds: int,
    places: Sequence[Offset],
    peers_up_to: int = 10**9,
    json_file: Path | None = None,
) -> list[Figures]:
    """Every size with every method, printed as it goes."""
    rows: list[Figures] = []
    for size in sizes:
        here = [name for name in names if name in ("ours", "GDAL") or size <= peers_up_to]
        make(folder, size, warped=warped)
        found = []
        for row in rows_of(folder, size, here, warped=warped, rounds=rounds, places=places):
            found.append(row)
            print(f"  {row['method']:<11} {row['offset']} {cpu(row):8.2f} CPU-s", flush=True)
            if json_file is not None:
                json_file.write_text(json.dumps(rows + found, indent=1))
        print(f"\n{size} overpasses, {'warped' if warped else 'aligned'}\n{table(found, here)}")
        rows += found
    return rows


@pytest.mark.parametrize("warped", [False, True])
def test_ingest(warped: bool, tmp_path: Path) -> None:
    """A small run, so that the script itself is known to work."""
    names = list(METHODS)
    places = [WORST, *offsets(0, 1)]
    rows = measure_all(tmp_path, [4], names, warped=warped, rounds=1, places=places)
    assert len(rows) == len(names) * len(places)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--overpasses", type=int, nargs="+", default=[60, 240])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--offsets", type=int, default=2, help="drawn ones, beside the worst")
    parser.add_argument("--seed", type=int, default=1, help="of the drawn offsets")
    parser.add_argument("--warped", action="store_true", help="scenes of the neighbouring UTM zone")
    parser.add_argument("--quick", action="store_true", help="24 overpasses only")
    every = [*METHODS, *peers.PINNED]
    parser.add_argument("--methods", nargs="+", choices=every, default=every)
    parser.add_argument("--peers-up-to", type=int, default=10**9, help="no peers beyond it")
    parser.add_argument("--folder", type=Path, default=Path("build/ingest"))
    parser.add_argument("--json", type=Path, help="write the rows there as well")
    options = parser.parse_args()
    folder = options.folder.resolve()
    names = [name for name in options.methods if name not in peers.PINNED]
    for name in options.methods:
        if name in peers.PINNED:
            reason = peers.why_not(name, folder)
            names += [] if reason else [name]
            print(f"  {name} is left out: {reason}" if reason else f"  {peers.PINNED[name]}")
    measure_all(
        folder,
        [24] if options.quick else options.overpasses,
        names,
        warped=options.warped,
        rounds=options.rounds,
        places=[WORST, *offsets(options.seed, options.offsets)],
        peers_up_to=options.peers_up_to,
        json_file=options.json,
    )


if __name__ == "__main__":
    main()
