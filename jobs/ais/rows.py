"""Rows of a piece: those that can be read and lie in the window, and why the others do not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.ais.counts import Reason, Tally
from jobs.ais.layouts import TEXTS
from jobs.ais.lines import shortened
from jobs.ais.numbers import mmsis, numbers
from jobs.ais.pieces import Piece
from jobs.ais.refusals import contradicting_columns
from jobs.ais.times import times
from jobs.ais.typed import typed, words
from jobs.ais.window import Window

SAME_NUMBER = 1e-5
"""Two columns of one meaning may be rounded otherwise by this much."""
STATION_WORDS = frozenset(
    {
        "base station",
        "aton",
        "sar airborne",
        "search and rescue transponder",
        "man overboard device",
    }
)
"""Types of mobile in the Danish tables that are no ship, whatever their number."""


def kept_rows(
    piece: Piece, time: pd.Series, day_first: bool | None, window: Window, tally: Tally
) -> pd.DataFrame:
    """The piece's rows inside the window, typed; others are counted by reason."""
    _same_meaning(piece, day_first, tally)
    given = {name: piece.rows[at] for name, at in piece.columns.used.items()}
    read = {"mmsi": mmsis(given["mmsi"]), "time": time}
    read |= {name: numbers(given[name]) for name in ("lon", "lat")}
    chunk = pd.DataFrame(given | read, copy=False)
    readable = np.ones(len(chunk), np.bool_)
    lon, lat = chunk["lon"], chunk["lat"]
    for why, good in (
        (Reason.NUMBER, chunk["mmsi"].notna()),
        (Reason.TIME, chunk["time"].notna()),
        (Reason.POSITION, lon.notna() & lat.notna() & (lon != 181) & (lat != 91)),
        (Reason.RANGE, (lon.abs() <= 180) & (lat.abs() <= 90)),
    ):
        _count_lost(piece, why, readable & ~good.to_numpy(), tally)
        readable &= good.to_numpy()
    tally.heard(chunk["time"][readable])
    inside = readable & window.holds(chunk)
    ship = inside & ~_is_station(chunk)
    tally.counts["outside"] += int((readable & ~inside).sum())
    tally.counts["stations"] += int((inside & ~ship).sum())
    if not inside.any():
        exchanged = window.holds(chunk.assign(lon=lat, lat=lon)) & chunk["time"].notna()
        tally.counts["exchanged"] += int(exchanged.sum())
    return typed(chunk[ship], tally)


def _count_lost(piece: Piece, why: Reason, lost: NDArray[np.bool_], tally: Tally) -> None:
    if lost.any():
        at = int(np.argmax(lost))
        names = {Reason.NUMBER: ("mmsi",), Reason.TIME: ("time",)}.get(why, ("lon", "lat"))
        places = [piece.columns.used[name] for name in names]
        found = [(piece.columns.header[p].strip(), piece.rows[p].iloc[at]) for p in places]
        texts = [f"{name} {'is empty' if pd.isna(value) else value}" for name, value in found]
        tally.lost(why, int(lost.sum()), f"line {piece.lines[at]}: {shortened(', '.join(texts))}")


def _same_meaning(piece: Piece, day_first: bool | None, tally: Tally) -> None:
    """InputError where two columns of one meaning say different things in one row."""
    for name, others in piece.columns.doubles.items():
        used = piece.columns.used[name]
        for other in others:
            differ = _differ(name, piece.rows[used], piece.rows[other], day_first)
            if differ.any():
                at = int(np.argmax(differ))
                said = [(piece.columns.header[p], piece.rows[p].iloc[at]) for p in (used, other)]
                raise contradicting_columns(tally.name, name, int(piece.lines[at]), said)


def _differ(
    name: str, used: pd.Series, other: pd.Series, day_first: bool | None
) -> NDArray[np.bool_]:
    """(row,), True where the other column says something and the used one does not say the same."""
    if name in TEXTS:
        first, second = (pd.Series(words(one, name)).astype(object) for one in (used, other))
        same = first == second
    elif name == "time":
        first, second = times(used, day_first), times(other, day_first)
        same = first == second
    else:
        first, second = (mmsis(o) if name == "mmsi" else numbers(o) for o in (used, other))
        same = (first - second).abs() <= SAME_NUMBER
    only_used = other.notna() & second.isna() & first.notna()
    return np.asarray(only_used | (second.notna() & ~same), dtype=np.bool_)


def _is_station(chunk: pd.DataFrame) -> pd.Series:
    """Numbers of ITU-R M.585 that are no craft on the water; 98... is a ship's boat and stays."""
    mmsi = chunk["mmsi"]
    coast = mmsi.between(2_000_000, 7_999_999)  # 00MID....: two zeros in front
    aircraft = mmsi.between(111_000_000, 111_999_999)
    beacon = mmsi.between(970_000_000, 979_999_999)
    found = coast | aircraft | beacon | mmsi.between(990_000_000, 999_999_999)
    if "transceiver" in chunk:
        given = pd.Categorical(chunk["transceiver"])
        words = [str(text).strip().casefold() in STATION_WORDS for text in given.categories]
        found |= np.array([*words, False])[given.codes]
    return found
