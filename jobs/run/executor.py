"""Batches on a Dask cluster: submitted, awaited, and told from those whose workers died.

Dask's own retries are not used: they do not cover the death of a worker, and repeat what cannot
succeed. The scheduler may vanish, and so may all workers; neither may leave a run waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from distributed import Client, Future, KilledWorker

from jobs.domain import Settings, StageName, content_id
from jobs.domain.types import CPU, GPU
from jobs.run.backlog import Batch
from jobs.run.cluster import Roll
from jobs.run.task import Chain, described, failure, work
from jobs.run.watchdog import Watch

BEAT_S = 5.0
"""After so long without any result the scheduler is asked whether it and its workers are there."""


@dataclass(frozen=True)
class Killed:
    """A batch did not come back: each worker that took it up died, on its account or another's."""

    stage: StageName
    deaths: int
    reason: str


class Dispatch:
    """The batches that are with the cluster now."""

    def __init__(
        self, client: Client, settings: Settings, archive: str, without_workers_s: float
    ) -> None:
        self.client = client
        self.settings = settings
        self.archive = archive
        self.watch = Watch(client, without_workers_s)
        self.watch.refuse_without_cpu()
        self.needs_gpu = self.watch.roll.gpus > 0
        self._running: dict[str, tuple[Batch, Future[tuple[Chain, ...]]]] = {}
        self._ended: SimpleQueue[str] = SimpleQueue()

    @property
    def roll(self) -> Roll:
        """Who is there to work, as the scheduler last said."""
        return self.watch.roll

    def __len__(self) -> int:
        return len(self._running)

    def submit(self, batch: Batch, chains: Sequence[Chain], mark: str = "") -> None:
        """Send a batch's stages off, each waiting for the one before."""
        self.watch.check()
        before: tuple[Chain, ...] | Future[tuple[Chain, ...]] = tuple(chains)
        key = ""
        for depth, name in enumerate(batch.stages):
            key = self._key(name, batch, mark)
            before = self.client.submit(
                work,
                name,
                batch.units,
                self.settings,
                before,
                key=key,
                priority=depth,
                resources=self._resources(name),
                pure=False,
            )
        assert isinstance(before, Future)
        self._running[key] = (batch, before)
        before.add_done_callback(self._note)

    def _resources(self, name: StageName) -> dict[str, float] | None:
        return {GPU: 1} if self._kind(name) == GPU else self.watch.resources

    def _kind(self, name: StageName) -> str:
        return GPU if self.needs_gpu and name is StageName.SEGMENT else CPU

    def _note(self, future: Future[tuple[Chain, ...]]) -> None:
        self._ended.put(str(future.key))

    def _key(self, name: StageName, batch: Batch, mark: str) -> str:
        """Deterministic, and apart for two archives on one scheduler."""
        units = batch.units
        more = f"+{len(units) - 1}" if len(units) > 1 else ""
        apart = content_id([self.archive, mark, *(unit.overpass.id for unit in units)], 8)
        return f"{name}-{units[0].overpass.id}{more}-{apart}"

    def next(self) -> tuple[Batch, tuple[Chain, ...] | Killed]:
        """The next batch to come back; blocks. Raises ClusterLostError when none ever will."""
        while True:
            try:
                key = self._ended.get(timeout=BEAT_S)
            except Empty:
                self.watch.beat(self._kinds())
                continue
            batch, future = self._running.pop(key)
            if future.status == "cancelled":
                raise self.watch.lost("broke the connection off")
            error = future.exception()
            if isinstance(error, KilledWorker):
                return batch, _killed(error)
            if error is not None:
                return batch, _failed(batch, error)
            self.watch.heard()
            return batch, self._given(future)

    def _given(self, future: Future[tuple[Chain, ...]]) -> tuple[Chain, ...]:
        """The outcome of a task that ended well, though the scheduler may have gone since."""
        try:
            return future.result()
        except CancelledError:
            raise self.watch.lost("broke the connection off") from None

    def cancel(self) -> None:
        """Call everything back; what is running on workers is left to come to its end."""
        futures = [future for _, future in self._running.values()]
        self._running.clear()
        if self.client.status == "running":
            self.client.cancel(futures, force=True)

    def forget(self) -> None:
        """Let go of everything without waiting for a scheduler that may not answer.

        Another run of this client would else be given these tasks, with what they ask of workers.
        """
        for _, future in self._running.values():
            future.release()
        self._running.clear()

    def _kinds(self) -> set[str]:
        """Which workers the batches under way need, if perhaps no longer at their last stage."""
        return {self._kind(name) for batch, _ in self._running.values() for name in batch.stages}


def _killed(error: KilledWorker) -> Killed:
    stage = StageName(str(error.task).partition("-")[0])
    return Killed(stage, error.allowed_failures + 1, described(error))


def _failed(batch: Batch, error: BaseException) -> tuple[Chain, ...]:
    """What could not even be sent or fetched is a failure as any other."""
    stage = batch.stages[-1]
    return tuple(Chain((failure(unit, stage, described(error)),)) for unit in batch.units)
