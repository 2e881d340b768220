"""A session of one reviewer: the newest results of a job, its pictures, and all decisions.

It holds what the page shows and takes what the page says. Every question is answered from the
archive as it is now, so that two sessions see each other's decisions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd

from jobs.archive import Archives
from jobs.domain import WGS84, Json, Port, content_id, transformer
from jobs.errors import InputError
from jobs.publish import ArchiveImagery, PublishedResult, published_model, renderings_from
from jobs.review.agreement import agreement_json, agreements
from jobs.review.chips import Chips, Window
from jobs.review.decision import (
    VALUES,
    Corners,
    Decision,
    Seen,
    What,
    check,
    identified,
    name_of,
)
from jobs.review.dispute import disputes
from jobs.review.hull import check_inside, same_box, vessel_from
from jobs.review.ledger import in_force, of_model, opinions, subject_of
from jobs.review.store import read_decisions, write_decisions
from jobs.review.worklist import doubts, seen_there
from jobs.storage import Storage

LARGEST_BATCH = 200
"""Decisions taken at once: those of a whole look at a crowded anchorage."""
LARGEST_SIDE = 1200
"""Pixels of the side of a picture."""


@dataclass
class ReviewSession:
    """Everything the page needs; several threads may ask, and one after the other decides."""

    result: PublishedResult
    storage: Storage
    reviewer: str
    _ports: dict[str, Port] = field(init=False)
    _chips: Chips = field(init=False)
    _latest: str = field(default="", init=False)
    _known: dict[str, Sequence[Decision]] = field(default_factory=dict, init=False)
    """The files of decisions that were read, by name."""
    _deciding: Lock = field(default_factory=Lock, init=False)

    def __post_init__(self) -> None:
        name_of(self.reviewer)
        self._ports = {port.id: port for port in self.result.ports}
        archives = Archives(self.result.ports, self.storage)
        renderings = renderings_from(self.result.provenance)
        self._chips = Chips(ArchiveImagery(archives, renderings))
        self._overpasses = _overpasses(self.result)

    @property
    def model(self) -> str:
        """Id of the network whose vessels these are."""
        return published_model(self.result.provenance)

    # what the page shows

    def overview(self) -> dict[str, Any]:
        """Job, ports with their berths in pixels of the grid, overpasses, vessels: once a page."""
        doubt = doubts(self.result)
        return {
            "job": self.result.job,
            "tag": self.result.tag,
            "reviewer": self.reviewer,
            "ports": [_port_json(port) for port in self.result.ports],
            "overpasses": self._overpasses,
            "looks": [
                {"overpass": row.overpass_id, "berth": row.berth, "state": row.state}
                for row in self.result.looks.itertuples()
            ],
            "vessels": [
                self._vessel_json(row) | {"doubt": found.weight, "reasons": list(found.reasons)}
                for row in self.result.vessels.itertuples()
                if (found := doubt.get(row.vessel_id)) is not None
            ],
        }

    def state(self) -> dict[str, Any]:
        """What was decided so far, as this reviewer may see it; asked for after every decision.

        Others' opinions on what this reviewer has not judged stay hidden, but for disagreements.
        What is about vessels and looks that these results do not show is only counted.
        """
        decisions = self._decisions()
        everything = in_force(decisions)
        held = self._of_these(everything)
        open_ones = disputes(held)
        return {
            "elsewhere": sum(each.who == self.reviewer for each in everything)
            - sum(each.who == self.reviewer for each in held),
            "mine": [_row(each) for each in held if each.who == self.reviewer],
            "drawn": [_row(each) for each in held if each.what is What.DRAWN],
            "reviewers": sorted({each.who for each in held}),
            "agreement": agreement_json(agreements(decisions), open_ones),
            "disputed": [
                {
                    "about": each.about,
                    "aspect": each.aspect,
                    "decisions": [_row(of) for of in each.decisions],
                }
                for each in open_ones
            ],
        }

    def picture(self, port_id: str, overpass_id: str, window: Window) -> bytes | None:
        """A square of an overpass as PNG; None where there is none, InputError beyond the port."""
        port = self._port(port_id)
        if self._overpasses.get(overpass_id, {}).get("port") != port_id:
            raise InputError(f"no overpass {overpass_id!r} of {port_id} in these results")
        row, column, side = window
        if not 8 <= side <= LARGEST_SIDE:
            raise InputError(f"a picture of {side} pixels; expected 8 to {LARGEST_SIDE}")
        if not (-side < row < port.grid.height and -side < column < port.grid.width):
            raise InputError("the picture lies outside the port's grid")
        return self._chips.png(port_id, overpass_id, port.grid, window)

    # what the page says

    def decide(self, said: Sequence[Mapping[str, Any]]) -> tuple[Decision, ...]:
        """Append decisions made at once about one port; returns them. InputError: none was kept."""
        if not 0 < len(said) <= LARGEST_BATCH:
            raise InputError(f"{len(said)} decisions at once; expected 1 to {LARGEST_BATCH}")
        ports = {self._port_of(each) for each in said}
        if len(ports) != 1:
            raise InputError("decisions about several ports at once; send one port at a time")
        (port,) = ports
        with self._deciding:
            earlier = in_force(read_decisions(self.storage, port, self._known))
            when = self._moment(earlier)
            batch = [self._decision(each, self._ports[port], when, earlier) for each in said]
            return write_decisions(self.storage, batch)

    def undo(self) -> tuple[Decision, ...]:
        """Take back what this reviewer decided last, all that was decided at once."""
        with self._deciding:
            return write_decisions(self.storage, [self._undoing()])

    def _undoing(self) -> Decision:
        shown = self._of_these(in_force(self._decisions()))
        held = [each for each in shown if each.who == self.reviewer]
        if not held:
            raise InputError("there is nothing of yours to undo in these results")
        last = held[-1]
        batch = [each for each in held if each.when == last.when]
        return replace(
            last,
            when=self._moment(shown),
            what=What.UNDO,
            why="",
            value={},
            settles=False,
            supersedes=tuple(each.id for each in batch),
        )

    def _decision(
        self, said: Mapping[str, Any], port: Port, when: str, earlier: Sequence[Decision]
    ) -> Decision:
        what = _what(said)
        overpass, berth = str(said.get("overpass", "")), str(said.get("berth", ""))
        vessel = str(said.get("vessel", ""))
        value = said.get("value") or {}
        if not isinstance(value, Mapping):
            raise InputError("the value of a decision is an object, such as {berth: ...}")
        found = Decision(
            who=self.reviewer,
            when=when,
            what=what,
            port=port.id,
            overpass=overpass,
            berth=berth,
            vessel=vessel,
            seen=self._seen(vessel),
            why=str(said.get("why", "")),
            value={name: value[name] for name in VALUES.get(what, ()) if name in value},
            settles=bool(said.get("settles", False)),
        )
        check(found)
        self._check_subject(found, port, earlier)
        if what in (What.HULL, What.DRAWN):
            found = replace(found, value=_hull_value(found.corners, port))
        if what is What.DRAWN:
            made = content_id([overpass, when, self.reviewer, list(map(list, found.corners))], 8)
            found = replace(found, vessel=f"{overpass}-d{made}")
        return replace(found, supersedes=self._superseded(found, earlier))

    def _superseded(self, found: Decision, earlier: Iterable[Decision]) -> tuple[str, ...]:
        """The reviewer's last word on the same question; of all reviewers where it settles one."""
        if found.what is What.COMMENT:
            return ()
        said = opinions(earlier).get(subject_of(found), {})
        return tuple(
            each.id for each in said.values() if found.settles or each.who == self.reviewer
        )

    def _check_subject(self, found: Decision, port: Port, earlier: Iterable[Decision]) -> None:
        """Refuse a vessel, overpass or berth that these results do not have."""
        if self._overpasses.get(found.overpass, {}).get("port") != port.id:
            raise InputError(f"no overpass {found.overpass!r} of {port.id} in these results")
        berths = {berth.id for berth in port.berths} | {""}
        if {found.berth, str(found.value.get("berth", ""))} - berths:
            raise InputError(f"no such berth at {port.id}; expected one of {', '.join(berths)}")
        if found.what is What.LOOK and not found.berth:
            raise InputError("a look is at a berth; name it")
        if found.what in (What.LOOK, What.DRAWN):
            return
        drawn = {each.vessel for each in earlier if each.what is What.DRAWN}
        if found.vessel and found.vessel not in drawn and not found.seen.corners:
            raise InputError(f"no vessel {found.vessel!r} in these results")
        if found.vessel and not found.vessel.startswith(f"{found.overpass}-"):
            raise InputError(f"vessel {found.vessel!r} is not of overpass {found.overpass!r}")
        if not found.vessel and found.what is not What.COMMENT:
            raise InputError(f"{found.what.value} of no vessel; name it")

    def _seen(self, vessel_id: str) -> Seen:
        """What the results say of a vessel now; of a look, only which results they are."""
        unknown = Seen(self.result.job, self.result.tag, self.model)
        rows = self.result.vessels[self.result.vessels["vessel_id"] == vessel_id]
        if not len(rows) or rows["review"].iloc[0] == "drawn":
            return unknown
        row = next(rows.itertuples())
        return replace(
            unknown,
            score=float(row.score),
            length_m=float(row.length_m),
            fixed=bool(row.fixed),
            corners=_in_metres(row.footprint, self._ports[row.port]),
        )

    # the rest

    def _decisions(self) -> tuple[Decision, ...]:
        found = [
            each for id in self._ports for each in read_decisions(self.storage, id, self._known)
        ]
        return tuple(sorted(found, key=lambda each: (each.when, each.id)))

    def _of_these(self, held: Iterable[Decision]) -> tuple[Decision, ...]:
        """Those about what these results show: an id may have been another vessel's before."""
        return tuple(
            each
            for each in of_model(held, self.model)
            if each.overpass in self._overpasses
            and (not each.seen.corners or same_box(each.seen.corners, self._box(each.vessel)))
        )

    def _box(self, vessel_id: str) -> Corners:
        return self._boxes.get(vessel_id, ())

    @cached_property
    def _boxes(self) -> Mapping[str, Corners]:
        """Corners of the network's boxes, by vessel id."""
        found = self.result.vessels[self.result.vessels["review"] != "drawn"]
        return {
            row.vessel_id: _in_metres(row.footprint, self._ports[row.port])
            for row in found.itertuples()
        }

    def _moment(self, earlier: Iterable[Decision]) -> str:
        """Now, and later than all that was decided: a decision that takes the place of another
        must come after it, also where the clock stands still, goes back, or is behind the clock of
        another reviewer's machine.
        """
        now = datetime.now(UTC)
        text = now.isoformat(timespec="microseconds")
        latest = max((self._latest, *(each.when for each in earlier)))
        if text <= latest:
            text = _next_microsecond(latest)
        self._latest = text
        return text

    def _port(self, port_id: str) -> Port:
        if port_id not in self._ports:
            raise InputError(f"no port {port_id!r} in these results")
        return self._ports[port_id]

    def _port_of(self, said: Mapping[str, Any]) -> str:
        if not isinstance(said, Mapping):
            raise InputError("a decision is an object with what, port, overpass, ...")
        return self._port(str(said.get("port", ""))).id

    def _vessel_json(self, row: Any) -> dict[str, Any]:
        port = self._ports[row.port]
        return {
            "id": row.vessel_id,
            "port": row.port,
            "berth": row.found_berth or row.berth,
            "overpass": row.overpass_id,
            "score": round(float(row.score), 3),
            "length": round(float(row.length_m), 1),
            "beam": None if pd.isna(row.beam_m) else round(float(row.beam_m), 1),
            "heading": round(float(row.heading_deg), 1),
            "fixed": bool(row.fixed),
            "seen": seen_there(row),
            "truncated": bool(row.truncated),
            "visit": row.visit_id,
            "corners": _in_pixels(_in_metres(row.footprint, port), port),
        }


def _what(said: Mapping[str, Any]) -> What:
    try:
        what = What(said.get("what", ""))
    except ValueError:
        what = What.UNDO
    if what is What.UNDO:  # asked for by its own request, which knows what to take back
        expected = ", ".join(each for each in What if each is not What.UNDO)
        raise InputError(f"cannot decide {said.get('what')!r}; expected one of {expected}")
    return what


def _hull_value(corners: Corners, port: Port) -> dict[str, Json]:
    """A drawn outline with the measures of the ship in it."""
    check_inside(corners, port.grid)
    ship = vessel_from(corners, 1.0)
    return {
        "corners": [[round(x, 2), round(y, 2)] for x, y in corners],
        "length_m": round(ship.length_m, 1),
        "beam_m": round(ship.beam_m, 1),
        "heading_deg": round(ship.heading_deg, 1),
    }


def _next_microsecond(text: str) -> str:
    moment = np.datetime64(text[:-6], "us") + np.timedelta64(1, "us")
    return f"{moment}+00:00"


def _overpasses(result: PublishedResult) -> dict[str, dict[str, Any]]:
    """Port, time and sensor of overpasses that have a look or a vessel, by id, in time order."""
    found: dict[str, dict[str, Any]] = {}
    for table in (result.looks, result.vessels):
        for row in table.drop_duplicates("overpass_id").itertuples():
            facts = {
                "port": row.port,
                "time": row.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "sensor": row.sensor,
                "platform": row.platform,
            }
            found.setdefault(row.overpass_id, facts)
    return dict(sorted(found.items(), key=lambda item: (item[1]["port"], item[1]["time"])))


def _port_json(port: Port) -> dict[str, Any]:
    return {
        "id": port.id,
        "name": port.name,
        "grid": {
            "left": port.grid.left,
            "top": port.grid.top,
            "width": port.grid.width,
            "height": port.grid.height,
            "step": port.grid.resolution_m,
        },
        "berths": [
            {
                "id": berth.id,
                "name": berth.name,
                "kind": berth.kind.value,
                "capacity": berth.capacity,
                "outline": _in_pixels(_in_metres(berth.polygon, port), port),
            }
            for berth in port.berths
        ],
    }


def _in_metres(polygon: Any, port: Port) -> Corners:
    """Corners of a WGS 84 polygon in the port's UTM zone, without the one that closes it."""
    x, y = transformer(WGS84, port.grid.epsg).transform(*polygon.exterior.coords.xy)
    return tuple((float(a), float(b)) for a, b in zip(x[:-1], y[:-1], strict=True))


def _in_pixels(corners: Corners, port: Port) -> list[list[float]]:
    """(column, row) of corners on the port's grid, to a hundredth of a pixel."""
    grid = port.grid
    step = grid.resolution_m
    return [[round((x - grid.left) / step, 2), round((grid.top - y) / step, 2)] for x, y in corners]


def _row(decision: Decision) -> dict[str, Any]:
    """A decision as the page wants it."""
    found = identified(decision)
    return {
        "id": found.id,
        "who": found.who,
        "when": found.when,
        "what": found.what.value,
        "aspect": found.aspect,
        "port": found.port,
        "overpass": found.overpass,
        "berth": found.berth,
        "vessel": found.vessel,
        "why": found.why,
        "value": dict(found.value),
    }
