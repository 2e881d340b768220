"""Ships in two looks of different sensors, minutes apart: seen in both, or in one alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from shapely.geometry import Point

from jobs.domain import SENSORS, LookState, OverpassRecord, Port
from jobs.visits.looks import Look, Sighting, ships
from jobs.visits.reviewed import Verdict
from jobs.visits.same_ship import (
    METRES_PER_S_KN,
    NEAR,
    heading_difference_deg,
    length_difference_m,
    matched,
    moved_m,
)
from jobs.visits.stays import OneShip, Row

BOTH, FIRST, SECOND = "both", "first", "second"
"""The looks in which a ship was seen; the values of the column ``seen``."""


@dataclass(frozen=True)
class Overpass:
    """The reports that count as ships in one overpass, by the berth they lie at ("": at none)."""

    overpass_id: str
    time: datetime
    sensor: str
    at: Mapping[str, tuple[Sighting, ...]]

    @property
    def sightings(self) -> list[tuple[str, Sighting]]:
        return [(berth, each) for berth, here in self.at.items() for each in here]


@dataclass(frozen=True)
class ShipPair:
    """One ship in two overpasses minutes apart; None where one of these did not see it."""

    looks: tuple[Overpass, Overpass]
    berth: str
    """At which the first saw it, or the second alone; "" for none."""
    first: Sighting | None
    second: Sighting | None
    odds: float = np.nan
    """That both are one ship; NaN where one look alone saw it."""

    @property
    def seen(self) -> str:
        if self.first is None:
            return SECOND
        return FIRST if self.second is None else BOTH


def overpass_of(record: OverpassRecord, placed: Mapping[str, Sequence[Sighting]]) -> Overpass:
    """The overpass of a record; ships that a reviewer drew are no reports of its sensor."""
    at = {
        berth: tuple(each for each in ships(here) if each.review.verdict is not Verdict.DRAWN)
        for berth, here in placed.items()
    }
    return Overpass(record.overpass_id, record.acquired, record.sensor, at)


def near_overpasses(overpasses: Iterable[Overpass]) -> Iterator[tuple[Overpass, Overpass]]:
    """Overpasses of different sensors up to NEAR apart, the earlier first."""
    ordered = sorted(overpasses, key=lambda each: (each.time, each.overpass_id))
    for number, first in enumerate(ordered):
        for second in ordered[number + 1 :]:
            if second.time - first.time > NEAR:
                break
            if second.sensor != first.sensor:
                yield first, second


def ship_pairs(port: Port, looks: tuple[Overpass, Overpass]) -> list[ShipPair]:
    """The ships of two overpasses, put together one to one: those that the first saw, in its order,
    then those that the second saw alone.

    A ship at no berth that one look alone saw is left out: what the other could see there is not
    known.
    """
    first, second = looks
    before, after = first.sightings, second.sightings
    found = matched(
        [each.vessel for _, each in before],
        [each.vessel for _, each in after],
        second.time - first.time,
        port.grid.width * port.grid.height * (port.grid.resolution_m / 1000) ** 2,
        any(_is_radar(each.sensor) for each in looks),
    )
    pairs = []
    for number, (berth, sighting) in enumerate(before):
        other, odds = found.get(number, (None, np.nan))
        again = None if other is None else after[other][1]
        pairs.append(ShipPair(looks, berth, sighting, again, odds))
    taken = {other for other, _ in found.values()}
    pairs += [
        ShipPair(looks, berth, None, sighting)
        for number, (berth, sighting) in enumerate(after)
        if number not in taken
    ]
    return [pair for pair in pairs if pair.seen == BOTH or pair.berth]


def _is_radar(sensor: str) -> bool:
    known = SENSORS.get(sensor)
    return known is not None and known.is_radar


def one_ship(pairs: Iterable[ShipPair]) -> frozenset[OneShip]:
    """The ids of the vessels that are one ship, two by two."""
    return frozenset(
        (pair.first.vessel_id, pair.second.vessel_id)
        for pair in pairs
        if pair.first is not None and pair.second is not None
    )


def pair_rows(port: Port, pairs: Iterable[ShipPair], looks: Sequence[Look]) -> Iterator[Row]:
    """Rows of PAIR_COLUMNS, geometry still in the port's UTM zone."""
    clear = {(look.overpass_id, look.berth_id) for look in looks if look.state is LookState.CLEAR}
    for pair in pairs:
        yield {
            "port": port.id,
            "berth": pair.berth,
            "seen": pair.seen,
            "both_clear": all((each.overpass_id, pair.berth) in clear for each in pair.looks),
            **_of_look("first", pair.looks[0], pair.first),
            **_of_look("second", pair.looks[1], pair.second),
            **_differences(pair),
            "geometry": _place(pair),
        }


def _of_look(name: str, overpass: Overpass, sighting: Sighting | None) -> Row:
    return {
        f"{name}_overpass_id": overpass.overpass_id,
        f"{name}_time": overpass.time,
        f"{name}_sensor": overpass.sensor,
        f"{name}_vessel_id": "" if sighting is None else sighting.vessel_id,
    }


def _differences(pair: ShipPair) -> Row:
    names = ("moved_m", "speed_kn", "length_difference_m", "heading_difference_deg", "probability")
    if pair.first is None or pair.second is None:
        return dict.fromkeys(names, np.nan)
    a, b = pair.first.vessel, pair.second.vessel
    gap_s = (pair.second.time - pair.first.time).total_seconds()
    far_m = moved_m(a, b)
    speed = far_m / gap_s / METRES_PER_S_KN if gap_s else np.nan
    probability = pair.odds / (1 + pair.odds) if np.isfinite(pair.odds) else 1.0
    differences = (far_m, speed, length_difference_m(a, b), heading_difference_deg(a, b))
    return dict(zip(names, (*differences, probability), strict=True))


def _place(pair: ShipPair) -> Point:
    sighting = pair.first or pair.second
    if sighting is None:
        raise ValueError("a ship that no look saw; expected one that one of two looks saw")
    return Point(sighting.vessel.x, sighting.vessel.y)
