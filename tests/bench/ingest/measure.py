"""One method, measured in a process of its own: `python -m tests.bench.ingest.measure ...`.

Prints one line of JSON.
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
from tests.bench.ingest.archive import MadeArchive, Offset, make
from tests.bench.ingest.methods import METHODS
from tests.bench.ingest.usage import Span, figures, usage

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
        before, mine = client.run(usage), usage()
        began = time.perf_counter()
        ingest(client, archive, out, prepared)
        wall_s = time.perf_counter() - began
        own, after = usage(), client.run(usage)
        tasks = client.run_on_scheduler(counted)
    workers = [(before[worker], after[worker]) for worker in after]
    return wall_s, workers, (mine, own), tasks


def measure(
    name: str, folder: Path, out: Path, overpasses: int, *, warped: bool, offset: Offset
) -> dict[str, Any]:
    """Run one method; the figures of its workers, its client with scheduler, and the clock."""
    method = METHODS[name]
    archive = make(folder, overpasses, warped=warped, offset=offset)
    prepared = method.prepare(archive, out)
    if method.ingest is None:
        wall_s, workers = floor.run(archive, out, WORKERS)
        tasks, client = 0, (usage(),) * 2
    else:
        wall_s, workers, client, tasks = on_cluster(method.ingest, archive, out, prepared)
    return figures(name, out, wall_s, workers, client, tasks)


if __name__ == "__main__":
    name, folder, out, overpasses, warped, *offset = sys.argv[1:]
    os.environ.update(WORKER_ENVIRONMENT)  # for the floor's processes
    row, column = map(int, offset)
    print(
        json.dumps(
            measure(
                name,
                Path(folder),
                Path(out),
                int(overpasses),
                warped=warped == "warped",
                offset=(row, column),
            )
        )
    )
