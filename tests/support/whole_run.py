"""A whole run of the command on an S3 server, and all that it spends: CPU, requests, bytes."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from shapely.geometry import box

from jobs.domain import Berth, BerthKind, Port, StageName
from jobs.plan import Plan, write_plan
from tests.support.long_run.backfill import long_plan
from tests.support.long_run.imagery import Front, front
from tests.support.remote_worlds import COMMAND, environment
from tests.support.servers.s3 import BUCKET, S3, s3_server


@dataclass(frozen=True)
class Size:
    """Of a run: how many ports, overpasses of each, pixels along a port's side, workers."""

    ports: int
    overpasses: int
    pixels: int
    workers: int = 2
    berths: int = 0
    """Of each port."""


@dataclass(frozen=True)
class Spent:
    """What a run spent, from its servers, its journal and the system."""

    requests: Counter[str]
    """As ``Front.counts``."""
    cpu_s: float
    """Of all its processes, from start to end."""
    stored: int
    """Bytes of the port archives in the bucket at its end."""
    events: list[dict[str, Any]]
    """Its journal."""

    def named(self, name: str) -> list[dict[str, Any]]:
        """The events of that name."""
        return [event for event in self.events if event["event"] == name]

    def units_cpu_s(self, stage: str) -> list[float]:
        """CPU seconds of each unit in a stage; a worker's first is more, it loads what it needs."""
        return [unit["cpu_s"] for unit in self.named("unit") if unit["stage"] == stage]

    @property
    def counting_cpu_s(self) -> float:
        """CPU seconds that workers took to count visits."""
        return sum(float(port["cpu_s"]) for port in self.named("counted"))

    @property
    def coordinator_cpu_s(self) -> float:
        """CPU seconds of the process that coordinates and publishes."""
        return float(self.named("ended")[0]["cpu_s"])

    def parts(self, workers: int) -> str:
        """Where the CPU seconds went that are no unit's and no port's."""
        units = sum(unit["cpu_s"] for unit in self.named("unit"))
        usual = sum(median(found) * len(found) for found in map(self.units_cpu_s, StageName))
        rest = self.cpu_s - self.coordinator_cpu_s - units - self.counting_cpu_s
        each = (rest + units - usual) / workers
        return (
            f"CPU-s: {self.coordinator_cpu_s:.1f} coordinator, {each:.1f} to start and keep each "
            f"worker, of which {(units - usual) / workers:.1f} in its first units"
        )

    @property
    def work_s(self) -> float:
        """Seconds from the first unit that ended to the last, and one unit's share before it."""
        times = [datetime.fromisoformat(unit["time"]) for unit in self.named("unit")]
        between = (max(times) - min(times)).total_seconds()
        return between * len(times) / max(len(times) - 1, 1)


@contextmanager
def place(scenes: Path) -> Iterator[tuple[S3, Front]]:
    """An empty S3 server, and its front with the imagery of ``imagery.write_scenes``."""
    with s3_server() as behind, front(behind.url, scenes) as before:
        yield behind, before


def plan_of(scenes: Path, size: Size) -> Plan:
    """The plan of a run in the bucket."""
    root = f"s3://{BUCKET}/archive"
    plan = long_plan(scenes, root, "costs", 1, size.overpasses, size.pixels, size.ports)
    return replace(plan, ports=tuple(_with_berths(port, size.berths) for port in plan.ports))


def _with_berths(port: Port, number: int) -> Port:
    """Berths of about 300 m, side by side in the middle of the port."""
    x, y = port.area.centroid.coords[0]
    boxes = [box(x + n * 0.006, y, x + n * 0.006 + 0.004, y + 0.003) for n in range(number)]
    berths = (
        Berth(f"b{n}", f"Berth {n}", BerthKind.OIL_TERMINAL, 1, each)
        for n, each in enumerate(boxes)
    )
    return replace(port, berths=tuple(berths))


def run_whole(folder: Path, plan: Plan, workers: int, behind: S3, before: Front) -> Spent:
    """Run a plan by the command; its exit code must be 0."""
    path = folder / "plan.jsonl"
    write_plan(plan, path)
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [*COMMAND, "run", str(path), f"--workers={workers}"],
            cwd=folder,
            env=environment(S3(before.url).environment),
            stdout=said,
            stderr=subprocess.STDOUT,
        )
        _, status, used = os.wait4(process.pid, 0)  # with the children it has waited for
    assert status == 0, (folder / "said.txt").read_text()
    return Spent(
        requests=before.counts(),
        cpu_s=used.ru_utime + used.ru_stime,
        stored=sum(size for name, size in _objects(behind) if "/ports/" in name),
        events=list(_journal(behind)),
    )


def _objects(s3: S3) -> Iterator[tuple[str, int]]:
    for page in s3.client().get_paginator("list_objects_v2").paginate(Bucket=s3.bucket):
        for found in page.get("Contents", ()):
            yield found["Key"], found["Size"]


def _journal(s3: S3) -> Iterator[dict[str, Any]]:
    client = s3.client()
    for name in sorted(name for name, _ in _objects(s3) if "/journal/" in name):
        text = client.get_object(Bucket=s3.bucket, Key=name)["Body"].read().decode()
        yield from map(json.loads, text.splitlines())
