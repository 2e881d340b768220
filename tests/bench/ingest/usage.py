"""What a process has used; imports nothing that a peer's own environment might lack."""

from __future__ import annotations

import resource
import time
from pathlib import Path


def usage() -> dict[str, float]:
    """What this process has used: CPU s, peak MB, bytes through read and write."""
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {
        "cpu_s": time.process_time(),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "read_mb": int(io["rchar"]) / 2**20,
        "written_mb": int(io["wchar"]) / 2**20,
    }


Span = tuple[dict[str, float], dict[str, float]]
"""A process's usage before and after."""


def figures(
    name: str, out: Path, wall_s: float, workers: list[Span], client: Span, tasks: int
) -> dict[str, float | str]:
    """What a method has used: CPU and bytes between start and end, so that imports do not count;
    peaks are of whole processes.
    """

    def used(key: str) -> float:
        return sum(after[key] - before[key] for before, after in workers)

    return {
        "method": name,
        "wall_s": wall_s,
        "worker_cpu_s": used("cpu_s"),
        "client_cpu_s": client[1]["cpu_s"] - client[0]["cpu_s"],
        "worker_peak_mb": max(after["peak_mb"] for _, after in workers),
        "client_peak_mb": client[1]["peak_mb"],
        "tasks": tasks,
        "read_mb": used("read_mb"),
        "written_mb": used("written_mb"),
        "stored_mb": sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) / 2**20,
    }
