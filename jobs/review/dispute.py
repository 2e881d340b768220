"""Where reviewers contradict each other: such decisions are used by no result until settled.

A disagreement is settled by a decision that supersedes those of both, or when one of them changes
or undoes theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from jobs.review.decision import Decision, What
from jobs.review.hull import overlap
from jobs.review.ledger import opinions

SAME_HULL_FROM = 0.5
"""Overlap of two corrected hulls from which reviewers agree; at 10 m pixels, a ship of 100 m drawn
a pixel longer and broader still has that."""


@dataclass(frozen=True)
class Dispute:
    """One question that reviewers answer differently."""

    about: str
    """Vessel id, or overpass and berth."""
    aspect: str
    decisions: tuple[Decision, ...]
    """The last of each reviewer, by name."""


def disputes(held: Iterable[Decision]) -> tuple[Dispute, ...]:
    """All questions on which decisions in force differ."""
    found = []
    for subject, by_reviewer in opinions(held).items():
        said = tuple(by_reviewer[who] for who in sorted(by_reviewer))
        if any(_differ(one, other) for one, other in combinations(said, 2)):
            found.append(Dispute(subject.about, subject.aspect, said))
    return tuple(found)


def _differ(one: Decision, other: Decision) -> bool:
    if one.aspect == "verdict":
        # wave or quay, it counts nowhere: that is no difference
        return (one.what is What.SHIP) != (other.what is What.SHIP)
    if one.what is What.HULL:
        return overlap(one.corners, other.corners) < SAME_HULL_FROM
    if one.what is What.BERTH:
        return one.value.get("berth") != other.value.get("berth")
    if one.what is What.CARGO:
        return one.value.get("cargo") != other.value.get("cargo")
    return False


def disputed(held: Sequence[Decision]) -> frozenset[str]:
    """Ids of the decisions that reviewers contradict each other in."""
    return frozenset(each.id for dispute in disputes(held) for each in dispute.decisions)
