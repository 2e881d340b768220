"""What a run tells of itself, kept where the archive lies: its journal, Dask's own report."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from distributed import Client

from jobs.run.cluster import performance
from jobs.run.journal import Event, EventName, Observer, journal
from jobs.storage import LocalFolder, Storage

CLOSING = (EventName.COMMITTED, EventName.PUBLISHED, EventName.ENDED)
"""After these a part is uploaded: what the archive holds, the journal tells."""


@contextmanager
def logbook(storage: Storage, job: str) -> Iterator[Observer]:
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
    """An observer that begins a new part whenever one has been uploaded."""

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
