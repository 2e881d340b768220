"""Before a job is planned anew: what its former plan says of inputs is kept in the archive."""

from __future__ import annotations

from pathlib import Path

from jobs.plan import is_job, plan_without_search
from jobs.run import keep_inputs
from jobs.storage import storage_at


def keep_former_inputs(source: Path) -> None:
    """Keep what a job's pinned plan says of inputs, where an early version's archive does not.

    The new plan is then compared with it. Nothing to do for a plan file.
    """
    before = plan_without_search(source) if is_job(source) else None
    if before is not None:
        keep_inputs(before, storage_at(before.archive))
