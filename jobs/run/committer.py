"""What came back from the workers: told to the observer, merged, committed, and counted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from jobs.archive.pool import Archives
from jobs.archive.retry import patiently
from jobs.domain import Settings, StageName, UnitResult, UnitState
from jobs.run import task
from jobs.run.backlog import Todo
from jobs.run.events import Event, EventName, Facts, Observer, warner
from jobs.run.task import Chain

MOST_REASONS = 1000


@dataclass
class Summary:
    """What a run did and what is left."""

    done: int = 0
    failed: int = 0
    pending: int = 0
    worked: int = 0
    """Units that this run brought to an end."""
    retried: int = 0
    """Attempts that were given up and made again."""
    vessels: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why units failed, and how many did."""
    quarantined: list[str] = field(default_factory=list)
    """Overpasses that killed every worker that took them up."""
    interrupted: bool = False
    lost: str = ""
    """Why the cluster was given up before the end; empty when it was not."""

    def note(self, reason: str) -> None:
        """One more failure; of reasons beyond MOST_REASONS only their number is kept."""
        known = reason in self.reasons or len(self.reasons) < MOST_REASONS
        self.reasons[reason if known else "other reasons: see the journal"] += 1


class Ledger:
    """Enters what has become of units; until a commit it is nowhere but here."""

    def __init__(
        self,
        archives: Archives,
        settings: Settings,
        provenance: Mapping[str, str],
        observe: Observer,
    ) -> None:
        self.archives = archives
        self.settings = settings
        self.provenance = provenance
        self.observe = observe
        self.summary = Summary()
        self.moved: Counter[UnitState] = Counter()
        """How many units more, or fewer, are in each state since the run began."""
        self._waiting: dict[str, list[tuple[Todo, Chain]]] = {}
        self._committed_at = time.monotonic()

    @property
    def waiting_s(self) -> float:
        """Seconds since the last commit."""
        return time.monotonic() - self._committed_at

    def enter(self, item: Todo, chain: Chain) -> None:
        """A unit has come to its end, well or not."""
        self.summary.worked += 1
        for result in chain.results:
            self._tell(item, result)
        last = chain.results[-1]
        if last:
            self.summary.vessels += last.vessels
        else:
            self.summary.note(last.reason)
        self._waiting.setdefault(item.unit.port.id, []).append((item, chain))

    def quarantine(self, item: Todo, stage: StageName, deaths: int, reason: str) -> None:
        """A unit that killed its workers, alone as well, is failed and named."""
        overpass = item.unit.overpass
        why = f"killed its worker {deaths} times: {reason}"[: task.REASON_LENGTH]
        self.summary.quarantined.append(overpass.id)
        self.observe(
            Event(
                EventName.QUARANTINED,
                {**_head(item), "stage": str(stage), "deaths": deaths, "reason": why},
            )
        )
        self.enter(item, Chain((task.failure(item.unit, stage, why),)))

    def commit(self) -> None:
        """One commit per port with everything that has finished since the last.

        Raises ArchiveError where the archive cannot be written; what was not committed is then as
        if it had never been done.
        """
        for port_id in list(self._waiting):
            self._commit(port_id, self._waiting[port_id])
            for _ in self._waiting.pop(port_id):
                self.archives.release(port_id)
        self._committed_at = time.monotonic()

    def _commit(self, port_id: str, finished: list[tuple[Todo, Chain]]) -> None:
        started = time.perf_counter()
        results = [pair for item, chain in finished for pair in self._keyed(item, chain)]
        forks = [chain.store for _, chain in finished if chain.results[0] and chain.store]
        message = f"{len(finished)} overpasses"
        snapshot = patiently(  # merged once more, the same forks write the same
            lambda: self.archives[port_id].commit(results, forks, message, self.provenance),
            warner(self.observe),
        )
        for item, chain in finished:
            self.moved[item.before] -= 1
            self.moved[_after(chain)] += 1
        facts: Facts = {
            "port": port_id,
            "units": len(finished),
            "snapshot": snapshot,
            "seconds": round(time.perf_counter() - started, 3),
        }
        self.observe(Event(EventName.COMMITTED, facts))

    def _keyed(self, item: Todo, chain: Chain) -> Iterator[tuple[UnitResult, str]]:
        """Each result with its stage's key; the stages behind become pending again."""
        ran = {result.stage for result in chain.results}
        for stage in task.STAGES:
            if stage.name not in ran and stage.name in (*item.stages, *_behind(item)):
                yield replace(chain.results[-1], stage=stage.name, state=UnitState.PENDING), ""
        keys = {stage.name: stage.key(item.unit, self.settings) for stage in task.STAGES}
        for result in chain.results:
            yield result, keys[result.stage]

    def _tell(self, item: Todo, result: UnitResult) -> None:
        head = {**_head(item), "stage": str(result.stage)}
        self.summary.retried += len(result.retries)
        for number, reason in enumerate(result.retries, start=1):
            self.observe(Event(EventName.RETRIED, {**head, "attempt": number, "reason": reason}))
        facts: Facts = {
            **head,
            "acquired": item.unit.overpass.acquired.isoformat(),
            "state": str(result.state),
            "seconds": round(result.seconds, 3),
            "vessels": result.vessels,
            "retries": len(result.retries),
            "last": not result or result.stage is item.stages[-1],
        }
        if result.reason:
            facts["reason"] = result.reason
        self.observe(Event(EventName.UNIT, facts))


def _head(item: Todo) -> Facts:
    overpass = item.unit.overpass
    return {"port": item.unit.port.id, "sensor": overpass.sensor, "overpass": overpass.id}


def _behind(item: Todo) -> tuple[StageName, ...]:
    """The stages behind those that are run: what they once made is of other pixels now."""
    names = list(StageName)
    return tuple(names[names.index(item.stages[-1]) + 1 :])


def _after(chain: Chain) -> UnitState:
    """How a unit stands as a whole once its chain is committed."""
    if chain.broken:
        return UnitState.FAILED
    last = chain.results[-1].stage is list(StageName)[-1]
    return UnitState.DONE if last else UnitState.PENDING
