"""What a run says of an engine that would be faster here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from jobs.cli import run
from jobs.domain import Engine
from tests.support.small_runs import a_plan


def test_a_faster_engine_is_named_where_it_would_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(tmp_path, 1)
    monkeypatch.setattr(run, "bfloat16_by", lambda: "amx_bf16")
    monkeypatch.setattr(run, "package_version", lambda engine: "none")
    said = run.faster_engine(plan)
    assert "`engine: openvino-bf16` in the job file (after pip install" in said
    assert '"berthwatch[openvino]"' in said
    monkeypatch.setattr(run, "package_version", lambda engine: "2026.4.1")
    assert "pip" not in run.faster_engine(plan)
    radar = replace(plan.overpasses[0], sensor="sentinel-1-rtc")
    assert run.faster_engine(replace(plan, overpasses=(radar,))) == ""
    assert run.faster_engine(replace(plan, engine=Engine.OPENVINO)) == ""
    monkeypatch.setattr(run, "bfloat16_by", lambda: "")
    assert run.faster_engine(plan) == ""
