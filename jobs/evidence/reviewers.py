"""What of a visit rests on the word of reviewers and not of the network."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from jobs.evidence.cases import Case, CaseLook
from jobs.visits import Verdict

REJECTED = {
    Verdict.NOT_SHIP: "no ship",
    Verdict.STRUCTURE: "a part of the port",
    Verdict.DUPLICATE: "a part of another ship",
}


def by_reviewers(case: Case) -> Iterator[str]:
    """What reviewers decided of the ship in each look, and of others at the berth; a sentence each.

    Empty where the visit rests on the network alone.
    """
    for look in case.listed:
        if look.found is not None:
            yield from _of_the_ship(look, look.found)
        yield from _of_others(case, look)


def found_words(ship: pd.Series) -> str:
    """That a look shows the ship, and by whose word."""
    if ship["review"] == Verdict.DRAWN:
        return "A reviewer drew the ship by hand; the network reported none there."
    reviewed = ", confirmed by a reviewer" if ship["review"] else ""
    return f"The ship was found (score {ship['score']:.2f}{reviewed})."


def _of_the_ship(look: CaseLook, ship: pd.Series) -> Iterator[str]:
    where = f"In look {look.number}"
    if ship["review"] == Verdict.DRAWN:
        yield f"{where} the ship is there by the word of a reviewer, who drew it by hand."
    elif ship["review"] and ship["fixed"]:
        yield (
            f"{where} the network's find lies where the port itself looks like a ship; a reviewer "
            "says that it is a ship all the same."
        )
    elif pd.notna(ship["review_length_m"]):
        yield (
            f"{where} a reviewer corrected the hull to {ship['review_length_m']:.0f} m; the "
            "measures and the outline here are the network's."
        )


def _of_others(case: Case, look: CaseLook) -> Iterator[str]:
    here = look.vessels[look.vessels["berth"] == case.berth.id]
    for _, other in here[here["review"].isin(list(REJECTED))].iterrows():
        yield (
            f"In look {look.number} the network reported a ship at the berth (score "
            f"{other['score']:.2f}); reviewers took it for {REJECTED[Verdict(other['review'])]}."
        )
