"""Run a plan: everything that is still missing, on a Dask cluster, committed as it goes.

The unit of work is one overpass; its stages run one after another in one fork of the archive's
session, possibly on different workers. The coordinator (this module) submits a bounded number of
units, merges what they wrote, and commits. A unit that fails is a value with its reason.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from distributed import Client, Future, as_completed

from jobs import segment, tile
from jobs.archive import ForkStore, PortArchive, Step, pending_step
from jobs.cluster import code_version, has_gpu, slots
from jobs.detector import MeasuredError
from jobs.domain import (
    OverpassStore,
    Port,
    Settings,
    StageName,
    Unit,
    UnitResult,
    UnitState,
    content_id,
)
from jobs.journal import Event, EventName, Observer
from jobs.plan import Plan
from jobs.ports import land_mask
from models.predictor import weights_digest
from models.weights import load


@dataclass(frozen=True)
class Stage:
    """One per-overpass stage: what it does, and what its output depends on."""

    name: StageName
    run: Callable[[Unit, Settings, OverpassStore], UnitResult]
    key: Callable[[Unit, Settings], str]


STAGES = (
    Stage(StageName.TILE, tile.run, tile.key),
    Stage(StageName.SEGMENT, segment.run, segment.key),
)

IN_FLIGHT_PER_SLOT = 3
"""Units with the scheduler per worker thread: enough that no worker waits, and the scheduler's
load does not depend on how many overpasses there are."""


@dataclass(frozen=True)
class Options:
    """What a person may choose for one run; none of it changes the results."""

    limit: int | None = None
    """Do at most this many overpasses now."""
    retry_failed: bool = False
    last_stage: StageName = StageName.SEGMENT
    commit_every_s: float = 30.0


@dataclass(frozen=True)
class Todo:
    """One unit and the stages it still needs, in order."""

    unit: Unit
    stages: tuple[StageName, ...]
    why: str
    """new, stale or retry."""


@dataclass
class Summary:
    """What a run did and what is left."""

    done: int = 0
    failed: int = 0
    pending: int = 0
    worked: int = 0
    """Units that this run brought to an end."""
    vessels: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    """Why units failed, and how many did."""
    interrupted: bool = False


def settings_for(plan: Plan) -> Settings:
    """The settings of a run of this plan with the code and weights that are here."""
    return Settings(
        code_version=code_version(), model=plan.model, model_digest=weights_digest(plan.model)
    )


def detector_errors(model: str | None) -> tuple[MeasuredError, ...]:
    """How the network errs at each kind of place, as its weights say; empty if nobody knows."""
    return load(model).detector_errors


# --- what is to do ------------------------------------------------------------------------------


def open_archives(plan: Plan, root: Path) -> dict[str, PortArchive]:
    """The repository of every port of the plan, made where missing, with all its overpasses."""
    archives = {}
    for port in plan.ports:
        land = None if PortArchive.exists(root, port) else land_mask(port.grid)
        archive = PortArchive.create_or_open(root, port, land)
        archive.ensure(o for o in plan.overpasses if o.port == port.id)
        archives[port.id] = archive
    return archives


def units(plan: Plan, steps: Mapping[str, Step]) -> Iterator[tuple[Unit, Step]]:
    """Every unit of the plan with its step in the archive, in the plan's order."""
    ports: dict[str, Port] = {port.id: port for port in plan.ports}
    for overpass in plan.overpasses:
        step = steps[overpass.id]
        yield Unit(ports[overpass.port], overpass, step.index), step


def state_of(stage: Stage, unit: Unit, step: Step, settings: Settings) -> UnitState:
    """Where a unit stands in a stage: as stored, or stale when it was made from other things."""
    stored = step.state[stage.name]
    if stored is UnitState.PENDING or step.key[stage.name] == stage.key(unit, settings):
        return stored
    return UnitState.STALE


def todo(unit: Unit, step: Step, settings: Settings, options: Options) -> Todo | None:
    """What is still to do for one unit; None when nothing is, or when it failed before."""
    states = {stage.name: state_of(stage, unit, step, settings) for stage in STAGES}
    wanted = list(StageName)[: list(StageName).index(options.last_stage) + 1]
    if UnitState.FAILED in states.values() and not options.retry_failed:
        return None
    missing = [name for name in wanted if states[name] is not UnitState.DONE]
    if not missing:
        return None
    # A stage that runs again makes those behind it run again.
    again = tuple(wanted[wanted.index(missing[0]) :])
    why = {UnitState.STALE: "stale", UnitState.FAILED: "retry"}.get(states[missing[0]], "new")
    return Todo(unit, again, why)


def all_todo(
    plan: Plan, steps: Mapping[str, Step], settings: Settings, options: Options
) -> list[Todo]:
    """Everything to do for a plan, in its order, cut to the limit."""
    found = (todo(unit, step, settings, options) for unit, step in units(plan, steps))
    return list(islice((t for t in found if t is not None), options.limit))


def all_steps(archives: Mapping[str, PortArchive]) -> dict[str, Step]:
    """The steps of all ports by overpass id."""
    return {key: step for archive in archives.values() for key, step in archive.steps().items()}


def steps_so_far(plan: Plan, root: Path) -> dict[str, Step]:
    """The steps of the plan's overpasses, pending where no run has begun; changes nothing."""
    archives = {
        port.id: PortArchive.create_or_open(root, port, None)
        for port in plan.ports
        if PortArchive.exists(root, port)
    }
    known = all_steps(archives)
    return {o.id: known.get(o.id) or pending_step(o) for o in plan.overpasses}


def preview(plan: Plan, root: Path, options: Options) -> list[Todo]:
    """What a run with these options would do."""
    return all_todo(plan, steps_so_far(plan, root), settings_for(plan), options)


def status_rows(plan: Plan, root: Path) -> list[dict[str, str | int]]:
    """Per port, sensor and stage: how many overpasses are done, pending, failed, stale."""
    settings = settings_for(plan)
    counts: Counter[tuple[str, str, str, UnitState]] = Counter()
    for unit, step in units(plan, steps_so_far(plan, root)):
        for stage in STAGES:
            state = state_of(stage, unit, step, settings)
            counts[unit.port.id, unit.overpass.sensor, stage.name, state] += 1
    order = {stage.name: i for i, stage in enumerate(STAGES)}
    heads = sorted({key[:3] for key in counts}, key=lambda h: (h[0], h[1], order[StageName(h[2])]))
    return [
        {
            "port": head[0],
            "sensor": head[1],
            "stage": str(head[2]),
            **{str(state): counts[(*head, state)] for state in UnitState},
        }
        for head in heads
    ]


# --- on a worker --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chain:
    """What has become of one unit so far: its results and the fork they were written into."""

    results: tuple[UnitResult, ...] = ()
    store: ForkStore | None = None

    @property
    def broken(self) -> bool:
        """Whether a stage has failed, so that those behind it cannot run."""
        return any(not result for result in self.results)


def work(name: StageName, unit: Unit, settings: Settings, before: Chain) -> Chain:
    """One stage of one unit, on a worker; whatever goes wrong becomes a failed result."""
    if before.broken or before.store is None:
        return before
    stage = next(stage for stage in STAGES if stage.name is name)
    started = time.perf_counter()
    # The stage writes into a copy, so that what a failing one leaves behind is never merged.
    store = before.store.copy()
    try:
        result = stage.run(unit, settings, store)
    except Exception as error:
        result = UnitResult(
            overpass_id=unit.overpass.id,
            stage=name,
            state=UnitState.FAILED,
            reason=f"{type(error).__name__}: {error}".replace("\n", " ")[:500],
            seconds=time.perf_counter() - started,
        )
        store = before.store
    return Chain((*before.results, result), store)


# --- the coordinator ----------------------------------------------------------------------------


class Coordinator:
    """Submits units in bounded number, merges and commits what they wrote, tells the observer."""

    def __init__(
        self,
        client: Client,
        archives: Mapping[str, PortArchive],
        settings: Settings,
        options: Options,
        provenance: Mapping[str, str],
        observe: Observer,
    ) -> None:
        self.client = client
        self.archives = archives
        self.settings = settings
        self.options = options
        self.provenance = provenance
        self.observe = observe
        self.gpu = has_gpu(client)
        self.summary = Summary()
        self._waiting: dict[str, list[tuple[Todo, Chain]]] = {}
        self._committed_at = time.monotonic()

    def run(self, work_list: Sequence[Todo]) -> Summary:
        """Bring every unit to its end; on Ctrl-C keep what is finished and say so."""
        source = iter(work_list)
        running: dict[Future[Chain], Todo] = {}
        first = islice(source, IN_FLIGHT_PER_SLOT * slots(self.client))
        completed = as_completed()
        try:
            for item in first:
                self._submit(item, running, completed)
            for future in completed:
                item = running.pop(future)
                self._finish(item, self._outcome(future, item))
                for following in islice(source, 1):
                    self._submit(following, running, completed)
        except KeyboardInterrupt:
            self.summary.interrupted = True
            self.client.cancel(list(running), force=True)
        self._commit()
        return self.summary

    def _submit(
        self, item: Todo, running: dict[Future[Chain], Todo], completed: as_completed
    ) -> None:
        chain: Chain | Future[Chain] = Chain(store=self.archives[item.unit.port.id].fork())
        for depth, name in enumerate(item.stages):
            chain = self.client.submit(
                work,
                name,
                item.unit,
                self.settings,
                chain,
                key=self._key(name, item.unit),
                priority=depth,
                resources={"GPU": 1} if self.gpu and name is StageName.SEGMENT else None,
                pure=False,
            )
        assert isinstance(chain, Future)
        running[chain] = item
        completed.add(chain)

    def _key(self, name: StageName, unit: Unit) -> str:
        """Deterministic, and apart for two archives on one scheduler."""
        where = str(self.archives[unit.port.id].repository.storage)
        return f"{name}-{unit.overpass.id}-{content_id([where], 8)}"

    def _outcome(self, future: Future[Chain], item: Todo) -> Chain:
        """The chain a future holds; a worker that died is a failed unit as any other."""
        error = future.exception()
        if error is None:
            chain: Chain = future.result()
            return chain
        reason = f"{type(error).__name__}: the worker was lost while it worked on this: {error}"
        return Chain(
            (
                UnitResult(
                    overpass_id=item.unit.overpass.id,
                    stage=item.stages[-1],
                    state=UnitState.FAILED,
                    reason=reason.replace("\n", " ")[:500],
                ),
            )
        )

    def _finish(self, item: Todo, chain: Chain) -> None:
        self.summary.worked += 1
        for result in chain.results:
            self._tell(item, result)
        last = chain.results[-1]
        if last:
            self.summary.vessels += last.vessels
        else:
            self.summary.reasons[last.reason] += 1
        self._waiting.setdefault(item.unit.port.id, []).append((item, chain))
        if time.monotonic() - self._committed_at > self.options.commit_every_s:
            self._commit()

    def _tell(self, item: Todo, result: UnitResult) -> None:
        facts: dict[str, str | int | float | bool] = {
            "port": item.unit.port.id,
            "sensor": item.unit.overpass.sensor,
            "overpass": result.overpass_id,
            "acquired": item.unit.overpass.acquired.isoformat(),
            "stage": str(result.stage),
            "state": str(result.state),
            "seconds": round(result.seconds, 3),
            "vessels": result.vessels,
            "last": result is not None and (not result or result.stage is item.stages[-1]),
        }
        if result.reason:
            facts["reason"] = result.reason
        self.observe(Event(EventName.UNIT, facts))

    def _commit(self) -> None:
        """One commit per port with everything that has finished since the last."""
        for port_id, finished in self._waiting.items():
            results = [pair for item, chain in finished for pair in self._keyed(item, chain)]
            forks = [chain.store for _, chain in finished if chain.results[0] and chain.store]
            snapshot = self.archives[port_id].commit(
                results, forks, f"{len(finished)} overpasses", self.provenance
            )
            self.observe(
                Event(
                    EventName.COMMITTED,
                    {"port": port_id, "units": len(finished), "snapshot": snapshot},
                )
            )
        self._waiting.clear()
        self._committed_at = time.monotonic()

    def _keyed(self, item: Todo, chain: Chain) -> Iterable[tuple[UnitResult, str]]:
        """Each result with its stage's key; stages behind a failure become pending again."""
        keys = {stage.name: stage.key(item.unit, self.settings) for stage in STAGES}
        ran = {result.stage for result in chain.results}
        for result in chain.results:
            yield result, keys[result.stage]
        if chain.broken:
            for name in item.stages:
                if name not in ran:
                    yield replace(chain.results[-1], stage=name, state=UnitState.PENDING), ""


def run_units(
    plan: Plan,
    archives: Mapping[str, PortArchive],
    settings: Settings,
    options: Options,
    client: Client,
    observe: Observer,
) -> Summary:
    """Bring the plan's units to their end; the summary counts the whole plan afterwards."""
    work_list = all_todo(plan, all_steps(archives), settings, options)
    provenance = {
        "plan": plan.hash,
        "code": settings.code_version,
        "model": settings.model_digest,
    }
    observe(
        Event(
            EventName.STARTED,
            {"plan": plan.hash, "overpasses": len(plan.overpasses), "todo": len(work_list)},
        )
    )
    coordinator = Coordinator(client, archives, settings, options, provenance, observe)
    summary = coordinator.run(work_list)
    count(plan, archives, settings, summary)
    return summary


def count(
    plan: Plan, archives: Mapping[str, PortArchive], settings: Settings, summary: Summary
) -> None:
    """Fill in how many of the plan's overpasses are done, failed and pending now."""
    states = Counter(
        overall(unit, step, settings) for unit, step in units(plan, all_steps(archives))
    )
    summary.done = states[UnitState.DONE]
    summary.failed = states[UnitState.FAILED]
    summary.pending = states[UnitState.PENDING] + states[UnitState.STALE]


def overall(unit: Unit, step: Step, settings: Settings) -> UnitState:
    """One state for a unit: failed if any stage is, done if the last is, else pending or stale."""
    states = [state_of(stage, unit, step, settings) for stage in STAGES]
    for state in (UnitState.FAILED, UnitState.STALE, UnitState.PENDING):
        if state in states:
            return state
    return UnitState.DONE
