"""Results of ended calls that stay with the scheduler, for a runner that follows this one.

Where a runner is lost, its Dask cluster may live on, and a second runner takes up its work. What
workers have counted by then would be lost with the client that asked for it; published under a
name, Dask keeps it, on the workers. A name must say everything that the result depends on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from distributed import Client, Future

PREFIX = "berthwatch-result-"
WAIT_S = 10.0
"""For a result; what a worker has lost meanwhile is not waited for."""


class KeptResults:
    """Results by the names of their calls."""

    def __init__(self, client: Client, names: Sequence[str]) -> None:
        self._client = client
        self._names = [f"{PREFIX}{name}" for name in names]

    def take(self) -> Mapping[int, Any]:
        """What an earlier client has left, by the number of its call; others of ours are dropped.

        A result that cannot be had is left out: it is made again.
        """
        found: dict[int, Any] = {}
        with suppress(OSError, TimeoutError):
            there = {name for name in self._client.list_datasets() if name.startswith(PREFIX)}
            self._drop(there - set(self._names))
            for number, name in enumerate(self._names):
                with suppress(Exception):  # of the call, of Dask, of a worker that is gone
                    if name in there:
                        found[number] = self._client.get_dataset(name).result(timeout=WAIT_S)
        return found

    def keep(self, number: int, future: Future[Any]) -> None:
        """Keep what a call has ended with; where that fails, it is made again when needed."""
        with suppress(OSError, TimeoutError):
            self._client.publish_dataset(future, name=self._names[number], override=True)

    def drop(self) -> None:
        """Let go of all of them."""
        with suppress(OSError, TimeoutError):
            self._drop(set(self._names))

    def _drop(self, names: set[str]) -> None:
        for name in sorted(names):
            self._client.unpublish_dataset(name)
