"""The committer: reports the results of units, merges and commits them, and counts them."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from jobs.archive import Archives, MergeRefusedError, with_retries
from jobs.domain import Settings, StageName, UnitResult, UnitState
from jobs.plan import Inputs, estimate_overpass, stage_cpu_s
from jobs.run import task
from jobs.run.batches import WorkItem
from jobs.run.events import Event, EventName, Facts, Observer, warner
from jobs.run.task import UnitProgress

MOST_REASONS = 1000
"""Distinct reasons of failures that are counted."""
MOST_FACTORS = 1000
"""Units whose CPU time is compared with the plan's."""
ADDRESS = re.compile(r"[^\s'\"(]*[/\\][^\s'\")]*")
"""An address or a path in a reason."""
OTHER_REASONS = "other reasons: see the journal"


@dataclass
class Tally:
    """Counts of one run so far."""

    worked: int = 0
    """Units that ended, done or failed."""
    retried: int = 0
    copied_files: int = 0
    vessels: int = 0
    ghosts: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Failed units by reason; those that differ by file alone count under the first one's.

    Beyond MOST_REASONS all further ones are under OTHER_REASONS.
    """
    quarantined: list[str] = field(default_factory=list)
    """Overpass ids."""
    unmerged: int = 0
    """Units that ended, but whose steps or arrays another writer changed meanwhile."""
    changes: Counter[UnitState] = field(default_factory=Counter)
    """Change in the number of units in each state by what was committed."""
    cpu_factors: list[float] = field(default_factory=list)
    """CPU time of units that ran through all stages beside that of the plan's rates; of
    MOST_FACTORS at most."""
    _first_of_kind: dict[str, str] = field(default_factory=dict)
    """The first reason of those that are equal but for the addresses in them."""

    def add_reason(self, reason: str) -> None:
        """Count one more failed unit."""
        kind = ADDRESS.sub("", reason)
        if len(self._first_of_kind) < MOST_REASONS:
            self._first_of_kind.setdefault(kind, reason)
        self.reasons[self._first_of_kind.get(kind, OTHER_REASONS)] += 1


class Committer:
    """Collects what has become of units and commits it, per port, from time to time."""

    def __init__(
        self,
        archives: Archives,
        settings: Settings,
        provenance: Mapping[str, str],
        observe: Observer,
    ) -> None:
        """``provenance``: plan, code and model, kept as the metadata of each commit."""
        self.archives = archives
        self.settings = settings
        self.provenance = provenance
        self.observe = observe
        self.tally = Tally()
        self._waiting: dict[str, list[tuple[WorkItem, UnitProgress]]] = {}
        self._committed_at = time.monotonic()

    @property
    def waiting_s(self) -> float:
        """Seconds since the last commit."""
        return time.monotonic() - self._committed_at

    def add(self, item: WorkItem, progress: UnitProgress) -> None:
        """Take up a unit that has ended, done or failed, for the next commit."""
        self.tally.worked += 1
        for result in progress.results:
            self._report(item, result)
        last = progress.results[-1]
        if last:
            self.tally.vessels += last.vessels
        else:
            self.tally.add_reason(last.reason)
        self._measure(item, progress)
        self._waiting.setdefault(item.unit.port.id, []).append((item, progress))

    def quarantine(self, item: WorkItem, stage: StageName, deaths: int, reason: str) -> None:
        """Take up as failed a unit that killed its worker again when it ran alone."""
        overpass = item.unit.overpass
        why = f"killed its worker {deaths} times: {reason}"[: task.REASON_LENGTH]
        self.tally.quarantined.append(overpass.id)
        self.observe(
            Event(
                EventName.QUARANTINED,
                {**_head(item), "stage": str(stage), "deaths": deaths, "reason": why},
            )
        )
        self.add(item, UnitProgress((task.failure(item.unit, stage, why),)))

    def commit(self) -> None:
        """One commit per port with everything that has ended since the last.

        Raises ArchiveError where the archive cannot be written; what was not committed then counts
        as not run.
        """
        for port_id in list(self._waiting):
            self._commit(port_id, self._waiting[port_id])
        self._committed_at = time.monotonic()

    def _commit(self, port_id: str, ended: list[tuple[WorkItem, UnitProgress]]) -> None:
        started = time.perf_counter()
        results = [pair for item, progress in ended for pair in self._keyed(item, progress)]
        forks = [progress.store for _, progress in ended if progress.results[0] and progress.store]
        message = f"{len(ended)} overpasses"
        made_by = sorted({result.made_by for result, _ in results if result.made_by})
        provenance = {**self.provenance, "made_by": json.dumps(made_by)}
        try:
            snapshot = with_retries(  # merging the same forks again writes the same
                lambda: self.archives[port_id].commit(results, forks, message, provenance),
                warner(self.observe),
            )
        except MergeRefusedError as refused:
            self._commit_rest(port_id, ended, refused)
            return
        self._count(port_id, ended)
        facts: Facts = {
            "port": port_id,
            "units": len(ended),
            "snapshot": snapshot,
            "seconds": round(time.perf_counter() - started, 3),
        }
        self.observe(Event(EventName.COMMITTED, facts))

    def _commit_rest(
        self, port_id: str, ended: list[tuple[WorkItem, UnitProgress]], refused: MergeRefusedError
    ) -> None:
        """Commit without the units that were refused, which stay as the archive has them."""
        warner(self.observe)(str(refused))
        rest = [pair for pair in ended if pair[0].unit.overpass.id not in refused.overpass_ids]
        if rest:
            self._commit(port_id, rest)
        else:
            self._count(port_id, rest)

    def _count(self, port_id: str, committed: list[tuple[WorkItem, UnitProgress]]) -> None:
        """What waited of a port does so no more, and counts: at once, as a stop that comes while
        a commit is reported is followed by a last one, which must not count it again.
        """
        changes: Counter[UnitState] = Counter()
        for item, progress in committed:
            changes[item.before] -= 1
            changes[_overall(progress)] += 1
        waited = self._waiting.pop(port_id)
        self.tally.changes.update(changes)
        self.tally.unmerged += len(waited) - len(committed)
        for _ in waited:
            self.archives.release(port_id)

    def _keyed(self, item: WorkItem, progress: UnitProgress) -> Iterator[tuple[UnitResult, str]]:
        """Each result with its stage's key; the later stages become pending again."""
        ran = {result.stage for result in progress.results}
        for stage in task.STAGES:
            if stage.name not in ran and stage.name in (*item.stages, *_later(item)):
                yield replace(progress.results[-1], stage=stage.name, state=UnitState.PENDING), ""
        keys = {stage.name: stage.key(item.unit, self.settings) for stage in task.STAGES}
        for result in progress.results:
            if result.stage is StageName.TILE:
                result = replace(result, inputs=Inputs.of(item.unit.overpass).text)
            yield result, keys[result.stage]

    def _measure(self, item: WorkItem, progress: UnitProgress) -> None:
        measured = [each for each in progress.results if each and each.cpu_seconds > 0]
        if len(measured) == len(task.STAGES) and len(self.tally.cpu_factors) < MOST_FACTORS:
            counted = estimate_overpass(item.unit.overpass, item.unit.port.grid)
            planned = sum(stage_cpu_s(each.stage, counted) for each in measured)
            self.tally.cpu_factors.append(sum(each.cpu_seconds for each in measured) / planned)

    def _report(self, item: WorkItem, result: UnitResult) -> None:
        head = {**_head(item), "stage": str(result.stage)}
        self.tally.retried += len(result.retries)
        self.tally.copied_files += result.copied_files
        self.tally.ghosts += result.ghosts
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
        if result.cpu_seconds:
            facts["cpu_s"] = round(result.cpu_seconds, 3)
        if result.copied_files:
            facts["copied_files"] = result.copied_files
        if result.ghosts:
            facts["ghosts"] = result.ghosts
        if result.reason:
            facts["reason"] = result.reason
        self.observe(Event(EventName.UNIT, facts))


def _head(item: WorkItem) -> Facts:
    overpass = item.unit.overpass
    return {"port": item.unit.port.id, "sensor": overpass.sensor, "overpass": overpass.id}


def _later(item: WorkItem) -> tuple[StageName, ...]:
    """The stages after those that are run: their stored output was made from other pixels."""
    names = list(StageName)
    return tuple(names[names.index(item.stages[-1]) + 1 :])


def _overall(progress: UnitProgress) -> UnitState:
    """The overall state of a unit once its progress is committed."""
    if progress.failed:
        return UnitState.FAILED
    last = progress.results[-1].stage is list(StageName)[-1]
    return UnitState.DONE if last else UnitState.PENDING
