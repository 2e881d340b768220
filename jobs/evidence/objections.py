"""What speaks against a visit or one of its bounds: said here before somebody else says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from math import hypot

import numpy as np
import pandas as pd

from jobs.evidence.cases import Case, CaseLook
from jobs.evidence.index import sighting_of
from jobs.evidence.measures import berth_share
from jobs.evidence.reviewers import by_reviewers
from jobs.evidence.text import length_text, percent
from jobs.visits import (
    CLEAR_FROM,
    MAX_GAP,
    Stay,
    disagreement_text,
    is_doubted,
    misfit,
)

LIKELY = 0.5
"""Below it a visit is more likely none."""
LIKE_STRUCTURE = 0.1
"""Ship probability of the port's own background from which it is worth a word."""


def against_visit(case: Case) -> list[str]:
    """What speaks against the visit as a whole, a sentence each."""
    return [*_doubted(case), *_thin(case), *_odd_place(case), *by_reviewers(case)]


def _doubted(case: Case) -> Iterator[str]:
    visit = case.visit
    if visit["confidence"] < LIKELY:
        yield (
            f"By the network's own word ({visit['confidence']:.2f}) this is more likely no ship "
            "than a ship."
        )
    if visit["probability"] < LIKELY:  # never of NaN
        yield (
            f"With all looks weighed, a ship was there with a probability of "
            f"{visit['probability']:.2f} only."
        )
    if is_doubted(case.estimate):
        yield f"The estimate of this berth is in doubt: {disagreement_text(case.estimate)}."


def _thin(case: Case) -> Iterator[str]:
    """That little was seen of the ship."""
    if len(case.sightings) == 1:
        yield (
            "It was found in one look only. That it stayed is not shown: it may have lain there "
            "for minutes, or for all the time between the bounds."
        )
    if case.visit["truncated"]:
        yield "In every look it was cut by cloud or the image's edge: its length is a lower bound."


def _odd_place(case: Case) -> Iterator[str]:
    """That what was found may be no ship, or not at this berth."""
    if case.port.approximate:
        yield "The outlines of this port's berths are approximate: unchecked against imagery."
    shares = [berth_share(case, ship) for ship in case.ships]
    if max(shares) == 0:
        yield (
            "In no look does its outline touch that of the berth; it lies within 50 m, and that "
            "counts as at the berth."
        )
    like = pd.Series(
        [look.found["background"] for look in case.sightings if look.found is not None]
    )
    if like.isna().all():
        yield (
            "Whether the port itself looks like a ship there could not be told: there are too few "
            "clear looks, or the job keeps fixed structure."
        )
    elif like.max() >= LIKE_STRUCTURE:
        yield (
            "The port's own background, made of its calmest looks, looks like a ship at this place "
            f"with a probability of {like.max():.2f}{_seen_there(case)}. That is inferred: a ship "
            "that lay there in nearly all looks would look the same."
        )


def _seen_there(case: Case) -> str:
    """In how many looks the same is seen at the place, as words that follow."""
    found = [look.found for look in case.sightings if look.found is not None]
    counts = [
        (int(one["place_seen"]), int(one["place_looks"]))
        for one in found
        if not pd.isna(one["place_looks"])
    ]
    return (
        f"; the same is seen there in {max(counts)[0]} of {max(counts)[1]} clear looks"
        if counts
        else ""
    )


# --- bounds -------------------------------------------------------------------------------------


def weak_look(case: Case, bound: Sequence[CaseLook]) -> Iterator[str]:
    """What makes the look of a bound weaker than it seems; equal for equal looks."""
    for look in bound[:1]:
        row = look.row
        if not row["screened"]:
            yield (
                "A look that bounds the visit came without a cloud mask: it counts as clear, but "
                "cloud is not known. Judge it by its picture."
            )
        elif row["clear_fraction"] < 1:
            yield (
                f"{percent(1 - row['clear_fraction'])} of the berth was hidden in a look that "
                f"bounds the visit (look {look.number}); from {percent(CLEAR_FROM)} clear on, "
                "absence counts."
            )
        if row["thin_cloud_fraction"] > 0:
            yield (
                f"{percent(row['thin_cloud_fraction'])} of the berth lay under thin cloud in look "
                f"{look.number}, which counts as clear."
            )
        recall = case.estimate
        if not pd.isna(recall["recall"]):
            yield (
                "A ship that lies there is found in a clear look with a probability of about "
                f"{percent(recall['recall'])} (90\u00a0%: {percent(recall['recall_low'])} to "
                f"{percent(recall['recall_high'])}): it can have been overlooked in a look that "
                "bounds the visit. Judge by the pictures."
            )


def like_ships(case: Case, before: bool) -> Iterator[str]:
    """Other visits that by length and place may be this ship, on that side of the visit."""
    visits = case.index.visits(case.port.id, case.berth.id)
    others = visits[visits["visit_id"] != case.visit_id]
    if before:
        others = others[others["departure_after"] < case.visit["arrival_before"]]
        bound = case.visit["arrival_after"]
        near = others if pd.isna(bound) else others[others["departure_after"] >= bound]
        near = near.sort_values("departure_after", ascending=False)
    else:
        others = others[others["arrival_before"] > case.visit["departure_after"]]
        bound = case.visit["departure_before"]
        near = others if pd.isna(bound) else others[others["arrival_before"] <= bound]
        near = near.sort_values("arrival_before")
    for _, other in near.iterrows():
        if may_be_one_ship(case, other, before):
            yield _like_ship(case, other, before)


def _like_ship(case: Case, other: pd.Series, before: bool) -> str:
    seen = other["departure_after"] if before else other["arrival_before"]
    mine = case.visit["arrival_before"] if before else case.visit["departure_after"]
    gap = abs(mine - seen)
    days = MAX_GAP / timedelta(days=1)
    why = (
        f"sightings more than {days:.0f} days apart are never joined into one stay"
        if gap > MAX_GAP
        else "another pair of sightings fitted better, or a clear look without it lay between"
    )
    which = "last found" if before else "first found"
    return (
        f"By length and place, visit {other['visit_id']} ({length_text(other)}, {which} "
        f"{gap / timedelta(days=1):.1f} days {'earlier' if before else 'later'}) may be this same "
        f"ship: {why}. Then there was one longer stay, and this bound falls."
    )


def may_be_one_ship(case: Case, other: pd.Series, before: bool) -> bool:
    """Whether length and place allow that another visit at the berth is the same ship's."""
    theirs, mine = case.index.stay(str(other["visit_id"])), case.index.stay(case.visit_id)
    earlier, later = (theirs, mine) if before else (mine, theirs)
    return bool(np.isfinite(misfit(case.berth, earlier, later.sightings[0].vessel)))


def fits(case: Case, look: CaseLook, ship: pd.Series) -> dict[str, bool | float]:
    """How far another vessel lies from the nearest sighting in time of the visit's ship, and
    whether length and place allow that it is the same.
    """
    sightings = case.index.stay(case.visit_id).sightings
    mine = min(sightings, key=lambda each: abs(each.time - look.time))
    other = sighting_of(case.port, ship)
    pair = (other, mine) if other.time < mine.time else (mine, other)
    away_m = hypot(mine.vessel.x - other.vessel.x, mine.vessel.y - other.vessel.y)
    may_be = bool(np.isfinite(misfit(case.berth, Stay((pair[0],)), pair[1].vessel)))
    return {"distance_m": round(away_m), "may_be_the_same": may_be}
