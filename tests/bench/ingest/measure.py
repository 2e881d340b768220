"""One method, measured in a process of its own: `python -m tests.bench.ingest.measure ...`.

Prints one line of JSON. CPU and bytes of workers are differences between the start and the end of
the job, so that imports do not count; peaks are of whole processes.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from distributed import Client
from distributed.diagnostics.plugin import SchedulerPlugin

from jobs.run.cluster import WORKER_ENVIRONMENT, connect
from tests.bench.ingest import floor
from tests.bench.ingest.archive import MadeArchive, make
from tests.bench.ingest.methods import METHODS

WORKERS = 2


class Count(SchedulerPlugin):
    """How many tasks workers have brought to their end."""

    name = "count"
    tasks = 0

    def transition(
        self, key: object, start: str, finish: str, *args: object, **kwargs: object
    ) -> None:
        self.tasks += (start, finish) == ("processing", "memory")


def counted(dask_scheduler: Any) -> int:
    """Tasks so far."""
    return int(dask_scheduler.plugins["count"].tasks)


def warm() -> None:
    """Import what methods use."""
    import tests.bench.ingest.methods  # noqa: F401


Span = tuple[dict[str, float], dict[str, float]]
"""A process's usage before and after."""


def on_cluster(
    ingest: Callable[[Client, MadeArchive, Path, Any], None],
    archive: MadeArchive,
    out: Path,
    prepared: Any,
) -> tuple[float, list[Span], Span, int]:
    """Wall seconds, usages of workers and client, and tasks, in a fresh cluster that is warm."""
    with connect("local", workers=WORKERS) as client:
        client.register_plugin(Count())
        client.run(warm)
        before, mine = client.run(floor.usage), floor.usage()
        began = time.perf_counter()
        ingest(client, archive, out, prepared)
        wall_s = time.perf_counter() - began
        own, after = floor.usage(), client.run(floor.usage)
        tasks = client.run_on_scheduler(counted)
    workers = [(before[worker], after[worker]) for worker in after]
    return wall_s, workers, (mine, own), tasks


def measure(name: str, folder: Path, out: Path, overpasses: int, *, warped: bool) -> dict[str, Any]:
    """Run one method; the figures of its workers, its client with scheduler, and the clock."""
    method = METHODS[name]
    archive = make(folder, overpasses, warped=warped)
    prepared = method.prepare(archive, out)
    if method.ingest is None:
        wall_s, usages = floor.run(archive, out, WORKERS)
        tasks, client = 0, (floor.usage(),) * 2
    else:
        wall_s, usages, client, tasks = on_cluster(method.ingest, archive, out, prepared)

    def used(key: str) -> float:
        return sum(after[key] - before[key] for before, after in usages)

    return {
        "method": name,
        "overpasses": overpasses,
        "wall_s": wall_s,
        "worker_cpu_s": used("cpu_s"),
        "client_cpu_s": client[1]["cpu_s"] - client[0]["cpu_s"],
        "worker_peak_mb": max(after["peak_mb"] for _, after in usages),
        "client_peak_mb": client[1]["peak_mb"],
        "tasks": tasks,
        "read_mb": used("read_mb"),
        "written_mb": used("written_mb"),
        "stored_mb": sum(p.stat().st_size for p in out.rglob("*") if p.is_file()) / 2**20,
    }


if __name__ == "__main__":
    name, folder, out, overpasses, warped = sys.argv[1:]
    os.environ.update(WORKER_ENVIRONMENT)  # for the floor's processes
    figures = measure(name, Path(folder), Path(out), int(overpasses), warped=warped == "warped")
    print(json.dumps(figures))
