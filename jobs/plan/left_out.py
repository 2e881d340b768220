"""What a plan leaves out of what the catalogs gave: how much, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from jobs.catalog import Rejected
from jobs.domain import Json
from jobs.plan.plan import Plan
from jobs.plan.serialise import fields_of


@dataclass(frozen=True)
class LeftOut:
    """Items that were left out for one reason."""

    reason: str
    """The reason with the item's own id left out of it."""
    items: Sequence[Rejected]


def left_out(plan: Plan) -> list[LeftOut]:
    """A plan's rejected items by reason, the most frequent reason first."""
    groups: dict[str, list[Rejected]] = defaultdict(list)
    for item in plan.rejected:
        groups[_general(item)].append(item)
    found = [LeftOut(reason, items) for reason, items in groups.items()]
    return sorted(found, key=lambda each: (-len(each.items), each.reason))


def left_out_json(plan: Plan) -> dict[str, Json]:
    """``rejected`` (count, reasons with counts, every item with its reason) and ``superseded``,
    the number of scenes of which another one of the same acquisition is used.
    """
    reasons: list[Json] = [
        {"reason": each.reason, "count": len(each.items)} for each in left_out(plan)
    ]
    items: list[Json] = [fields_of(item) for item in plan.rejected]
    return {
        "rejected": {"count": len(items), "reasons": reasons, "items": items},
        "superseded": sum(1 for _ in plan.superseded),
    }


def left_out_lines(plan: Plan, most: int | None) -> list[str]:
    """The same as lines of text: a count, and each reason with its count and first ids.

    ``most`` is the largest number of reasons and of ids to a reason; None lists every item.
    """
    if not plan.rejected:
        return []
    groups = left_out(plan)
    shown = groups if most is None else groups[:most]
    lines = [f"{_items(len(plan.rejected))} cannot be used and {_are(plan)} left out:"]
    for each in shown:
        lines += _reason_lines(each, most)
    if len(groups) > len(shown):
        others = sum(len(each.items) for each in groups[len(shown) :])
        lines.append(f"  {others}: for {len(groups) - len(shown)} other reasons")
    if most is not None and _shortened(groups, most):
        lines.append("  --all lists every one with its reason, --json too")
    return lines


def _reason_lines(group: LeftOut, most: int | None) -> list[str]:
    if most is None:
        return [f"  {item.item_id}: {item.reason}" for item in group.items]
    ids = ", ".join(item.item_id for item in group.items[:most])
    more = " ..." if len(group.items) > most else ""
    return [f"  {len(group.items)}: {group.reason} ({ids}{more})"]


def _shortened(groups: Sequence[LeftOut], most: int) -> bool:
    return len(groups) > most or any(len(each.items) > most for each in groups)


def _items(count: int) -> str:
    return f"{count:,} item" if count == 1 else f"{count:,} items"


def _are(plan: Plan) -> str:
    return "is" if len(plan.rejected) == 1 else "are"


def _general(item: Rejected) -> str:
    """The reason without the item's id, so that equal faults have equal reasons."""
    reason = item.reason.replace(f"item {item.item_id!r}", "the item")
    return reason.replace(item.item_id, "it") if "/" in item.item_id else reason
