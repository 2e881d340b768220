"""The backlog of a plan: which units still need which stages, in batches.

It is read port by port, so that memory does not grow with the number of ports or overpasses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

from jobs.archive import Archives, Step, with_retries
from jobs.domain import Overpass, Period, Port, Settings, StageName, Unit, UnitState
from jobs.plan import Plan
from jobs.run import task
from jobs.run.batches import Batch, WorkItem, batch_size, in_batches
from jobs.run.events import Event, EventName, Facts, Observer, warner
from jobs.run.kept_inputs import unknown_inputs
from jobs.run.unit_state import (
    in_archive,
    overall_of,
    port_steps,
    port_units,
    state_of,
    why_stale,
)

WINDOW_PORTS = 16
WINDOW_OVERPASSES = 10_000
"""Neighbouring ports of the plan in which units that read the same scenes are searched; together
they have no more overpasses than this (a single port may have more)."""

MOST_STALE_REASONS = 5
"""Reasons why pixels are stale that a run tells of each port."""


@dataclass(frozen=True)
class RunOptions:
    """Options of one run; none but ``use_reviews`` changes the results."""

    limit: int | None = None
    """At most so many overpasses are done in this run."""
    within: Period | None = None
    """Only overpasses acquired in this period are counted and done: a part of a backfill. The part
    after which nothing of the whole plan is missing publishes."""
    retry_failed: bool = False
    """Whether overpasses that failed before are done again."""
    last_stage: StageName = StageName.SEGMENT
    """The stage after which units end."""
    commit_every_s: float = 30.0
    """Seconds between commits."""
    use_reviews: bool = True
    """Whether decisions of reviewers count in what is published; the one option that changes
    results, and with them their tag."""
    without_workers_s: float = 300.0
    """Seconds without a worker after which the cluster counts as lost."""
    keep_counts: MutableMapping[str, Any] | None = None
    """Where the visits that were counted at each port are kept, and on the workers besides until
    all are, for a run that follows this one, here or in another process: for clusters that outlive
    a run and are nobody else's."""


def work_item(
    unit: Unit, states: Mapping[StageName, UnitState], options: RunOptions
) -> WorkItem | None:
    """What one unit still needs; None for nothing, or where it failed and is not retried."""
    overall = overall_of(states.values())
    if overall is UnitState.FAILED and not options.retry_failed:
        return None
    wanted = list(StageName)[: list(StageName).index(options.last_stage) + 1]
    missing = [name for name in wanted if states[name] is not UnitState.DONE]
    if not missing:
        return None
    # When a stage runs again, those after it must run again.
    again = tuple(wanted[wanted.index(missing[0]) :])
    why = {UnitState.STALE: "stale", UnitState.FAILED: "retry"}.get(states[missing[0]], "new")
    return WorkItem(unit, again, why, overall)


def survey(
    units: Iterable[tuple[Unit, Step]], settings: Settings, options: RunOptions
) -> tuple[Counter[UnitState], list[WorkItem]]:
    """How many of a port's units are in each overall state, and what is to do for them."""
    counts: Counter[UnitState] = Counter()
    found = []
    for unit, step in units:
        states = {s.name: state_of(s, unit, step, settings) for s in task.STAGES}
        counts[overall_of(states.values())] += 1
        item = work_item(unit, states, options)
        if item is not None:
            because = _because(item, step, settings)
            found.append(replace(item, key=step.key[item.stages[0]], because=because))
    return counts, found


def _because(item: WorkItem, step: Step, settings: Settings) -> str:
    if item.why != "stale" or item.stages[0] is not StageName.TILE:
        return ""
    (tile,) = (stage for stage in task.STAGES if stage.name is StageName.TILE)
    return why_stale(tile, item.unit, step, settings, ())


def work_items(
    plan: Plan, archives: Archives, settings: Settings, options: RunOptions
) -> Iterator[WorkItem]:
    """What a run with these options would do, in the plan's order; changes nothing."""
    found = (
        item
        for port in plan.ports
        for item in survey(
            port_units(plan, port, port_steps(archives.existing(port.id)), options.within),
            settings,
            options,
        )[1]
    )
    return islice(found, options.limit)


class Backlog:
    """The batches to do. ``states`` counts the overpasses by overall state as they were found, of
    the ports reached so far.
    """

    def __init__(
        self,
        plan: Plan,
        archives: Archives,
        settings: Settings,
        options: RunOptions,
        observe: Observer,
    ) -> None:
        self.plan = plan
        self.archives = archives
        self.settings = settings
        self.options = options
        self.observe = observe
        self.states: Counter[UnitState] = Counter()
        self._left = options.limit
        self._counted = 0

    def batches(self, threads: Callable[[], int] = lambda: 1) -> Iterator[Batch]:
        """Everything to do; the archive of a port is created when the port is reached.

        ``threads`` says for how many worker threads.
        """
        in_plan = sum(self.plan.count(port.id) for port in self.plan.ports)
        in_all = in_plan if self._left is None else min(in_plan, self._left)
        for ports in windows(self.plan):
            if self._left == 0:
                return
            items = [item for port in ports for item in self._begin(port)]
            yield from in_batches(items, batch_size(threads(), len(items), in_all))

    def count_rest(self) -> None:
        """Count the overpasses of the ports that were not reached; changes no archive."""
        for port in self.plan.ports[self._counted :]:
            archive = self.archives.existing(port.id)
            if archive is None and self.options.within is None:
                self.states[UnitState.PENDING] += self.plan.count(port.id)
                continue
            units = port_units(self.plan, port, port_steps(archive), self.options.within)
            self.states += survey(units, self.settings, self.options)[0]

    def _begin(self, port: Port) -> list[WorkItem]:
        overpasses = self.plan.of(port.id)
        begin = partial(self.archives.begin, port.id, overpasses, _as_known)
        steps = with_retries(begin, warner(self.observe))
        self._keep_inputs(port, overpasses, steps)
        units = list(port_units(self.plan, port, steps, self.options.within))
        self._tell_newer(port, units, steps)
        counts, found = survey(units, self.settings, self.options)
        found = found[: self._left]
        if self._left is not None:
            self._left -= len(found)
        self.states += counts
        self._counted += 1
        self._tell_stale(port, found)
        self.observe(
            Event(
                EventName.PORT,
                {
                    "port": port.id,
                    "overpasses": counts.total(),
                    "done": counts[UnitState.DONE],
                    "failed": counts[UnitState.FAILED],
                    "todo": len(found),
                },
            )
        )
        return found

    def _keep_inputs(
        self, port: Port, overpasses: Sequence[Overpass], steps: Mapping[str, Step]
    ) -> None:
        """What the plan says of overpasses of which an early version kept nothing, told and kept:
        from here on a change is noticed.
        """
        unknown = unknown_inputs(overpasses, steps)
        if unknown:
            keep = partial(self.archives[port.id].keep_inputs, unknown)
            with_retries(keep, warner(self.observe))
            warner(self.observe)(
                f"{port.id}: {len(unknown)} overpasses were tiled by a version that did not keep "
                "what catalogs said of their items; what this plan says is taken for it"
            )

    def _tell_newer(
        self, port: Port, units: Iterable[tuple[Unit, Step]], steps: Mapping[str, Step]
    ) -> None:
        newer = sum(1 for _, step in units if steps[step.overpass_id].inputs != step.inputs)
        if newer:
            warner(self.observe)(
                f"{port.id}: {newer} overpasses are made of later versions of their items than "
                "this plan knows, and stay so; --replan asks the catalogs again"
            )

    def _tell_stale(self, port: Port, found: Iterable[WorkItem]) -> None:
        """Why pixels are made again: an event for each of the commonest reasons."""
        reasons = Counter(item.because for item in found if item.because)
        told = dict(reasons.most_common(MOST_STALE_REASONS))
        rest = reasons.total() - sum(told.values())
        for because, count in [*told.items(), *([("other reasons", rest)] if rest else [])]:
            facts: Facts = {"port": port.id, "overpasses": count, "because": because}
            self.observe(Event(EventName.STALE, facts))


def _as_known(overpasses: Sequence[Overpass], steps: Mapping[str, Step]) -> Sequence[Overpass]:
    return [each for each, _ in in_archive(overpasses, steps)]


def windows(plan: Plan) -> Iterator[list[Port]]:
    """The plan's ports in its order, in groups of WINDOW_PORTS or WINDOW_OVERPASSES at most."""
    window: list[Port] = []
    size = 0
    for port in plan.ports:
        count = plan.count(port.id)
        if window and (len(window) == WINDOW_PORTS or size + count > WINDOW_OVERPASSES):
            yield window
            window, size = [], 0
        window.append(port)
        size += count
    if window:
        yield window
