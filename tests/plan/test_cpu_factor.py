"""What a run measures of its processor, and where the next plan finds it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.plan import cpu_factor
from jobs.plan.cpu_factor import LEAST_MEASURED, keep_cpu_factor, kept_cpu_factor
from jobs.plan.rates import PerOverpass
from jobs.storage import storage_at


def test_the_last_run_counts(tmp_path: Path) -> None:
    storage = storage_at(str(tmp_path))
    assert kept_cpu_factor(storage, "job") is None
    keep_cpu_factor(storage, "job", 1.5, 40)
    keep_cpu_factor(storage, "job", 2.123456, LEAST_MEASURED)
    assert kept_cpu_factor(storage, "job") == (2.123, LEAST_MEASURED)
    assert kept_cpu_factor(storage, "other") is None


def test_too_few_overpasses_leave_what_was_there(tmp_path: Path) -> None:
    storage = storage_at(str(tmp_path))
    keep_cpu_factor(storage, "job", 1.5, 40)
    keep_cpu_factor(storage, "job", 9.0, LEAST_MEASURED - 1)
    assert kept_cpu_factor(storage, "job") == (1.5, 40)


def test_a_factor_to_other_rates_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = storage_at(str(tmp_path))
    keep_cpu_factor(storage, "job", 1.5, 40)
    rates = {stage: PerOverpass(1.0, 1.0) for stage in cpu_factor.STAGE_CPU_S}
    others = {
        "STAGE_CPU_S": rates,
        "RADAR_CPU_S": rates,
        "RESAMPLING_CPU_S": replace(cpu_factor.RESAMPLING_CPU_S, finer=1.0),
    }
    for name, other in others.items():
        with monkeypatch.context() as patch:
            patch.setattr(cpu_factor, name, other)
            assert kept_cpu_factor(storage, "job") is None
    assert kept_cpu_factor(storage, "job") == (1.5, 40)


def test_a_file_that_is_cut_off_is_none(tmp_path: Path) -> None:
    storage = storage_at(str(tmp_path))
    keep_cpu_factor(storage, "job", 1.5, 40)
    (path,) = (tmp_path / "performance" / "job").iterdir()
    assert json.loads(path.read_text())["overpasses"] == 40
    path.write_text(path.read_text()[:10])
    assert kept_cpu_factor(storage, "job") is None
