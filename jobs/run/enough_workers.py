"""How many workers of a local cluster a first, limited run needs."""

from __future__ import annotations

from math import ceil

from dask.system import CPU_COUNT

from jobs.plan import Plan
from jobs.publish import published_units
from jobs.run.backlog import RunOptions
from jobs.storage import Storage

OVERPASSES_PER_WORKER = 4
"""A worker takes about as long to start (torch, GDAL, the network) as so many overpasses take."""


def workers_needed(plan: Plan, options: RunOptions, storage: Storage) -> int | None:
    """The number of workers for a limited run of a job without results; None: one per core.

    A job with results may have many ports to count visits at, however few overpasses are new.
    """
    if options.limit is None or published_units(storage, plan.name) is not None:
        return None
    return min(CPU_COUNT, ceil(options.limit / OVERPASSES_PER_WORKER))
