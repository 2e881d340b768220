"""Why a visit's bounds are where they are, and what stands against each of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pandas as pd

from jobs.domain import Json, LookState
from jobs.evidence.cases import Case, CaseLook, Part
from jobs.evidence.objections import like_ships, weak_look
from jobs.evidence.text import counted, moment, percent
from jobs.visits import NEAR, OVERLOOKED

NOBODY_SAW = {
    LookState.CLOUDED: "clouded",
    LookState.OUTSIDE: "outside the image",
    LookState.PARTLY: "partly hidden",
    LookState.CLEAR: "clear",
}


def arrival_json(case: Case) -> dict[str, Json]:
    """The bounds of the arrival: no earlier than, no later than, each with its reason."""
    first = case.sightings[0]
    before = case.of_part(Part.BEFORE)
    since = case.of_part(Part.SINCE)
    return {
        "not_before": moment(case.visit["arrival_after"]),
        "not_before_look": before[0].number if before else None,
        "not_before_reason": _absent(case, before[0]) if before else _never_before(case, since),
        "not_after": moment(case.visit["arrival_before"]),
        "not_after_look": first.number,
        "not_after_reason": f"Look {first.number} is the first in which this ship was found.",
        "between": _between(since),
        "estimated": _estimated(case.visit, "arrival"),
        "against": [*weak_look(case, before), *like_ships(case, before=True)],
    }


def departure_json(case: Case) -> dict[str, Json]:
    """The bounds of the departure, as ``arrival_json``."""
    last = case.sightings[-1]
    after = case.of_part(Part.AFTER)
    until = case.of_part(Part.UNTIL)
    return {
        "not_before": moment(case.visit["departure_after"]),
        "not_before_look": last.number,
        "not_before_reason": f"Look {last.number} is the last in which this ship was found.",
        "not_after": moment(case.visit["departure_before"]),
        "not_after_look": after[0].number if after else None,
        "not_after_reason": _absent(case, after[0]) if after else _never_after(case, until),
        "between": _between(until),
        "estimated": _estimated(case.visit, "departure"),
        "against": [*weak_look(case, after), *like_ships(case, before=False)],
    }


# --- reasons ------------------------------------------------------------------------------------


def _absent(case: Case, look: CaseLook) -> str:
    """Why a look shows that the ship was not there."""
    others = counted(len(look.here), "other ship")
    saw = f"Look {look.number} saw {percent(look.row['clear_fraction'])} of the berth"
    if look.state is LookState.CLEAR:
        return f"{saw} and found {others} there, not this one."
    return (
        f"{saw} and found {others} there: the berth holds {case.berth.capacity}, so this one had "
        "left."
    )


def _never_before(case: Case, since: Sequence[CaseLook]) -> str:
    return (
        f"Open. The period begins {case.result.period.start}, and no look before this ship was "
        f"first found shows all of the berth clear: {_states(since)}. It may have been there "
        f"already when the period began.{_missed(since)}"
    )


def _never_after(case: Case, until: Sequence[CaseLook]) -> str:
    return (
        f"Open. No look after this ship was last found shows that it had left: {_states(until)}. "
        f"The period ends {case.result.period.end}; it may have been there still.{_missed(until)}"
    )


def _missed(looks: Sequence[CaseLook]) -> str:
    """Why clear looks among undecided ones decide nothing; empty without any."""
    if not any(look.state is LookState.CLEAR for look in looks):
        return ""
    minutes = NEAR // timedelta(minutes=1)
    return (
        f" A clear look within {minutes} minutes of a sighting that does not find the ship has "
        "missed it: it settles nothing. Nor do others where, by the detector's measured errors, "
        f"they would all overlook a ship of this length with more than {percent(OVERLOOKED)}."
    )


def _states(looks: Sequence[CaseLook]) -> str:
    """How many looks there are of each state, in words."""
    if not looks:
        return "there is none"
    count = pd.Series([look.state.value for look in looks]).value_counts()
    named = [
        f"{count[state.value]} {words}"
        for state, words in NOBODY_SAW.items()
        if state.value in count
    ]
    return f"of {counted(len(looks), 'look')} {', '.join(named)}"


def _between(looks: Sequence[CaseLook]) -> str:
    """What the looks between a bound and the sightings could see."""
    if not looks:
        return "No look between."
    first, last = looks[0].number, looks[-1].number
    numbers = f"look {first}" if first == last else f"looks {first} to {last}"
    return f"Settled by none of the looks between ({numbers}): {_states(looks)}.{_missed(looks)}"


def _estimated(visit: pd.Series, end: str) -> dict[str, Json] | None:
    """Median and 90 % of a time in the histories; None where visits are not followed singly."""
    if pd.isna(visit[f"{end}_low"]):
        return None
    times: dict[str, Json] = {
        name: moment(visit[f"{end}_{name}"]) for name in ("low", "median", "high")
    }
    return {**times, "mass": 0.9}
