"""From decisions to what the counting uses, and why others are not used.

A decision about a vessel holds for that vessel alone: same overpass, same network, same box. After
the pixels were read anew or another network looked at them it is kept, but not used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from jobs.domain import OverpassRecord, Port, ReviewSettings, Vessel
from jobs.errors import InputError
from jobs.review.decision import VERDICTS, Corners, Decision, What
from jobs.review.dispute import disputed
from jobs.review.hull import SAME_BOX_FROM, SAME_FROM, overlap, same_box, vessel_from
from jobs.visits import (
    Cargo,
    CargoEntry,
    DrawnShip,
    PortReview,
    PortTables,
    Verdict,
    VesselReview,
    named_vessels,
)

DISPUTED = "reviewers disagree: settle it in `berthwatch review`"
OTHER_MODEL = "they are about what another network found"
GONE = "the network no longer reports that vessel there"
NOT_DONE = "its overpass has no result yet"
NO_BERTH = "its berth is no longer in the port file"
FOUND_NOW = "the network finds that ship by itself"
TWICE = "another reviewer drew the same ship"
REJECTED = "a reviewer takes that ship for none"
NOT_ALL_JUDGED = "a ship in that look is not judged, so that it is not whole"
NO_VISIT = "its vessel belongs to no visit that counts"
OTHER_CARGO = "another entry says otherwise of the same visit"


@dataclass(frozen=True)
class Resolved:
    """The decisions about one port, sorted into those that are used and those that are not."""

    review: PortReview = field(default_factory=PortReview)
    used: tuple[str, ...] = ()
    """Ids, in order."""
    unused: Mapping[str, str] = field(default_factory=dict)
    """Why, by id."""
    decisions: tuple[Decision, ...] = ()
    """All of them: in force, of this plan's overpasses, without comments."""


def resolve(
    port: Port,
    decisions: Sequence[Decision],
    records: Iterable[OverpassRecord],
    model: str,
    settings: ReviewSettings,
) -> Resolved:
    """What follows from decisions in force about a port's overpasses.

    ``records`` are those of the overpasses that they name, as far as they are done.
    """
    asked = [each for each in decisions if each.what is not What.COMMENT]
    vessels = {record.overpass_id: dict(named_vessels(record)) for record in records}
    work = _Resolution(port, vessels, model, settings)
    work.drop_unusable(asked)
    drawn = work.drawn_ships()
    said = work.vessel_reviews(drawn)
    review = PortReview(
        vessels={id: each for id, each in said.items() if id not in drawn},
        drawn=_by_overpass(drawn, said),
        whole=frozenset(
            (each.overpass, each.berth) for each in work.kept if each.what is What.LOOK
        ),
        cargo={each.vessel: _entry(each) for each in work.kept if each.what is What.CARGO},
        missed=settings.missed,
        invented=settings.invented,
    )
    used = tuple(each.id for each in work.kept)
    return Resolved(review, used, work.unused, tuple(asked))


class _Resolution:
    """The decisions still kept, and why the others were dropped."""

    def __init__(
        self,
        port: Port,
        vessels: Mapping[str, Mapping[str, Vessel]],
        model: str,
        settings: ReviewSettings,
    ) -> None:
        self.berths = {berth.id for berth in port.berths} | {""}
        self.vessels = vessels
        self.model = model
        self.score = 1 - settings.invented
        self.kept: list[Decision] = []
        self.unused: dict[str, str] = {}

    def drop_unusable(self, decisions: Iterable[Decision]) -> None:
        """Keep those whose vessel or look is what it was."""
        asked = list(decisions)
        self.drawn_ids = {each.vessel for each in asked if each.what is What.DRAWN}
        for each in asked:
            why = self._why_not(each)
            if why:
                self.unused[each.id] = why
            else:
                self.kept.append(each)
        # only now: what is about something else contradicts nobody
        disputed_ids = disputed(self.kept)
        self.unused |= dict.fromkeys(disputed_ids, DISPUTED)
        self.kept = [each for each in self.kept if each.id not in disputed_ids]

    def _why_not(self, each: Decision) -> str:
        if each.overpass not in self.vessels:
            return NOT_DONE
        if each.what is What.LOOK and each.berth not in self.berths:
            return NO_BERTH
        if each.what is What.BERTH and each.value["berth"] not in self.berths:
            return NO_BERTH
        if each.vessel in self.drawn_ids:
            return ""
        if each.seen.model != self.model:
            return OTHER_MODEL
        found = self.vessels[each.overpass].get(each.vessel)
        if each.vessel and (found is None or not same_box(found.corners, each.seen.corners)):
            return GONE
        return ""

    def drawn_ships(self) -> dict[str, tuple[str, Vessel]]:
        """Overpass and hull by vessel id of the drawn ships that count."""
        ships: dict[str, tuple[str, Vessel]] = {}
        for each in [each for each in self.kept if each.what is What.DRAWN]:
            ship = vessel_from(self._hull_of(each), self.score)
            why = self._why_not_drawn(each, ship, ships)
            if why:
                self._drop(each.vessel, why)
            else:
                ships[each.vessel] = (each.overpass, ship)
        for each in [each for each in self.kept if each.vessel in self.drawn_ids - set(ships)]:
            self._drop(each.vessel, GONE)
        return ships

    def _hull_of(self, drawn: Decision) -> tuple[tuple[float, float], ...]:
        """The drawn outline, or the last correction of it."""
        hulls = [
            each.corners
            for each in self.kept
            if each.what is What.HULL and each.vessel == drawn.vessel
        ]
        return hulls[-1] if hulls else drawn.corners

    def _why_not_drawn(
        self, each: Decision, ship: Vessel, others: Mapping[str, tuple[str, Vessel]]
    ) -> str:
        verdicts = [
            one.what for one in self.kept if one.vessel == each.vessel and one.what in VERDICTS
        ]
        if verdicts and verdicts[-1] is not What.SHIP:
            return REJECTED
        if any(
            of == each.overpass and overlap(ship.corners, other.corners) >= SAME_FROM
            for of, other in others.values()
        ):
            return TWICE
        # of what the reviewer saw, only a box drawn over again is meant; two ships may lie close
        least = SAME_BOX_FROM if each.seen.model == self.model else SAME_FROM
        if any(overlap(ship.corners, hull) >= least for hull in self._hulls_in(each.overpass)):
            return FOUND_NOW
        return ""

    def _hulls_in(self, overpass: str) -> Iterator[Corners]:
        """The hulls of the network's vessels that no reviewer rejects, as corrected."""
        for id, found in self.vessels[overpass].items():
            said = [each for each in self.kept if each.vessel == id]
            verdicts = [each.what for each in said if each.what in VERDICTS]
            if verdicts and verdicts[-1] is not What.SHIP:
                continue
            hulls = [each.corners for each in said if each.what is What.HULL]
            yield hulls[-1] if hulls else found.corners

    def _drop(self, vessel_id: str, why: str) -> None:
        for each in [each for each in self.kept if each.vessel == vessel_id]:
            self.kept.remove(each)
            self.unused[each.id] = why

    def vessel_reviews(self, drawn: Mapping[str, object]) -> dict[str, VesselReview]:
        """What is said of each vessel, in the order of the decisions; the last word holds."""
        by_vessel: defaultdict[str, list[Decision]] = defaultdict(list)
        for each in self.kept:
            if each.vessel:
                by_vessel[each.vessel].append(each)
        return {id: self._review(said, id in drawn) for id, said in by_vessel.items()}

    def _review(self, said: Sequence[Decision], is_drawn: bool) -> VesselReview:
        verdict, hull, berth = Verdict.DRAWN if is_drawn else Verdict.SHIP, None, None
        for each in said:
            if each.what in VERDICTS and not is_drawn:
                verdict = Verdict(each.what.value)
            elif each.what is What.HULL:
                hull = vessel_from(each.corners, self.score)
            elif each.what is What.BERTH:
                berth = str(each.value["berth"])
        return VesselReview(verdict, hull, berth)


def _by_overpass(
    drawn: Mapping[str, tuple[str, Vessel]], said: Mapping[str, VesselReview]
) -> dict[str, tuple[DrawnShip, ...]]:
    found: defaultdict[str, list[DrawnShip]] = defaultdict(list)
    for id, (overpass, ship) in sorted(drawn.items()):
        found[overpass].append(DrawnShip(id, ship, said[id].berth))
    return {overpass: tuple(ships) for overpass, ships in found.items()}


def _entry(decision: Decision) -> CargoEntry:
    """The entry of a visit that is not known yet."""
    return CargoEntry("", Cargo(str(decision.value["cargo"])), str(decision.value["source"]))


def with_cargo(
    resolved: Resolved, tables: PortTables, entries: Sequence[CargoEntry]
) -> tuple[tuple[CargoEntry, ...], Resolved]:
    """The entries with those that reviewers made, each for the visit its vessel belongs to now.

    A job's own file has the word: what it says of a visit holds. Looks that hold ships which nobody
    judged are not used as whole ones.
    """
    by_visit = {entry.visit_id: entry for entry in entries}
    visits = dict(zip(tables.vessels["vessel_id"], tables.vessels["visit_id"], strict=True))
    unused = dict(resolved.unused)
    for each in resolved.decisions:
        if each.what is not What.CARGO or each.id in unused:
            continue
        visit_id = visits.get(each.vessel, "")
        entry = replace(resolved.review.cargo[each.vessel], visit_id=visit_id)
        if not visit_id:
            unused[each.id] = NO_VISIT
        elif by_visit.setdefault(visit_id, entry).what is not entry.what:
            unused[each.id] = OTHER_CARGO
    whole = tables.looks[tables.looks["reviewed"]]
    checked = set(zip(whole["overpass_id"], whole["berth"], strict=True))
    for each in resolved.decisions:
        if each.what is What.LOOK and (each.overpass, each.berth) not in checked:
            unused.setdefault(each.id, NOT_ALL_JUDGED)
    used = tuple(id for id in resolved.used if id not in unused)
    return tuple(by_visit.values()), replace(resolved, used=used, unused=unused)


def check_hull(decision: Decision) -> Vessel | None:
    """The ship of a drawn or corrected hull; None where there is none; InputError for no ship's."""
    if decision.what not in (What.HULL, What.DRAWN):
        return None
    if len(decision.corners) < 3:
        raise InputError("the hull has fewer than three corners; draw its outline")
    return vessel_from(decision.corners, 1.0)
