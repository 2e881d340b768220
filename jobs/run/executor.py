"""The executor: runs batches on a Dask cluster and returns what became of their units.

Dask's own retries are not used: they do not cover the death of a worker, and they repeat tasks that
cannot succeed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass

from distributed import Client, Future, KilledWorker

from jobs.domain import CPU, GPU, Engine, Settings, StageName, content_id
from jobs.errors import SetupError
from jobs.run.batches import Batch
from jobs.run.common_ground import CommonGround, on_common_ground
from jobs.run.futures import Futures
from jobs.run.task import UnitProgress, described, failure, run_stage
from jobs.run.watchdog import Watchdog

IN_FLIGHT_PER_THREAD = 3
"""Batches with the scheduler per worker thread: enough that no worker waits, and the scheduler's
load does not depend on how many overpasses there are."""

Progress = tuple[UnitProgress, ...]
"""Of the units of a batch, in their order."""


@dataclass(frozen=True)
class Killed:
    """A batch was lost: each worker that ran it died, because of this batch or of another."""

    stage: StageName
    deaths: int
    """Workers that died while they held the batch."""
    reason: str


class Executor:
    """Submits batches to a cluster, one task per stage."""

    def __init__(
        self,
        client: Client,
        settings: Settings,
        ground: CommonGround,
        archive: str,
        without_workers_s: float,
    ) -> None:
        """``archive`` is its address, part of the tasks' keys. Raises ClusterError where no worker
        can tile.
        """
        self.client = client
        self.settings = settings
        self.ground = ground
        self.archive = archive
        self.watchdog = Watchdog(client, without_workers_s)
        self.watchdog.refuse_without_cpu()
        self.wants_gpus = settings.engine is Engine.TORCH and self.watchdog.workers.gpus > 0
        self.futures: Futures[Batch, Progress] = Futures(client, self.watchdog, self._needs)

    def results(
        self, batches: Iterator[Batch], begin: Callable[[Batch], Progress]
    ) -> Iterator[tuple[Batch, Progress | Killed]]:
        """Run all batches, as many at once as keep every worker busy; each with its outcome.

        ``begin`` returns the progress that a batch starts from, called when it is submitted. Raises
        ClusterLostError.
        """
        return self._results(batches, begin, "", self._most)

    def results_one_by_one(
        self, batches: Iterator[Batch], begin: Callable[[Batch], Progress]
    ) -> Iterator[tuple[Batch, Progress | Killed]]:
        """As ``results``, with never more than one batch on the cluster."""
        return self._results(batches, begin, "alone", lambda: 1)

    def threads(self) -> int:
        """Worker threads of the cluster, as last counted."""
        return self.watchdog.workers.threads

    def cancel(self) -> None:
        """Cancel all batches; tasks that workers have begun run to their end."""
        self.futures.cancel()

    def release(self) -> None:
        """Drop all batches without waiting for the scheduler."""
        self.futures.release()

    def _results(
        self,
        batches: Iterator[Batch],
        begin: Callable[[Batch], Progress],
        mark: str,
        limit: Callable[[], int],
    ) -> Iterator[tuple[Batch, Progress | Killed]]:
        def submit(batch: Batch) -> Future[Progress]:
            return self._submit(batch, begin(batch), mark)

        for batch, future in self.futures.completed(batches, submit, limit):
            yield batch, _outcome(batch, future, self.watchdog)

    def _most(self) -> int:
        return IN_FLIGHT_PER_THREAD * self.threads()

    def _submit(self, batch: Batch, start: Sequence[UnitProgress], mark: str) -> Future[Progress]:
        """The future of the last stage's task; each stage's task depends on the one before."""
        before: Progress | Future[Progress] = tuple(start)
        for depth, name in enumerate(batch.stages):
            before = self.client.submit(
                on_common_ground,
                self.ground,
                run_stage,
                name,
                batch.units,
                self.settings,
                before,
                key=self._key(name, batch, mark),
                priority=depth,
                resources=self._resources(name),
                pure=False,
            )
        assert isinstance(before, Future)
        return before

    def _key(self, name: StageName, batch: Batch, mark: str) -> str:
        """The task's key: the same in every run, different for two archives on one scheduler."""
        units = batch.units
        more = f"+{len(units) - 1}" if len(units) > 1 else ""
        digest = content_id([self.archive, mark, *(unit.overpass.id for unit in units)], 8)
        return f"{name}-{units[0].overpass.id}{more}-{digest}"

    def _resources(self, name: StageName) -> dict[str, float] | None:
        return {GPU: 1} if self._kind(name) == GPU else self.watchdog.cpu_resources

    def _needs(self, batch: Batch) -> set[str]:
        """The kinds of workers for all its stages: which one it has reached is not known."""
        return {self._kind(name) for name in batch.stages}

    def _kind(self, name: StageName) -> str:
        return GPU if self.wants_gpus and name is StageName.SEGMENT else CPU


def _outcome(batch: Batch, future: Future[Progress], watchdog: Watchdog) -> Progress | Killed:
    error = future.exception()
    if isinstance(error, KilledWorker):
        stage = StageName(str(error.task).partition("-")[0])  # the task's key, see Executor._key
        return Killed(stage, error.allowed_failures + 1, described(error))
    if isinstance(error, SetupError):  # the worker's machine is at fault, not the batch
        future.release()  # the traceback would keep it, and with it the task's outcome
        raise error
    if error is not None:  # the task could not be sent, or its result not fetched
        return _failed(batch, error)
    try:
        return future.result()
    except CancelledError:  # the scheduler went after the task had ended
        raise watchdog.lost("broke the connection off") from None


def _failed(batch: Batch, error: BaseException) -> Progress:
    stage = batch.stages[-1]
    return tuple(UnitProgress((failure(unit, stage, described(error)),)) for unit in batch.units)
