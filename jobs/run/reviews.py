"""Decisions of reviewers in a run: those about the plan's overpasses, and their part of the tag."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.domain import Json, ReviewSettings
from jobs.plan import Plan
from jobs.publish import newest_folder
from jobs.review import Decision, What, folder_of, in_force, read_decisions, use_lines
from jobs.storage import Storage


@dataclass(frozen=True)
class PlanDecisions:
    """The decisions in force about a plan's overpasses."""

    by_port: Mapping[str, tuple[Decision, ...]]
    """Without comments."""
    settings: ReviewSettings
    elsewhere: int = 0
    """How many are about overpasses of these ports that the plan does not have."""

    @property
    def identity(self) -> list[Json]:
        """Their part of the results' tag; empty without any, so that a tag is then as ever."""
        ids: list[Json] = []
        ids += sorted(each.id for of in self.by_port.values() for each in of)
        return [ids, [self.settings.missed, self.settings.invented]] if ids else []


def plan_decisions(plan: Plan, root: Storage, overpasses: Collection[str]) -> PlanDecisions:
    """What reviewers decided about these overpasses of the plan's ports.

    InputError for decisions that are not as they were written.
    """
    found = {port.id: _in_force(root, port.id) for port in plan.ports}
    mine = {
        port_id: tuple(each for each in decisions if each.overpass in overpasses)
        for port_id, decisions in found.items()
    }
    total = sum(map(len, found.values()))
    return PlanDecisions(mine, plan.reviews, total - sum(map(len, mine.values())))


def review_lines(plan: Plan, root: Storage) -> list[str]:
    """What the newest results use of the decisions, and what was decided since; for people.

    Nothing where nobody ever decided anything about this plan.
    """
    folder = newest_folder(root, plan.name)
    used = None if folder is None else published_use(root, folder)
    lines = list(use_lines(used))
    if not any(root.names(folder_of(port.id)) for port in plan.ports):
        return lines
    said = plan_decisions(plan, root, {overpass.id for overpass in plan.overpasses})
    now = {each.id for of in said.by_port.values() for each in of}
    then = set(used["ids"] + used["unused_ids"]) if used else set()
    if now - then:
        made = "made since the newest results, or left out of them by --without-reviews"
        lines.append(_since(len(now - then), made, plan))
    if then - now:
        undone = "undone or superseded since the newest results"
        lines.append(_since(len(then - now), undone, plan))
    if said.elsewhere:
        lines.append(
            f"decisions of reviewers: {said.elsewhere} about overpasses of these ports that this "
            "plan does not have: another job's, or pinned from other items"
        )
    return lines


def _since(count: int, what: str, plan: Plan) -> str:
    then = "which the job ignores" if not plan.reviews.use else "run the job to count anew"
    return f"decisions of reviewers: {count} {what}; {then}"


def published_use(root: Storage, folder: str) -> dict[str, Any] | None:
    """What published results say of the decisions that they use; None where they use none."""
    try:
        found = json.loads(root.read(f"{folder}/provenance.json"))
    except (FileNotFoundError, ValueError):
        return None  # said by what reads the results
    use = found.get("reviews") if isinstance(found, dict) else None
    return use if isinstance(use, dict) else None


def decisions_of(plan: Plan, root: Storage, use: bool) -> PlanDecisions:
    """The decisions that results use: those about the plan's overpasses, or none."""
    if not use:
        return no_decisions(plan)
    return plan_decisions(plan, root, {overpass.id for overpass in plan.overpasses})


def no_decisions(plan: Plan) -> PlanDecisions:
    """For the machine's results."""
    return PlanDecisions({}, plan.reviews)


def _in_force(root: Storage, port_id: str) -> Sequence[Decision]:
    held = in_force(read_decisions(root, port_id))
    return [each for each in held if each.what is not What.COMMENT]


def reviewed_overpasses(decisions: Iterable[Decision], done: Iterable[str]) -> list[str]:
    """The finished overpasses that decisions are about."""
    named = {each.overpass for each in decisions}
    return [overpass for overpass in done if overpass in named]
