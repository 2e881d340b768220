"""A first taste starts no more workers than its few overpasses keep busy."""

from __future__ import annotations

from pathlib import Path

from dask.system import CPU_COUNT

from jobs.publish import UnitCounts, name_newest
from jobs.run.backlog import RunOptions
from jobs.run.enough_workers import workers_needed
from tests.support.small_runs import a_plan, root_of


def test_a_limit_bounds_the_workers_of_a_job_without_results(tmp_path: Path) -> None:
    plan = a_plan(tmp_path, 1)
    root = root_of(plan)
    assert workers_needed(plan, RunOptions(limit=3), root) == 1
    assert workers_needed(plan, RunOptions(limit=10_000), root) == CPU_COUNT
    assert workers_needed(plan, RunOptions(), root) is None
    name_newest(root, plan.name, "tag", UnitCounts(done=900, failed=0, pending=9))
    assert workers_needed(plan, RunOptions(limit=3), root) is None
