"""What processes, namespace and bucket hold, looked at every few seconds while a run goes on."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from jobs.kubernetes.names import COMPONENT
from tests.support.kubernetes.runs import Site
from tests.support.long_run.imagery import Front
from tests.support.servers.kubernetes import kinds
from tests.support.servers.s3 import S3

KINDS = (
    *("jobs", "pods", "daskclusters", "daskworkergroups", "deployments"),
    *("services", "secrets", "configmaps", "events"),
)
BUCKET_EVERY = 12
"""Samples between two looks at the bucket: listing it is work for its server."""
MB = 2**20
PARENTS = {"worker": "nanny", "local worker": "local"}
"""Roles of the first process where the role is that of its children."""


@dataclass(frozen=True)
class Process:
    """One process of a pod."""

    role: str
    """runner, scheduler, worker; nanny: a worker's parent; else a process beside the cluster."""
    pod: str
    pid: int
    age_s: float
    memory: float
    """Resident, MB."""
    threads: int
    files: int
    """Open file descriptors."""
    sockets: int


@dataclass
class Sample:
    """One look."""

    at_s: float
    processes: list[Process]
    objects: dict[str, int]
    """In the namespace, by kind."""
    requests: dict[str, int]
    """So far, see ``Front.counts``."""
    cpu_s: dict[str, float]
    """Spent so far by all processes of a role, ended ones included."""
    bucket: dict[str, int] = field(default_factory=dict)
    """Objects by the first part of their names; empty in most samples."""


class Sampler:
    """Takes samples until it is stopped; each is written to a file as a line of JSON."""

    def __init__(self, site: Site, front: Front, s3: S3 | None, path: Path, every_s: float) -> None:
        self.site = site
        self.front = front
        self.s3 = s3
        """The server behind the front: these looks are not counted. None: only ``others``."""
        self.path = path
        self.every_s = every_s
        self.others: dict[str, int] = {}
        """Roles and process ids of what runs beside the cluster."""
        self.samples: list[Sample] = []
        self._spent: dict[tuple[int, float], tuple[str, float]] = {}
        self._over = threading.Event()

    def run(self) -> None:
        began = time.monotonic()
        with self.path.open("w") as file:
            while not self._over.is_set():
                sample = self._sample(time.monotonic() - began)
                self.samples.append(sample)
                file.write(json.dumps(asdict(sample)) + "\n")
                file.flush()
                self._over.wait(self.every_s)
        self.samples.append(self._sample(time.monotonic() - began, last=True))

    def stop(self) -> None:
        self._over.set()

    def _sample(self, at_s: float, last: bool = False) -> Sample:
        self.front.forget()  # its list of requests grows; they are counted elsewhere
        processes = list(self._processes())
        cpu: Counter[str] = Counter()
        for role, seconds in self._spent.values():
            cpu[role] += seconds  # type: ignore[assignment]
        return Sample(
            at_s=round(at_s, 2),
            processes=processes,
            objects={kind: self._count(kind) for kind in KINDS},
            requests=dict(self.front.counts()),
            cpu_s={role: round(seconds, 2) for role, seconds in cpu.items()},
            bucket=self._bucket(last),
        )

    def _count(self, kind: str) -> int:
        world = self.site.world
        return len(world.store.list(kinds.by_name(kind), world.namespace))

    def _processes(self) -> Iterator[Process]:
        for pod in list(self.site.world.cluster.kubelet.pods.values()) if self.s3 else ():
            about = pod.volumes.pod["metadata"]
            role = about.get("labels", {}).get(COMPONENT, "other")
            for container in pod.main:
                if container.process is not None and container.process.returncode is None:
                    yield from self._tree(role, about["name"], container.process.pid)
        for role, pid in list(self.others.items()):
            yield from self._tree(role, role, pid)

    def _tree(self, role: str, pod: str, pid: int) -> Iterator[Process]:
        try:
            parent = psutil.Process(pid)
            yield self._process(PARENTS.get(role, role), pod, parent)
            for child in parent.children(recursive=True):
                tracker = "resource_tracker" in "".join(child.cmdline())
                yield self._process("tracker" if tracker else role, pod, child)
        except (psutil.Error, OSError):
            return  # it has ended meanwhile

    def _process(self, role: str, pod: str, process: psutil.Process) -> Process:
        with process.oneshot():
            times = process.cpu_times()
            self._spent[process.pid, process.create_time()] = (role, times.user + times.system)
            files = _open_files(process.pid)
            return Process(
                role=role,
                pod=pod,
                pid=process.pid,
                age_s=round(time.time() - process.create_time(), 1),
                memory=round(process.memory_info().rss / MB, 2),
                threads=process.num_threads(),
                files=len(files),
                sockets=sum(name.startswith("socket:") for name in files),
            )

    def _bucket(self, last: bool) -> dict[str, int]:
        found: Counter[str] = Counter()
        if self.s3 is None or not (last or len(self.samples) % BUCKET_EVERY == 0):
            return {}
        pages = self.s3.client().get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=self.s3.bucket, Prefix="archive/"):
            found.update(one["Key"].split("/")[1] for one in page.get("Contents", ()))
        return dict(found)


def _open_files(pid: int) -> list[str]:
    """What its file descriptors are; one that is closed meanwhile is left out."""
    found = []
    for number in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.append(str(number.readlink()))
    return found


@contextmanager
def sampling(
    site: Site, front: Front, s3: S3 | None, path: Path, every_s: float = 3.0
) -> Iterator[Sampler]:
    """A sampler at work for as long as the context lasts."""
    made = Sampler(site, front, s3, path, every_s)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.stop()
        thread.join()
