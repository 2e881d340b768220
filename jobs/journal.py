"""The journal: one JSON line per event of a run, the same truth for the progress display and jq."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path


class EventName(StrEnum):
    """What can happen in a run."""

    STARTED = "started"
    """A run begins: its plan, how many overpasses it has and how many are still to do."""
    UNIT = "unit"
    """A unit ended in a stage: done or failed, with the reason."""
    COMMITTED = "committed"
    """Units became part of a port's archive."""
    PUBLISHED = "published"
    """The results were published under a tag."""
    ENDED = "ended"
    """The run is over: counts and exit code."""


@dataclass(frozen=True)
class Event:
    """One line of the journal."""

    name: EventName
    facts: dict[str, str | int | float | bool] = field(default_factory=dict)


Observer = Callable[[Event], None]
"""What a run tells its events to."""


@contextmanager
def journal(path: Path) -> Iterator[Observer]:
    """Append events to a file, one line each, on disk before the call returns.

    A line cut off by a kill is closed by a newline first, so that it spoils only itself.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as handle:
        if handle.tell() and not _ends_in_newline(handle.fileno()):
            handle.write(b"\n")

        def write(event: Event) -> None:
            record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}
            line = {**record, "event": asdict(event)["name"], **event.facts}
            handle.write(json.dumps(line).encode() + b"\n")
            handle.flush()

        yield write


def _ends_in_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
