"""Which of all decisions hold now, and what each reviewer thinks of each vessel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from jobs.review.decision import Decision, What


class Subject(NamedTuple):
    """What a decision is about: two decisions of one subject answer one question."""

    about: str
    """Vessel id, or overpass and berth of a look joined."""
    aspect: str
    model: str
    """Digest of the network that found the vessel, whose next version may give its id to another;
    "" of a look and of a ship drawn by hand."""


def in_force(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Those that no later decision in force supersedes, in order; an undo holds, but says nothing.

    A reviewer's last word on a question supersedes theirs before, also where it does not name it,
    as it was said in another window at the same time. What was superseded holds again once the
    decision that did so is undone.
    """
    gone: set[str] = set()
    answered: set[tuple[str, Subject]] = set()
    held = []
    for decision in sorted(decisions, key=lambda each: (each.when, each.id), reverse=True):
        answer = (decision.who, subject_of(decision))
        if decision.id in gone or answer in answered:
            continue
        if decision.what not in (What.COMMENT, What.UNDO):
            answered.add(answer)
        gone.update(decision.supersedes)
        held.append(decision)
    return tuple(each for each in reversed(held) if each.what is not What.UNDO)


def subject_of(decision: Decision) -> Subject:
    """What the decision is about."""
    about = decision.vessel or f"{decision.overpass} {decision.berth}"
    model = decision.seen.model if decision.seen.corners else ""
    return Subject(about, decision.aspect, model)


def of_model(held: Iterable[Decision], model: str) -> tuple[Decision, ...]:
    """Those about what this network found, about looks at that, and about ships drawn by hand."""
    decisions = tuple(held)
    drawn = {each.vessel for each in decisions if each.what is What.DRAWN}
    return tuple(each for each in decisions if each.seen.model == model or each.vessel in drawn)


def opinions(decisions: Iterable[Decision]) -> Mapping[Subject, Mapping[str, Decision]]:
    """By subject and reviewer the last decision of those given; comments are none."""
    found: defaultdict[Subject, dict[str, Decision]] = defaultdict(dict)
    for decision in decisions:
        if decision.what not in (What.COMMENT, What.UNDO):
            found[subject_of(decision)][decision.who] = decision
    return found
