"""How fast the partitions of a run go, from the newest lines of the archive's journal."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jobs.kubernetes.spec import Run
from jobs.kubernetes.unit_counts import partition_finder
from jobs.storage import LocalFolder, Storage

WINDOW = timedelta(minutes=15)
"""A pace is that of so long before its newest line."""
PARTS_READ = 4
"""Parts of one runner's journal that are read, the newest; a part is written every 30 s or so."""
TAIL_BYTES = 1_000_000
"""Of a journal in one file."""


@dataclass(frozen=True)
class Throughput:
    """Overpasses that came to their end lately."""

    units: int
    per_minute: float
    newest: str
    """When the last one of them did, UTC, ISO 8601."""


def throughputs(storage: Storage, run: Run, indexes: Sequence[int]) -> dict[int, Throughput]:
    """The pace of these partitions; those that tell of nothing since they were submitted lack."""
    if not indexes:
        return {}
    find = partition_finder(run)
    times: defaultdict[int, list[datetime]] = defaultdict(list)
    for line in _lines(storage, run, 2 * len(indexes)):
        if line.get("event") == "unit" and line.get("last"):
            index = find(datetime.fromisoformat(line["acquired"]))
            times[index].append(datetime.fromisoformat(line["time"]))
    return {index: _throughput(times[index]) for index in indexes if times[index]}


def _throughput(times: list[datetime]) -> Throughput:
    newest = max(times)
    recent = [time for time in times if newest - time <= WINDOW]
    minutes = (newest - min(recent)).total_seconds() / 60
    # n ends span n - 1 intervals; one alone, or many within a second, tell no pace
    rate = (len(recent) - 1) / minutes if minutes > 1 / 60 else 0.0
    return Throughput(len(recent), rate, newest.isoformat(timespec="seconds"))


def _lines(storage: Storage, run: Run, sessions: int) -> Iterator[dict[str, Any]]:
    """The journal's newest lines since the run was submitted."""
    for content in _newest_parts(storage, run.job, sessions):
        for line in content.splitlines():
            found = _parsed(line)
            if found is not None and _since(found["time"], run.submitted_at):
                yield found


def _newest_parts(storage: Storage, job: str, sessions: int) -> Iterator[bytes]:
    """Of each of the newest sessions' journals the last parts; or the end of the one file."""
    if isinstance(storage, LocalFolder):
        yield _tail(storage, f"journal/{job}.jsonl")
        return
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for name in storage.names(f"journal/{job}"):
        parts[name.rpartition("-")[0]].append(name)
    for session in sorted(parts)[-sessions:]:
        for name in parts[session][-PARTS_READ:]:
            yield storage.read(name)


def _tail(storage: LocalFolder, name: str) -> bytes:
    path = storage.path / name
    if not path.exists():
        return b""
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(size - TAIL_BYTES, 0))
        return handle.read()


def _parsed(line: bytes) -> dict[str, Any] | None:
    """None for a line that was cut off."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "time" in found else None


def _since(time: str, submitted: str) -> bool:
    return not submitted or datetime.fromisoformat(time) >= datetime.fromisoformat(submitted)
