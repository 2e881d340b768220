"""Inputs of overpasses that an early version tiled, which kept nothing of them: taken from a plan.

What the catalogs said then is known as long as the plan of then is: before another one takes its
place, what it says is kept in the archive, so that the other one can be compared with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from jobs.archive import Archives, Step
from jobs.domain import Overpass, StageName, UnitState
from jobs.plan import Inputs, Plan
from jobs.run.unit_state import port_steps
from jobs.storage import Storage


def keep_inputs(plan: Plan, root: Storage) -> int:
    """Keep what a plan says of overpasses of which the archive knows nothing; returns how many.

    Raises ArchiveError where there are such and another run is at work in the archive.
    """
    archives = Archives(plan.ports, root)
    if not any(_unknown(plan, archives, port.id) for port in plan.ports):
        return 0
    kept = 0
    with root.locked():
        for port in plan.ports:
            unknown = _unknown(plan, archives, port.id)
            if unknown:
                archives[port.id].keep_inputs(unknown)
                kept += len(unknown)
    return kept


def _unknown(plan: Plan, archives: Archives, port_id: str) -> Mapping[str, str]:
    return unknown_inputs(plan.of(port_id), port_steps(archives.existing(port_id)))


def unknown_inputs(overpasses: Iterable[Overpass], steps: Mapping[str, Step]) -> dict[str, str]:
    """What a plan says of those overpasses that were tiled and of whose inputs nothing was kept."""
    unknown = {
        id
        for id, step in steps.items()
        if not step.inputs and step.state[StageName.TILE] is not UnitState.PENDING
    }
    if not unknown:
        return {}
    return {each.id: Inputs.of(each).text for each in overpasses if each.id in unknown}
