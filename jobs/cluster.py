"""The Dask cluster of a run: made here for this machine, or somebody else's by its address."""

from __future__ import annotations

import hashlib
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import dask
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster, performance_report

from jobs.errors import ClusterError, InputError
from jobs.journal import Event, EventName, Observer

WORKER_ENVIRONMENT = {
    # Dask's nanny makes malloc hand memory back at once, so that every large array faults its
    # pages in anew: a third more CPU on the same job. One setting without the other does not help.
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}

WAIT_FOR_WORKERS_S = 60.0
CONNECT_TIMEOUT = "20s"
REPORT_TIMEOUT_S = 60.0
ADDRESSES = ("tcp://", "tls://", "ucx://", "ws://", "wss://")


@cache
def code_version() -> str:
    """``<version>+<digest>`` of the code that runs here; the same on every machine with it."""
    digest = hashlib.sha256()
    for package in ("jobs", "models"):
        folder = Path(__file__).resolve().parent.parent / package
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.relative_to(folder.parent).as_posix().encode())
            digest.update(path.read_bytes())
    return f"{metadata.version('berthwatch')}+{digest.hexdigest()[:10]}"


@contextmanager
def connect(cluster: str, workers: int | None = None) -> Iterator[Client]:
    """A client of ``local`` (a cluster of processes made and ended here) or of an address.

    Raises ClusterError where nobody answers, no worker comes, or workers run other code.
    """
    if cluster == "local":
        with _local(workers) as made, Client(made) as client:
            _check(client)
            yield client
    elif cluster.startswith(ADDRESSES):
        with _remote(cluster) as client:
            _check(client)
            yield client
    else:
        raise InputError(
            f"cluster {cluster!r} is neither 'local' nor an address such as tcp://host:8786"
        )


def _local(workers: int | None) -> LocalCluster:
    environment = {
        **dask.config.get("distributed.nanny.pre-spawn-environ", {}),
        **WORKER_ENVIRONMENT,
    }
    with dask.config.set({"distributed.nanny.pre-spawn-environ": environment}):
        return LocalCluster(
            n_workers=workers or CPU_COUNT,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        )


@contextmanager
def _remote(address: str) -> Iterator[Client]:
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT)
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({error}); start one with "
            "'dask scheduler' and workers with 'dask worker', or use --cluster local"
        ) from error
    with _quiet(), client:
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask tells a lost scheduler in tracebacks; the run says it in a sentence."""
    loggers = [logging.getLogger(f"distributed.{name}") for name in ("client", "batched", "core")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _check(client: Client) -> None:
    """Refuse a cluster without workers, or whose workers would compute something else."""
    try:
        client.wait_for_workers(1, timeout=WAIT_FOR_WORKERS_S)
    except TimeoutError as error:
        raise ClusterError(
            f"the cluster has no worker after {WAIT_FOR_WORKERS_S:.0f} s; "
            "start one with 'dask worker' and the scheduler's address"
        ) from error
    mine = _versions()
    for worker, theirs in client.run(_versions, on_error="return").items():
        if theirs != mine:
            raise ClusterError(
                f"worker {worker} has {_describe(theirs)}, this client has {_describe(mine)}: "
                "install the same Berthwatch and Python on both"
            )


def _versions() -> tuple[str, str]:
    return code_version(), f"{sys.version_info.major}.{sys.version_info.minor}"


def _describe(versions: object) -> str:
    match versions:
        case (str(code), str(python)):
            return f"Berthwatch {code} on Python {python}"
        case _:
            return f"no Berthwatch ({versions})"


@dataclass(frozen=True)
class Roll:
    """Who is there to work."""

    threads: int
    """How many tasks the workers run at once."""
    gpus: int
    """How many workers offer the resource ``GPU``."""


def roll_call(client: Client, timeout_s: float) -> Roll:
    """Ask the scheduler; OSError or TimeoutError where it does not answer in time."""
    if client.scheduler is None:
        raise OSError("the client is closed")
    answer = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=timeout_s)
    workers = answer["workers"].values()
    return Roll(
        threads=sum(worker["nthreads"] for worker in workers),
        gpus=sum(bool(worker.get("resources", {}).get("GPU")) for worker in workers),
    )


@contextmanager
def performance(client: Client, path: Path, observe: Observer) -> Iterator[None]:
    """Keep Dask's own report of what happens inside as an HTML file; a failure is only a warning.

    Nothing is written where the client has lost its scheduler.
    """
    report = performance_report(filename=str(path))
    begun = _without(path, observe, lambda: client.sync(report.__aenter__))
    try:
        yield
    finally:
        if begun and client.status == "running":
            path.parent.mkdir(parents=True, exist_ok=True)
            _without(
                path,
                observe,
                lambda: client.sync(
                    report.__aexit__, None, None, None, code="", callback_timeout=REPORT_TIMEOUT_S
                ),
            )


def _without(path: Path, observe: Observer, step: Callable[[], object]) -> bool:
    """Take a step that a run can do without; False, and a warning, where it fails."""
    try:
        step()
    except (OSError, TimeoutError, ImportError, ValueError, TypeError, RuntimeError) as error:
        reason = f"no performance report in {path}: {type(error).__name__}: {error}"
        observe(Event(EventName.WARNING, {"reason": reason[:500]}))
        return False
    return True
