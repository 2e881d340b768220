"""How many decisions a result uses, how many it does not, and why: for people and provenance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from jobs.domain import Json, ReviewSettings
from jobs.review.decision import What

if TYPE_CHECKING:  # it computes with tables, and status only asks for lines
    from jobs.review.resolution import Resolved


def use_json(found: Iterable[Resolved], settings: ReviewSettings) -> dict[str, Json] | None:
    """The counts over all ports; None where no decision is in force."""
    ports = list(found)
    decisions = [each for one in ports for each in one.decisions]
    if not decisions:
        return None
    used = {id for one in ports for id in one.used}
    counts = Counter(each.what for each in decisions if each.id in used)
    reasons = Counter(why for one in ports for why in one.unused.values())
    return {
        "decisions": len(decisions),
        "used": len(used),
        "unused": len(decisions) - len(used),
        "why_unused": dict(sorted(reasons.items())),
        "used_by_kind": {what.value: counts[what] for what in What if counts[what]},
        "restored_from_fixed": sum(
            each.id in used and each.what is What.SHIP and each.seen.fixed for each in decisions
        ),
        "reviewers": [*sorted({each.who for each in decisions})],
        "missed": settings.missed,
        "invented": settings.invented,
        "ids": [*sorted(used)],
        "unused_ids": [*sorted(id for one in ports for id in one.unused)],
    }


def use_lines(use: Mapping[str, Json] | None) -> Sequence[str]:
    """The same in words; nothing where there was no decision."""
    if use is None:
        return ()
    lines = [f"decisions of reviewers: {use['used']} used ({_kinds(use['used_by_kind'])})"]
    if use["restored_from_fixed"]:
        lines.append(f"counted again though struck out as structure: {use['restored_from_fixed']}")
    unused = use["why_unused"]
    if isinstance(unused, dict):
        lines += [f"decisions of reviewers: {n} not used, as {why}" for why, n in unused.items()]
    return tuple(lines)


def _kinds(counts: Json) -> str:
    found = counts if isinstance(counts, dict) else {}
    kinds = [what.value for what in What if what.value in found]
    return ", ".join(f"{found[kind]} {kind.replace('_', ' ')}" for kind in kinds) or "none"
