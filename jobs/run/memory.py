"""Whether the workers of a cluster have the memory that a plan's largest overpass needs."""

from __future__ import annotations

from distributed import Client

from jobs.plan import BASE_MEMORY, Plan, estimate_plan
from jobs.run.cluster import worker_sizes

GB = 1e9
ENDED_AT = 0.95
"""Share of its limit at which Dask ends a worker (distributed.worker.memory.terminate)."""


def memory_doubt(plan: Plan, client: Client) -> str | None:
    """What speaks against the memory of the workers that are there, in words; None where nothing
    does, or where they have no limit.
    """
    peak = estimate_plan(plan).peak_memory
    short = [
        (limit, threads, need)
        for threads, limit in worker_sizes(client)
        if limit and limit * ENDED_AT < (need := BASE_MEMORY + threads * (peak - BASE_MEMORY))
    ]
    if not short:
        return None
    limit, threads, need = min(short)
    at_once = "an overpass" if threads == 1 else f"{threads} overpasses at once"
    fewer = "" if threads == 1 else " or fewer threads"
    return (
        f"{len(short)} workers may run out of memory: {at_once} of the largest port need about "
        f"{need / GB:.1f} GB, the smallest worker may use {limit / GB:.1f} GB; Dask ends one that "
        f"uses more, and its overpasses are quarantined: give workers more memory{fewer}"
    )
