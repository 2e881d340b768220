"""Batches on a Dask cluster: submitted, awaited, and told from those whose workers died.

Dask's own retries are not used: they do not cover the death of a worker, and repeat what cannot
succeed. The scheduler may vanish, and so may all workers; neither may leave a run waiting.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from distributed import Client, Future, KilledWorker

from jobs.cluster import Roll, roll_call
from jobs.domain import Settings, StageName, content_id
from jobs.errors import ClusterLostError
from jobs.todo import Batch
from jobs.work import Chain, described, failure, work

BEAT_S = 5.0
"""After so long without any result the scheduler is asked whether it and its workers are there."""
SILENT_S = 60.0
"""A scheduler that does not answer for so long is lost."""


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
        self.address = _address(client)
        self.settings = settings
        self.archive = archive
        self.without_workers_s = without_workers_s
        self.roll = self._first_roll()
        self.needs_gpu = self.roll.gpus > 0
        self._running: dict[str, tuple[Batch, Future[tuple[Chain, ...]]]] = {}
        self._ended: SimpleQueue[str] = SimpleQueue()
        self._answered_at = self._manned_at = time.monotonic()

    def _first_roll(self) -> Roll:
        try:
            return roll_call(self.client, SILENT_S)
        except (OSError, TimeoutError):
            raise self._lost("does not answer") from None

    def __len__(self) -> int:
        return len(self._running)

    def submit(self, batch: Batch, chains: Sequence[Chain], mark: str = "") -> None:
        """Send a batch's stages off, each waiting for the one before."""
        if self.client.status != "running":
            raise self._lost("is gone")
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
                resources={"GPU": 1} if self.needs_gpu and name is StageName.SEGMENT else None,
                pure=False,
            )
        assert isinstance(before, Future)
        self._running[key] = (batch, before)
        before.add_done_callback(self._note)

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
                self._beat()
                continue
            batch, future = self._running.pop(key)
            if future.status == "cancelled":
                raise self._lost("broke the connection off")
            error = future.exception()
            if isinstance(error, KilledWorker):
                return batch, _killed(error)
            if error is not None:
                return batch, _failed(batch, error)
            self._answered_at = self._manned_at = time.monotonic()
            return batch, future.result()

    def cancel(self) -> None:
        """Call everything back; what is running on workers is left to come to its end."""
        futures = [future for _, future in self._running.values()]
        self._running.clear()
        if self.client.status == "running":
            self.client.cancel(futures, force=True)

    def _beat(self) -> None:
        """Raise ClusterLostError where waiting on makes no sense."""
        now = time.monotonic()
        if self.client.status != "running":
            raise self._lost("is gone")
        try:
            self.roll = roll_call(self.client, SILENT_S / 2)
        except (OSError, TimeoutError):
            if time.monotonic() - self._answered_at > SILENT_S:
                raise self._lost(f"has not answered for {SILENT_S:.0f} s") from None
            return
        self._answered_at = time.monotonic()
        if self.roll.gpus if self.needs_gpu else self.roll.threads:
            self._manned_at = now
        elif now - self._manned_at > self.without_workers_s:
            kind = "no worker with a GPU" if self.roll.threads else "no worker"
            raise self._lost(f"has had {kind} for {self.without_workers_s:.0f} s")

    def _lost(self, what: str) -> ClusterLostError:
        return ClusterLostError(
            f"the cluster was lost: the scheduler at {self.address} {what}; what was finished is "
            "committed: the same command goes on from here"
        )


def _address(client: Client) -> str:
    return str(client.scheduler.address) if client.scheduler else "an unknown address"


def _killed(error: KilledWorker) -> Killed:
    stage = StageName(str(error.task).partition("-")[0])
    return Killed(stage, error.allowed_failures + 1, described(error))


def _failed(batch: Batch, error: BaseException) -> tuple[Chain, ...]:
    """What could not even be sent or fetched is a failure as any other."""
    stage = batch.stages[-1]
    return tuple(Chain((failure(unit, stage, described(error)),)) for unit in batch.units)
