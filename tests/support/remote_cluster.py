"""A Dask cluster as somebody else runs it: its own processes, reached by an address."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

LIMIT_S = 60.0


@dataclass
class RemoteCluster:
    """The processes and the address of a scheduler with its workers."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def add_worker(self, resources: str = "") -> None:
        """One more worker process, without a nanny: what is killed stays dead.

        The death timeout covers the start of plugins as well, which import the package: 3 s on an
        idle machine, more than 5 s on a busy one, where the worker then ended by itself.
        """
        options = ["--no-nanny", "--nthreads", "1", "--death-timeout", "60", "--no-dashboard"]
        if resources:
            options += ["--resources", resources]
        self.workers.append(_start("dask_worker", self.address, *options))

    def kill_scheduler(self) -> None:
        """The machine of the scheduler is gone."""
        _kill(self.scheduler)

    def kill_worker(self, number: int) -> None:
        """The machine of one worker is gone."""
        _kill(self.workers[number])

    def kill_workers(self) -> None:
        """The machines of all workers are gone."""
        for worker in self.workers:
            _kill(worker)


@contextmanager
def remote_cluster(folder: Path, workers: int = 1) -> Iterator[RemoteCluster]:
    """A cluster on free ports of this machine; whatever is left of it is killed at the end."""
    file = folder / "scheduler.json"
    options = ["--scheduler-file", str(file), "--port", "0", "--host", "127.0.0.1"]
    # even without a dashboard it listens there, and two of them would meet at the usual port
    scheduler = _start("dask_scheduler", *options, "--dashboard-address", "127.0.0.1:0")
    cluster = RemoteCluster("", scheduler)
    try:
        cluster.address = _address(file)
        for _ in range(workers):
            cluster.add_worker()
        yield cluster
    finally:
        cluster.kill_workers()
        cluster.kill_scheduler()
        file.unlink(missing_ok=True)


def _start(name: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{name}", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _address(file: Path) -> str:
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        try:
            return str(json.loads(file.read_text())["address"])
        except (FileNotFoundError, ValueError):
            time.sleep(0.05)
    raise AssertionError(f"no scheduler within {LIMIT_S} s")
