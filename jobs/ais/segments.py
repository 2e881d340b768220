"""Splits the messages of one MMSI into hulls and stray positions.

First every message goes to the piece of track that it credibly continues; where there is none, it
begins a piece. A short piece beside a longer one is stray. The others are then put together: one
piece after another, or one inside a silence of another, is one hull if the way is possible at all;
pieces that go on at the same time are two.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from jobs.ais.contradiction import STRAY, put_right, rejoined
from jobs.ais.geodesy import KNOT_MS, offsets_m, wrapped
from jobs.ais.legs import LegSettings, Messages, credible, credible_m, detours, possible, way_m

ONWARD = 3
"""So many messages in a row further on than their speeds allow show that the speeds are wrong."""
HELD = 3.0
PLACE_SD_M, REST_SD_MS, SPEED_SD = 50.0, 0.02, 0.2
"""Doubt of a place, growth of a ship's at rest (it swings), and share of the speed on top."""
UNKNOWN_SD_MS = 5.0
"""Growth for a ship heard once, which may move or rest: ten knots."""
ONCE = 2.0
"""Logarithm of the odds against a piece that is short enough to be stray."""
ANYWHERE = 1.0
"""Logarithm of the odds against a ship that does what no course foretold, within the credible."""
QUIET_S = 12 * 3600.0
"""A piece not heard for longer takes no message that another piece leads on to."""
CONFIRMED = 2
"""More messages than this from elsewhere make a pause."""


@dataclass(frozen=True)
class PieceSettings:
    """What is too short to be a ship of its own."""

    legs: LegSettings = field(default_factory=LegSettings)
    stray_messages: int = 2
    """So few messages beside a longer piece prove no second ship: errors come twice in a row."""
    stray_s: float = 600.0
    """Nor does any number of them within so short a time: a receiver that lost its fix."""
    apart_s: float = 3600.0
    """Nor positions so far apart in time, while others come from elsewhere: errors come again at
    the same place."""
    sparse_messages: int = 10
    """So many do: of a ship that is seldom received."""


def hull_numbers(messages: Messages, rules: PieceSettings) -> NDArray[np.int64]:
    """(message,), STRAY or the number of the message's hull."""
    order = _likelier_first(messages)
    numbers = np.empty(len(order), dtype=np.int64)
    in_order = messages.at(order)
    numbers[order] = put_right(in_order, _numbers(in_order, rules), rules.legs)
    return numbers


def _likelier_first(messages: Messages) -> NDArray[np.int64]:
    """The messages by time; of those of one second, the one that lies best on the way is first."""
    seconds = messages.seconds
    end = np.searchsorted(seconds, seconds, side="right")
    start = np.searchsorted(seconds, seconds, side="left") - 1
    last = len(seconds) - 1
    before = messages.at(np.where(start < 0, np.minimum(end, last), start))
    after = messages.at(np.where(end > last, np.maximum(start, 0), end))
    share = (seconds - before.seconds) / np.maximum(after.seconds - before.seconds, 1.0)
    lon = before.lon + share * wrapped(after.lon - before.lon)
    lat = before.lat + share * (after.lat - before.lat)
    return np.lexsort((np.hypot(*offsets_m(lon, lat, messages.lon, messages.lat)), seconds))


def _numbers(messages: Messages, rules: PieceSettings) -> NDArray[np.int64]:
    count = len(messages.seconds)
    if onward(messages, rules).all():
        return np.ones(count, dtype=np.int64)
    messages = _believed(messages, rules)
    whole = rejoined(messages, _pieces(messages, rules), rules.legs)
    pieces = [spell for piece in whole for spell in _spells(messages, piece, rules)]
    solid = _solid(messages, pieces, rules)
    lasting = [rows for rows, is_solid in zip(pieces, solid, strict=True) if is_solid]
    short = [rows for rows, is_solid in zip(pieces, solid, strict=True) if not is_solid]
    if not lasting:
        return _numbered(count, _longest(_joined(messages, short, [], rules, alone=True)))
    hulls = _joined(messages, lasting, [], rules, alone=True)
    stray = _excursions(messages, lasting, short, rules)
    bridging = [rows for rows, is_stray in zip(short, stray, strict=True) if not is_stray]
    return _numbered(count, _joined(messages, bridging, hulls, rules, alone=False))


def onward(messages: Messages, rules: PieceSettings) -> NDArray[np.bool_]:
    """(message - 1,), whether each message leads on to the next: credibly, and not to be back."""
    leads = credible(messages.at(slice(0, -1)), messages.at(slice(1, None)), rules.legs)
    for between in range(1, rules.stray_messages + 1):
        if len(leads) > between:
            leads[:-between] &= ~detours(messages, between, rules.legs)
    return leads


def _believed(messages: Messages, rules: PieceSettings) -> Messages:
    """The messages, without their speeds where those are wrong: a ship sails on and sends 0.

    Then of two incredible legs the one leads on from the other; of two ships in turn, and of a
    stray, it leads back.
    """
    one, other = messages.at(slice(0, -1)), messages.at(slice(1, None))
    step, step_m = ~credible(one, other, rules.legs), way_m(one, other)
    leap_m = way_m(messages.at(slice(0, -2)), messages.at(slice(2, None)))
    both = step[:-1] & step[1:]
    leads_on = leap_m > np.maximum(step_m[:-1], step_m[1:])
    onwards, backs = int((both & leads_on).sum()), int((both & ~leads_on).sum())
    if onwards < ONWARD or onwards <= backs:
        return messages
    return replace(messages, sog_kn=np.full(len(messages.seconds), np.nan))


def _pieces(messages: Messages, rules: PieceSettings) -> list[NDArray[np.int64]]:
    """Rows of the pieces of track; every message is put to the one that it continues best."""
    count = len(messages.seconds)
    number = np.zeros(count, dtype=np.int64)
    lasts, priors, sizes = (np.full(1, start, dtype=np.int64) for start in (0, 0, 1))
    leads = np.append(onward(messages, rules), False)
    breaks = np.append(np.flatnonzero(~leads), count)
    row = 1
    while row < count:
        chosen, end = number[row - 1], row + 1
        if leads[row - 1] and _others_quiet(messages, lasts, row):
            end = int(breaks[np.searchsorted(breaks, row)]) + 1
        else:
            brief = sizes <= rules.stray_messages
            chosen = _continued(messages, priors, lasts, brief, row, bool(leads[row - 1]), rules)
        if chosen < 0:
            chosen = len(lasts)
            lasts, priors = np.append(lasts, row), np.append(priors, row)
            sizes = np.append(sizes, 1)
        else:
            sizes[chosen] += end - row
            priors[chosen] = lasts[chosen] if end == row + 1 else end - 2
            lasts[chosen] = end - 1
        number[row:end] = chosen
        row = end
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1)


def _spells(
    messages: Messages, piece: NDArray[np.int64], rules: PieceSettings
) -> list[NDArray[np.int64]]:
    """The piece cut where it pauses for long and the MMSI is heard elsewhere meanwhile.

    The parts too short to be sure of are one, if they have many messages together.
    """
    pauses = np.diff(messages.seconds[piece]) > rules.apart_s
    spells = np.split(piece, np.flatnonzero(pauses & (np.diff(piece) > CONFIRMED)) + 1)
    if len(spells) == 1:
        return spells
    sure = [_is_solid(messages, spell, rules) for spell in spells]
    short = [spell for spell, is_sure in zip(spells, sure, strict=True) if not is_sure]
    if sum(map(len, short)) >= rules.sparse_messages:
        return [piece]
    return spells


def _is_solid(messages: Messages, rows: NDArray[np.int64], rules: PieceSettings) -> bool:
    seconds = messages.seconds[rows[-1]] - messages.seconds[rows[0]]
    return len(rows) > rules.stray_messages and bool(seconds >= rules.stray_s)


def _others_quiet(messages: Messages, lasts: NDArray[np.int64], row: int) -> bool:
    """Whether every piece but that of the message before was last heard long ago."""
    recent = messages.seconds[row] - messages.seconds[lasts] < QUIET_S
    return int(recent.sum()) <= 1


def _continued(
    messages: Messages,
    priors: NDArray[np.int64],
    lasts: NDArray[np.int64],
    brief: NDArray[np.bool_],
    row: int,
    leads: bool,
    rules: PieceSettings,
) -> int:
    """Number of the piece that a message continues best, -1 for none.

    ``leads``: whether it may be that of the message before; ``brief``: pieces short as a stray.

    ``lasts`` are the last messages of the pieces, ``priors`` those before them, or the same.
    """
    now = messages.at(np.full(len(lasts), row))
    fits = np.flatnonzero(
        credible(messages.at(lasts), now, rules.legs) & (leads | (lasts != row - 1))
    )
    if len(fits) < 2:
        return int(fits[0]) if len(fits) else -1
    last, prior = messages.at(lasts[fits]), messages.at(priors[fits])
    known_s = last.seconds - prior.seconds
    ahead_s = messages.seconds[row] - last.seconds
    # a course is held for some times as long as it was seen
    share = np.minimum(ahead_s, HELD * known_s) / np.maximum(known_s, 1.0)
    to_last_m = offsets_m(prior.lon, prior.lat, last.lon, last.lat)
    to_now_m = offsets_m(last.lon, last.lat, now.lon[fits], now.lat[fits])
    off_m = np.hypot(
        *(now_m - share * last_m for now_m, last_m in zip(to_now_m, to_last_m, strict=True))
    )
    speed_ms = np.hypot(*to_last_m) / np.maximum(known_s, 1.0)
    # a ship that lay and is under way now has sailed at any time since; and a piece whose places
    # and speeds sent differ may be anything
    sent_ms = (now.sog_kn[fits] * KNOT_MS, last.sog_kn * KNOT_MS)
    changed_ms = sum(np.abs(np.nan_to_num(sent - speed_ms)) for sent in sent_ms)
    doubt_ms = REST_SD_MS + SPEED_SD * speed_ms + changed_ms
    sd_m = PLACE_SD_M + np.where(known_s > 0, doubt_ms, UNKNOWN_SD_MS) * ahead_s
    # an error comes twice in a row at one place
    again_m = PLACE_SD_M + REST_SD_MS * ahead_s
    again = (lasts[fits] == row - 1) & (known_s == 0)
    again &= np.hypot(*to_now_m) < 2 * again_m
    sd_m = np.where(again, again_m, sd_m)
    # two ships are fewer than strays
    once = np.where(brief[fits], ONCE, 0.0)
    any_m = credible_m(last, messages.at(np.full(len(fits), row)), rules.legs)
    doubt = np.minimum(np.log(sd_m) + np.log1p((off_m / sd_m) ** 2 / 2), np.log(any_m) + ANYWHERE)
    # minus the logarithm of a t density with two degrees of freedom
    return int(fits[np.argmin(doubt + once)])


def _solid(
    messages: Messages, pieces: list[NDArray[np.int64]], rules: PieceSettings
) -> NDArray[np.bool_]:
    """(piece,), whether it is a ship's track for certain; where none is, the longest counts."""
    sizes = np.array([len(rows) for rows in pieces])
    solid = np.array([_is_solid(messages, rows, rules) for rows in pieces])
    if not solid.any() and (sizes == sizes.max()).sum() == 1:
        solid[sizes.argmax()] = True
    return solid


def _longest(hulls: list[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """The hull with most messages; none where two have as many: neither can be believed."""
    sizes = sorted(map(len, hulls), reverse=True)
    if len(sizes) > 1 and sizes[0] == sizes[1]:
        return []
    return [max(hulls, key=len)]


def _excursions(
    messages: Messages,
    lasting: list[NDArray[np.int64]],
    short: list[NDArray[np.int64]],
    rules: PieceSettings,
) -> list[bool]:
    """Whether each short piece is an excursion from a lasting one, or lies before or after all.

    Between two lasting pieces it may be the way from the one to the other. Short pieces in a long
    row are a way too: of a ship that sends a wrong speed.
    """
    is_lasting = np.zeros(len(messages.seconds), dtype=np.bool_)
    is_lasting[np.concatenate(lasting)] = True
    # messages of short pieces between the same two of lasting ones are one group
    group = np.cumsum(is_lasting)
    rows = np.flatnonzero(~is_lasting)
    first = np.flatnonzero(np.diff(group[rows], prepend=-1))
    sizes = np.diff(np.append(first, len(rows)))
    seconds = messages.seconds[rows[first + sizes - 1]] - messages.seconds[rows[first]]
    brief = (sizes <= rules.stray_messages) | (seconds < rules.stray_s)
    is_brief = dict(zip(group[rows[first]].tolist(), brief.tolist(), strict=True))
    begins = np.array([piece[0] for piece in lasting])
    ends = np.array([piece[-1] for piece in lasting])
    # two messages are no piece from whose end another is judged
    sure = np.array([len(piece) > rules.stray_messages for piece in lasting])
    return [
        is_brief[int(group[piece[0]])]
        and bool(
            ((begins < piece[0]) & (ends > piece[-1])).any()
            or (sure.any() and (piece[-1] < begins.min() or piece[0] > ends.max()))
        )
        for piece in short
    ]


def _joined(
    messages: Messages,
    pieces: list[NDArray[np.int64]],
    hulls: list[NDArray[np.int64]],
    rules: PieceSettings,
    alone: bool,
) -> list[NDArray[np.int64]]:
    """The hulls with the pieces put to them, the longest first.

    What fits none becomes a hull with ``alone``, and is left out without.
    """
    found = list(hulls)
    for rows in sorted(pieces, key=lambda r: (-len(r), r[0])):
        ways = [_needed_m(messages, rows, hull, rules) for hull in found]
        best = int(np.argmin(ways)) if ways else -1
        if best >= 0 and np.isfinite(ways[best]):
            found[best] = np.insert(found[best], np.searchsorted(found[best], rows[0]), rows)
        elif alone:
            found.append(rows)
    return found


def _needed_m(
    messages: Messages, rows: NDArray[np.int64], hull: NDArray[np.int64], rules: PieceSettings
) -> float:
    """Length of the ways between a piece and a hull if both are one ship, else infinite."""
    before, after = np.searchsorted(hull, rows[0]), np.searchsorted(hull, rows[-1])
    if before != after:
        return np.inf
    starts = np.concatenate([hull[before - 1 : before], rows[-1:]])
    ends = np.concatenate([rows[:1], hull[after : after + 1]])
    if before == 0:
        ends = ends[1:]
    if after == len(hull):
        starts = starts[:-1]
    one, other = messages.at(starts), messages.at(ends)
    if not possible(one, other, rules.legs).all():
        return np.inf
    return float(way_m(one, other).max())


def _numbered(count: int, hulls: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    numbers = np.full(count, STRAY, dtype=np.int64)
    for number, rows in enumerate(sorted(hulls, key=lambda r: (-len(r), r[0])), 1):
        numbers[rows] = number
    return numbers
