"""Random harbours for training: coasts, quays, piers, jetties and breakwaters, and their ships.

The bundled ports are few; of random harbours no two have the same quays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.affinity import rotate
from shapely.geometry import LineString, Polygon, box

from jobs.domain import WGS84, Berth, BerthKind, Grid, Port, transformer
from jobs.simulate.moorings import FENDER_M, QUAY_SHARE, Harbour, Mooring
from jobs.simulate.settings import SimulationConfig, rng_for
from jobs.simulate.traffic import BUILDS, CALLERS, Ship, ShipType, Stay

SIDE_PX = 640
"""Width and height of the window, pixels."""
BERTH_WIDTH_M = 80.0
SHIP_ROOM_M = 60.0
"""Length of quay per ship of a berth's capacity."""
ANCHORAGE_FROM_M = 1300.0
"""Least distance from the shore of ships at anchor."""
OCCUPIED = 0.75
"""Probability that a place at a quay is taken."""
RAFTED = 0.18
"""Probability that another ship lies outside the last one."""
STERN_TO = 0.12
"""Probability that ships at a quay lie side by side, sterns to the quay."""
LONGEST_M = 380.0
"""Length of the longest ship."""
SURF_PROBABILITY = 0.4
"""Probability that a harbour's open coast has breaking waves."""
_KINDS = tuple(kind for kind in BerthKind if kind in CALLERS and kind is not BerthKind.ANCHORAGE)


@dataclass(frozen=True)
class _Frame:
    """Axes of the shore: u along it, v toward the sea, metres from the window's centre."""

    x: float
    y: float
    turn: float

    def point(self, u: float, v: float) -> tuple[float, float]:
        sine, cosine = math.sin(self.turn), math.cos(self.turn)
        return self.x + u * cosine - v * sine, self.y + u * sine + v * cosine

    def vector(self, u: float, v: float) -> tuple[float, float]:
        x, y = self.point(u, v)
        return x - self.x, y - self.y

    def area(self, u: tuple[float, float], v: tuple[float, float]) -> Polygon:
        corners = ((u[0], v[0]), (u[1], v[0]), (u[1], v[1]), (u[0], v[1]))
        return Polygon(self.point(*corner) for corner in corners)


@dataclass(frozen=True)
class _Quay:
    """A straight quay: its middle and the direction toward the water, in the frame."""

    middle: tuple[float, float]
    seaward: tuple[float, float]
    length_m: float
    kind: BerthKind


@dataclass
class _Works:
    """Quays, piers and breakwaters of a harbour, filled while it is laid out."""

    quays: list[_Quay] = field(default_factory=list)
    piers: list[Polygon] = field(default_factory=list)
    breakwaters: list[Polygon] = field(default_factory=list)


@dataclass
class _Fleet:
    """Ships of a harbour, filled one by one: no hull overlaps another or solid ground."""

    config: SimulationConfig
    port: str
    taken: list[Polygon]
    rng: np.random.Generator
    stays: list[Stay] = field(default_factory=list)

    def add(self, berth: str, ship: Ship, at: tuple[float, float], bow_deg: float | None) -> bool:
        """A stay of the whole period; False where there is no room for the hull."""
        hull = _hull(ship, at, bow_deg)
        if any(hull.intersects(other) for other in self.taken):
            return False
        self.taken.append(hull)
        begin = self.config.start_utc - timedelta(days=1)
        end = self.config.start_utc + timedelta(days=self.config.days + 1)
        self.stays.append(Stay(self.port, berth, ship, begin, end, *at, bow_deg))
        return True

    def ship(self, kind: ShipType, longest_m: float) -> Ship:
        build = BUILDS[kind]
        length = float(self.rng.lognormal(math.log(1.15 * build.median_m), 0.4))
        length = min(max(length, 0.7 * build.shortest_m), longest_m, LONGEST_M)
        slender = (build.slenderness or 6.0) * float(self.rng.lognormal(0, 0.08))
        identity = f"{kind}-{self.config.seed}-{self.port}-{len(self.taken):03d}"
        return Ship(identity, kind, round(length, 1), round(length / slender, 1))


def lay_out(config: SimulationConfig, number: int) -> tuple[Harbour, tuple[Stay, ...]]:
    """A random harbour of the config, by number, and its ships, which stay for the whole period."""
    rng = rng_for(config.seed, "layout", number)
    window = _window(number, rng)
    left, bottom, right, top = window.bounds
    frame = _Frame((left + right) / 2, (bottom + top) / 2, float(rng.uniform(0, 2 * math.pi)))
    works = _build(frame, rng)
    name = f"HARBOUR{number:03d}"
    moorings = tuple(_mooring(frame, quay, f"q{i}", window) for i, quay in enumerate(works.quays))
    port = Port(
        id=name,
        name=name,
        country="Nowhere",
        area=_lonlat(box(*window.bounds), window),
        berths=tuple(mooring.berth for mooring in moorings),
        grid=window,
    )
    where = Harbour(
        port,
        moorings,
        window,
        _land(frame, window, rng),
        tuple(works.piers),
        tuple(works.breakwaters),
        float(rng.uniform(0.1, 1)) if rng.random() < SURF_PROBABILITY else 0.0,
    )
    fleet = _Fleet(config, name, [*works.breakwaters, *_jetties(moorings)], rng)
    for mooring in moorings:
        _fill(fleet, mooring)
    _anchor(fleet, frame)
    return where, tuple(fleet.stays)


def _window(number: int, rng: np.random.Generator) -> Grid:
    """A square in one of the 60 UTM zones in turn; no two harbours overlap."""
    zone = 1 + number % 60
    left = 300_000 + 20 * round(float(rng.uniform(0, 10_000)))
    top = 3_000_000 + 200_000 * (number // 60) + 20 * round(float(rng.uniform(0, 4_000)))
    return Grid(32600 + zone, float(left), float(top), SIDE_PX, SIDE_PX)


def _lonlat(shape: Polygon, window: Grid) -> Polygon:
    inverse = transformer(window.epsg, WGS84)
    return shapely.transform(shape, inverse.transform, interleaved=False)


def _land(frame: _Frame, window: Grid, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Land behind a shore that varies by some hundred metres outside the harbour."""
    x, y = np.meshgrid(window.x, window.y)
    east, north = x - frame.x, y - frame.y
    u = east * math.cos(frame.turn) + north * math.sin(frame.turn)
    v = north * math.cos(frame.turn) - east * math.sin(frame.turn)
    waves = [
        rng.normal(0, 160) * np.sin(u / rng.uniform(200, 900) + rng.uniform(0, 7)) for _ in range(4)
    ]
    swing = np.sum(waves, axis=0) * np.clip(np.abs(u) / 2200 - 0.2, 0.05, 1)
    island = np.hypot(u - rng.normal(0, 2000), v - rng.uniform(1500, 3200)) < rng.uniform(0, 500)
    return np.asarray((v < swing) | island)


# --- works --------------------------------------------------------------------------------------


def _build(frame: _Frame, rng: np.random.Generator) -> _Works:
    """Quays along the shore, piers and jetties out of it, breakwaters around."""
    works = _Works()
    u = -2400.0
    while u < 2200:
        u += float(rng.uniform(120, 320))
        kind = _KINDS[int(rng.integers(len(_KINDS)))]
        if rng.random() < 0.45:
            u += _pier(works, frame, u, kind, rng)
        else:
            length_m = float(rng.uniform(180, 800))
            works.quays.append(_Quay((u + length_m / 2, 0.0), (0.0, 1.0), length_m, kind))
            u += length_m
    for side in (-1, 1):
        if rng.random() < 0.7:
            works.breakwaters.append(_breakwater(frame, side, rng))
    return works


def _pier(
    works: _Works, frame: _Frame, u: float, kind: BerthKind, rng: np.random.Generator
) -> float:
    """A pier with a quay on either side; for oil a jetty, quay at its head. Returns its width."""
    width, reach = float(rng.uniform(110, 260)), float(rng.uniform(260, 850))
    if kind is BerthKind.OIL_TERMINAL:
        length_m = float(rng.uniform(200, 400))
        works.quays.append(_Quay((u + length_m / 2, reach / 2), (0.0, 1.0), length_m, kind))
        works.piers.append(
            frame.area((u + length_m / 2 - 6, u + length_m / 2 + 6), (-60, reach / 2))
        )
        return length_m
    works.piers.append(frame.area((u, u + width), (-120, reach)))
    for edge, seaward in ((u, -1.0), (u + width, 1.0)):
        works.quays.append(_Quay((edge, reach / 2 + 20), (seaward, 0.0), reach - 60, kind))
    return width + 120


def _breakwater(frame: _Frame, side: int, rng: np.random.Generator) -> Polygon:
    """A breakwater from the shore at one end of the harbour, with a bend in front of it."""
    out, across = float(rng.uniform(900, 1250)), float(rng.uniform(300, 1600))
    start = side * float(rng.uniform(2500, 2900))
    course = [(start, -100.0), (start, out * 0.7), (start - side * 250, out)]
    course.append((start - side * (250 + across), out + float(rng.uniform(-60, 150))))
    return LineString([frame.point(*at) for at in course]).buffer(float(rng.uniform(6, 14)))


def _mooring(frame: _Frame, quay: _Quay, name: str, window: Grid) -> Mooring:
    (u, v), (nu, nv) = quay.middle, quay.seaward
    off = (0.5 - QUAY_SHARE) * BERTH_WIDTH_M
    x, y = frame.point(u + nu * off, v + nv * off)
    nx, ny = frame.vector(nu, nv)
    axis_deg = math.degrees(math.atan2(-ny, nx)) % 180
    half, deep = quay.length_m / 2, BERTH_WIDTH_M / 2
    outline = rotate(box(x - deep, y - half, x + deep, y + half), -axis_deg, origin=(x, y))
    room = max(1, round(quay.length_m / SHIP_ROOM_M))
    berth = Berth(name, name, quay.kind, room, _lonlat(outline, window))
    return Mooring(berth, outline, x, y, axis_deg, (nx, ny), quay.length_m, BERTH_WIDTH_M)


def _jetties(moorings: tuple[Mooring, ...]) -> list[Polygon]:
    """Solid ground directly behind each quay's edge."""
    found = []
    for each in moorings:
        line, half = each.quay_line_m, each.length_m / 2
        corners = ((-half, line - 40), (half, line - 40), (half, line), (-half, line))
        found.append(Polygon(each.point(*corner) for corner in corners))
    return found


# --- ships --------------------------------------------------------------------------------------


def _hull(ship: Ship, at: tuple[float, float], bow_deg: float | None) -> Polygon:
    """Outline of a ship; at anchor, the circle in which it swings."""
    if bow_deg is None:
        return shapely.Point(at).buffer(ship.length_m + 60)
    (x, y), half, deep = at, ship.length_m / 2, ship.beam_m / 2
    return rotate(box(x - deep, y - half, x + deep, y + half), -bow_deg, origin=at)


def _fill(fleet: _Fleet, quay: Mooring) -> None:
    """Ships along a quay, one behind the other or side by side."""
    rng = fleet.rng
    stern_to = quay.berth.kind is not BerthKind.OIL_TERMINAL and rng.random() < STERN_TO
    along = -quay.length_m / 2 + float(rng.uniform(0, 40))
    while along < quay.length_m / 2 - 40:
        if rng.random() > OCCUPIED:
            along += float(rng.uniform(40, 160))
        elif stern_to:
            along += _stern_to(fleet, quay, along)
        else:
            along += _alongside(fleet, quay, along)


def _alongside(fleet: _Fleet, quay: Mooring, along: float) -> float:
    """A ship at the quay and, at times, others outside it; returns the room it took."""
    rng, kinds = fleet.rng, CALLERS[quay.berth.kind]
    kind = kinds[int(rng.integers(len(kinds)))]
    ship = fleet.ship(kind, quay.length_m / 2 - along)
    bow = quay.axis_deg + 180 * float(rng.integers(2)) + float(rng.normal(0, 0.7))
    off = quay.quay_line_m + FENDER_M + ship.beam_m / 2 + float(rng.exponential(2))
    middle = along + ship.length_m / 2
    lies = fleet.add(quay.berth.id, ship, quay.point(middle, off), bow % 360)
    while lies and rng.random() < RAFTED:
        outer = fleet.ship(kind, ship.length_m * float(rng.uniform(0.7, 1.1)))
        off += (ship.beam_m + outer.beam_m) / 2 + float(rng.uniform(1.5, 6))
        lies = fleet.add(quay.berth.id, outer, quay.point(middle, off), bow % 360)
        ship = outer
    return ship.length_m + 12 + float(rng.exponential(25))


def _stern_to(fleet: _Fleet, quay: Mooring, along: float) -> float:
    """A ship at right angles to the quay; returns the room it took."""
    rng = fleet.rng
    kind = (ShipType.NAVAL, ShipType.GENERAL, ShipType.FERRY)[int(rng.integers(3))]
    ship = fleet.ship(kind, 130.0)
    off = quay.quay_line_m + 8 + ship.length_m / 2
    bow = (quay.axis_deg + 90 + 180 * float(rng.integers(2)) + float(rng.normal(0, 1))) % 360
    fleet.add(quay.berth.id, ship, quay.point(along + ship.beam_m / 2, off), bow)
    return ship.beam_m + float(rng.uniform(2, 10))


def _anchor(fleet: _Fleet, frame: _Frame) -> None:
    """Ships at anchor off the harbour."""
    kinds = CALLERS[BerthKind.ANCHORAGE]
    for _ in range(int(fleet.rng.poisson(7))):
        kind = kinds[int(fleet.rng.integers(len(kinds)))]
        u, v = fleet.rng.uniform((-2800, ANCHORAGE_FROM_M + 400), (2800, 2900))
        fleet.add("", fleet.ship(kind, LONGEST_M), frame.point(float(u), float(v)), None)
