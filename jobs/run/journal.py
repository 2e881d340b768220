"""The journal of a run: one JSON line per event.

Every line has ``time`` (UTC, ISO 8601) and ``event``; the rest depends on the event:

    started      plan, job, ports, overpasses, and limit where one was given
    port         port, overpasses, done, failed (before this run), todo (in this run)
    retried      port, sensor, overpass, stage, attempt, reason: an attempt failed and is repeated
    unit         port, sensor, overpass, acquired, stage, state (done, failed), seconds, vessels,
                 retries, last (true for the unit's last stage), reason where it failed,
                 ghosts (radar detections that were left out as such) where there are any,
                 cpu_s (of the worker) where it ran one task at a time, without a GPU
    quarantined  port, sensor, overpass, stage, deaths, reason; the unit's failed line follows
    committed    port, units, snapshot, seconds
    warning      reason, and what it is about
    lost         reason: the cluster was lost; the run ends early
    refused      reason: the archive could not be written; the run ends early
    stage        stage (counting visits, linking voyages, writing results), ports, berths
    counted      port, berths_done, cpu_s as above
    published    folder
    ended        exit, done, cpu_s (of this process), cpu_factor (CPU time of overpasses beside that
                 of the plan's rates)

    jq -r 'select(.event == "unit" and .state == "failed") | [.overpass, .reason] | @tsv' JOURNAL
    jq -s 'map(select(.event == "retried")) | group_by(.reason) | map([.[0].reason, length])'
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from uuid import uuid4

from distributed import Client

from jobs.errors import ArchiveError
from jobs.run.cluster import performance
from jobs.run.events import Event, EventName, Observer
from jobs.storage import LocalFolder, Storage

CLOSING = (EventName.COMMITTED, EventName.PUBLISHED, EventName.ENDED)
"""Events after which a part is uploaded, so that the journal covers what the archive holds."""


@contextmanager
def journal(path: Path) -> Iterator[Observer]:
    """Append events to a file, one line each, on disk before the call returns.

    A last line that a kill cut off is ended with a newline first, so that the next one stays whole.
    Raises ArchiveError where the file cannot be written.
    """
    with _opened(path) as handle:
        if not _ends_in_newline(handle.fileno()):
            _append(handle, path, b"\n")

        def write(event: Event) -> None:
            record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}
            line = {**record, "event": asdict(event)["name"], **event.facts}
            _append(handle, path, json.dumps(line).encode() + b"\n")

        yield write


def _opened(path: Path) -> FileIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab+", buffering=0)
    except OSError as error:
        raise _full(path, str(error)) from error


def _append(handle: FileIO, path: Path, line: bytes) -> None:
    try:
        written = handle.write(line)
    except OSError as error:
        raise _full(path, str(error)) from error
    if written < len(line):
        raise _full(path, f"it took {written} of {len(line)} bytes")


def _full(path: Path, why: str) -> ArchiveError:
    return ArchiveError(
        f"the journal {path} cannot be written: {why}; what was committed is safe: mend the cause "
        "(space, rights), the same command goes on from there"
    )


def _ends_in_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"


@contextmanager
def run_journal(storage: Storage, job: str) -> Iterator[Observer]:
    """Append events to ``journal/<job>.jsonl``, or to parts ``journal/<job>/<run>-<n>.jsonl``.

    Objects in a bucket cannot be appended to; their names sort in the order of events.
    """
    if isinstance(storage, LocalFolder):
        with journal(storage.path / "journal" / f"{job}.jsonl") as write:
            yield write
        return
    with tempfile.TemporaryDirectory(prefix="berthwatch-") as folder:
        parts = _Parts(storage, f"journal/{job}", Path(folder))
        try:
            yield parts
        finally:
            parts.close()


@contextmanager
def kept_performance(
    client: Client, storage: Storage, job: str, observe: Observer
) -> Iterator[None]:
    """Keep Dask's own report of what happens inside, as ``performance/<job>/<time>.html``."""
    with tempfile.TemporaryDirectory(prefix="berthwatch-") as folder:
        path = Path(folder) / "performance.html"
        try:
            with performance(client, path, observe):
                yield
        finally:
            if path.exists():
                storage.put(f"performance/{job}/{datetime.now(UTC):%Y%m%dT%H%M%S}.html", path)


class _Parts:
    """An observer that writes parts of a journal and uploads each after a CLOSING event."""

    def __init__(self, storage: Storage, name: str, folder: Path) -> None:
        self.storage = storage
        self.run = f"{name}/{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid4().hex[:4]}"
        self.path = folder / "part.jsonl"
        self.number = 0
        self.stack = ExitStack()
        self.write: Observer | None = None

    def __call__(self, event: Event) -> None:
        if self.write is None:
            self.write = self.stack.enter_context(journal(self.path))
        self.write(event)
        if event.name in CLOSING:
            self.close()

    def close(self) -> None:
        """Upload what was written since the last part."""
        self.stack.close()
        self.write = None
        if self.path.exists():
            self.storage.put(f"{self.run}-{self.number:05d}.jsonl", self.path)
            self.path.unlink(missing_ok=True)
            self.number += 1
