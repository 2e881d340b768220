"""What a unit costs the coordinator and the scheduler, whatever it does: with no-op units.

python -m tests.bench.bench_scheduler [--workers 10 100 1000] [--units 2000] [--batch 1]
                                      [--seconds 1.75] [--archive]

The real coordinator sends units through a real scheduler to simulated workers of one thread each,
hundreds of them in one process. Coordinator, scheduler and workers are processes of their own, so
that the CPU of each is known: the tasks per second that this machine makes are bound by the workers
that it simulates, and the last column is what the busier of coordinator and scheduler could do if
it had a core to itself. What the scheduler spends on heartbeats is told apart, in per cent of a
core, and not counted as a unit's. With ``--archive`` the coordinator forks, merges and commits
real archives besides, into which the units write nothing. With ``--seconds`` each unit takes that
long on its worker, batches are those of a run with as many workers, and the share of time is told
for which workers are busy with units.
"""

from __future__ import annotations

import argparse
import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import psutil
from distributed import Client, Scheduler, Worker

from jobs.domain import Settings
from jobs.run.batches import batch_size, in_batches
from jobs.run.committer import Committer
from jobs.run.common_ground import ground_of
from jobs.run.coordinator import Coordinator
from jobs.run.events import Event
from jobs.run.executor import Executor
from models.weights import weights_digest
from tests.bench.no_op import NoArchives, batches, do_nothing, real_archives, work_items

PER_PROCESS = 250
"""Simulated workers in one process."""
IDLE_S = 5.0
QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.interval": "60s",
    "distributed.admin.tick.interval": "60s",
    "distributed.admin.tick.cycle": "60s",
}
"""What real workers do besides on cores of their own, and here hundreds would do on one."""
SETTINGS = Settings("bench", None, weights_digest())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--units", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=1, help="units in one batch")
    parser.add_argument("--seconds", type=float, default=0.0, help="that a unit takes")
    parser.add_argument("--archive", action="store_true", help="commit to real archives")
    parser.add_argument("--role", choices=("scheduler", "workers"), help=argparse.SUPPRESS)
    parser.add_argument("--address", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.role == "scheduler":
        asyncio.run(_scheduler(Path(chosen.address)))
    elif chosen.role == "workers":
        do_nothing(chosen.seconds)
        asyncio.run(_workers(chosen.address, chosen.workers[0], chosen.folder))
    else:
        do_nothing()
        print(HEAD)
        for workers in chosen.workers:
            _measure(workers, chosen.units, chosen.batch, chosen.archive, chosen.seconds)


HEAD = (
    "workers   units  tasks   wall s  tasks/s | CPU ms a unit: coord.  sched.  worker | "
    "idle sched. % | MB: coord.  sched. | limit, units/s | workers busy %"
)


def _measure(workers: int, units: int, in_batch: int, archive: bool, seconds: float) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        _cluster(workers, seconds) as (client, scheduler, hosts),
    ):
        archives = real_archives(folder, units) if archive else NoArchives()
        idle = _idle_share(scheduler)
        parts = (psutil.Process(), scheduler, *hosts)
        before = [_cpu_s(part) for part in parts]
        start = time.perf_counter()
        executor = Executor(client, SETTINGS, ground_of(SETTINGS), "nowhere", 300.0)
        committer = Committer(archives, SETTINGS, {}, _unheard)
        coordinator = Coordinator(executor, committer, archives, 30.0, _unheard)
        made = list(in_batches(work_items(units), batch_size(workers, units, units)))
        ending = coordinator.run(iter(made) if seconds else batches(units, in_batch))
        wall = time.perf_counter() - start
        assert committer.tally.worked == units, ending
        spent = [_cpu_s(part) - b for part, b in zip(parts, before, strict=True)]
        busy = (spent[0], spent[1] - idle / 100 * wall, sum(spent[2:]))
        own, sched, work = (1000 * s / units for s in busy)
        tasks = 2 * (len(made) if seconds else -(-units // in_batch))
        mb = [part.memory_info().rss / 2**20 for part in parts[:2]]
        print(
            f"{workers:7d} {units:7d} {tasks:6d} {wall:8.1f} {tasks / wall:8.0f} | "
            f"{own:20.2f} {sched:7.2f} {work:7.2f} | {idle:13.1f} | "
            f"{mb[0]:10.0f} {mb[1]:7.0f} | {1000 / max(own, sched) * (1 - idle / 100):15.0f} | "
            f"{100 * units * seconds / (workers * wall):14.0f}",
            flush=True,
        )


def _unheard(_: Event) -> None:
    pass


def _idle_share(process: psutil.Process) -> float:
    """Per cent of a core that the scheduler takes for nothing but its workers' heartbeats."""
    before = _cpu_s(process)
    time.sleep(IDLE_S)
    return 100 * (_cpu_s(process) - before) / IDLE_S


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


# --- the cluster --------------------------------------------------------------------------------


@contextmanager
def _cluster(
    workers: int, seconds: float
) -> Iterator[tuple[Client, psutil.Process, list[psutil.Process]]]:
    """A client, the scheduler's process and those that simulate the workers."""
    started: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            place = Path(folder) / "address"
            started.append(_start("scheduler", address=str(place)))
            while not (place.exists() and place.read_text()):
                time.sleep(0.1)
            for first in range(0, workers, PER_PROCESS):
                count = min(PER_PROCESS, workers - first)
                started.append(
                    _start(
                        "workers",
                        address=place.read_text(),
                        workers=count,
                        folder=folder,
                        seconds=seconds,
                    )
                )
            with Client(place.read_text(), set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=300)
                processes = [psutil.Process(each.pid) for each in started]
                yield client, processes[0], processes[1:]
        finally:
            for each in reversed(started):
                each.kill()
                each.wait()


def _start(role: str, **options: object) -> subprocess.Popen[bytes]:
    arguments = [f"--{name}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "tests.bench.bench_scheduler", f"--role={role}", *arguments]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


async def _scheduler(place: Path) -> None:
    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        place.write_text(scheduler.address)
        await scheduler.finished()


async def _workers(address: str, count: int, folder: str) -> None:
    dask.config.set(QUIET)
    workers = [
        Worker(address, nthreads=1, memory_limit=0, dashboard=False, local_directory=folder)
        for _ in range(count)
    ]
    await asyncio.gather(*workers)
    await asyncio.gather(*(worker.finished() for worker in workers))


if __name__ == "__main__":
    main()
