"""What the journals of a run say of its work: how long it took, and how the processor compares."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from jobs.storage import Storage


@dataclass(frozen=True)
class Work:
    """Of all parts of a run."""

    seconds: float
    """From each runner's first overpass to its last, added."""
    cpu_factor: float
    """CPU seconds of overpasses for one of the plan's rates: the median of the runners'."""


def work_of(storage: Storage) -> Work:
    """From the journals of an archive."""
    times: dict[str, list[datetime]] = defaultdict(list)
    factors = []
    for name, event in _events(storage):
        if event["event"] == "unit":
            times[name].append(datetime.fromisoformat(event["time"]))
        if event.get("cpu_factor"):
            factors.append(float(event["cpu_factor"]))
    each = [(max(found) - min(found)).total_seconds() for found in times.values()]
    return Work(sum(each), median(factors))


def _events(storage: Storage) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every event with the name of its runner's journal, which is kept in several objects."""
    for name in storage.names("journal"):
        for line in storage.read(name).decode().splitlines():
            yield name.rpartition("-")[0], json.loads(line)
