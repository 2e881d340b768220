"""The Dask cluster of a run: a local one made here, or an existing one that is judged first."""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dask
from dask.system import CPU_COUNT
from dask.utils import parse_timedelta
from distributed import Client, Future, LocalCluster, Security, performance_report
from distributed.comm.core import FatalCommClosedError
from distributed.comm.core import connect as reach
from distributed.versions import VersionMismatchWarning

from jobs.errors import ClusterError, ClusterLostError, InputError, SetupError
from jobs.run.address import LOCAL, scheduler_address
from jobs.run.environment import differences, installed
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
HOLD_S = 10.0
"""Of the call that a cluster without workers gets: longer than they are looked at."""
MEMORY_S = 5.0
NEARLY_FULL = 0.7
"""Share of its limit from which a worker's memory is worth a word; Dask pauses it at .8."""
GB = 1e9
TLS_KEYS = (
    "its certificates are those of Dask's configuration: distributed.comm.tls.ca-file, "
    "distributed.comm.tls.client.cert and .key, in ~/.config/dask or as "
    "DASK_DISTRIBUTED__COMM__TLS__CA_FILE and so on"
)
SAME = "install the same Berthwatch with the same packages on client, scheduler and workers"


def unheard(line: str) -> None:
    """For those who want no progress."""


@contextmanager
def connect(
    cluster: str,
    workers: int | None = None,
    security: Security | None = None,
    wait_for_workers_s: float | None = None,
    needs: Collection[str] = (),
    tell: Callable[[str], object] = unheard,
) -> Iterator[Client]:
    """A client of ``local`` (a cluster of processes that is closed at the end), or of the scheduler
    at an address or named by the file that it wrote.

    ``security`` is for a scheduler behind TLS; Dask's own configuration holds where it is None.
    ``needs`` names resources (CPU, GPU) that some worker must offer before it begins; ``tell``
    hears what is waited for. Raises ClusterError where no scheduler answers, no worker comes, or
    scheduler or workers run other code, SetupError where GDAL or PROJ cannot work on one, and
    ClusterLostError where the scheduler vanishes meanwhile.
    """
    wait_s = WAIT_FOR_WORKERS_S if wait_for_workers_s is None else wait_for_workers_s
    if cluster == LOCAL:
        with _local(workers) as made, closing_client(Client(made)) as client:
            _check(client, wait_s, needs, tell)
            yield client
    else:
        with _remote(scheduler_address(cluster), security) as client:
            _check(client, wait_s, needs, tell)
            yield client


@contextmanager
def checked(
    client: Client,
    wait_for_workers_s: float | None = None,
    tell: Callable[[str], object] = unheard,
) -> Iterator[Client]:
    """A client of one's own, its workers judged as those of ``connect``; it is not closed."""
    wait_s = WAIT_FOR_WORKERS_S if wait_for_workers_s is None else wait_for_workers_s
    with _quiet():
        _check(client, wait_s, (), tell)
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


@contextmanager
def _remote(address: str, security: Security | None) -> Iterator[Client]:
    _reach(address, security or Security())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # _check says it, and refuses
            client = Client(address, timeout=CONNECT_TIMEOUT, security=security)
    except (OSError, TimeoutError) as error:
        raise _no_scheduler(address, str(error)) from error
    with _quiet(), closing_client(client):
        yield client


@contextmanager
def closing_client(client: Client) -> Iterator[Client]:
    """Close a client at the end, and let no failure of that stand in for what ended the block.

    A client whose scheduler is gone also closes itself, and of two closings at the same time one
    can fail (distributed 2026.8: RuntimeError, cannot change state of expiring Timeout).
    """
    try:
        yield client
    finally:
        with suppress(OSError, RuntimeError):
            client.close()


def _reach(address: str, security: Security) -> None:
    """Shake hands with a scheduler once: a client would wait for ever for one that is silent."""
    limit_s = parse_timedelta(CONNECT_TIMEOUT)

    async def shake_hands() -> None:
        arguments = security.get_connection_args("client")
        async with asyncio.timeout(limit_s + 1):
            comm = await reach(address, timeout=limit_s, **arguments)
        await comm.close()

    try:
        with ThreadPoolExecutor(1) as thread:  # where no event loop runs yet
            thread.submit(asyncio.run, shake_hands()).result()
    except (ValueError, TypeError, FileNotFoundError, FatalCommClosedError) as error:
        keys = f"; {TLS_KEYS}" if address.startswith("tls://") else ""
        said = str(error) or type(error).__name__
        raise InputError(f"cluster {address!r} cannot be reached ({said}){keys}") from error
    except TimeoutError as error:
        raise _no_scheduler(address, "what listens there says nothing") from error
    except OSError as error:
        raise _no_scheduler(address, str(error.__cause__ or error)) from error


def _no_scheduler(address: str, why: str) -> ClusterError:
    return ClusterError(
        f"no Dask scheduler answers at {address} ({why}); start one with 'dask scheduler' and "
        "workers with 'dask worker', or use --cluster local; one behind TLS has a tls:// address"
    )


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


def _check(
    client: Client, wait_s: float, needs: Collection[str], tell: Callable[[str], object]
) -> None:
    """Raise ClusterError for a cluster without workers, or whose scheduler or workers run other
    code, and SetupError for one whose workers have a broken GDAL or PROJ.
    """
    until = time.monotonic() + wait_s
    with raising_cluster_lost(client, at_once=True):
        _check_scheduler(client)
        while True:
            call = _wait_for_workers(client, wait_s, needs, tell)
            found = client.run(installed, on_error="return")
            broken = client.run(check_setup, on_error="return")
            here = {each: it for each, it in found.items() if not isinstance(it, OSError)}
            if here or time.monotonic() > until:
                break  # else a cluster that adapts has taken its workers away again
            time.sleep(min(1.0, wait_s / 10))
        del call
    for worker, other in differences(here).items():
        raise ClusterError(f"worker {worker} has {other}: {SAME}")
    for worker, fault in broken.items():
        if isinstance(fault, SetupError):
            raise SetupError(f"worker {worker}: {fault}")
    if not here:
        raise ClusterLostError(f"the cluster was lost: all {len(found)} workers went as they came")


def _check_scheduler(client: Client) -> None:
    """Raise ClusterError for a scheduler without our code: tasks are unpacked there as well."""
    try:
        theirs: object = client.run_on_scheduler(installed)
    except OSError:
        raise
    except Exception as error:  # what it raised there, an ImportError first of all
        theirs = error
    for place, other in differences({address_of(client): theirs}).items():
        raise ClusterError(f"the scheduler at {place} has {other}: {SAME}")


def _wait_for_workers(
    client: Client,
    wait_s: float,
    needs: Collection[str],
    tell: Callable[[str], object] = unheard,
) -> Future[None] | None:
    """Return when a worker is there, and one that offers each resource needed.

    Where that took time, a call of HOLD_S is returned: as long as it is kept, a cluster that starts
    workers only for tasks has a reason to keep one.
    """
    until = time.monotonic() + wait_s
    call: Future[None] | None = None
    while (missing := _missing(client, needs)) is not None:
        if time.monotonic() > until:
            raise ClusterError(_no_worker(missing, wait_s))
        if call is None:
            call = client.submit(time.sleep, HOLD_S, pure=False)
            tell(f"waiting for workers, up to {wait_s:.0f} s ...")
        time.sleep(min(1.0, max(wait_s, 1.0) / 10))
    return call


def _missing(client: Client, needs: Collection[str]) -> str | None:
    """The first resource of those needed that no worker offers; empty where there is no worker at
    all, None where none is missing.
    """
    workers = count_workers(client, COUNT_TIMEOUT_S)
    if not workers.threads:
        return ""
    return next(iter(sorted(set(needs) - workers.offered)), None)


def _no_worker(missing: str, wait_s: float) -> str:
    what = f"that offers {missing} " if missing else ""
    resources = f" --resources {missing}=1" if missing else ""
    return (
        f"the cluster has no worker {what}after {wait_s:.0f} s; start one with "
        f"'dask worker{resources}' and the scheduler's address; where workers wait in a queue, "
        "wait longer: --wait-for-workers 2h"
    )


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
    workers = _workers(client, timeout_s)
    offers = [{kind for kind, n in worker.get("resources", {}).items() if n} for worker in workers]
    return WorkerCount(
        threads=sum(worker["nthreads"] for worker in workers),
        gpus=sum("GPU" in offered for offered in offers),
        cpus=sum("CPU" in offered for offered in offers),
        without_gpu=sum("CPU" in offered or "GPU" not in offered for offered in offers),
    )


def worker_sizes(client: Client) -> list[tuple[int, int]]:
    """Threads and memory limit in bytes of each worker, 0 for no limit; none where nobody answers
    in time.
    """
    try:
        workers = _workers(client, COUNT_TIMEOUT_S)
    except OSError:
        return []
    return [(worker["nthreads"], worker.get("memory_limit") or 0) for worker in workers]


def _workers(client: Client, timeout_s: float) -> list[dict[str, Any]]:
    """What the scheduler says of its workers; OSError where it does not answer in time."""
    if client.scheduler is None:
        raise OSError("the client is closed")
    answer = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=timeout_s)
    return list(answer["workers"].values())


def workers_memory(client: Client) -> str:
    """The memory that the workers use and may use, in words; empty where nobody answers in time."""
    try:
        if client.status != "running":
            return ""
        workers = _workers(client, MEMORY_S)
    except (OSError, TimeoutError, CancelledError, RuntimeError):
        return ""
    if not workers:
        return "no worker"
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
