"""The one loop over Dask futures: submit a bounded number, yield each when it has ended.

The scheduler may vanish, and so may all workers; in neither case does the loop wait forever.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from distributed import Client, Future

from jobs.run.watchdog import Watchdog

Item = TypeVar("Item")
T = TypeVar("T")

POLL_S = 5.0
"""Seconds without an ended future after which the scheduler is polled."""


class Futures(Generic[Item, T]):
    """Items whose futures are with the scheduler now."""

    def __init__(
        self, client: Client, watchdog: Watchdog, needs: Callable[[Item], Collection[str]]
    ) -> None:
        """``needs`` returns the resources (CPU, GPU) that an item's tasks wait for."""
        self.client = client
        self.watchdog = watchdog
        self.needs = needs
        self._running: dict[str, tuple[Item, Future[T]]] = {}
        self._ended: SimpleQueue[str] = SimpleQueue()

    def completed(
        self,
        items: Iterator[Item],
        submit: Callable[[Item], Future[T]],
        limit: Callable[[], int],
    ) -> Iterator[tuple[Item, Future[T]]]:
        """Each item with its ended future, in the order in which they end.

        At most ``limit()`` futures, one at least, are with the scheduler at once. Raises
        ClusterLostError where the scheduler or the workers that items need are gone.
        """
        while True:
            room = max(limit(), 1) - len(self._running)
            for item in islice(items, max(room, 0)):
                self.watchdog.check_connection()
                self._add(item, submit(item))
            if not self._running:
                return
            yield self._next()

    def _add(self, item: Item, future: Future[T]) -> None:
        self._running[str(future.key)] = (item, future)
        future.add_done_callback(lambda done: self._ended.put(str(done.key)))

    def _next(self) -> tuple[Item, Future[T]]:
        """The next item to end; blocks."""
        while True:
            try:
                key = self._ended.get(timeout=POLL_S)
            except Empty:
                items = (item for item, _ in self._running.values())
                self.watchdog.poll({kind for item in items for kind in self.needs(item)})
                continue
            item, future = self._running.pop(key)
            if future.status == "cancelled":
                raise self.watchdog.lost("broke the connection off")
            if future.status == "finished":
                self.watchdog.note_result()
            return item, future

    def cancel(self) -> None:
        """Cancel everything; tasks that workers have begun run to their end."""
        futures = [future for _, future in self._running.values()]
        self._running.clear()
        if self.client.status == "running":
            self.client.cancel(futures, force=True)

    def release(self) -> None:
        """Drop everything without waiting for a scheduler that may not answer.

        The keys are deterministic: while a future is held, a later run of the same client would
        get these tasks again, with the resources they were submitted for.
        """
        for _, future in self._running.values():
            future.release()
        self._running.clear()
