"""A decision of a reviewer: one row of an append-only table, never changed once it is written.

It says who decided what about which vessel or look, when and why, what the machine said of it at
that time, and which earlier decisions it takes the place of. An undo is a decision too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from jobs.domain import Json, content_id
from jobs.errors import InputError
from jobs.visits import Cargo

Corners = tuple[tuple[float, float], ...]
"""(x, y) of the corners of a hull, metres in the port's UTM zone."""

LONGEST_TEXT = 2000
LONGEST_NAME = 60


class What(StrEnum):
    """What is decided; ``ASPECT`` says about which side of a vessel."""

    SHIP = "ship"
    NOT_SHIP = "not_ship"
    STRUCTURE = "structure"
    DUPLICATE = "duplicate"
    """Part of the ship that another vessel stands for."""
    HULL = "hull"
    """The outline, as corrected; value: corners."""
    BERTH = "berth"
    """Where it lies; value: berth, "" for none."""
    CARGO = "cargo"
    """How the ship came or left; value: cargo, source."""
    DRAWN = "drawn"
    """A ship that the network did not report; value: corners."""
    LOOK = "look"
    """The whole look at the berth was checked, and nothing was missed."""
    COMMENT = "comment"
    """A remark, which changes nothing."""
    UNDO = "undo"
    """Takes back what it supersedes, and nothing else."""


VALUES = {
    What.HULL: ("corners",),
    What.DRAWN: ("corners",),
    What.BERTH: ("berth",),
    What.CARGO: ("cargo", "source"),
}
"""What a value holds, by what is decided; nothing of the others."""

VERDICTS = (What.SHIP, What.NOT_SHIP, What.STRUCTURE, What.DUPLICATE)
"""They answer one question; of one reviewer the last holds."""


@dataclass(frozen=True)
class Seen:
    """What stood before the reviewer."""

    job: str
    tag: str
    """Of the published results."""
    model: str
    """Id of the network: digest of its weights, and its engine if not torch in float32."""
    score: float | None = None
    """The network's; None of a look, and of a ship drawn by hand."""
    length_m: float | None = None
    fixed: bool = False
    corners: Corners = ()
    """Of the network's box, by which the vessel is known again; empty of a look or a drawn ship."""


@dataclass(frozen=True)
class Decision:
    """One decision; ``id`` is the digest of all the rest."""

    who: str
    when: str
    """UTC, ISO 8601 to the microsecond."""
    what: What
    port: str
    overpass: str
    berth: str
    """Where the vessel counted when it was seen, or the berth that was looked at; "" for none."""
    vessel: str
    """Vessel id; "" of a look."""
    seen: Seen
    why: str = ""
    value: Mapping[str, Json] = field(default_factory=dict)
    supersedes: tuple[str, ...] = ()
    """Ids of the decisions that no longer hold because of this one."""
    settles: bool = False
    """Made with the decisions of others in sight, to end a disagreement; no independent opinion."""
    id: str = ""

    @property
    def corners(self) -> Corners:
        """Of the hull that was drawn; empty where the decision is about something else."""
        return _corners(self.value.get("corners", []))

    @property
    def aspect(self) -> str:
        """The question it answers: two decisions of one aspect are about the same thing."""
        return "verdict" if self.what in VERDICTS else self.what.value


def identified(decision: Decision) -> Decision:
    """The decision with the id that its content has."""
    return replace(decision, id=content_id(_content(decision), 20))


def as_json(decision: Decision) -> dict[str, Json]:
    """The row as it is stored."""
    return {"id": decision.id, **_content(decision)}


def _content(decision: Decision) -> dict[str, Json]:
    values = asdict(decision)
    del values["id"]
    values["what"] = decision.what.value
    values["value"] = dict(decision.value)
    values["supersedes"] = list(decision.supersedes)
    values["seen"]["corners"] = [list(corner) for corner in decision.seen.corners]
    return values


def from_json(found: Mapping[str, Any], where: str) -> Decision:
    """The decision of a stored row; InputError where it is not as it was written."""
    try:
        seen = Seen(**{**found["seen"], "corners": _corners(found["seen"]["corners"])})
        fields = {**found, "seen": seen, "what": What(found["what"])}
        fields["supersedes"] = tuple(found["supersedes"])
        decision = Decision(**fields)
        check(decision)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{where}: is no decision ({type(error).__name__}: {error}); expected a row as "
            "`berthwatch review` writes it: put the file back, or move it out of the archive"
        ) from error
    if identified(decision).id != decision.id:
        raise InputError(
            f"{where}: decision {decision.id} was changed after it was written; decisions are "
            "never edited, only superseded: put the file back, or move it out of the archive"
        )
    return decision


def check(decision: Decision) -> None:
    """Refuse, with InputError, what no reviewer can have meant."""
    name_of(decision.who)
    datetime.fromisoformat(decision.when)
    if not isinstance(decision.why, str) or len(decision.why) > LONGEST_TEXT:
        raise InputError(f"a remark is text of at most {LONGEST_TEXT} characters")
    if any(
        "\ud800" <= sign <= "\udfff" for sign in json.dumps(_content(decision), ensure_ascii=False)
    ):
        raise InputError("half of a character in a text, which no file can hold; write it anew")
    if decision.what is What.UNDO and not decision.supersedes:
        raise InputError("an undo names no decision; expected those it takes back")
    if decision.what is What.COMMENT and not decision.why.strip():
        raise InputError("the comment is empty; write what there is to say")
    if decision.what in (What.HULL, What.DRAWN) and len(decision.corners) < 3:
        raise InputError("the hull has fewer than three corners; draw its outline")
    if decision.what is What.BERTH and not isinstance(decision.value.get("berth"), str):
        raise InputError('no berth is named; expected a berth\'s id, or "" for none')
    if decision.what is What.CARGO:
        _check_cargo(decision.value)


def _check_cargo(value: Mapping[str, Json]) -> None:
    cargo, source = value.get("cargo"), value.get("source")
    if cargo not in list(Cargo):
        raise InputError(f"the cargo is {cargo!r}; expected one of {', '.join(Cargo)}")
    if not isinstance(source, str) or not source.strip() or len(source) > LONGEST_TEXT:
        raise InputError(
            "laden or ballast without a source; say where it is known from, for it is never taken "
            "from imagery"
        )


def name_of(who: str) -> str:
    """A reviewer's name; InputError for what is none."""
    if not isinstance(who, str) or not who.strip() or len(who) > LONGEST_NAME:
        raise InputError(f"a reviewer is named {who!r}; expected 1 to {LONGEST_NAME} characters")
    if not who.isprintable() or who != who.strip():
        raise InputError(f"a reviewer is named {who!r}; expected letters, without blanks around")
    return who


def _corners(found: Any) -> Corners:
    pairs = _sequence(found)
    try:
        corners = tuple((float(x), float(y)) for x, y in pairs)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"a corner of the hull is no pair x, y in metres ({error})") from error
    if not all(math.isfinite(number) for corner in corners for number in corner):
        raise InputError("a corner of the hull is no number")
    return corners


def _sequence(found: Any) -> Sequence[Any]:
    if not isinstance(found, list | tuple) or len(found) > 64:
        raise InputError("the corners of a hull are a list of at most 64 pairs x, y in metres")
    return found
