"""What the journals of a run say of its work: how long it took, and how the processor compares."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from tests.support.servers.s3 import S3


@dataclass(frozen=True)
class Work:
    """Of all parts of a run."""

    seconds: float
    """From each runner's first overpass to its last, added."""
    cpu_factor: float
    """CPU seconds of overpasses for one of the plan's rates: the median of the runners'."""


def work_of(s3: S3, root: str) -> Work:
    """From the journals under a root in the bucket."""
    times: dict[str, list[datetime]] = defaultdict(list)
    factors = []
    for name, event in _events(s3, root.removeprefix(f"s3://{s3.bucket}/")):
        if event["event"] == "unit":
            times[name].append(datetime.fromisoformat(event["time"]))
        if event.get("cpu_factor"):
            factors.append(float(event["cpu_factor"]))
    each = [(max(found) - min(found)).total_seconds() for found in times.values()]
    return Work(sum(each), median(factors))


def _events(s3: S3, root: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every event with the name of its runner's journal, which is kept in several objects."""
    client = s3.client()
    for page in client.get_paginator("list_objects_v2").paginate(
        Bucket=s3.bucket, Prefix=f"{root}/journal/"
    ):
        for found in page.get("Contents", ()):
            text = client.get_object(Bucket=s3.bucket, Key=found["Key"])["Body"].read().decode()
            for line in text.splitlines():
                yield found["Key"].rpartition("-")[0], json.loads(line)
