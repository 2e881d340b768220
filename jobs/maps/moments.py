"""The moments of a port: every overpass of a result with what it tells of each berth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import pandas as pd

from jobs.domain import LookState, OverpassRecord, Port
from jobs.publish import PublishedResult


class BerthState(StrEnum):
    """What one look tells of a berth."""

    OCCUPIED = "occupied"
    """A ship was found, through whatever cloud."""
    EMPTY = "empty"
    """All of it was seen, and no ship."""
    UNKNOWN = "unknown"
    """No ship was found, but not all of it was seen."""


@dataclass(frozen=True)
class BerthMoment:
    """One berth in one look."""

    state: BerthState
    look: LookState
    ships: int
    clear_fraction: float
    """Of the whole berth."""


@dataclass(frozen=True)
class Moment:
    """One overpass over a port."""

    overpass_id: str
    time: datetime
    """UTC."""
    sensor: str
    platform: str
    state: LookState | None
    """Of all berths together; None for a port without any."""
    screened: bool | None
    """Whether a cloud mask told cloud from clear; None for a port without berths."""
    reviewed: bool
    """Whether a reviewer checked the whole look."""
    berths: tuple[BerthMoment, ...]
    """In the order of the port's berths."""


def moments(result: PublishedResult, port: Port) -> tuple[Moment, ...]:
    """The looks at a port with berths, in time order."""
    looks = result.looks[result.looks["port"] == port.id]
    found = (_moment(port, rows) for _, rows in looks.groupby("overpass_id", sort=False))
    return tuple(sorted(found, key=lambda moment: (moment.time, moment.overpass_id)))


def berthless_moments(records: Iterable[OverpassRecord]) -> tuple[Moment, ...]:
    """The looks at a port without berths, from the archive's records in time order."""
    return tuple(
        Moment(
            overpass_id=record.overpass_id,
            time=record.acquired,
            sensor=record.sensor,
            platform=record.platform,
            state=None,
            screened=None,
            reviewed=False,
            berths=(),
        )
        for record in records
    )


def overall(states: Iterable[LookState]) -> LookState:
    """One state for a look at several berths: clear or outside where all are, clouded where none
    can be judged, else partly.
    """
    found = set(states)
    if len(found) == 1:
        return found.pop()
    usable = {LookState.CLEAR, LookState.PARTLY}
    return LookState.PARTLY if found & usable else LookState.CLOUDED


def _moment(port: Port, rows: pd.DataFrame) -> Moment:
    first = rows.iloc[0]
    by_berth = rows.set_index("berth")
    return Moment(
        overpass_id=str(first["overpass_id"]),
        time=first["time"].to_pydatetime(),
        sensor=str(first["sensor"]),
        platform=str(first["platform"]),
        state=overall(LookState(state) for state in rows["state"]),
        # outside the swath there is nothing to screen
        screened=bool(rows.loc[rows["imaged_fraction"] > 0, "screened"].all()),
        reviewed="reviewed" in rows and bool(rows["reviewed"].all()),
        berths=tuple(_berth_moment(by_berth.loc[berth.id]) for berth in port.berths),
    )


def _berth_moment(row: pd.Series) -> BerthMoment:
    look, ships = LookState(row["state"]), int(row["vessels"])
    if ships:
        state = BerthState.OCCUPIED
    else:
        state = BerthState.EMPTY if look is LookState.CLEAR else BerthState.UNKNOWN
    return BerthMoment(state, look, ships, float(row["clear_fraction"]))
