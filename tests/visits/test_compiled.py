"""Code that several processes compiled and cached keeps apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.places import ROOT

DOUBLED = """
from jobs.visits.compiled import njit

@njit(cache=True)
def doubled(value):
    return 2 * value
"""


def test_two_processes_name_their_symbols_and_cached_files_apart(tmp_path: Path) -> None:
    (tmp_path / "doubled.py").write_text(DOUBLED)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}

    def compiled_in(cache: Path, argument: str) -> tuple[set[str], str]:
        program = f"import doubled; print(doubled.doubled({argument}))"
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, "NUMBA_CACHE_DIR": str(cache)},
            capture_output=True,
            text=True,
            check=True,
        )
        return {path.name for path in cache.rglob("*.nbc")}, done.stdout.strip()

    one, four = compiled_in(tmp_path / "a", "2")
    other, six = compiled_in(tmp_path / "b", "3")
    assert (four, six) == ("4", "6")
    assert len(one) == len(other) == 1
    assert not one & other
    again, eight = compiled_in(tmp_path / "a", "4")
    assert (again, eight) == (one, "8")  # taken from the cache, not compiled anew
