"""What a clear look without a ship says of the ship: that it was not there, or was overlooked.

How probable the latter is depends on the sensor, the kind of place and the ship's length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import TypeAlias

import numpy as np
from scipy.special import expit

from jobs.domain import Berth, LookState
from jobs.visits.looks import Look
from jobs.visits.occupancy.detector import MeasuredError, detectors_for, place_of
from jobs.visits.same_ship import NEAR

Overlooks: TypeAlias = Callable[[Look, float], float]
"""Chance that a look overlooks a ship of that length, metres, that is there."""

OVERLOOKED = 0.6
"""Greatest chance that clear looks would all have overlooked a ship, were it there, with which they
count as proof that it was not. At berths under three sensors 6.6 % of the departures then lie
beyond their bound, with .5 2.8 %; but bounds of Sentinel-2 alone lie 4.6 days from the last
sighting, with .5 5.4, and 4.2 where any look is proof (``tests/bench/bench_seen_visits.py``)."""


def overlooks_at(berth: Berth, errors: Sequence[MeasuredError]) -> Overlooks:
    """What the looks at a berth overlook, by the measured errors; what none were measured for by
    the broad guess of ``detector.UNKNOWN``.
    """
    place = place_of(berth.kind)

    @cache
    def missed(sensor: str, length_m: float) -> float:
        return float(expit(-detectors_for(errors, sensor, place).recall_logit(np.array(length_m))))

    def overlooks(look: Look, length_m: float) -> float:
        # a reviewer saw to it that nothing was missed
        return 0.0 if look.whole else missed(look.sensor, length_m)

    return overlooks


def tells(look: Look, sighted: datetime) -> bool:
    """Whether a look without a ship says anything of it; sighted: its sighting nearest in time.

    Minutes from a sighting a ship is missed far more often than it is gone.
    """
    return look.state is LookState.CLEAR and abs(look.time - sighted) > NEAR


def not_there_before(
    looks: Sequence[Look], sighted: datetime, length_m: float, overlooks: Overlooks
) -> datetime | None:
    """Time of the latest look from which on the clear ones before a ship's first sighting prove
    that it had not come; None where they do not. Looks are in time order.
    """
    chance = 1.0
    for look in reversed(looks):
        if look.time < sighted and tells(look, sighted):
            chance *= overlooks(look, length_m)
            if chance <= OVERLOOKED:
                return look.time
    return None
