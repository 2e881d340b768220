"""Results of ended calls that are kept, with the scheduler and here, for whoever follows.

Where a runner is lost, its Dask cluster may live on, and a second runner takes up its work. What
workers have counted by then would be lost with the client that asked for it; published under a
name, Dask keeps it, on the workers. Where the cluster is lost, the runner that asked lives on, and
has the results itself. A name must say everything that the result depends on.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from contextlib import suppress
from typing import Any

from distributed import Client, Future

PREFIX = "berthwatch-result-"
WAIT_S = 10.0
"""For a result; what a worker has lost meanwhile is not waited for."""


class KeptResults:
    """Results by the names of their calls."""

    def __init__(
        self, client: Client, names: Sequence[str], here: MutableMapping[str, Any] | None = None
    ) -> None:
        """``here``: results of this process by the names of their calls, on whatever cluster."""
        self._client = client
        self._here: MutableMapping[str, Any] = {} if here is None else here
        self._names = [f"{PREFIX}{name}" for name in names]

    def take(self) -> Mapping[int, Any]:
        """What is here, and what an earlier client has left, by the number of its call; others of
        ours are dropped from the scheduler.

        A result that cannot be had is left out: it is made again.
        """
        named = dict(enumerate(self._names))
        found = {number: self._here[name] for number, name in named.items() if name in self._here}
        with suppress(OSError, TimeoutError):
            there = {name for name in self._client.list_datasets() if name.startswith(PREFIX)}
            self._drop(there - set(self._names))
            for number, name in named.items():
                with suppress(Exception):  # of the call, of Dask, of a worker that is gone
                    if name in there and number not in found:
                        found[number] = self._client.get_dataset(name).result(timeout=WAIT_S)
        return found

    def keep(self, number: int, future: Future[Any], result: Any) -> None:
        """Keep what a call has ended with; where the scheduler fails, it is here at least."""
        self._here[self._names[number]] = result
        with suppress(OSError, TimeoutError):
            self._client.publish_dataset(future, name=self._names[number], override=True)

    def drop(self) -> None:
        """The scheduler lets go of all of them."""
        with suppress(OSError, TimeoutError):
            self._drop(set(self._names))

    def _drop(self, names: set[str]) -> None:
        for name in sorted(names):
            self._client.unpublish_dataset(name)
