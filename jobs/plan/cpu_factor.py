"""CPU time that a run's processor took beside the rates of the plan, kept for the next plan."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from jobs.domain import Json
from jobs.plan.rates import RADAR_CPU_S, RESAMPLING_CPU_S, STAGE_CPU_S
from jobs.storage import Storage

LEAST_MEASURED = 10
"""Overpasses from which it is kept: the first ones of each worker load what it needs."""


def keep_cpu_factor(storage: Storage, job: str, factor: float, overpasses: int) -> None:
    """Write what so many overpasses took, in place of what an earlier run has left."""
    if overpasses >= LEAST_MEASURED:
        facts = {"cpu_factor": round(factor, 3), "overpasses": overpasses, "rates": _rates()}
        storage.write(_name(job), json.dumps(facts).encode())


def kept_cpu_factor(storage: Storage, job: str) -> tuple[float, int] | None:
    """The factor that the job's last run has left and the overpasses that it was measured in; None
    where none has, or where it was one to other rates.

    Raises ArchiveError where the archive cannot be read.
    """
    try:
        facts: Any = json.loads(storage.read(_name(job)))
    except (FileNotFoundError, ValueError):  # none, or not whole
        return None
    if not isinstance(facts, dict) or facts.get("rates") != _rates():
        return None
    return float(facts["cpu_factor"]), int(facts["overpasses"])


def _name(job: str) -> str:
    return f"performance/{job}/cpu-factor.json"


def _rates() -> dict[str, Json]:
    found: dict[str, Json] = {str(stage): asdict(rate) for stage, rate in STAGE_CPU_S.items()}
    found |= {f"{stage} of radar": asdict(rate) for stage, rate in RADAR_CPU_S.items()}
    return found | {"resampling": asdict(RESAMPLING_CPU_S)}
