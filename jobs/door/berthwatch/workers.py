"""Dask clusters whose workers import our packages, whatever lies in the folder they start in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

import dask
from distributed import Client, Worker, WorkerPlugin

from berthwatch.own_packages import ensure
from jobs.errors import ClusterError, InputError
from jobs.run import checked, connect

NAME = "berthwatch"


class OwnPackages(WorkerPlugin):
    """Imports our packages in every worker, also in those that come later, before any task."""

    def setup(self, worker: Worker) -> None:
        """Called once in each worker; an ImportError names the file that is in the way."""
        ensure()


def cluster_for(
    client: Client | None,
    workers: int | None,
    wait_s: float | None = None,
    tell: Callable[[str], object] = print,
) -> AbstractContextManager[Client]:
    """The client given, prepared; or a cluster of processes of our own, closed at the end.

    InputError for what is no client, or none that a run can use.
    """
    if client is None:
        return _of_our_own(workers)
    if not isinstance(client, Client):
        hint = ": pass its .get_client()" if hasattr(client, "get_client") else ""
        raise InputError(
            f"client is a {type(client).__name__}; expected a dask.distributed.Client{hint}"
        )
    if client.asynchronous or client.status != "running":
        what = "asynchronous" if client.asynchronous else client.status
        raise InputError(f"the client is {what}; expected an ordinary one that is open")
    return _given(client, wait_s, tell)


@contextmanager
def _of_our_own(workers: int | None) -> Iterator[Client]:
    preload = [*dask.config.get("distributed.worker.preload"), NAME]
    with (
        dask.config.set({"distributed.worker.preload": preload}),
        connect("local", workers) as client,
    ):
        yield client


@contextmanager
def _given(client: Client, wait_s: float | None, tell: Callable[[str], object]) -> Iterator[Client]:
    for worker, why in client.run(_attempt(), on_error="return").items():
        if why and not isinstance(why, OSError):  # else the worker went meanwhile
            raise ClusterError(
                f"worker {worker} cannot import Berthwatch: {why}; expected the same installation "
                "there as here, and no file of another's in its place"
            )
    with suppress(OSError):  # of a worker that goes meanwhile; those to come get it all the same
        client.register_plugin(OwnPackages(), name=NAME)
    with checked(client, wait_s, tell):
        yield client


def _attempt() -> Callable[[], str]:
    """A function that travels as it is, and says on a worker why it cannot import our packages."""

    def attempt() -> str:
        try:
            import berthwatch  # noqa: F401
        except ImportError as error:
            return str(error)
        return ""

    return attempt
