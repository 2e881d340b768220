"""The hulls behind MMSIs: positions that cannot be one ship's are told apart before all else.

One MMSI is not one ship. A position may be wrong (a stray), two transmitters may use one number,
and one may go on under another ship's number. ``hulls_of`` says what was found of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.ais.contradiction import STRAY
from jobs.ais.geodesy import offsets_m
from jobs.ais.legs import messages_of
from jobs.ais.schema import AIS_FLAG_COLUMNS
from jobs.ais.segments import PieceSettings, hull_numbers, onward
from jobs.domain import Json
from jobs.visits import typed

TRACK_STEP = 100_000
"""``track`` is mmsi times this, plus the number of the hull."""


LONE_MIN = 30.0
"""Two positions of a ship within so many minutes, and no other around the port ever, may both be
wrong: errors come twice in a row, and the rest of its track lies outside of what was read."""

APART_H, APART_STEPS, APART_MOST, APART_M = 24.0, 20.0, 2, 2000.0
"""So is a ship's only message in so many hours before and after, and in so many of its usual steps
(the median between two messages), further than APART_M from both: its clock may be wrong. Where
that comes more often than APART_MOST times, it is how the ship is received."""


class Reason(StrEnum):
    """What is odd about an MMSI."""

    STRAY = "stray"
    """Positions left out: away from a track, where that ship cannot have been."""
    AT_ONCE = "two_hulls"
    """Two tracks at one time: two transmitters, told apart as hulls 1, 2, ..."""
    JUMP = "jump"
    """Tracks one after the other, with no possible way between: hulls 1, 2, ..."""
    IMO = "imo_changed"
    """More than one valid IMO number."""
    LONE = "lone"
    """A hull with one position, an MMSI with two within LONE_MIN, or one message or two far from
    all others in time: no visit, stay or gap."""


@dataclass(frozen=True)
class Hulls:
    """Positions by hull, and what is odd about their MMSIs."""

    positions: pd.DataFrame
    """AIS_COLUMNS with ``hull``, ``track`` (an integer for mmsi and hull) and ``lone`` (no visit,
    stay or gap is made of it), ordered by track and time; without strays."""
    flags: pd.DataFrame
    """AIS_FLAG_COLUMNS."""

    def counts(self) -> dict[str, Json]:
        """By Reason, the number of MMSIs and of positions it concerns."""
        found = self.flags.groupby("reason")["positions"].agg(["size", "sum"])
        found = found.reindex([reason.value for reason in Reason], fill_value=0)
        return {
            str(reason): {"ships": int(row["size"]), "positions": int(row["sum"])}
            for reason, row in found.iterrows()
        }


def with_hulls(positions: pd.DataFrame) -> pd.DataFrame:
    """The positions by hull; those that are so already are returned as they are."""
    return positions if "track" in positions else hulls_of(positions).positions


def hulls_of(positions: pd.DataFrame, settings: PieceSettings | None = None) -> Hulls:
    """AIS_COLUMNS rows told apart by hull; strays are left out and counted.

    Memory is one copy of the rows; the time is spent on the MMSIs with a leg that is not credible.
    """
    rules = settings or PieceSettings()
    rows = _ordered(positions)
    hull = np.ones(len(rows), dtype=np.int64)
    for ship in _suspects(rows, rules):
        hull[ship] = hull_numbers(messages_of(rows.iloc[ship]), rules)
    mmsi = rows["mmsi"].to_numpy(np.int64)
    rows = rows.assign(hull=hull, track=mmsi * TRACK_STEP + hull)
    rows["lone"] = _is_lone(rows)
    flags = typed(pd.DataFrame(_flags(rows), columns=list(AIS_FLAG_COLUMNS)), AIS_FLAG_COLUMNS)
    kept = rows[hull != STRAY]
    return Hulls(kept.sort_values("track", kind="stable", ignore_index=True), flags)


def _ordered(positions: pd.DataFrame) -> pd.DataFrame:
    """By mmsi and time; at equal times by place, so that the order of the file means nothing."""
    mmsi = positions["mmsi"].to_numpy(np.int64)
    same, later = np.diff(mmsi) == 0, positions["time"].diff().iloc[1:] > pd.Timedelta(0)
    if ((np.diff(mmsi) > 0) | (same & later.to_numpy())).all():
        return positions.reset_index(drop=True)
    keys = ["mmsi", "time", "lon", "lat", "sog_kn"]
    return positions.sort_values(keys, kind="stable", ignore_index=True)


def _suspects(rows: pd.DataFrame, rules: PieceSettings) -> Iterator[slice]:
    """The rows of every MMSI with a leg that is not credible."""
    if not len(rows):
        return
    mmsi = rows["mmsi"].to_numpy(np.int64)
    fits = onward(messages_of(rows), rules)
    for suspect in np.unique(mmsi[1:][~fits & (mmsi[1:] == mmsi[:-1])]):
        first, last = np.searchsorted(mmsi, [suspect, suspect + 1])
        yield slice(int(first), int(last))


def _flags(rows: pd.DataFrame) -> list[Mapping[str, object]]:
    return [*_stray_flags(rows), *_hull_flags(rows), *_imo_flags(rows), *_lone_flags(rows)]


def _flag(rows: pd.DataFrame, reason: Reason, detail: str) -> Mapping[str, object]:
    """One flag of one MMSI for the rows that it concerns."""
    return {
        "mmsi": int(rows["mmsi"].iloc[0]),
        "reason": reason.value,
        "positions": len(rows),
        "first": rows["time"].min(),
        "last": rows["time"].max(),
        "detail": detail,
    }


def _stray_flags(rows: pd.DataFrame) -> Iterator[Mapping[str, object]]:
    for _, stray in rows[rows["hull"] == STRAY].groupby("mmsi"):
        one = stray.iloc[0]
        yield _flag(
            stray, Reason.STRAY, f"left out; the first at {one['lon']:.4f}, {one['lat']:.4f}"
        )


def _hull_flags(rows: pd.DataFrame) -> Iterator[Mapping[str, object]]:
    kept = rows[rows["hull"] != STRAY]
    several = kept.loc[kept["hull"] > 1, "mmsi"].unique()
    for _, ship in kept[kept["mmsi"].isin(several)].groupby("mmsi"):
        counts = ship["hull"].value_counts().sort_index()
        said = ", ".join(f"hull {number}: {count}" for number, count in counts.items())
        reason = Reason.AT_ONCE if at_once(ship["hull"].to_numpy(np.int64)) else Reason.JUMP
        yield _flag(ship, reason, f"positions by {said}")


def at_once(hull: NDArray[np.int64]) -> bool:
    """Whether any two hulls go on at one time; (message,) hull numbers of one MMSI by time."""
    for number in np.unique(hull):
        rows = np.flatnonzero(hull == number)
        between = hull[rows[0] : rows[-1] + 1]
        for other in np.unique(between[between != number]):
            theirs = np.flatnonzero(hull == other)
            # inside one silence of the other, a hull may be the same ship, displaced
            if np.searchsorted(rows, theirs[0]) != np.searchsorted(rows, theirs[-1]):
                return True
    return False


def _imo_flags(rows: pd.DataFrame) -> Iterator[Mapping[str, object]]:
    said = rows.loc[rows["imo"].notna() & (rows["hull"] != STRAY), ["mmsi", "imo"]]
    several = said.drop_duplicates()["mmsi"].value_counts()
    changed = rows["mmsi"].isin(several.index[several > 1]) & rows["imo"].notna()
    for _, ship in rows[changed & (rows["hull"] != STRAY)].groupby("mmsi"):
        counts = ship["imo"].astype(str).value_counts().sort_index()
        yield _flag(ship, Reason.IMO, ", ".join(f"{imo}: {n}" for imo, n in counts.items()))


def _is_lone(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """(row,), whether there are too few positions for a track; by mmsi and time, with strays."""
    alone: NDArray[np.bool_] = ~rows.duplicated("track", keep=False).to_numpy()
    mmsi, times = rows["mmsi"].to_numpy(np.int64), rows["time"].to_numpy("datetime64[us]")
    first = np.flatnonzero(np.diff(mmsi, prepend=-1) != 0)
    count = np.diff(np.append(first, len(mmsi)))
    minutes: NDArray[np.float64] = (times[first + count - 1] - times[first]) / np.timedelta64(
        1, "m"
    )
    brief: NDArray[np.bool_] = np.repeat((count == 2) & (minutes <= LONE_MIN), count)
    return np.asarray(alone | brief | _is_apart(rows), np.bool_)


def _is_apart(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """(row,), whether it is one of one or two messages far from all others of the track in time.

    Such that none beside it comes from the same place: a ship may lie there through two silences.
    """
    apart = np.zeros(len(rows), dtype=np.bool_)
    track = rows["track"].to_numpy(np.int64)
    order = np.argsort(track, kind="stable")
    times = rows["time"].to_numpy("datetime64[us]")[order]
    hours: NDArray[np.float64] = np.diff(times) / np.timedelta64(1, "h")
    places = np.stack([rows[axis].to_numpy(np.float64)[order] for axis in ("lon", "lat")])
    starts = np.flatnonzero(np.diff(track[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    # a silence is rare: most tracks are done with here
    silent = np.flatnonzero((hours >= APART_H) & (np.diff(track[order]) == 0))
    for number in np.unique(np.searchsorted(starts, silent, side="right") - 1):
        one = slice(int(starts[number]), int(ends[number]))
        spells = _apart_spells(hours[one.start : one.stop - 1], places[:, one])
        for spell in spells if len(spells) <= APART_MOST else []:
            apart[order[one][spell]] = True
    return apart


def _apart_spells(
    hours: NDArray[np.float64], places: NDArray[np.float64]
) -> list[NDArray[np.int64]]:
    """Rows of the one or two messages between long silences in one track, none beside them near.

    ``hours`` (message - 1,) are those to the next message, ``places`` (2, message) lon and lat.
    """
    least_h = max(APART_H, APART_STEPS * float(np.median(hours)))
    spells = np.split(np.arange(len(hours) + 1), np.flatnonzero(hours >= least_h) + 1)
    way_m = np.hypot(*offsets_m(*places[:, :-1], *places[:, 1:]))
    near = np.append(False, np.append(way_m <= APART_M, False))  # to the message before
    return [
        spell
        for spell in spells
        if len(spells) > 1
        and len(spell) <= 2
        and (hours[spell[0] : spell[-1]] * 60 <= LONE_MIN).all()
        and not near[[spell[0], spell[-1] + 1]].any()
    ]


def _lone_flags(rows: pd.DataFrame) -> Iterator[Mapping[str, object]]:
    for _, lone in rows[rows["lone"] & (rows["hull"] != STRAY)].groupby("mmsi"):
        yield _flag(lone, Reason.LONE, "no visit, stay or gap is made of it")
