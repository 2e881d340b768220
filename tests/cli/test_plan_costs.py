"""Where the costs of a plan have their CPU time from."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.cli import kept_factor
from jobs.cli.kept_factor import with_kept_factor
from jobs.errors import ArchiveError
from jobs.plan import Prices, keep_cpu_factor
from jobs.storage import LocalFolder, storage_at
from tests.support.small_runs import a_plan


def test_a_job_that_never_ran_counts_on_idle_cores(tmp_path: Path) -> None:
    prices, said = with_kept_factor(a_plan(tmp_path, 1), Prices())
    assert prices == Prices()
    assert "idle otherwise" in said


def test_what_the_last_run_took_is_taken_and_told(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, 1)
    keep_cpu_factor(storage_at(plan.archive), plan.name, 1.84, 60)
    prices, said = with_kept_factor(plan, Prices(cpu_hour=1.0))
    assert prices == Prices(cpu_hour=1.0, cpu_factor=1.84)
    assert "1.8 times our rates, in 60 overpasses" in said
    other = replace(plan, name="another")
    assert with_kept_factor(other, Prices())[0].cpu_factor == 1


def test_an_archive_out_of_reach_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: LocalFolder, name: str) -> bytes:
        raise ArchiveError("access is denied")

    monkeypatch.setattr(LocalFolder, "read", refused)
    prices, said = with_kept_factor(a_plan(tmp_path, 1), Prices())
    assert prices == Prices()
    assert "not known: access is denied" in said


def test_an_archive_that_is_silent_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(self: LocalFolder, name: str) -> bytes:
        time.sleep(1)
        raise ArchiveError("after all")

    monkeypatch.setattr(LocalFolder, "read", late)
    monkeypatch.setattr(kept_factor, "ANSWER_S", 0.2)
    prices, said = with_kept_factor(a_plan(tmp_path, 1), Prices())
    assert prices == Prices()
    assert "does not answer" in said
