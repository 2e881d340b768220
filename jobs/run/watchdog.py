"""Whether a run's cluster is still there: its scheduler, and workers for what waits."""

from __future__ import annotations

import time
from collections.abc import Collection

from distributed import Client

from jobs.domain.types import CPU, GPU
from jobs.errors import ClusterError, ClusterLostError
from jobs.run.cluster import Roll, roll_call

SILENT_S = 60.0
"""A scheduler that does not answer for so long is lost."""


class Watch:
    """Asks the scheduler now and then who is there, and gives the cluster up when it is lost."""

    def __init__(self, client: Client, without_workers_s: float) -> None:
        self.client = client
        self.address = _address(client)
        self.without_workers_s = without_workers_s
        self.roll = self._first_roll()
        self._apart = self.roll.cpus > 0
        self._heard_at = self._manned_at = time.monotonic()

    def _first_roll(self) -> Roll:
        try:
            return roll_call(self.client, SILENT_S)
        except OSError:
            raise self.lost("does not answer") from None

    @property
    def resources(self) -> dict[str, float] | None:
        """What a task must ask for that needs no GPU: so it stays away from workers with one."""
        return {CPU: 1} if self._apart else None

    def refuse_without_cpu(self) -> None:
        """ClusterError where every worker is there for its GPU alone."""
        if self.roll.gpus and not self.roll.without_gpu:
            raise ClusterError(
                f"all {self.roll.gpus} workers of the cluster at {self.address} offer GPU and not "
                "CPU: no worker can tile; start others with 'dask worker --resources CPU=1', or "
                "these with --resources 'CPU=1 GPU=1' if they are to do both"
            )

    def heard(self) -> None:
        """Something came back: all is well."""
        self._heard_at = self._manned_at = time.monotonic()

    def check(self) -> None:
        """Raise ClusterLostError where the client knows already that its scheduler is gone."""
        if self.client.status != "running":
            raise self.lost("is gone")

    def beat(self, kinds: Collection[str]) -> None:
        """Raise ClusterLostError where waiting on makes no sense; ``kinds`` are CPU and GPU, as
        what waits needs them.
        """
        self.check()
        try:
            self.roll = roll_call(self.client, SILENT_S / 2)
        except OSError:
            if time.monotonic() - self._heard_at > SILENT_S:
                raise self.lost(f"has not answered for {SILENT_S:.0f} s") from None
            return
        now = self._heard_at = time.monotonic()
        missing = self._missing(kinds)
        if missing is None:
            self._manned_at = now
        elif now - self._manned_at > self.without_workers_s:
            raise self.lost(f"has had {missing} for {self.without_workers_s:.0f} s")

    def _missing(self, kinds: Collection[str]) -> str | None:
        """Which workers are not there, in words; None where somebody can go on."""
        if not self.roll.threads:
            return "no worker"
        if GPU in kinds and not self.roll.gpus:
            return "no worker with a GPU"
        if CPU in kinds and self._apart and not self.roll.cpus:
            return "no worker that offers CPU"
        return None

    def lost(self, what: str) -> ClusterLostError:
        """The error that says what became of the scheduler or its workers."""
        return ClusterLostError(
            f"the cluster was lost: the scheduler at {self.address} {what}; what was finished is "
            "committed: the same command goes on from here"
        )


def _address(client: Client) -> str:
    return str(client.scheduler.address) if client.scheduler else "an unknown address"
