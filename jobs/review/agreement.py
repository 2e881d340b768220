"""How far two reviewers agree who judged the same vessels without seeing each other's decisions.

Cohen's kappa is (observed - expected) / (1 - expected) agreement, the expected that of two
reviewers who decide at random, each with their own shares of ships (Cohen 1960, "A coefficient of
agreement for nominal scales", Educational and Psychological Measurement 20).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from jobs.domain import Json
from jobs.review.decision import Decision, What
from jobs.review.dispute import Dispute
from jobs.review.ledger import Subject, opinions


@dataclass(frozen=True)
class Agreement:
    """Of two reviewers, on whether vessels are ships."""

    one: str
    other: str
    both_ship: int
    both_not: int
    only_one: int
    """A ship to ``one`` alone."""
    only_other: int

    @property
    def vessels(self) -> int:
        """How many both judged."""
        return self.both_ship + self.both_not + self.only_one + self.only_other

    @property
    def raw(self) -> float:
        """The share they agree on, 0..1."""
        return (self.both_ship + self.both_not) / self.vessels

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa; None where both call all of them the same, so that chance would too."""
        ships_of_one = (self.both_ship + self.only_one) / self.vessels
        ships_of_other = (self.both_ship + self.only_other) / self.vessels
        by_chance = ships_of_one * ships_of_other + (1 - ships_of_one) * (1 - ships_of_other)
        return None if by_chance == 1 else (self.raw - by_chance) / (1 - by_chance)


def agreements(decisions: Sequence[Decision]) -> tuple[Agreement, ...]:
    """Of every two reviewers who judged the same vessel, from their independent decisions.

    ``decisions`` are all that were ever made: one that settled a disagreement, with both opinions
    in sight, is no independent opinion, and what it settled stays one.
    """
    verdicts = _independent(decisions)
    reviewers = sorted({who for said in verdicts.values() for who in said})
    found = (_of_two(verdicts, one, other) for one, other in combinations(reviewers, 2))
    return tuple(each for each in found if each.vessels)


def _independent(decisions: Sequence[Decision]) -> dict[Subject, Mapping[str, Decision]]:
    """By vessel and reviewer the last verdict that was made without sight of others'."""
    undone = {id for each in decisions if each.what is What.UNDO for id in each.supersedes}
    alone = [each for each in decisions if not each.settles and each.id not in undone]
    found = opinions(alone)
    return {subject: said for subject, said in found.items() if subject.aspect == "verdict"}


def _of_two(verdicts: Mapping[Subject, Mapping[str, Decision]], one: str, other: str) -> Agreement:
    pairs = [
        (said[one].what is What.SHIP, said[other].what is What.SHIP)
        for said in verdicts.values()
        if one in said and other in said
    ]
    return Agreement(
        one,
        other,
        both_ship=pairs.count((True, True)),
        both_not=pairs.count((False, False)),
        only_one=pairs.count((True, False)),
        only_other=pairs.count((False, True)),
    )


def agreement_json(found: Sequence[Agreement], open_ones: Sequence[Dispute]) -> dict[str, Json]:
    """Both as plain values, for ``--json`` and for the page."""
    return {
        "reviewers": [
            {
                "one": each.one,
                "other": each.other,
                "vessels": each.vessels,
                "agreement": each.raw,
                "kappa": each.kappa,
                "both_ship": each.both_ship,
                "both_not": each.both_not,
                "only_one": each.only_one,
                "only_other": each.only_other,
            }
            for each in found
        ],
        "disagreements": [
            {
                "about": each.about,
                "question": each.aspect,
                "said": {of.who: _said(of) for of in each.decisions},
                "why": {of.who: of.why for of in each.decisions if of.why},
            }
            for each in open_ones
        ],
    }


def _said(decision: Decision) -> str:
    match decision.what:
        case What.BERTH:
            return str(decision.value.get("berth") or "at no berth")
        case What.CARGO:
            return str(decision.value.get("cargo"))
        case What.HULL:
            return f"a hull of {decision.value.get('length_m', 0):.0f} m"
    return decision.what.value
