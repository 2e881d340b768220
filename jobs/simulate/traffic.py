"""Ship traffic in continuous time: Poisson arrivals, lognormal stays, limited berths."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from shapely.geometry import Point

from jobs.domain import BerthKind
from jobs.simulate.moorings import Harbour, Mooring
from jobs.simulate.settings import SimulationConfig, rng_for

WARM_UP_H = 10 * 24.0
"""Hours of traffic before the first day, so that berths are not empty on it."""
CHANGEOVER_H = 2.0
"""Hours between two ships at one place."""
LONGEST_WAIT_H = 4 * 24.0
"""A ship that would wait longer does not call."""
SPEED_KM_H = 18.0
ANCHOR_ROOM_M = 380.0
"""Distance between anchors that is large enough."""
SWING_M = 40.0
"""Distance from the anchor to the bow."""


class ShipType(StrEnum):
    """Types of ships, which differ in size and in their looks from above."""

    TANKER = "tanker"
    BULKER = "bulker"
    CONTAINER = "container"
    GENERAL = "general"
    FERRY = "ferry"
    NAVAL = "naval"
    SMALL = "small"


@dataclass(frozen=True)
class Build:
    """Lengths of a type of ship, and its ratio of length to beam."""

    shortest_m: float
    median_m: float
    longest_m: float
    slenderness: float


BUILDS: Mapping[ShipType, Build] = {
    ShipType.TANKER: Build(60, 88, 130, 0.0),  # beam by the registry's fit, see _beam_m
    ShipType.BULKER: Build(90, 160, 230, 6.2),
    ShipType.CONTAINER: Build(90, 145, 230, 6.5),
    ShipType.GENERAL: Build(60, 92, 140, 6.2),
    ShipType.FERRY: Build(60, 100, 160, 6.3),
    ShipType.NAVAL: Build(50, 95, 130, 8.3),
    ShipType.SMALL: Build(8, 17, 35, 3.8),
}
CALLERS: Mapping[BerthKind, tuple[ShipType, ...]] = {
    BerthKind.OIL_TERMINAL: (ShipType.TANKER,),
    BerthKind.BULK: (ShipType.BULKER, ShipType.BULKER, ShipType.GENERAL),
    BerthKind.CONTAINER: (ShipType.CONTAINER,),
    BerthKind.GENERAL: (ShipType.GENERAL, ShipType.GENERAL, ShipType.BULKER),
    BerthKind.FERRY: (ShipType.FERRY,),
    BerthKind.NAVAL: (ShipType.NAVAL,),
    BerthKind.ANCHORAGE: (ShipType.BULKER, ShipType.GENERAL, ShipType.TANKER),
}


@dataclass(frozen=True)
class Ship:
    """One ship."""

    id: str
    type: ShipType
    length_m: float
    beam_m: float


@dataclass(frozen=True)
class Stay:
    """One ship's stay at one berth: the truth for the score of visits."""

    port: str
    berth: str
    ship: Ship
    arrival: datetime
    departure: datetime
    x: float
    """Centre of a moored ship, or the anchor, UTM metres."""
    y: float
    bow_deg: float | None
    """Compass direction of the bow from grid north; None at anchor, where the bow is upwind."""


@dataclass(frozen=True)
class Pose:
    """Position and heading of a ship at one moment."""

    ship: Ship
    berth: str
    """Empty for a ship under way."""
    x: float
    y: float
    bow_deg: float
    knots: float = 0.0


def build_ship(identity: str, kind: ShipType, longest_m: float, rng: np.random.Generator) -> Ship:
    """A random ship of a type, no longer than its place."""
    build = BUILDS[kind]
    longest = max(min(build.longest_m, longest_m), 0.6 * build.shortest_m)
    length = float(np.clip(rng.lognormal(math.log(build.median_m), 0.28), 0, longest))
    length = max(length, min(build.shortest_m, longest))
    return Ship(identity, kind, round(length, 1), round(_beam_m(kind, length, rng), 1))


def _beam_m(kind: ShipType, length_m: float, rng: np.random.Generator) -> float:
    scatter = float(rng.lognormal(0, 0.05))
    if kind is ShipType.TANKER:
        return float(0.2736 * length_m**0.8793) * scatter  # registry fit, 1,252 tankers of 60-130 m
    return length_m / BUILDS[kind].slenderness * scatter


def schedule(config: SimulationConfig, harbours: Sequence[Harbour]) -> tuple[Stay, ...]:
    """Stays that overlap the period, in order of arrival; no berth exceeds its capacity."""
    stays = _Traffic(config, harbours).run()
    end = config.start_utc + timedelta(days=config.days)
    seen = [stay for stay in stays if stay.departure > config.start_utc and stay.arrival < end]
    return tuple(sorted(seen, key=lambda stay: (stay.arrival, stay.port, stay.berth)))


@dataclass(order=True, frozen=True)
class _Call:
    """An arrival that is still to be processed."""

    hour: float
    number: int
    harbour: int
    mooring: int
    ship: Ship | None = field(compare=False, default=None)
    """None for a ship that has not been drawn yet."""


class _Traffic:
    """Event queue of arrivals; hours count from midnight of the first day."""

    def __init__(self, config: SimulationConfig, harbours: Sequence[Harbour]) -> None:
        self._config = config
        self._harbours = harbours
        self._rng = rng_for(config.seed, "traffic")
        self._calls: list[_Call] = []
        self._numbers = iter(range(10**9))
        self._free_h: dict[tuple[int, int], list[float]] = {}
        self._anchored: list[tuple[int, float, float, float, float]] = []
        self._stays: list[Stay] = []

    def run(self) -> list[Stay]:
        for index, harbour in enumerate(self._harbours):
            for number, mooring in enumerate(harbour.moorings):
                self._free_h[index, number] = [-math.inf] * mooring.places
                self._announce(index, number, mooring)
        while self._calls:
            self._serve(heapq.heappop(self._calls))
        return self._stays

    def _announce(self, harbour: int, number: int, mooring: Mooring) -> None:
        """Poisson arrivals for the whole period, warm-up included."""
        places = 2 if mooring.is_anchorage else mooring.places
        gap_h = 7 * 24 / (self._config.visits_per_week * places)
        hour = -WARM_UP_H + float(self._rng.exponential(gap_h))
        while hour < self._config.days * 24:
            self._call(hour, harbour, number)
            hour += float(self._rng.exponential(gap_h))

    def _call(self, hour: float, harbour: int, mooring: int, ship: Ship | None = None) -> None:
        heapq.heappush(self._calls, _Call(hour, next(self._numbers), harbour, mooring, ship))

    def _serve(self, call: _Call) -> None:
        harbour = self._harbours[call.harbour]
        mooring = harbour.moorings[call.mooring]
        ship = call.ship or self._new_ship(call, mooring)
        if mooring.is_anchorage:
            self._anchor(call, mooring, ship, call.hour + self._dwell_h())
            return
        free = self._free_h[call.harbour, call.mooring]
        place = min(range(len(free)), key=free.__getitem__)
        begin = max(call.hour, free[place] + CHANGEOVER_H)
        if begin - call.hour > LONGEST_WAIT_H:
            return
        if harbour.anchorage is not None and begin - call.hour > 2 * CHANGEOVER_H:
            self._anchor(call, harbour.anchorage, ship, begin - CHANGEOVER_H)
        free[place] = begin + self._dwell_h()
        self._moor(harbour, mooring, ship, place, begin, free[place])
        self._sail_on(call, mooring, ship, free[place])

    def _new_ship(self, call: _Call, mooring: Mooring) -> Ship:
        kinds = CALLERS[mooring.berth.kind]
        kind = kinds[int(self._rng.integers(len(kinds)))]
        longest = math.inf if mooring.is_anchorage else mooring.longest_ship_m
        return build_ship(f"{kind}-{self._config.seed}-{call.number:04d}", kind, longest, self._rng)

    def _dwell_h(self) -> float:
        median_h = self._config.median_dwell_days * 24
        return float(np.clip(self._rng.lognormal(math.log(median_h), 0.45), 6, 5 * median_h))

    def _moor(
        self, harbour: Harbour, mooring: Mooring, ship: Ship, place: int, begin: float, end: float
    ) -> None:
        x, y = mooring.alongside(place, ship.beam_m)
        bow = (
            mooring.axis_deg + 180 * float(self._rng.integers(2)) + float(self._rng.normal(0, 0.7))
        )
        self._add(harbour, mooring, ship, (begin, end), (x, y), bow % 360)

    def _anchor(self, call: _Call, mooring: Mooring, ship: Ship, end: float) -> None:
        x, y = self._anchor_spot(call, mooring, SWING_M + ship.length_m)
        self._anchored.append((call.harbour, call.hour, end, x, y))
        self._add(self._harbours[call.harbour], mooring, ship, (call.hour, end), (x, y), None)

    def _anchor_spot(self, call: _Call, mooring: Mooring, reach: float) -> tuple[float, float]:
        """A random point of the anchorage, far from ships at anchor where there is room."""
        others = [a[3:] for a in self._anchored if a[0] == call.harbour and a[2] > call.hour]
        inner = mooring.polygon.buffer(-min(reach, 0.4 * mooring.width_m))
        inner = mooring.polygon if inner.is_empty else inner
        west, south, east, north = inner.bounds
        best, best_room = (mooring.x, mooring.y), -1.0
        for _ in range(60):
            x, y = float(self._rng.uniform(west, east)), float(self._rng.uniform(south, north))
            room = min((math.dist((x, y), other) for other in others), default=math.inf)
            if inner.contains(Point(x, y)) and room > best_room:
                best, best_room = (x, y), room
            if best_room > ANCHOR_ROOM_M:
                break
        return best

    def _add(
        self,
        harbour: Harbour,
        mooring: Mooring,
        ship: Ship,
        hours: tuple[float, float],
        at: tuple[float, float],
        bow_deg: float | None,
    ) -> None:
        arrival, departure = (
            self._config.start_utc + timedelta(seconds=round(hour * 3600)) for hour in hours
        )
        self._stays.append(
            Stay(harbour.port.id, mooring.berth.id, ship, arrival, departure, *at, bow_deg)
        )

    def _sail_on(self, call: _Call, mooring: Mooring, ship: Ship, hour: float) -> None:
        """Send some tankers on to the oil terminal of another port."""
        if ship.type is not ShipType.TANKER or self._rng.random() >= self._config.onward_share:
            return
        goals = [
            (index, number)
            for index, harbour in enumerate(self._harbours)
            for number, other in enumerate(harbour.moorings)
            if index != call.harbour
            and other.berth.kind is BerthKind.OIL_TERMINAL
            and ship.length_m <= other.longest_ship_m
        ]
        if goals and hour < self._config.days * 24:
            index, number = goals[int(self._rng.integers(len(goals)))]
            km = _distance_km(self._harbours[call.harbour], self._harbours[index])
            self._call(hour + km / SPEED_KM_H + self._rng.uniform(1, 12), index, number, ship)


def _distance_km(one: Harbour, other: Harbour) -> float:
    """Great-circle distance between two ports."""
    a, b = (np.radians(harbour.port.area.centroid.coords[0]) for harbour in (one, other))
    cosine = math.sin(a[1]) * math.sin(b[1]) + math.cos(a[1]) * math.cos(b[1]) * math.cos(
        a[0] - b[0]
    )
    return 6371 * math.acos(min(1.0, cosine))


def poses(stays: Iterable[Stay], port: str, moment: datetime, wind_deg: float) -> list[Pose]:
    """Poses of the ships in a port at a moment; those at anchor head into the wind."""
    present = (s for s in stays if s.port == port and s.arrival <= moment < s.departure)
    return [_pose(stay, wind_deg) for stay in present]


def _pose(stay: Stay, wind_deg: float) -> Pose:
    if stay.bow_deg is not None:
        return Pose(stay.ship, stay.berth, stay.x, stay.y, stay.bow_deg)
    bow = (wind_deg + float(rng_for("swing", stay.ship.id, wind_deg).normal(0, 9))) % 360
    astern_m = SWING_M + stay.ship.length_m / 2
    x = stay.x - astern_m * math.sin(math.radians(bow))
    y = stay.y - astern_m * math.cos(math.radians(bow))
    return Pose(stay.ship, stay.berth, x, y, bow)


def under_way(
    name: str,
    harbour: Harbour,
    coast_m: NDArray[np.float32],
    lying: Sequence[Pose],
    rng: np.random.Generator,
) -> list[Pose]:
    """Random ships and small craft in open water, clear of berths and of other ships.

    Their ids begin with ``name``; ``coast_m`` is the distance from the coast, (y, x) of the window.
    """
    kinds = [ShipType.SMALL] * int(rng.poisson(4)) + [ShipType.GENERAL] * int(rng.poisson(0.7))
    found: list[Pose] = []
    for number, kind in enumerate(kinds):
        small = kind is ShipType.SMALL
        spot = _open_water(harbour, coast_m > (90 if small else 400), [*lying, *found], rng)
        if spot is not None:
            ship = build_ship(f"{name}-{number}", kind, math.inf, rng)
            knots = float(rng.uniform(5, 18)) if rng.random() < 0.6 or not small else 0.0
            found.append(Pose(ship, "", *spot, float(rng.uniform(0, 360)), min(knots, 12)))
    return found


def _open_water(
    harbour: Harbour, free: NDArray[np.bool_], others: Sequence[Pose], rng: np.random.Generator
) -> tuple[float, float] | None:
    """Centre of a free pixel away from berths and ships; None where 20 random ones fail."""
    rows, cols = np.nonzero(free)
    for _ in range(20 if len(rows) else 0):
        pick = int(rng.integers(len(rows)))
        x, y = float(harbour.window.x[cols[pick]]), float(harbour.window.y[rows[pick]])
        far = all(math.dist((x, y), (other.x, other.y)) > 300 for other in others)
        if far and all(m.polygon.distance(Point(x, y)) > 150 for m in harbour.moorings):
            return x, y
    return None
