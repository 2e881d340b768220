"""How fast overpasses get into the archive, against what a user would pick instead.

    python -m tests.bench.bench_ingest --overpasses 60 240 960 [--warped] [--quick]

Every method runs in a process and a cluster of its own, on the same made archive (24 scenes of
30 km, hard-linked to as many dates as are asked for; 1.5 GB in build/ingest, made at first use).
The floor is plain GDAL windows and Zarr chunks in two processes: no Dask, no commit, no quality.
CPU seconds are steadier than the wall's. Checks that all methods give the same pixels.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.bench.ingest.archive import make
from tests.bench.ingest.methods import METHODS

pytestmark = pytest.mark.bench

SLOW = ("odc-stac", "stackstac")
Figures = dict[str, Any]
COLUMNS = (
    "wall_s",
    "worker_cpu_s",
    "client_cpu_s",
    "worker_peak_mb",
    "client_peak_mb",
    "tasks",
    "read_mb",
    "written_mb",
    "stored_mb",
)


def run_one(name: str, folder: Path, overpasses: int, warped: bool) -> Figures:
    """One method in its own process; its output stays for the check."""
    out = output(folder, name)
    shutil.rmtree(out, ignore_errors=True)
    words = [name, str(folder), str(out), str(overpasses), "warped" if warped else "aligned"]
    command = [sys.executable, "-m", "tests.bench.ingest.measure", *words]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def output(folder: Path, name: str) -> Path:
    return folder / "out" / name.replace(" ", "-")


def check(folder: Path, names: Sequence[str], overpasses: int, warped: bool) -> None:
    """Every method's pixels against ours: equal; where warped, the share that is, and how far.

    Warped pixels differ where programs approximate the projection over other blocks.
    """
    ours = METHODS["ours"].image(output(folder, "ours"))
    numbers = sorted({0, overpasses // 3, overpasses - 1})
    for name in names:
        theirs = METHODS[name].image(output(folder, name))
        gaps = np.stack([np.abs(ours(n).astype(int) - theirs(n).astype(int)) for n in numbers])
        if not warped:
            assert not gaps.any(), f"{name} gives other pixels than ours"
        equal, near = np.mean(gaps == 0), np.mean(gaps <= 1)
        far = np.quantile(gaps, 0.99)
        print(f"  {name:<10} pixels equal {equal:.4f}, within 1 {near:.4f}, 99 % within {far:.0f}")


def table(rows: Sequence[Figures]) -> str:
    """The figures, and below them those of time, CPU and memory as multiples of ours."""
    head = f"  {'':<10}" + "".join(f"{name:>15}" for name in COLUMNS)
    lines = [head]
    for row in rows:
        values = (f"{row[c]:>15.0f}" if row[c] >= 1000 else f"{row[c]:>15.1f}" for c in COLUMNS)
        lines.append(f"  {row['method']:<10}" + "".join(values))
    ours = next((row for row in rows if row["method"] == "ours"), None)
    for row in rows if ours else ():
        assert ours is not None
        ratios = (f"{row[c] / ours[c]:>15.2f}" if ours[c] else f"{'':>15}" for c in COLUMNS)
        whole = _cpu(row) / _cpu(ours)
        lines.append(f"  {row['method']:<10}" + "".join(ratios) + f"   all CPU {whole:.2f} x ours")
    return "\n".join(lines)


def _cpu(row: Figures) -> float:
    return float(row["worker_cpu_s"] + row["client_cpu_s"])


def measure_all(
    folder: Path, sizes: Sequence[int], names: Sequence[str], *, warped: bool, peers_up_to: int
) -> list[Figures]:
    """Every size with every method, printed as it goes."""
    make(folder, max(sizes), warped=warped)
    rows: list[Figures] = []
    for size in sizes:
        here = [name for name in names if name not in SLOW or size <= peers_up_to]
        found = [run_one(name, folder, size, warped) for name in here]
        print(f"\n{size} overpasses, {'warped' if warped else 'aligned'}\n{table(found)}")
        if "ours" in here:
            check(folder, here, size, warped)
        rows += found
    shutil.rmtree(folder / "out", ignore_errors=True)
    return rows


@pytest.mark.parametrize("warped", [False, True])
def test_ingest(warped: bool, tmp_path: Path) -> None:
    """A small run, so that the script itself is known to work."""
    rows = measure_all(tmp_path, [4], list(METHODS), warped=warped, peers_up_to=4)
    ours = next(row for row in rows if row["method"] == "ours")
    assert ours["tasks"] <= 2 * ours["overpasses"]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--overpasses", type=int, nargs="+", default=[60, 240])
    parser.add_argument("--warped", action="store_true", help="scenes of the neighbouring UTM zone")
    parser.add_argument("--quick", action="store_true", help="24 overpasses only")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--peers-up-to", type=int, default=10**9, help="no slow peers beyond it")
    parser.add_argument("--folder", type=Path, default=Path("build/ingest"))
    parser.add_argument("--json", type=Path, help="write the rows there as well")
    options = parser.parse_args()
    rows = measure_all(
        options.folder.resolve(),
        [24] if options.quick else options.overpasses,
        options.methods,
        warped=options.warped,
        peers_up_to=options.peers_up_to,
    )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
