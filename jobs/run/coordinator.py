"""The coordinator: keeps the cluster busy with batches, and brings every unit to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from jobs.archive import Archives, ForkStore, with_retries
from jobs.errors import ArchiveError, BerthwatchError, ClusterLostError, SetupError
from jobs.run.batches import Batch, WorkItem
from jobs.run.committer import Committer
from jobs.run.events import Event, EventName, Facts, Observer, warner
from jobs.run.executor import Executor, Killed
from jobs.run.task import UnitProgress


@dataclass(frozen=True)
class Ending:
    """Why the work ended before every unit did; neither where every unit came to its end."""

    interrupted: bool = False
    """By Ctrl-C."""
    lost: str = ""
    """Why the cluster counts as lost."""


class Coordinator:
    """Runs batches on the executor and hands their outcomes to the committer."""

    def __init__(
        self,
        executor: Executor,
        committer: Committer,
        archives: Archives,
        commit_every_s: float,
        observe: Observer,
    ) -> None:
        self.executor = executor
        self.committer = committer
        self.archives = archives
        self.commit_every_s = commit_every_s
        self.observe = observe
        self._suspects: list[tuple[WorkItem, int]] = []
        """Units whose batch killed workers, and how many it killed."""

    def run(self, batches: Iterator[Batch]) -> Ending:
        """Bring every unit to its end; on Ctrl-C or with the cluster lost, commit what has ended.

        Raises ArchiveError where the archive cannot be written, and SetupError where GDAL or PROJ
        cannot work on a worker's machine.
        """
        ending = Ending()
        try:
            self._run_together(batches)
            self._run_suspects()
        except KeyboardInterrupt:
            ending = Ending(interrupted=True)
            self.executor.cancel()
        except ClusterLostError as error:
            self.executor.release()
            ending = Ending(lost=str(error))
            self.observe(Event(EventName.LOST, {"reason": str(error)}))
        except (ArchiveError, SetupError) as error:
            self.executor.cancel()
            with suppress(ArchiveError):  # what has ended may still be committed
                self.committer.commit()
            self._report_refusal(error)
            raise
        try:
            self.committer.commit()
        except ArchiveError as error:
            self._report_refusal(error)
            raise
        return ending

    def _report_refusal(self, error: BerthwatchError) -> None:
        self.observe(Event(EventName.REFUSED, {"reason": str(error)}))

    def _run_together(self, batches: Iterator[Batch]) -> None:
        for batch, outcome in self.executor.results(batches, self._fork):
            if isinstance(outcome, Killed):
                self._suspect(batch, outcome)
            else:
                self._add(batch, outcome)
            if self.committer.waiting_s > self.commit_every_s:
                self.committer.commit()

    def _run_suspects(self) -> None:
        """The units of lost batches once more, one at a time: only the causes kill again."""
        deaths = {item.unit.overpass.id: count for item, count in self._suspects}
        alone = (Batch((item,)) for item, _ in reversed(self._suspects))
        for batch, outcome in self.executor.results_one_by_one(alone, self._fork):
            (item,) = batch.items
            if isinstance(outcome, Killed):
                total = deaths[item.unit.overpass.id] + outcome.deaths
                self.committer.quarantine(item, outcome.stage, total, outcome.reason)
            else:
                self._add(batch, outcome)
            self.committer.commit()

    def _fork(self, batch: Batch) -> tuple[UnitProgress, ...]:
        """A fork of its archive for each unit; the archives stay open until the units end."""
        return tuple(UnitProgress(store=self._fork_of(unit.port.id)) for unit in batch.units)

    def _fork_of(self, port_id: str) -> ForkStore:
        self.archives.hold(port_id)
        return with_retries(partial(self.archives.fork, port_id), warner(self.observe))

    def _suspect(self, batch: Batch, killed: Killed) -> None:
        """The death of a worker also takes units that did not cause it: note all for the end."""
        for item in batch.items:
            self.archives.release(item.unit.port.id)
            self._suspects.append((item, killed.deaths))
        facts: Facts = {
            "units": len(batch.items),
            "stage": str(killed.stage),
            "reason": killed.reason,
        }
        self.observe(Event(EventName.WARNING, facts))

    def _add(self, batch: Batch, progress: tuple[UnitProgress, ...]) -> None:
        for item, of_unit in zip(batch.items, progress, strict=True):
            if of_unit.storage_error:
                raise ArchiveError(
                    f"the archive of {item.unit.port.id} in {self.archives.root.url} cannot be "
                    f"written: {of_unit.storage_error}; what was committed is safe: mend the cause "
                    "(space, rights, network), the same command goes on from there"
                )
            self.committer.add(item, of_unit)
