"""What reviewers say of the vessels and looks of one port, as the counting takes it.

Where it comes from, and which decisions are used, is for ``jobs.review`` to say; here is what
follows from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from jobs.domain import Vessel
from jobs.visits.cargo.entries import CargoEntry


class Verdict(StrEnum):
    """What reviewers take one sighting for; the values of the column ``review``."""

    NONE = ""
    """No reviewer has said anything."""
    SHIP = "ship"
    """A ship, also where the network's hull was corrected or taken for fixed structure."""
    NOT_SHIP = "not_ship"
    """A wave, a cloud, an islet, a wake: counted nowhere."""
    STRUCTURE = "structure"
    """A part of the port: counted nowhere."""
    DUPLICATE = "duplicate"
    """A part of a ship that another sighting stands for: counted nowhere."""
    DRAWN = "drawn"
    """A ship that the network did not report, drawn by a reviewer."""

    @property
    def rejects(self) -> bool:
        """Whether the network's report counts nowhere."""
        return self in (Verdict.NOT_SHIP, Verdict.STRUCTURE, Verdict.DUPLICATE)


@dataclass(frozen=True)
class VesselReview:
    """What reviewers say of one vessel."""

    verdict: Verdict
    hull: Vessel | None = None
    """The corrected hull, in the port's UTM zone; None where the network's holds."""
    berth: str | None = None
    """The berth chosen, "" for none; None where the position decides."""


@dataclass(frozen=True)
class DrawnShip:
    """A ship drawn by a reviewer in one overpass."""

    vessel_id: str
    vessel: Vessel
    berth: str | None = None


HULL_SD_M = 7.0
"""Standard deviation of the length of a hull drawn by hand: half a pixel of 10 m at each end."""

WholeLook: TypeAlias = tuple[str, str]
"""Overpass id and berth id of a look that was checked as a whole: nothing in it was missed."""


@dataclass(frozen=True)
class PortReview:
    """All that reviewers say of one port that is to be used."""

    vessels: Mapping[str, VesselReview] = field(default_factory=dict)
    """By vessel id."""
    drawn: Mapping[str, tuple[DrawnShip, ...]] = field(default_factory=dict)
    """By overpass id."""
    whole: frozenset[WholeLook] = frozenset()
    cargo: Mapping[str, CargoEntry] = field(default_factory=dict)
    """By vessel id: the entry of the visit that this sighting belongs to, whichever that is."""
    missed: float = 0.02
    """Chance that a reviewer who looked overlooks or rejects a ship that is there."""
    invented: float = 0.01
    """Chance that a reviewer takes for a ship what is none."""


NO_REVIEW = PortReview()


def as_reviewed(found: Vessel, review: VesselReview, invented: float) -> Vessel:
    """The vessel that counts: the hull as corrected; a ship no longer fixed, and as sure as the
    reviewer is.
    """
    counted = replace(
        review.hull or found,
        background=found.background,
        place_seen=found.place_seen,
        place_looks=found.place_looks,
    )
    if review.verdict is not Verdict.SHIP:
        return replace(counted, fixed=found.fixed, score=found.score)
    return replace(counted, fixed=False, score=1 - invented)
