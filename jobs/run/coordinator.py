"""The coordinator: keeps the cluster busy with batches, and brings every unit to its end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import islice

from jobs.archive.pool import Archives
from jobs.archive.retry import patiently
from jobs.errors import ArchiveError, ClusterLostError
from jobs.run.backlog import Batch, Todo
from jobs.run.committer import Ledger, Summary
from jobs.run.events import Event, EventName, Facts, Observer, warner
from jobs.run.executor import Dispatch, Killed
from jobs.run.task import Chain

IN_FLIGHT_PER_SLOT = 3
"""Batches with the scheduler per worker thread: enough that no worker waits, and the scheduler's
load does not depend on how many overpasses there are."""


class Coordinator:
    """Submits batches in bounded number and enters what comes back."""

    def __init__(
        self,
        dispatch: Dispatch,
        ledger: Ledger,
        archives: Archives,
        commit_every_s: float,
        observe: Observer,
    ) -> None:
        self.dispatch = dispatch
        self.ledger = ledger
        self.archives = archives
        self.commit_every_s = commit_every_s
        self.observe = observe
        self._suspects: list[tuple[Todo, int]] = []

    def run(self, batches: Iterator[Batch]) -> Summary:
        """Bring every unit to its end; on Ctrl-C or with the cluster lost, keep what is finished.

        Raises ArchiveError where the archive cannot be written.
        """
        summary = self.ledger.summary
        try:
            self._together(batches)
            self._alone()
        except KeyboardInterrupt:
            summary.interrupted = True
            self.dispatch.cancel()
        except ClusterLostError as error:
            self.dispatch.forget()
            summary.lost = str(error)
            self.observe(Event(EventName.LOST, {"reason": str(error)}))
        except ArchiveError as error:
            self.dispatch.cancel()
            with suppress(ArchiveError):  # what is finished may still go in
                self.ledger.commit()
            self._tell_refusal(error)
            raise
        try:
            self.ledger.commit()
        except ArchiveError as error:
            self._tell_refusal(error)
            raise
        return summary

    def _tell_refusal(self, error: ArchiveError) -> None:
        self.observe(Event(EventName.REFUSED, {"reason": str(error)}))

    def _together(self, batches: Iterator[Batch]) -> None:
        """All batches, as many at once as keep every worker busy."""
        while True:
            room = IN_FLIGHT_PER_SLOT * max(self.dispatch.roll.threads, 1) - len(self.dispatch)
            for batch in islice(batches, max(room, 0)):
                self._submit(batch)
            if not len(self.dispatch):
                return
            batch, outcome = self.dispatch.next()
            if isinstance(outcome, Killed):
                self._suspect(batch, outcome)
            else:
                self._enter(batch, outcome)
            if self.ledger.waiting_s > self.commit_every_s:
                self.ledger.commit()

    def _alone(self) -> None:
        """Those that did not come back once more, one at a time: only the guilty kill again."""
        while self._suspects:
            item, deaths = self._suspects.pop()
            self._submit(Batch((item,)), mark="alone")
            batch, outcome = self.dispatch.next()
            if isinstance(outcome, Killed):
                deaths += outcome.deaths
                self.ledger.quarantine(item, outcome.stage, deaths, outcome.reason)
            else:
                self._enter(batch, outcome)
            self.ledger.commit()

    def _submit(self, batch: Batch, mark: str = "") -> None:
        chains = []
        for unit in batch.units:
            self.archives.hold(unit.port.id)
            fork = patiently(partial(self.archives.fork, unit.port.id), warner(self.observe))
            chains.append(Chain(store=fork))
        self.dispatch.submit(batch, chains, mark)

    def _suspect(self, batch: Batch, killed: Killed) -> None:
        """The death of a worker takes the innocent along: each is judged by itself, at the end."""
        for item in batch.items:
            self.archives.release(item.unit.port.id)
            self._suspects.append((item, killed.deaths))
        facts: Facts = {
            "units": len(batch.items),
            "stage": str(killed.stage),
            "reason": killed.reason,
        }
        self.observe(Event(EventName.WARNING, facts))

    def _enter(self, batch: Batch, chains: tuple[Chain, ...]) -> None:
        for item, chain in zip(batch.items, chains, strict=True):
            if chain.trouble:
                raise ArchiveError(
                    f"the archive of {item.unit.port.id} in {self.archives.root.url} cannot be "
                    f"written: {chain.trouble}; what was committed is safe: mend the cause (space, "
                    "rights, network), the same command goes on from there"
                )
            self.ledger.enter(item, chain)
