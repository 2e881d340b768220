"""What the plan says that a long run costs, once it is known how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jobs.domain import StageName
from jobs.plan import Plan, Prices, Running, costs, estimate_plan, ports_together
from tests.support.long_run.journals import Work
from tests.support.long_run.samples import Sample

HOURS = (*(str(stage) for stage in StageName), "count visits", "start, commit, publish")
"""Lines of the plan in CPU hours."""


def starts(samples: Sequence[Sample], role: str) -> int:
    """Pods of a role that were seen."""
    return len({one.pod for sample in samples for one in sample.processes if one.role == role})


def planned_costs(plan: Plan, work: Work, running: Running) -> dict[str, float]:
    """Amounts by the names of the plan's lines, and ``CPU-s``, of this processor."""
    running = replace(running, together=ports_together(plan), work_s=work.seconds)
    lines = costs(estimate_plan(plan), Prices(cpu_factor=work.cpu_factor), running)
    amounts = {line.what: line.amount for line in lines}
    return {**amounts, "CPU-s": sum(amounts[what] for what in HOURS) * 3600}
