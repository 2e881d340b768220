"""One function called with many arguments on the workers of a cluster, a bounded number at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from distributed import Client, Future, KilledWorker

from jobs.domain import CPU
from jobs.run.common_ground import CommonGround, on_common_ground
from jobs.run.futures import Futures
from jobs.run.kept_results import KeptResults
from jobs.run.watchdog import Watchdog

T = TypeVar("T")
Call: TypeAlias = tuple[int, tuple[Any, ...]]
"""The number of a call and its arguments."""

WITHOUT_WORKERS_S = 300.0
IN_FLIGHT_PER_THREAD = 2
"""Calls with the scheduler per worker thread: enough that no worker waits."""


def parallel_map(
    client: Client,
    ground: CommonGround,
    function: Callable[..., T],
    calls: Iterable[tuple[Any, ...]],
    without_workers_s: float = WITHOUT_WORKERS_S,
    kept: KeptResults | None = None,
) -> Iterator[tuple[int, T]]:
    """The number of each call and its result, in order of completion; on workers without a GPU.

    ``kept``: where results are taken from and kept, until all calls have ended.
    Raises what a call raises, SetupError where a worker does not stand on the ground, and
    ClusterLostError where the scheduler is gone or there has been no worker for
    ``without_workers_s``.
    """
    watchdog = Watchdog(client, without_workers_s)

    def submit(call: Call) -> Future[T]:
        return client.submit(
            on_common_ground,
            ground,
            function,
            *call[1],
            key=f"{function.__name__}-{uuid4().hex}",
            resources=watchdog.cpu_resources,
        )

    futures: Futures[Call, T] = Futures(client, watchdog, lambda call: (CPU,))
    there: Mapping[int, T] = {} if kept is None else kept.take()
    yield from there.items()
    rest = (call for call in enumerate(calls) if call[0] not in there)
    ended = futures.completed(rest, submit, lambda: IN_FLIGHT_PER_THREAD * watchdog.workers.threads)
    for (number, _), future in ended:
        result = _result(future, watchdog)
        if kept is not None:
            kept.keep(number, future, result)
        yield number, result
    if kept is not None:
        kept.drop()


def _result(future: Future[T], watchdog: Watchdog) -> T:
    try:
        return future.result()
    except KilledWorker as error:
        raise watchdog.lost(f"lost every worker that ran {error.task}") from error
    except (CancelledError, OSError):
        watchdog.check_connection()
        raise
