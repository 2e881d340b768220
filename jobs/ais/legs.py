"""Whether one ship can have gone from the place of one AIS message to the place of another.

Two limits. *Possible*: below the fastest that anything with AIS goes. *Credible*: also in keeping
with the speeds that both messages sent; between messages an hour apart that says little, for a ship
may have sailed and stopped again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.ais.geodesy import KNOT_MS, offsets_m


@dataclass(frozen=True)
class LegSettings:
    """Limits of a leg between two messages under one MMSI; each with its reason."""

    fastest_kn: float = 50.0
    """Merchant ships make 25 at most, fast ferries 40; AISdb's encoder cuts tracks at 50 too."""
    place_m: float = 1000.0
    """Added to every possible way: receivers' clocks differ by a minute, in which a ship goes
    500 m; times are whole seconds, so that over a short interval a speed means nothing."""
    doubt_m: float = 500.0
    """Added to every credible way: more than a ship swings at anchor, or its receiver jumps."""
    sent_share: float = 2.0
    sent_kn: float = 5.0
    """A moving ship keeps below its sent speed times ``sent_share``, plus this: the larger of
    both messages counts, and it may speed up and slow down between them."""
    steady_share: float = 1.3
    steady_kn: float = 3.0
    """The same for a way to a place and back during which no message sends another speed."""
    steady_within_kn: float = 2.0
    rest_kn: float = 1.0
    """A ship at rest in both messages drifts or is warped no faster."""
    rest_below_kn: float = 0.5
    settle_s: float = 600.0
    """Only after ten minutes can it have cast off, gone at ``free_kn`` and come to rest again."""
    free_kn: float = 25.0
    """The fastest merchant ships: container ships and ro-ro ferries."""


@dataclass(frozen=True)
class Messages:
    """Messages of one MMSI in order of time; arrays are (message,)."""

    seconds: NDArray[np.float64]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    sog_kn: NDArray[np.float64]
    """NaN where not sent."""

    def at(self, rows: NDArray[np.int64] | slice) -> Messages:
        """Some of the messages."""
        return Messages(self.seconds[rows], self.lon[rows], self.lat[rows], self.sog_kn[rows])


def messages_of(rows: pd.DataFrame) -> Messages:
    """The messages of a frame with time, lon, lat and sog_kn."""
    start = rows["time"].min()
    return Messages(
        seconds=((rows["time"] - start) / pd.Timedelta(1, "s")).to_numpy(np.float64),
        lon=rows["lon"].to_numpy(np.float64),
        lat=rows["lat"].to_numpy(np.float64),
        sog_kn=rows["sog_kn"].to_numpy(np.float64),
    )


def way_m(one: Messages, other: Messages) -> NDArray[np.float64]:
    """Metres between places, (leg,)."""
    return np.hypot(*offsets_m(one.lon, one.lat, other.lon, other.lat))


def possible(one: Messages, other: Messages, rules: LegSettings) -> NDArray[np.bool_]:
    """(leg,), whether anything with AIS can have gone from the one place to the other."""
    return way_m(one, other) <= _possible_m(one, other, rules)


def credible(one: Messages, other: Messages, rules: LegSettings) -> NDArray[np.bool_]:
    """(leg,), whether a ship that sent those speeds can have; without a speed, if possible."""
    return way_m(one, other) <= credible_m(one, other, rules)


def credible_m(one: Messages, other: Messages, rules: LegSettings) -> NDArray[np.float64]:
    """(leg,), metres that a ship that sent those speeds can have gone meanwhile."""
    seconds = _seconds(one, other)
    sent_kn = np.maximum(one.sog_kn, other.sog_kn)
    kn = _kept_kn(sent_kn, rules.sent_share * sent_kn + rules.sent_kn, rules)
    way = rules.doubt_m + _sailed_m(seconds, kn, rules)
    limit_m = _possible_m(one, other, rules)
    return np.where(np.isnan(sent_kn), limit_m, np.minimum(way, limit_m))


def detours(messages: Messages, between: int, rules: LegSettings) -> NDArray[np.bool_]:
    """(message - between - 1,), whether ``between`` messages after each are no place on its way.

    So it is where all send one speed, which the ways there and on do not fit, and the straight way
    is credible. A ship that sends different speeds may have gone there and back; False without any.
    """
    start, end = messages.at(slice(0, -between - 1)), messages.at(slice(between + 1, None))
    there, back = messages.at(slice(1, -between)), messages.at(slice(between, -1))
    sent_kn = np.array([part.sog_kn for part in (start, there, back, end)])
    most_kn = sent_kn.max(axis=0)
    kn = _kept_kn(most_kn, rules.steady_share * most_kn + rules.steady_kn, rules)
    over_m = [
        way_m(one, other) - _sailed_m(_seconds(one, other), kn, rules)
        for one, other in ((start, there), (back, end))
    ]
    far = (np.minimum(*over_m) > 0) & (over_m[0] + over_m[1] > rules.doubt_m)
    around_m = way_m(start, there) + way_m(back, end) - way_m(start, end)
    steady: NDArray[np.bool_] = np.ptp(sent_kn, axis=0) <= rules.steady_within_kn
    off: NDArray[np.bool_] = steady & far & (around_m > 2 * rules.doubt_m)
    return np.asarray(off & credible(start, end, rules), np.bool_)


def _sailed_m(
    seconds: NDArray[np.float64], kn: NDArray[np.float64], rules: LegSettings
) -> NDArray[np.float64]:
    """Metres at a speed, and at that of the fastest ships in the time in which it may be kept."""
    free_s = np.maximum(seconds - rules.settle_s, 0)
    return (kn * seconds + rules.free_kn * free_s) * KNOT_MS


def _kept_kn(
    sent_kn: NDArray[np.float64], moving_kn: NDArray[np.float64], rules: LegSettings
) -> NDArray[np.float64]:
    """Speed that a ship keeps below: of one at rest by all its messages, that of drifting."""
    return np.where(sent_kn < rules.rest_below_kn, rules.rest_kn, moving_kn)


def _possible_m(one: Messages, other: Messages, rules: LegSettings) -> NDArray[np.float64]:
    return rules.place_m + rules.fastest_kn * KNOT_MS * _seconds(one, other)


def _seconds(one: Messages, other: Messages) -> NDArray[np.float64]:
    # both times are rounded to a second
    return np.abs(other.seconds - one.seconds) + 1.0
