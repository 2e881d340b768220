"""Files that are nearly right, by the hundred: a right result or one refusal, never a traceback.

``tests/bench/bench_fuzz.py`` gives the same doors thousands and prints what came out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fuzz import DOORS, Tally, fuzz


def check(tally: Tally) -> None:
    assert not tally.faults, "\n".join(f"{n} x {what}" for what, n in tally.faults.items())
    assert tally.refusals, "nothing was refused: the files are not wrong enough"


@pytest.mark.parametrize("name", DOORS)
def test_nearly_right_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    check(fuzz(DOORS[name], 80 // DOORS[name].cost, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("name", DOORS)
def test_thousands_of_nearly_right_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check(fuzz(DOORS[name], 2000 // DOORS[name].cost, tmp_path))
