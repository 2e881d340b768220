"""Thousands of nearly right files through every door: what came out, counted.

FUZZ_CASES=2000 pytest -m bench -s tests/bench/bench_fuzz.py
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.fuzz import DOORS, fuzz

pytestmark = pytest.mark.bench

CASES = int(os.environ.get("FUZZ_CASES", "2000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
KEEP = os.environ.get("FUZZ_KEEP")
"""A folder for the files that led to faults."""


@pytest.mark.parametrize("name", DOORS)
def test_count(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tally = fuzz(DOORS[name], CASES // DOORS[name].cost, tmp_path, SEED)
    print(f"\n{name}: {tally.cases} cases, {tally.outcomes['done']} done, {tally.refusals} refused")
    for message, count in tally.outcomes.most_common():
        print(f"  {count:5d}  {message}")
    print(f"  faults: {tally.faults.total()}")
    for fault, count in tally.faults.most_common():
        print(f"  {count:5d}  {fault}")
    if KEEP and tally.faults:
        shutil.copytree(tmp_path, Path(KEEP) / name.replace(" ", "-"), dirs_exist_ok=True)
    assert not tally.faults
