"""Number of workers for a plan, and check of their memory."""

from __future__ import annotations

import math

from jobs.domain import StageName
from jobs.kubernetes.quantities import size_bytes
from jobs.kubernetes.settings import ClusterSettings, Group
from jobs.plan import BASE_MEMORY, Estimate, stage_cpu_s

TARGET_S = 3_600.0
"""Target duration of a partition's work, by its CPU seconds."""

NANNY_MEMORY = 192 * 2**20
"""Bytes of a worker's pod reserved for Dask's nanny (93 MB, measured), with a margin.

Where the pod exceeds its own limit, the kernel kills nanny and worker alike."""

TERMINATE_FRACTION = 0.95
"""Share of its limit at which the nanny ends a worker (``distributed.worker.memory.terminate``)."""


def workers_for(estimate: Estimate, settings: ClusterSettings, partitions: int) -> int:
    """CPU workers of each partition's cluster: as set, or derived from the estimate.

    The CPU seconds of the plan's overpasses (tile, and segment where no GPU does it), divided
    evenly among the partitions, in TARGET_S; at least one, at most ``at_most``, and no more threads
    than a partition has overpasses.
    """
    if settings.workers.count is not None:
        return settings.workers.count
    threads = settings.workers.threads
    needed = _cpu_s(estimate, settings) / partitions / TARGET_S / threads
    busy = estimate.units / partitions / threads
    return max(1, min(math.ceil(needed), math.ceil(busy), settings.workers.at_most))


def _cpu_s(estimate: Estimate, settings: ClusterSettings) -> float:
    stages = [StageName.TILE] if settings.gpu.count else list(StageName)
    return sum(stage_cpu_s(stage, estimate) for stage in stages)


def memory_limit(group: Group) -> int:
    """Memory limit of a worker in such a pod, bytes: less NANNY_MEMORY, but half at least."""
    whole = size_bytes(group.memory)
    return max(whole - NANNY_MEMORY, whole // 2)


def memory_shortfall(estimate: Estimate, settings: ClusterSettings) -> str | None:
    """Error message where the plan does not fit into the workers' memory; None where it does."""
    groups: list[tuple[str, Group, int]] = [
        ("workers", settings.workers, settings.workers.threads),
        *([("gpu", settings.gpu, 1)] if settings.gpu.count else []),
    ]
    for name, group, threads in groups:
        needed = BASE_MEMORY + threads * (estimate.peak_memory - BASE_MEMORY)
        usable = int(memory_limit(group) * TERMINATE_FRACTION)
        if needed > usable:
            return _message(name, group, threads, needed)
    return None


def _message(name: str, group: Group, threads: int, needed: int) -> str:
    tasks = "one task" if threads == 1 else f"{threads} tasks at once"
    least = math.ceil((needed / TERMINATE_FRACTION + NANNY_MEMORY) / 2**30 * 10) / 10
    return (
        f"{name}.memory is {group.memory}, the plan's largest port needs {needed / 2**30:.1f} GiB "
        f"for {tasks}; set {name}.memory to {math.ceil(least * 1024)}Mi or more in the settings"
    )
