"""One writer at a time: Icechunk's commits on a local disk are not safe against each other."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.errors import ArchiveError


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Hold the archive for writing; a second run is refused. The lock dies with its process."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise ArchiveError(
                f"{root} is being written by another run ({handle.read().strip() or 'unknown'}); "
                "wait for it to end, or stop it, and try again"
            ) from None
        handle.truncate(0)
        handle.write(f"process {os.getpid()}")
        handle.flush()
        yield
