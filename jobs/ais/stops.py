"""Where ships lay: uninterrupted stops, and stops put together to stays at berths.

A stay ends when its ship is seen elsewhere, and not before: a speed that flickers, a place that
jumps or one stray position does not end it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from jobs.ais.geodesy import offsets_m, wrapped
from jobs.ais.port_state import AisVisitSettings, ShipState, points_of
from jobs.domain import BerthKind, Port, project

SAME_PLACE_M = 50.0
"""Stops no further apart are one: less than berths lie apart, more than a receiver errs."""
CONFIRMED = 2
"""So many messages from elsewhere show that a ship left; one does if it was sent under way."""
UNDER_WAY_KN = 2.0


@dataclass(frozen=True)
class Stop:
    """One stop: the place of its visit in the series, its rows from first to last, its mean place.

    ``berth`` is empty where none is in reach.
    """

    visit: int
    first: int
    last: int
    messages: int
    lon: float
    lat: float
    berth: str = ""

    def off_m(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Metres from places to this stop's."""
        return np.hypot(*offsets_m(self.lon, self.lat, lon, lat))

    def with_later(self, later: Stop) -> Stop:
        """One stop of this one and a later one at the same place."""
        messages = self.messages + later.messages
        share = later.messages / messages
        return replace(
            self,
            last=later.last,
            messages=messages,
            lon=float(wrapped(self.lon + share * wrapped(later.lon - self.lon))),
            lat=self.lat + share * (later.lat - self.lat),
        )


def berth_stays(
    rows: pd.DataFrame,
    port: Port,
    state: NDArray[np.int64],
    visit_first: NDArray[np.int64],
    rules: AisVisitSettings,
) -> pd.DataFrame:
    """One row a stay: visit, berth, first and last row.

    ``visit_first`` is the first row of every visit, ascending; ``visit`` is a place in it.
    """
    places = _Places(rows, port, rules)
    stops = places.with_berths(places.same(_stops(rows, state, visit_first, rules)))
    stays = [
        stay for _, lay in groupby(stops, lambda stop: stop.visit) for stay in places.stays([*lay])
    ]
    columns = ["visit", "berth", "first", "last"]
    return pd.DataFrame([[getattr(s, name) for name in columns] for s in stays], columns=columns)


def _stops(
    rows: pd.DataFrame,
    state: NDArray[np.int64],
    visit_first: NDArray[np.int64],
    rules: AisVisitSettings,
) -> Iterator[Stop]:
    """Uninterrupted stops of visits, in order of rows."""
    lying = np.flatnonzero(state == ShipState.STOPPED)
    lon, lat = rows["lon"].to_numpy()[lying], rows["lat"].to_numpy()[lying]
    track = rows["track"].to_numpy(np.int64)[lying]
    east_m, north_m = offsets_m(lon[:-1], lat[:-1], lon[1:], lat[1:])
    breaks = (np.diff(lying) > 1) | (np.diff(track) != 0)
    breaks |= np.hypot(east_m, north_m) > rules.moved_m
    first = np.flatnonzero(np.concatenate([[True], breaks])[: len(lying)])
    count = np.diff(np.append(first, len(lying)))
    # a mean longitude is one of differences: -180 and 180 are one place
    east_deg = wrapped(lon - np.repeat(lon[first], count))
    columns = (
        np.searchsorted(visit_first, lying[first], side="right") - 1,
        lying[first],
        lying[first + count - 1],
        count,
        wrapped(lon[first] + np.add.reduceat(east_deg, first) / count),
        np.add.reduceat(lat, first) / count,
    )
    stops = (Stop(*row) for row in zip(*(column.tolist() for column in columns), strict=True))
    return (stop for stop in stops if stop.visit >= 0)


class _Places:
    """Messages and berths, to judge whether a ship left a place between two stops."""

    def __init__(self, rows: pd.DataFrame, port: Port, rules: AisVisitSettings) -> None:
        self.lon, self.lat = (rows[name].to_numpy(np.float64) for name in ("lon", "lat"))
        self.sog_kn = rows["sog_kn"].to_numpy(np.float64)
        self.port, self.rules = port, rules
        # a quay goes before an anchorage
        berths = sorted(port.berths, key=lambda berth: berth.kind is BerthKind.ANCHORAGE)
        self.outlines: Mapping[str, shapely.Polygon] = {
            berth.id: project(berth.polygon, port.grid.epsg) for berth in berths
        }

    def same(self, stops: Iterator[Stop]) -> list[Stop]:
        """The stops with those put together between which a ship stayed where it was.

        Of two berths side by side, a ship between them is then at one and not at each in turn.
        """
        together: list[Stop] = []
        for stop in stops:
            if together and self._stayed(together[-1], stop):
                together[-1] = together[-1].with_later(stop)
            else:
                together.append(stop)
        return together

    def _stayed(self, last: Stop, stop: Stop) -> bool:
        """Whether a stop is at the place of the one before, without a message from elsewhere."""
        if last.visit != stop.visit:
            return False
        if np.hypot(*offsets_m(last.lon, last.lat, stop.lon, stop.lat)) > SAME_PLACE_M:
            return False
        between = slice(last.last + 1, stop.first)
        off_m = last.off_m(self.lon[between], self.lat[between])
        return not bool((off_m > self.rules.moved_m).any())

    def with_berths(self, stops: list[Stop]) -> list[Stop]:
        """The stops with the id of the nearest berth in reach."""
        if not stops or not self.outlines:
            return []
        lon, lat = (np.array([getattr(s, name) for s in stops]) for name in ("lon", "lat"))
        points = points_of(lon, lat, self.port)
        distance_m = np.array([shapely.distance(points, o) for o in self.outlines.values()])
        reached = distance_m.min(axis=0) <= self.rules.berth_reach_m
        ids = list(self.outlines)
        return [
            replace(stop, berth=ids[nearest]) if in_reach else stop
            for stop, nearest, in_reach in zip(
                stops, distance_m.argmin(axis=0), reached, strict=True
            )
        ]

    def stays(self, stops: list[Stop]) -> list[Stop]:
        """The stays of one visit's stops, each as one stop."""
        stays: list[Stop] = []
        for number, stop in enumerate(stops):
            if not stop.berth:
                continue
            earlier = next((s for s in reversed(stays) if s.berth == stop.berth), None)
            if earlier is None or self._left(earlier, _since(earlier, stops, number), stop):
                stays.append(stop)
                continue
            # what lies between is unconfirmed: had the ship lain there, it would have left
            place = stays.index(earlier)
            stays[place:] = [earlier.with_later(stop)]
        return stays

    def _left(self, stay: Stop, between: Iterator[Stop], stop: Stop) -> bool:
        """Whether a ship was surely elsewhere between a stay and a later stop at the same berth."""
        if any(s.messages >= CONFIRMED for s in between if s.berth != stay.berth):
            return True
        rows = slice(stay.last + 1, stop.first)
        points = points_of(self.lon[rows], self.lat[rows], self.port)
        off = shapely.distance(points, self.outlines[stay.berth]) > self.rules.moved_m
        under_way = off & (self.sog_kn[rows] >= UNDER_WAY_KN)
        return bool(off.sum() >= CONFIRMED or under_way.any())


def _since(stay: Stop, stops: Sequence[Stop], number: int) -> Iterator[Stop]:
    """The stops after a stay and before that of a number, the last first."""
    back = (stops[place] for place in range(number - 1, -1, -1))
    return takewhile(lambda stop: stop.first > stay.last, back)
