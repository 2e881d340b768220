"""How many workers a plan wants, and whether it fits into their memory."""

from __future__ import annotations

import math

from jobs.kubernetes.quantities import size_bytes
from jobs.kubernetes.settings import ClusterSettings, Group
from jobs.plan import BASE_MEMORY, Estimate
from jobs.plan.cost import SEGMENT_CPU_S, TILE_CPU_S

TARGET_S = 3_600.0
"""A partition's work is to take about so long, by its CPU seconds."""

NANNY_MEMORY = 192 * 2**20
"""Bytes of a worker's pod beside the worker: Dask's nanny (93 MB, measured) and some to spare.

Where the pod itself meets its limit, the kernel ends nanny and worker alike."""

TERMINATE_FRACTION = 0.95
"""Share of a worker's limit at which the nanny ends it (Dask's default)."""


def workers_for(estimate: Estimate, settings: ClusterSettings, partitions: int) -> int:
    """CPU workers of each partition's cluster: as set, or as the estimate asks for.

    The plan's megapixels at the measured seconds each (tile, and segment where no GPU does it),
    shared evenly by the partitions, in about an hour; but never more than ``at_most``, nor more
    than a partition has overpasses to keep them busy, and one at least.
    """
    if settings.workers.count is not None:
        return settings.workers.count
    threads = settings.workers.threads
    wanted = _cpu_s(estimate, settings) / partitions / TARGET_S / threads
    busy = estimate.units / partitions / threads
    return max(1, min(math.ceil(wanted), math.ceil(busy), settings.workers.at_most))


def _cpu_s(estimate: Estimate, settings: ClusterSettings) -> float:
    each = TILE_CPU_S if settings.gpu.count else TILE_CPU_S + SEGMENT_CPU_S
    return estimate.pixels / 1e6 * each


def memory_limit(group: Group) -> int:
    """Bytes that a worker in such a pod may use: what the nanny leaves of it, half at least."""
    whole = size_bytes(group.memory)
    return max(whole - NANNY_MEMORY, whole // 2)


def memory_shortfall(estimate: Estimate, settings: ClusterSettings) -> str | None:
    """Why the plan does not fit into the workers' memory, as a sentence; None where it does."""
    groups: list[tuple[str, Group, int]] = [
        ("workers", settings.workers, settings.workers.threads),
        *([("gpu", settings.gpu, 1)] if settings.gpu.count else []),
    ]
    for name, group, threads in groups:
        needed = BASE_MEMORY + threads * (estimate.peak_memory - BASE_MEMORY)
        usable = int(memory_limit(group) * TERMINATE_FRACTION)
        if needed > usable:
            return _sentence(name, group, threads, needed)
    return None


def _sentence(name: str, group: Group, threads: int, needed: int) -> str:
    tasks = "one task" if threads == 1 else f"{threads} tasks at once"
    least = math.ceil((needed / TERMINATE_FRACTION + NANNY_MEMORY) / 2**30 * 10) / 10
    return (
        f"{name}.memory is {group.memory}, the plan's largest port needs {needed / 2**30:.1f} GiB "
        f"for {tasks}; set {name}.memory to {math.ceil(least * 1024)}Mi or more in the settings"
    )
