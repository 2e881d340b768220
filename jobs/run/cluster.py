"""The Dask cluster of a run: a local one made here, or an existing one by its address."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dask
from dask.system import CPU_COUNT
from distributed import Client, LocalCluster, Security, performance_report
from distributed.comm.addressing import parse_address, parse_host_port

from jobs.domain import code_version
from jobs.errors import ClusterError, ClusterLostError, InputError, SetupError
from jobs.run.events import Event, EventName, Observer
from jobs.run.interrupts import deaf_to_ctrl_c
from jobs.tile import check_setup

WORKER_ENVIRONMENT = {
    # Dask's nanny makes malloc return memory to the system at once, so that every large array
    # faults its pages in again: a third more CPU on the same job. Both settings are needed.
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
}

WAIT_FOR_WORKERS_S = 60.0
CONNECT_TIMEOUT = "20s"
REPORT_TIMEOUT_S = 60.0
COUNT_TIMEOUT_S = 30.0
MEMORY_S = 5.0
NEARLY_FULL = 0.7
"""Share of its limit from which a worker's memory is worth a word; Dask pauses it at .8."""
GB = 1e9
ADDRESSES = ("tcp://", "tls://", "ucx://", "ws://", "wss://")


@contextmanager
def connect(
    cluster: str,
    workers: int | None = None,
    security: Security | None = None,
    wait_for_workers_s: float | None = None,
    needs: Collection[str] = (),
) -> Iterator[Client]:
    """A client of ``local`` (a cluster of processes that is closed at the end) or of an address.

    ``security`` is for a scheduler behind TLS; Dask's own configuration holds where it is None.
    ``needs`` names resources (CPU, GPU) that some worker must offer before it begins. Raises
    ClusterError where no scheduler answers, no worker comes, or workers run other code, SetupError
    where GDAL or PROJ cannot work on one, and ClusterLostError where the scheduler vanishes
    meanwhile.
    """
    wait_s = WAIT_FOR_WORKERS_S if wait_for_workers_s is None else wait_for_workers_s
    if cluster == "local":
        with _local(workers) as made, Client(made) as client:
            _check(client, wait_s, needs)
            yield client
    elif cluster.startswith(ADDRESSES):
        _check_address(cluster)
        with _remote(cluster, security) as client:
            _check(client, wait_s, needs)
            yield client
    else:
        raise InputError(
            f"cluster {cluster!r} is neither 'local' nor an address such as tcp://host:8786"
        )


@contextmanager
def checked(client: Client) -> Iterator[Client]:
    """A client of one's own, its workers judged as those of ``connect``; it is not closed."""
    _check(client, WAIT_FOR_WORKERS_S, ())
    yield client


def _local(workers: int | None) -> LocalCluster:
    environment = {
        **dask.config.get("distributed.nanny.pre-spawn-environ", {}),
        **WORKER_ENVIRONMENT,
    }
    with dask.config.set({"distributed.nanny.pre-spawn-environ": environment}), deaf_to_ctrl_c():
        return LocalCluster(
            n_workers=workers or CPU_COUNT,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        )


def _check_address(address: str) -> None:
    """Raise InputError for what is no host and port, before a client starts its event loop."""
    protocol, place = parse_address(address)
    try:
        parse_host_port(place)
    except ValueError as error:
        raise InputError(
            f"cluster {address!r} ({error}); expected an address such as {protocol}://host:8786"
        ) from error


@contextmanager
def _remote(address: str, security: Security | None) -> Iterator[Client]:
    try:
        client = Client(address, timeout=CONNECT_TIMEOUT, security=security)
    except (ValueError, TypeError) as error:  # a protocol without its library
        raise InputError(
            f"cluster {address!r} ({error}); expected an address such as tcp://host:8786"
        ) from error
    except (OSError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({error}); start one with "
            "'dask scheduler' and workers with 'dask worker', or use --cluster local"
        ) from error
    with _quiet(), client:
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask from logging tracebacks when a scheduler is lost: the run reports it itself."""
    loggers = [logging.getLogger(f"distributed.{name}") for name in ("client", "batched", "core")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _check(client: Client, wait_s: float, needs: Collection[str]) -> None:
    """Raise ClusterError for a cluster without workers, or with workers that run other code, and
    SetupError for one whose workers have a broken GDAL or PROJ.
    """
    with raising_cluster_lost(client, at_once=True):
        _wait_for_workers(client, wait_s, needs)
        found = client.run(_versions, on_error="return")
        broken = client.run(check_setup, on_error="return")
    mine = _versions()
    gone = [worker for worker, theirs in found.items() if isinstance(theirs, OSError)]
    for worker, theirs in found.items():
        if theirs != mine and worker not in gone:
            raise ClusterError(
                f"worker {worker} has {_describe(theirs)}, this client has {_describe(mine)}: "
                "install the same Berthwatch and Python on both"
            )
    for worker, fault in broken.items():
        if isinstance(fault, SetupError):
            raise SetupError(f"worker {worker}: {fault}")
    if len(gone) == len(found):
        raise ClusterLostError(f"the cluster was lost: all {len(gone)} workers went as they came")


def _wait_for_workers(client: Client, wait_s: float, needs: Collection[str]) -> None:
    """Return when a worker is there, and one that offers each resource needed."""
    until = time.monotonic() + wait_s
    try:
        client.wait_for_workers(1, timeout=wait_s)
    except TimeoutError as error:
        raise ClusterError(
            f"the cluster has no worker after {wait_s:.0f} s; "
            "start one with 'dask worker' and the scheduler's address"
        ) from error
    while missing := sorted(set(needs) - count_workers(client, COUNT_TIMEOUT_S).offered):
        if time.monotonic() > until:
            raise ClusterError(
                f"the cluster has no worker that offers {' or '.join(missing)} after "
                f"{wait_s:.0f} s; start one with 'dask worker --resources {missing[0]}=1'"
            )
        time.sleep(min(1.0, wait_s / 10))


@contextmanager
def raising_cluster_lost(client: Client, *, at_once: bool = False) -> Iterator[None]:
    """Raise ClusterLostError for what Dask raises when its scheduler vanishes.

    An OSError passes unchanged while the client still has its scheduler: its cause is another one.
    ``at_once``: the block touches nothing but the scheduler, so every OSError means its loss.
    """
    address = address_of(client)
    try:
        yield
    except (OSError, CancelledError) as error:
        if client.status == "running" and not at_once:
            raise
        said = " ".join(str(error).split())[:200]
        raise ClusterLostError(
            f"the cluster was lost: the scheduler at {address} is gone ({said}); what was finished "
            "is committed: the same command goes on from here"
        ) from error


def address_of(client: Client) -> str:
    """The address of a client's scheduler, for messages."""
    return str(client.scheduler.address) if client.scheduler else "an unknown address"


def _versions() -> tuple[str, str]:
    return code_version(), f"{sys.version_info.major}.{sys.version_info.minor}"


def _describe(versions: object) -> str:
    match versions:
        case (str(code), str(python)):
            return f"Berthwatch {code} on Python {python}"
        case _:
            return f"no Berthwatch ({versions})"


@dataclass(frozen=True)
class WorkerCount:
    """How many workers a cluster has, by what they offer."""

    threads: int
    """Tasks that the workers can run at once."""
    gpus: int
    """Workers that offer the resource ``GPU``."""
    cpus: int = 0
    """Workers that offer the resource ``CPU``; where any does, tasks that need no GPU run only
    there."""
    without_gpu: int = 0
    """Workers that can run tasks that need no GPU: they offer CPU, or nothing at all."""

    @property
    def offered(self) -> set[str]:
        """The resources that some worker offers."""
        return {kind for kind, count in (("CPU", self.cpus), ("GPU", self.gpus)) if count}


def count_workers(client: Client, timeout_s: float) -> WorkerCount:
    """The scheduler's count; OSError or TimeoutError where it does not answer in time."""
    if client.scheduler is None:
        raise OSError("the client is closed")
    answer = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=timeout_s)
    workers = answer["workers"].values()
    offers = [{kind for kind, n in worker.get("resources", {}).items() if n} for worker in workers]
    return WorkerCount(
        threads=sum(worker["nthreads"] for worker in workers),
        gpus=sum("GPU" in offered for offered in offers),
        cpus=sum("CPU" in offered for offered in offers),
        without_gpu=sum("CPU" in offered or "GPU" not in offered for offered in offers),
    )


def workers_memory(client: Client) -> str:
    """The memory that the workers use and may use, in words; empty where nobody answers in time."""
    try:
        if client.scheduler is None or client.status != "running":
            return ""
        answer = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=MEMORY_S)
    except (OSError, TimeoutError, CancelledError, RuntimeError):
        return ""
    workers = answer["workers"].values()
    used = [worker.get("metrics", {}).get("memory", 0) for worker in workers]
    most = [worker.get("memory_limit") or 0 for worker in workers]
    if not any(used):
        return ""
    of = f" of {sum(most) / GB:.1f}" if all(most) else ""
    count = "1 worker" if len(used) == 1 else f"{len(used)} workers"
    fullest = max((u / m for u, m in zip(used, most, strict=True) if m), default=0.0)
    warning = f", the fullest at {fullest:.0%} of its limit" if fullest > NEARLY_FULL else ""
    return f"{count} with {sum(used) / GB:.1f}{of} GB{warning}"


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
    """Call ``step``, which a run can do without; False, and a warning, where it fails."""
    try:
        step()
    except (OSError, TimeoutError, ImportError, ValueError, TypeError, RuntimeError) as error:
        reason = f"no performance report in {path}: {type(error).__name__}: {error}"
        observe(Event(EventName.WARNING, {"reason": reason[:500]}))
        return False
    return True
