"""Stays: which sightings at a berth are one ship's stay.

Only seen stays: ships that came and left between two looks or under cloud are estimated by
``jobs.visits.estimate``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import hypot, prod, sqrt
from typing import TypeAlias

import numpy as np

from jobs.domain import Berth, BerthKind, Vessel
from jobs.visits import absence
from jobs.visits.absence import Overlooks, overlooks_at, tells
from jobs.visits.looks import Look, Sighting
from jobs.visits.occupancy.detector import MeasuredError
from jobs.visits.one_to_one import one_to_one

Row: TypeAlias = dict[str, object]
OneShip: TypeAlias = tuple[str, str]
"""Ids of two vessels minutes apart that are one ship, the earlier first."""

MAX_GAP = timedelta(days=4)
"""Longest time between two sightings of one stay: twice the usual dwell of 1.5 to 2 days, so that
two ships of one size in a row are not taken for one that never left."""
MISSED_GAP = timedelta(days=1)
"""The same where a clear look between them missed the ship, if it is one: with two days fewer stays
are parted, but more ships taken for others (``tests/bench/bench_seen_visits.py``)."""
LENGTH_GATE_SD = 3.0
LENGTH_GATE_M = 10.0
"""One pixel on top of 3 sd: part of a length's error is shared by all looks (sun, wake, blur)."""
SWING_GATE_M = 400.0
"""Two looks at one anchored ship: twice a scope of chain plus half a length."""
MOORED_GATE_M = 150.0
"""A moored ship lies still, but the centre of a box moves when part of the hull is not found."""
SWING_SD_M, MOORED_SD_M = 150.0, 20.0
"""Usual distance of two sightings of one ship; only weighs position against length."""
LENGTH_SD_FLOOR_M = 1.0
"""No single look is better than a tenth of a pixel."""
TRUNCATED_DISCOUNT = 0.5
"""A stay seen only in boxes cut by cloud or the swath's edge: half of the evidence is unseen."""


@dataclass(frozen=True)
class Stay:
    """The sightings of one ship at one berth, in time order."""

    sightings: tuple[Sighting, ...]
    departure_before: datetime | None = None
    """Time of the look that proved it gone; None without such a look."""
    overlooked: float = 1.0
    """Chance that the clear looks since its last sighting would all have overlooked it, were it
    there."""

    @property
    def first(self) -> datetime:
        return self.sightings[0].time

    @property
    def last(self) -> datetime:
        return self.sightings[-1].time

    @property
    def measured(self) -> tuple[Vessel, ...]:
        """The vessels whose length was seen whole, or all of them where none was."""
        vessels = tuple(sighting.vessel for sighting in self.sightings)
        return tuple(vessel for vessel in vessels if not vessel.truncated) or vessels

    @property
    def truncated(self) -> bool:
        """True when no sighting shows the whole ship: its length is a lower bound."""
        return all(sighting.vessel.truncated for sighting in self.sightings)


def stays_at(
    berth: Berth,
    looks: Iterable[Look],
    one_ship: Collection[OneShip] = (),
    errors: Sequence[MeasuredError] = (),
) -> tuple[Stay, ...]:
    """The seen stays at one berth, by first sighting; looks are in time order, of any berths.

    one_ship: sightings minutes apart that are one ship, wherever it went meanwhile; errors: of the
    network, which say what an empty look proves.
    """
    ended: list[Stay] = []
    present: list[Stay] = []
    overlooks = overlooks_at(berth, errors)
    for look in looks:
        if look.berth_id != berth.id:
            continue
        present, gone = _after(berth, present, look, one_ship, overlooks)
        ended += gone
    return tuple(
        sorted(ended + present, key=lambda stay: (stay.first, stay.sightings[0].vessel_id))
    )


def _after(
    berth: Berth,
    present: list[Stay],
    look: Look,
    one_ship: Collection[OneShip],
    overlooks: Overlooks,
) -> tuple[list[Stay], list[Stay]]:
    """The stays that go on after one more look, and those that it ended."""
    recent = [stay for stay in present if look.time - stay.last <= MAX_GAP]
    seen = assign(berth, recent, look.sightings, one_ship)
    continued = [
        replace(stay, sightings=(*stay.sightings, look.sightings[seen[index]]), overlooked=1.0)
        for index, stay in enumerate(recent)
        if index in seen
    ]
    missing = [stay for stay in present if look.time - stay.last > MAX_GAP]
    missing += [stay for index, stay in enumerate(recent) if index not in seen]
    missing = [_without(stay, look, overlooks) for stay in missing]
    new = [Stay((s,)) for index, s in enumerate(look.sightings) if index not in seen.values()]
    gone = [stay for stay in missing if _is_gone(berth, stay, look)]
    waiting = [stay for stay in missing if not _is_gone(berth, stay, look)]
    return continued + waiting + new, [replace(stay, departure_before=look.time) for stay in gone]


def _without(stay: Stay, look: Look, overlooks: Overlooks) -> Stay:
    """The stay after a look that does not show the ship."""
    if not tells(look, stay.last):
        return stay
    length_m, _ = pooled_length(stay.measured)
    return replace(stay, overlooked=stay.overlooked * overlooks(look, length_m))


def _is_gone(berth: Berth, stay: Stay, look: Look) -> bool:
    """Whether the looks without the ship prove it gone: one that would hardly have been overlooked
    in all of them, or one whose place is taken.
    """
    full = berth.capacity is not None and len(look.sightings) >= berth.capacity
    return look.time > stay.last and (full or stay.overlooked <= absence.OVERLOOKED)


def assign(
    berth: Berth,
    stays: Sequence[Stay],
    sightings: Sequence[Sighting],
    one_ship: Collection[OneShip] = (),
) -> dict[int, int]:
    """Index of the sighting that continues each stay: most pairs first, then least mismatch."""
    if not stays or not sightings:
        return {}
    cost = np.array(
        [[mismatch(berth, stay, each, one_ship) for each in sightings] for stay in stays]
    )
    rows, columns = one_to_one(cost)
    return dict(zip(rows.tolist(), columns.tolist(), strict=True))


def mismatch(
    berth: Berth, stay: Stay, sighting: Sighting, one_ship: Collection[OneShip] = ()
) -> float:
    """Squared distance in sd between a stay and a sighting; infinite where not one ship."""
    if (stay.sightings[-1].vessel_id, sighting.vessel_id) in one_ship:
        return 0.0
    if sighting.time - stay.last > (MAX_GAP if stay.overlooked == 1.0 else MISSED_GAP):
        return np.inf
    return misfit(berth, stay, sighting.vessel)


def misfit(berth: Berth, stay: Stay, vessel: Vessel) -> float:
    """Squared distance in sd between a stay's last sighting and a vessel, by length and place
    alone; infinite where these say that they are two ships.
    """
    length_m, length_sd_m = pooled_length(stay.measured)
    sd_m = hypot(length_sd_m, max(vessel.length_sd_m, LENGTH_SD_FLOOR_M))
    differs_m = _length_difference_m(length_m, stay.truncated, vessel)
    latest = stay.sightings[-1].vessel
    moved_m = hypot(latest.x - vessel.x, latest.y - vessel.y)
    if differs_m > LENGTH_GATE_SD * sd_m + LENGTH_GATE_M or moved_m > _position_gate_m(berth):
        return np.inf
    usual_m = SWING_SD_M if berth.kind is BerthKind.ANCHORAGE else MOORED_SD_M
    return (differs_m / sd_m) ** 2 + (moved_m / usual_m) ** 2


def _length_difference_m(length_m: float, truncated: bool, vessel: Vessel) -> float:
    """Difference of two lengths, metres, 0 where a cut ship may be longer."""
    excess_m = length_m - vessel.length_m
    if truncated and vessel.truncated:
        return 0.0
    if truncated:
        return max(excess_m, 0.0)
    return max(-excess_m, 0.0) if vessel.truncated else abs(excess_m)


def _position_gate_m(berth: Berth) -> float:
    if berth.kind is BerthKind.ANCHORAGE:
        return SWING_GATE_M
    # a berth for one ship is itself the position
    return np.inf if berth.capacity == 1 else MOORED_GATE_M


def pooled_length(vessels: Sequence[Vessel]) -> tuple[float, float]:
    """Length and its sd in metres, the vessels weighted by inverse variance."""
    weights = [max(vessel.length_sd_m, LENGTH_SD_FLOOR_M) ** -2 for vessel in vessels]
    lengths = [vessel.length_m for vessel in vessels]
    mean_m = sum(w * length for w, length in zip(weights, lengths, strict=True)) / sum(weights)
    return mean_m, 1 / sqrt(sum(weights))


def confidence(stay: Stay) -> float:
    """Probability that at least one sighting is a ship, taking their errors as independent."""
    any_ship = 1 - prod(1 - sighting.vessel.score for sighting in stay.sightings)
    return any_ship * (TRUNCATED_DISCOUNT if stay.truncated else 1.0)
