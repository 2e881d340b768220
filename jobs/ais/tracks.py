"""Interpolated places of AIS ships at one moment, with their errors."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jobs.ais.geodesy import DEGREE_M, KNOT_MS, offsets_m, wrapped
from jobs.ais.hulls import with_hulls

MINUTE_S, HOUR_S = 60.0, 3600.0
FASTEST_KN = 50.0
"""Nothing with AIS is faster: two messages that need more come from two transmitters."""
COURSE_FROM_KN = 2.0
"""Below it the course over ground is the noise of the satellite fix, not the way the bow points."""


@dataclass(frozen=True)
class DriftSettings:
    """How the error of a position grows with the time from messages.

    The true velocity differs from the one assumed: the error grows straight ahead for ``memory_s``,
    then as a random walk; between two messages it is pinned at both ends, as a Brownian bridge is.
    The errors were fitted with hidden messages of the Galveston hour (tests/bench/bench_ais.py); an
    hour cannot determine ``memory_s``, which is assumed: half an hour's leg in a channel.
    """

    speed_error: float = 0.15
    """Share of the speed by which the velocity differs."""
    slow_error_ms: float = 0.15
    """Least velocity error of a moving ship, m/s, to which the share of its speed is added."""
    still_error_ms: float = 0.005
    """Least velocity error of a ship at rest, m/s: it swings or is warped."""
    still_below_ms: float = 0.15
    """0.3 knots: what is slower is at rest."""
    memory_s: float = 1800.0
    """How long a ship keeps a velocity that differs."""
    silence_h: float = 6.0
    """Ships without a message for longer on both sides get no position."""


@dataclass(frozen=True)
class Fixes:
    """Places of ships at one moment; only of those with a message within ``silence_h``."""

    row: NDArray[np.int64]
    """(ship,), the row of the ship's nearest message in the table that ``with_hulls`` gives."""
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    sd_m: NDArray[np.float64]
    """(ship,), of the interpolation alone, per axis."""
    speed_ms: NDArray[np.float64]
    nearest_s: NDArray[np.float64]
    """(ship,), to the nearest message."""
    gap_s: NDArray[np.float64]
    """(ship,), between the messages before and after; NaN where one of them is missing."""

    def only(self, wanted: NDArray[np.bool_]) -> Fixes:
        """The fixes of some ships."""
        return Fixes(**{part.name: getattr(self, part.name)[wanted] for part in fields(self)})


@dataclass(frozen=True)
class Tracks:
    """A table of positions, indexed for interpolation at any moment."""

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    time_ms: NDArray[np.int64]
    """(message,), since ``start``."""
    sog_kn: NDArray[np.float64]
    """(message,), NaN replaced by 0."""
    cog_deg: NDArray[np.float64]
    key: NDArray[np.int64]
    """(message,), ascending: ship, then time."""
    ships: int
    start: pd.Timestamp
    span_ms: int


def tracks_of(positions: pd.DataFrame) -> Tracks:
    """The tracks of AIS_COLUMNS rows, a track for every hull."""
    positions = with_hulls(positions)
    times = positions["time"]
    start = times.min() if len(times) else pd.Timestamp(0, tz="UTC")
    time_ms = ((times - start) // pd.Timedelta(1, "ms")).to_numpy(np.int64)
    # room on both sides of every ship's messages for a moment before or after all of them
    span_ms = 3 * int(time_ms.max(initial=0)) + 3
    track = positions["track"].to_numpy(np.int64)
    ship = np.cumsum(np.concatenate([[0], np.diff(track) != 0])) if len(track) else track
    return Tracks(
        lon=positions["lon"].to_numpy(np.float64),
        lat=positions["lat"].to_numpy(np.float64),
        time_ms=time_ms,
        sog_kn=np.nan_to_num(positions["sog_kn"].to_numpy(np.float64)),
        cog_deg=positions["cog_deg"].to_numpy(np.float64),
        key=ship * span_ms + span_ms // 3 + time_ms,
        ships=int(ship[-1]) + 1 if len(ship) else 0,
        start=start,
        span_ms=span_ms,
    )


def fixes_at(tracks: Tracks, time: pd.Timestamp, settings: DriftSettings) -> Fixes:
    """The place of every ship at that moment."""
    moment_ms = round((time - tracks.start) / pd.Timedelta(1, "ms"))
    within_ms = int(np.clip(moment_ms, -(tracks.span_ms // 3), tracks.span_ms // 3 * 2 - 1))
    ship = np.arange(tracks.ships, dtype=np.int64)
    wanted = ship * tracks.span_ms + tracks.span_ms // 3 + within_ms
    after = np.searchsorted(tracks.key, wanted, side="left")
    first = np.searchsorted(tracks.key, ship * tracks.span_ms)
    last = np.searchsorted(tracks.key, (ship + 1) * tracks.span_ms) - 1
    before_s, after_s = _waits(tracks, moment_ms, after, first, last, settings)
    known = np.isfinite(before_s) | np.isfinite(after_s)
    before, after = (np.clip(i, first, last)[known] for i in (after - 1, after))
    return _fixes(tracks, before, after, before_s[known], after_s[known], settings)


def _waits(
    tracks: Tracks,
    moment_ms: int,
    after: NDArray[np.int64],
    first: NDArray[np.int64],
    last: NDArray[np.int64],
    settings: DriftSettings,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds since the message before and until the one after; infinite where too far or none."""
    if not len(after):
        return np.empty(0), np.empty(0)
    before_s = (moment_ms - tracks.time_ms[np.clip(after - 1, first, last)]) / 1000
    after_s = (tracks.time_ms[np.clip(after, first, last)] - moment_ms) / 1000
    limit_s = settings.silence_h * HOUR_S
    return (
        np.where((after > first) & (before_s <= limit_s), before_s, np.inf),
        np.where((after <= last) & (after_s <= limit_s), after_s, np.inf),
    )


def _fixes(
    tracks: Tracks,
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    before_s: NDArray[np.float64],
    after_s: NDArray[np.float64],
    settings: DriftSettings,
) -> Fixes:
    both = np.isfinite(before_s) & np.isfinite(after_s) & _one_ship(tracks, before, after)
    nearest = np.where(before_s <= after_s, before, after)
    nearest_s = np.minimum(before_s, after_s)
    gap_s = np.where(both, before_s + after_s, np.nan)
    share = np.where(both & (gap_s > 0), before_s / np.where(gap_s > 0, gap_s, 1), 0.0)
    ahead_s = np.where(before_s <= after_s, nearest_s, -nearest_s)
    lon, lat = _ahead(tracks, nearest, np.where(both, 0.0, ahead_s))
    east_deg = wrapped(tracks.lon[after] - tracks.lon[before])
    lon = np.where(both, wrapped(tracks.lon[before] + share * east_deg), lon)
    north_deg = tracks.lat[after] - tracks.lat[before]
    lat = np.where(both, tracks.lat[before] + share * north_deg, lat)
    speed_ms = np.where(both, _mean_speed(tracks, before, after, gap_s), _speed(tracks, nearest))
    free_s = np.where(both, share * (1 - share) * np.nan_to_num(gap_s), nearest_s)
    return Fixes(nearest, lon, lat, drift_m(speed_ms, free_s, settings), speed_ms, nearest_s, gap_s)


def drift_m(
    speed_ms: NDArray[np.float64], free_s: NDArray[np.float64], settings: DriftSettings
) -> NDArray[np.float64]:
    """Sd per axis (m) after a time without message (s); of a bridge, before x after / gap."""
    at_rest = speed_ms < settings.still_below_ms
    least_ms = np.where(at_rest, settings.still_error_ms, settings.slow_error_ms)
    error_ms = least_ms + settings.speed_error * speed_ms
    memory = settings.memory_s
    return np.asarray(error_ms * np.sqrt(free_s**2 / (1 + free_s / memory)))


def _one_ship(
    tracks: Tracks, before: NDArray[np.int64], after: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether a ship could have gone from the one message to the other."""
    seconds = (tracks.time_ms[after] - tracks.time_ms[before]) / 1000
    return _way_m(tracks, before, after) <= FASTEST_KN * KNOT_MS * np.maximum(seconds, 1) + 200


def _way_m(
    tracks: Tracks, before: NDArray[np.int64], after: NDArray[np.int64]
) -> NDArray[np.float64]:
    east_m, north_m = offsets_m(
        tracks.lon[before], tracks.lat[before], tracks.lon[after], tracks.lat[after]
    )
    return np.hypot(east_m, north_m)


def _ahead(
    tracks: Tracks, row: NDArray[np.int64], seconds: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dead reckoning from one message, forward or back; without a course the ship stays."""
    way_deg = np.nan_to_num(_speed(tracks, row) * seconds) / DEGREE_M
    course = np.radians(tracks.cog_deg[row])
    way_deg = np.where(np.isfinite(course), way_deg, 0.0)
    course = np.nan_to_num(course)
    lat = tracks.lat[row] + way_deg * np.cos(course)
    return wrapped(tracks.lon[row] + way_deg * np.sin(course) / np.cos(np.radians(lat))), lat


def _speed(tracks: Tracks, row: NDArray[np.int64]) -> NDArray[np.float64]:
    return tracks.sog_kn[row] * KNOT_MS


def _mean_speed(
    tracks: Tracks,
    before: NDArray[np.int64],
    after: NDArray[np.int64],
    gap_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    """The larger of the mean speed sent and the speed that the distance needs."""
    sent = (_speed(tracks, before) + _speed(tracks, after)) / 2
    needed = _way_m(tracks, before, after) / np.where(gap_s > 0, gap_s, np.inf)
    return np.maximum(sent, needed)
