"""Whether a run's cluster is still there: its scheduler, and workers for the tasks that wait."""

from __future__ import annotations

import time
from collections.abc import Collection

from distributed import Client

from jobs.domain import CPU, GPU
from jobs.errors import ClusterError, ClusterLostError
from jobs.run.cluster import WorkerCount, address_of, count_workers

SILENT_S = 60.0
"""A scheduler that does not answer for so long is lost."""


class Watchdog:
    """Polls the scheduler and raises ClusterLostError when it or its workers are gone."""

    def __init__(self, client: Client, without_workers_s: float) -> None:
        """``without_workers_s``: for so long tasks may wait without a worker that can run them."""
        self.client = client
        self.address = address_of(client)
        self.without_workers_s = without_workers_s
        self.workers = self._first_count()
        """The workers at the last poll."""
        self._has_cpu_workers = self.workers.cpus > 0
        self._answered_at = self._workers_at = time.monotonic()

    def _first_count(self) -> WorkerCount:
        try:
            return count_workers(self.client, SILENT_S)
        except OSError:
            raise self.lost("does not answer") from None

    @property
    def cpu_resources(self) -> dict[str, float] | None:
        """The resources of a task that needs no GPU: where workers offer CPU, it runs on those."""
        return {CPU: 1} if self._has_cpu_workers else None

    def refuse_without_cpu(self) -> None:
        """Raise ClusterError where every worker offers GPU and not CPU."""
        if self.workers.gpus and not self.workers.without_gpu:
            raise ClusterError(
                f"all {self.workers.gpus} workers of the cluster at {self.address} offer GPU and "
                "not CPU: no worker can tile; start others with 'dask worker --resources CPU=1', "
                "or these with --resources 'CPU=1 GPU=1' if they are to do both"
            )

    def note_result(self) -> None:
        """A task has finished, so the scheduler and a worker are there: restart the timers."""
        self._answered_at = self._workers_at = time.monotonic()

    def check_connection(self) -> None:
        """Raise ClusterLostError where the client has lost its connection to the scheduler."""
        if self.client.status != "running":
            raise self.lost("is gone")

    def poll(self, needs: Collection[str]) -> None:
        """Count the workers; ClusterLostError where the scheduler has been silent for SILENT_S, or
        where workers of a needed kind (CPU, GPU) have been missing for ``without_workers_s``.
        """
        self.check_connection()
        try:
            self.workers = count_workers(self.client, SILENT_S / 2)
        except OSError:
            if time.monotonic() - self._answered_at > SILENT_S:
                raise self.lost(f"has not answered for {SILENT_S:.0f} s") from None
            return
        now = self._answered_at = time.monotonic()
        missing = self._missing(needs)
        if missing is None:
            self._workers_at = now
        elif now - self._workers_at > self.without_workers_s:
            raise self.lost(f"has had {missing} for {self.without_workers_s:.0f} s")

    def _missing(self, needs: Collection[str]) -> str | None:
        """Which workers are missing, in words; None where every needed kind is there."""
        if not self.workers.threads:
            return "no worker"
        if GPU in needs and not self.workers.gpus:
            return "no worker with a GPU"
        if CPU in needs and self._has_cpu_workers and not self.workers.cpus:
            return "no worker that offers CPU"
        return None

    def lost(self, what: str) -> ClusterLostError:
        """The error for a lost scheduler or lost workers; ``what`` continues 'the scheduler'."""
        return ClusterLostError(
            f"the cluster was lost: the scheduler at {self.address} {what}; what was finished is "
            "committed: the same command goes on from here"
        )
