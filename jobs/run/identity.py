"""What the results of a job are made from, as the archive holds it now, and the tag that follows.

No record of an overpass is read: states, digests of what was read, and what analysts entered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from jobs.archive import Archives
from jobs.domain import Port, Settings, UnitResult, UnitState, content_id, item_names
from jobs.plan import Plan
from jobs.publish import SourceItem, UnitCounts
from jobs.run.reviews import PlanDecisions
from jobs.run.source_items import source_items
from jobs.run.unit_state import failed_stage, overall, port_steps, port_units
from jobs.visits import CargoEntry

TAG_LENGTH = 12


@dataclass(frozen=True)
class PortState:
    """The overpasses of one port by overall state."""

    done: tuple[str, ...]
    failures: tuple[UnitResult, ...]
    pending: int
    items: Mapping[str, tuple[str, ...]]
    """Names of the catalogs' items by overpass id, unambiguous within the port."""
    read: Mapping[str, str]
    """sha256 of what was read by overpass id, of those done of which it was kept."""
    sources: tuple[SourceItem, ...]
    """The items of those done."""


@dataclass(frozen=True)
class JobState:
    """All that the results of a job are made from."""

    ports: Mapping[str, PortState]
    """By port id, in the plan's order."""
    tag: str
    """Derived from the content: the same tag, the same results."""
    decisions: PlanDecisions
    """Of reviewers, those that count."""

    @property
    def counts(self) -> UnitCounts:
        """Numbers of overpasses of the job by state."""
        return _counts(self.ports.values())


def job_state(
    plan: Plan,
    archives: Archives,
    settings: Settings,
    entries: Sequence[CargoEntry],
    decisions: PlanDecisions,
) -> JobState:
    """The state of a plan in these archives; ``entries`` are analysts' cargo entries, ``decisions``
    those of reviewers that count.
    """
    ports = {port.id: _port_state(plan, port, archives, settings) for port in plan.ports}
    tag = results_tag(plan, settings, list(ports.values()), entries, decisions)
    return JobState(ports, tag, decisions)


def results_tag(
    plan: Plan,
    settings: Settings,
    states: Sequence[PortState],
    entries: Sequence[CargoEntry],
    decisions: PlanDecisions,
) -> str:
    """The tag of results: the digest of everything that they depend on, and of nothing else.

    The one place that says what that is: whatever else comes to change results is added here.
    """
    counts = _counts(states)
    tag = content_id(
        [
            plan.hash,
            settings.code_version,
            settings.model_digest,
            sorted(overpass for one in states for overpass in one.done),
            [asdict(entry) for entry in entries],
            {id: digest for one in states for id, digest in one.read.items()},
            counts.failed,
            *decisions.identity,
        ],
        TAG_LENGTH,
    )
    return tag if counts.pending == 0 else f"partial-{tag}"


def _counts(states: Iterable[PortState]) -> UnitCounts:
    found = list(states)
    return UnitCounts(
        done=sum(len(one.done) for one in found),
        failed=sum(len(one.failures) for one in found),
        pending=sum(one.pending for one in found),
    )


def _port_state(plan: Plan, port: Port, archives: Archives, settings: Settings) -> PortState:
    done, failures, pending = [], [], 0
    archive = archives.existing(port.id)
    units = list(port_units(plan, port, port_steps(archive)))
    names = item_names(unit.overpass.scenes for unit, _ in units)
    items = {unit.overpass.id: each for (unit, _), each in zip(units, names, strict=True)}
    for unit, step in units:
        match overall(unit, step, settings):
            case UnitState.DONE:
                done.append(unit.overpass.id)
            case UnitState.FAILED:
                stage = failed_stage(unit, step, settings)
                failures.append(UnitResult(unit.overpass.id, stage, UnitState.FAILED, step.reason))
            case _:
                pending += 1
    kept = {} if archive is None else archive.digests_of_read()
    read = {id: kept[id] for id in done if id in kept}
    wanted = set(done)
    sources = source_items(unit.overpass for unit, _ in units if unit.overpass.id in wanted)
    return PortState(tuple(done), tuple(failures), pending, items, read, sources)
