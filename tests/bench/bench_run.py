"""The CPU of a whole run by stage, of a repeat with nothing to do, and of `status`.

    python -m tests.bench.bench_run [--days 72] [--workers 2]

A job of the simulated catalog that `berthwatch demo` makes (two ports; 72 days give 60
overpasses). Each command is a process of its own; what counts is its CPU with that of all processes
it started, start-up included. Stages are runs that end after one: tile, segment, and the rest
(visits, series, publishing), each with a cluster of its own; the whole run has one for all.
`--limit 3` begins a new archive. Compiled code of the estimates is taken from where it lies
(`python -m jobs.visits.compile_ahead`); `compiling` is what a run without any costs more.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.bench


PROGRAM = Path(sys.executable).with_name("berthwatch")


@dataclass(frozen=True)
class Spent:
    """What a command took."""

    cpu_s: float
    wall_s: float


def spent(*words: str, folder: Path, around: Mapping[str, str] | None = None) -> Spent:
    """CPU of a `berthwatch` command and of all that it started; it must come to a good end."""
    before, began = _children(), time.perf_counter()
    done = subprocess.run(
        [PROGRAM, *words],
        cwd=folder,
        env={**os.environ, **(around or {})},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return Spent(_children() - before, time.perf_counter() - began)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def job(folder: Path, name: str) -> str:
    """A job like the simulation's with an archive of its own; its file."""
    text = (folder / "job.yaml").read_text()
    assert "archive: " in text
    file = folder / f"{name}.yaml"
    file.write_text(re.sub(r"^archive: .*$", f"archive: {name}", text, flags=re.M))
    return file.name


def measure(folder: Path, days: int, workers: int) -> dict[str, Spent]:
    """Every command once, printed as it goes."""
    subprocess.run(
        [PROGRAM, "simulate", "-o", str(folder), "--days", str(days)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    found: dict[str, Spent] = {}

    def note(name: str, *words: str, around: Mapping[str, str] | None = None) -> None:
        found[name] = spent(*words, folder=folder, around=around)
        print(f"  {name:<34}{found[name].cpu_s:8.1f} CPU-s{found[name].wall_s:8.1f} s", flush=True)

    run = ("run", "--workers", str(workers))
    staged, whole = job(folder, "staged"), job(folder, "whole")
    note("--version (start-up of a command)", "--version")
    note("run --stage tile", *run, "--stage", "tile", staged)
    note("run --stage segment", *run, "--stage", "segment", staged)
    note("the rest of the run", *run, staged)
    note("a whole run", *run, whole)
    note("a repeat with nothing to do", *run, whole)
    note("status", "status", whole)
    note("run --limit 3, new archive", *run, "--limit", "3", job(folder, "limited"))
    with tempfile.TemporaryDirectory() as empty:
        note(
            "a whole run, nothing compiled", *run, job(folder, "cold"),
            around={"NUMBA_CACHE_DIR": empty},
        )  # fmt: skip
    return found


def test_run(tmp_path: Path) -> None:
    """A small run, so that the script itself is known to work."""
    found = measure(tmp_path / "world", days=3, workers=1)
    assert found["a repeat with nothing to do"].cpu_s < found["a whole run"].cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--days", type=int, default=72)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "world", chosen.days, chosen.workers)


if __name__ == "__main__":
    main()
