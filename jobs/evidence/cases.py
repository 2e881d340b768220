"""The case of one visit: its looks in time order, each with its part in the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import geopandas as gpd
import pandas as pd

from jobs.domain import Berth, LookState, Port
from jobs.errors import InputError
from jobs.evidence.index import ResultIndex
from jobs.publish import PublishedResult

MOST_LISTED = 40
"""Undecided looks listed on either side of the sightings: those nearest to them."""


class Part(StrEnum):
    """What a look is to a visit."""

    BEFORE = "before"
    """It gives the earliest arrival: the ship was not there yet."""
    SINCE = "undecided before"
    """After that, or since the period began, and before the ship was first found."""
    DURING = "during"
    """From the first to the last look in which the ship was found."""
    UNTIL = "undecided after"
    """After the last look in which it was found, and before the next."""
    AFTER = "after"
    """It gives the latest departure: the ship was gone."""


@dataclass(frozen=True)
class CaseLook:
    """One look at the berth of a visit."""

    number: int
    """From 1, in time order."""
    part: Part
    row: pd.Series
    """Of the looks table."""
    vessels: gpd.GeoDataFrame
    """All that the network found in that overpass at the port, fixed structure too."""
    found: pd.Series | None
    """The ship of the visit, as a row of the vessels table; None where it was not found."""
    here: gpd.GeoDataFrame
    """Other ships at the berth."""

    @property
    def overpass_id(self) -> str:
        return str(self.row["overpass_id"])

    @property
    def time(self) -> datetime:
        found: datetime = self.row["time"].to_pydatetime()
        return found

    @property
    def state(self) -> LookState:
        return LookState(self.row["state"])


@dataclass(frozen=True)
class Case:
    """One visit, with all that was looked at around it."""

    index: ResultIndex
    port: Port
    berth: Berth
    visit: pd.Series
    """Of the visits table."""
    looks: tuple[CaseLook, ...]
    estimate: pd.Series
    """The berth's row of the estimates table."""

    @property
    def result(self) -> PublishedResult:
        return self.index.result

    @property
    def visit_id(self) -> str:
        return str(self.visit["visit_id"])

    @property
    def sightings(self) -> tuple[CaseLook, ...]:
        """The looks in which the ship was found."""
        return tuple(look for look in self.looks if look.found is not None)

    @property
    def ships(self) -> tuple[pd.Series, ...]:
        """The ship in each of its sightings, as rows of the vessels table."""
        return tuple(look.found for look in self.looks if look.found is not None)

    @property
    def listed(self) -> tuple[CaseLook, ...]:
        """Its looks but for undecided ones far from the sightings, which are only counted."""
        since, until = self.of_part(Part.SINCE), self.of_part(Part.UNTIL)
        far = {look.number for look in (*since[:-MOST_LISTED], *until[MOST_LISTED:])}
        return tuple(look for look in self.looks if look.number not in far)

    def of_part(self, *parts: Part) -> tuple[CaseLook, ...]:
        """Its looks of these parts."""
        return tuple(look for look in self.looks if look.part in parts)


def case_of(index: ResultIndex, visit: pd.Series) -> Case:
    """The case of one row of a result's visits table.

    InputError where looks, vessels and visits contradict each other, as they never do as written.
    """
    port = index.ports[visit["port"]]
    berth = next(berth for berth in port.berths if berth.id == visit["berth"])
    estimates = index.result.estimates
    of_berth = (estimates["port"] == port.id) & (estimates["berth"] == berth.id)
    case = Case(
        index=index,
        port=port,
        berth=berth,
        visit=visit,
        looks=tuple(_looks(index, visit, berth)),
        estimate=estimates[of_berth].iloc[0],
    )
    _check(case)
    return case


def _looks(index: ResultIndex, visit: pd.Series, berth: Berth) -> list[CaseLook]:
    rows = index.looks(visit["port"], berth.id).to_dict("records")
    parted = [(part_of(row, visit, berth), row) for row in rows]
    wanted = [(part, row) for part, row in parted if part is not None]
    return [
        _look(number, part, pd.Series(row), index.vessels(row["overpass_id"]), visit)
        for number, (part, row) in enumerate(wanted, start=1)
    ]


def _look(
    number: int, part: Part, row: pd.Series, vessels: gpd.GeoDataFrame, visit: pd.Series
) -> CaseLook:
    mine = vessels["visit_id"] == visit["visit_id"]
    others = (vessels["berth"] == visit["berth"]) & ~mine & vessels["counted"]
    found = vessels[mine]
    return CaseLook(
        number=number,
        part=part,
        row=row,
        vessels=vessels,
        found=found.iloc[0] if len(found) else None,
        here=vessels[others],
    )


def part_of(look: dict[str, Any], visit: pd.Series, berth: Berth) -> Part | None:
    """The part of a look at the visit's berth; None where it lies beyond the bounds."""
    time = look["time"]
    if visit["arrival_before"] <= time <= visit["departure_after"]:
        return Part.DURING
    if time < visit["arrival_before"]:
        bound = visit["arrival_after"]
        if pd.isna(bound) or time > bound:
            return Part.SINCE
        return _at_bound(time == bound, is_clear(look), Part.BEFORE, Part.SINCE)
    bound = visit["departure_before"]
    if pd.isna(bound) or time < bound:
        return Part.UNTIL
    return _at_bound(time == bound, is_clear(look) or _is_full(look, berth), Part.AFTER, Part.UNTIL)


def _at_bound(is_there: bool, tells: bool, bound: Part, between: Part) -> Part | None:
    """Of two sensors at the moment of a bound, only one that could tell is the reason."""
    if not is_there:
        return None
    return bound if tells else between


def is_clear(look: Any) -> bool:
    """Whether a row of the looks table saw all of the berth."""
    return bool(look["state"] == LookState.CLEAR.value)


def _is_full(look: Any, berth: Berth) -> bool:
    return berth.capacity is not None and bool(look["vessels"] >= berth.capacity)


def _check(case: Case) -> None:
    """That every bound of the visit is the time of a look, and every sighting a vessel."""
    ids = str(case.visit["overpass_ids"]).split()
    found = [look.overpass_id for look in case.sightings]
    missing = [
        name
        for name, part in (("arrival_after", Part.BEFORE), ("departure_before", Part.AFTER))
        if not pd.isna(case.visit[name]) and not case.of_part(part)
    ]
    if sorted(ids) != sorted(found) or missing:
        raise InputError(
            f"{case.result.folder}: visit {case.visit_id} and the looks do not belong together "
            f"({', '.join(missing) or 'sightings without a vessel'}); expected the files of one "
            "result: remove the folder and run the job again"
        )
