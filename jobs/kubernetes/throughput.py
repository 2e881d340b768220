"""Throughput of a run's partitions, from the newest lines of the journal in the archive."""

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
"""The throughput is that of this period, which ends with the newest line."""
PARTS_READ = 4
"""Newest parts of a runner's journal that are read; one is written about every 30 s."""
TAIL_BYTES = 1_000_000
"""Bytes that are read of a journal in one file: the last ones."""


@dataclass(frozen=True)
class Throughput:
    """Overpasses that a partition finished in the last WINDOW."""

    units: int
    """Number of overpasses."""
    per_minute: float
    """Overpasses per minute; 0 where fewer than two, or all within a second."""
    newest: str
    """When the last one was finished, UTC, ISO 8601."""


def throughputs(storage: Storage, run: Run, indexes: Sequence[int]) -> dict[int, Throughput]:
    """Throughput by partition; without those that finished no overpass since the submission."""
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
    # n times span n - 1 intervals; one alone, or many within a second, give no rate
    rate = (len(recent) - 1) / minutes if minutes > 1 / 60 else 0.0
    return Throughput(len(recent), rate, newest.isoformat(timespec="seconds"))


def _lines(storage: Storage, run: Run, sessions: int) -> Iterator[dict[str, Any]]:
    """The journal's lines since the submission, from its newest parts."""
    for content in _newest_parts(storage, run.job, sessions):
        for line in content.splitlines():
            found = _parsed(line)
            if found is not None and _since(found["time"], run.submitted_at):
                yield found


def _newest_parts(storage: Storage, job: str, sessions: int) -> Iterator[bytes]:
    """The last parts of the newest sessions' journals; locally, the end of the one file."""
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
    """None for an incomplete line."""
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "time" in found else None


def _since(time: str, submitted: str) -> bool:
    return not submitted or datetime.fromisoformat(time) >= datetime.fromisoformat(submitted)
