"""Of two messages that contradict each other, the one that lies best on the way stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from jobs.ais.geodesy import offsets_m, wrapped
from jobs.ais.legs import LegSettings, Messages, credible

STRAY = 0
"""The hull number of stray positions; hulls count from 1, the one with most messages first."""


def put_right(
    messages: Messages, numbers: NDArray[np.int64], rules: LegSettings
) -> NDArray[np.int64]:
    """(message,), the hull numbers, with strays in the place of neighbours that lie further off.

    A wrong position just before one of the ship's may be credible from what was before, and then
    the ship's own is not. Where the ways over the one left out are credible too, the one nearer to
    the straight way between those around is the ship's.
    """
    found = numbers.copy()
    strays = np.flatnonzero(numbers == STRAY)
    if not len(strays):
        return found
    hulls = np.unique(numbers[numbers != STRAY])
    rows_of = [np.flatnonzero(numbers == hull) for hull in hulls]
    for row in strays.tolist():
        for rows in rows_of:
            place = _worse_neighbour(messages, rows, row, rules)
            if place is not None:
                found[row], found[rows[place]] = found[rows[place]], STRAY
                rows[place] = row  # beside the one that it replaces: rows stay in order
                break
    return found


def rejoined(
    messages: Messages, pieces: list[NDArray[np.int64]], rules: LegSettings
) -> list[NDArray[np.int64]]:
    """The pieces, two of them one again where one message alone parts them; it is a piece itself.

    A wrong position at a turn is credible from the message before, and ends the piece that the
    ship's next message does not continue; or it begins a piece that the ship's next continues.
    """
    found = sorted(pieces, key=lambda rows: int(rows[0]))
    place = 0
    while place < len(found) - 1:
        one, other = found[place : place + 2]
        row = _parting(messages, one, other, rules) if one[-1] + 1 == other[0] else None
        if row is None:
            place += 1
            continue
        both = np.concatenate([one, other])
        found[place : place + 2] = [both[both != row], np.array([row])]
        found.sort(key=lambda rows: int(rows[0]))
    return found


def _parting(
    messages: Messages, one: NDArray[np.int64], other: NDArray[np.int64], rules: LegSettings
) -> int | None:
    """The message without which the one piece leads on to the other, where there is one.

    Of two it is the one further off the straight way. Each piece keeps more than one message.
    """
    if len(one) < 3 or len(other) < 3:
        return None
    last, first = int(one[-1]), int(other[0])
    around = {last: (int(one[-2]), first), first: (last, int(other[1]))}
    parting = {
        row: _off_m(messages, start, row, end)
        for row, (start, end) in around.items()
        if credible(messages.at(np.array([start])), messages.at(np.array([end])), rules)[0]
    }
    return max(parting, key=lambda row: parting[row]) if parting else None


def _worse_neighbour(
    messages: Messages, rows: NDArray[np.int64], row: int, rules: LegSettings
) -> int | None:
    """The place, in a hull's rows, of a neighbour of a stray that is worse in the stray's place."""
    after = int(np.searchsorted(rows, row))
    for place in (after - 1, after):
        if not 1 <= place < len(rows) - 1:
            continue
        start, other, end = (int(one) for one in rows[place - 1 : place + 2])
        there, here = (_off_m(messages, start, at, end) for at in (other, row))
        ways = (messages.at(np.array([start, row])), messages.at(np.array([row, end])))
        if here + rules.doubt_m < there and credible(*ways, rules).all():
            return place
    return None


def _off_m(messages: Messages, before: int, row: int, after: int) -> float:
    """Metres from a message's place to where an even speed between two others leads."""
    seconds = messages.seconds
    share = (seconds[row] - seconds[before]) / max(seconds[after] - seconds[before], 1.0)
    lon = messages.lon[before] + share * wrapped(messages.lon[after] - messages.lon[before])
    lat = messages.lat[before] + share * (messages.lat[after] - messages.lat[before])
    return float(np.hypot(*offsets_m(lon, lat, messages.lon[row], messages.lat[row])))
