"""The journal: one JSON line per event of a run, the same truth for the progress display and jq.

Every line has ``time`` (UTC, ISO 8601) and ``event``; the rest depends on the event:

    started      plan, job, ports, overpasses, and limit where one was given
    port         port, overpasses, done, failed (before this run), todo (in this run)
    retried      port, sensor, overpass, stage, attempt, reason: an attempt was given up
    unit         port, sensor, overpass, acquired, stage, state (done, failed), seconds, vessels,
                 retries, last (true for the unit's last stage), reason where it failed
    quarantined  port, sensor, overpass, stage, deaths, reason; the unit's failed line follows
    committed    port, units, snapshot, seconds
    warning      reason, and what it is about
    lost         reason: the cluster was given up; the run ends early
    refused      reason: the archive could not be written; the run ends early
    published    folder
    ended        exit, done

    jq -r 'select(.event == "unit" and .state == "failed") | [.overpass, .reason] | @tsv' JOURNAL
    jq -s 'map(select(.event == "retried")) | group_by(.reason) | map([.[0].reason, length])'
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from io import FileIO
from pathlib import Path
from typing import TypeAlias

from jobs.errors import ArchiveError


class EventName(StrEnum):
    """What can happen in a run."""

    STARTED = "started"
    """A run begins."""
    PORT = "port"
    """A port is begun: how its overpasses stand and how many are to do."""
    RETRIED = "retried"
    """An attempt at a stage of a unit was given up and another one made."""
    UNIT = "unit"
    """A unit ended in a stage: done or failed, with the reason."""
    QUARANTINED = "quarantined"
    """A unit killed every worker that took it up and is left out."""
    COMMITTED = "committed"
    """Units became part of a port's archive."""
    WARNING = "warning"
    """Something went wrong that the run can do without, or tries again."""
    LOST = "lost"
    """The cluster was lost; the run ends early."""
    REFUSED = "refused"
    """The archive could not be written; the run ends early."""
    PUBLISHED = "published"
    """The results were published under a tag."""
    ENDED = "ended"
    """The run is over: counts and exit code."""


Facts: TypeAlias = dict[str, str | int | float | bool]


@dataclass(frozen=True)
class Event:
    """One line of the journal."""

    name: EventName
    facts: Facts = field(default_factory=dict)


Observer = Callable[[Event], None]
"""What a run tells its events to."""


def warner(observe: Observer) -> Callable[[str], None]:
    """What tells an observer of trouble that the run can do without, or tries again."""
    return lambda reason: observe(Event(EventName.WARNING, {"reason": reason}))


@contextmanager
def journal(path: Path) -> Iterator[Observer]:
    """Append events to a file, one line each, on disk before the call returns.

    A line cut off by a kill is closed by a newline first, so that it spoils only itself. Raises
    ArchiveError where the disk takes no more.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+", buffering=0) as handle:
        if not _ends_in_newline(handle.fileno()):
            _append(handle, path, b"\n")

        def write(event: Event) -> None:
            record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds")}
            line = {**record, "event": asdict(event)["name"], **event.facts}
            _append(handle, path, json.dumps(line).encode() + b"\n")

        yield write


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
