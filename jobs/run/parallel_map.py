"""One function called for many things on the workers of a cluster, some of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from distributed import Client, Future, KilledWorker

from jobs.domain.types import CPU
from jobs.run.watchdog import Watch

T = TypeVar("T")

BEAT_S = 5.0
WITHOUT_WORKERS_S = 300.0
AT_ONCE_PER_SLOT = 2
"""Calls with the scheduler per worker thread: enough that no worker waits."""


def spread(
    client: Client,
    task: Callable[..., T],
    calls: Iterable[tuple[Any, ...]],
    without_workers_s: float = WITHOUT_WORKERS_S,
) -> Iterator[tuple[int, T]]:
    """The number of each call and what it gives, as they come back; on workers without a GPU.

    Raises what a call raises, and ClusterLostError where the scheduler or the workers are gone.
    """
    watch = Watch(client, without_workers_s)
    waiting = iter(enumerate(calls))
    running: dict[str, tuple[int, Future[T]]] = {}
    ended: SimpleQueue[str] = SimpleQueue()
    while True:
        room = AT_ONCE_PER_SLOT * max(watch.roll.threads, 1) - len(running)
        for number, call in islice(waiting, max(room, 0)):
            watch.check()
            future = client.submit(task, *call, pure=False, resources=watch.resources)
            running[str(future.key)] = (number, future)
            future.add_done_callback(lambda done: ended.put(str(done.key)))
        if not running:
            return
        try:
            key = ended.get(timeout=BEAT_S)
        except Empty:
            watch.beat((CPU,))
            continue
        number, future = running.pop(key)
        yield number, _given(future, watch)
        watch.heard()


def _given(future: Future[T], watch: Watch) -> T:
    if future.status == "cancelled":
        raise watch.lost("broke the connection off")
    try:
        return future.result()
    except KilledWorker as error:
        raise watch.lost(f"lost every worker that took up {error.task}") from error
    except (CancelledError, OSError):
        watch.check()
        raise
