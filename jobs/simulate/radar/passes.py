"""Times and orbits of radar passes over a port: one orbit in the morning, one in the evening."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.domain import Orbit
from jobs.simulate.moorings import Harbour
from jobs.simulate.settings import SimulationConfig, rng_for

REPEAT_DAYS = 6
"""Between looks of one orbit, by two satellites in turn."""
SATELLITES = "ac"
LOCAL_HOURS = {"descending": 6.0, "ascending": 18.0}
"""Mean solar time of the orbit's passes."""
ORBITS_A_CYCLE = 175


@dataclass(frozen=True)
class RadarPass:
    """One pass of one satellite over one port."""

    number: int
    moment: datetime
    satellite: str
    orbit: Orbit
    subswath: int
    """0 to 2, the same for all passes of an orbit."""
    ends_here: bool
    """Whether the swath ends within the window."""


def radar_passes(config: SimulationConfig, harbour: Harbour) -> Iterator[RadarPass]:
    """The passes of two orbits in order of time."""
    rng = rng_for(config.seed, "radar passes", harbour.port.id)
    longitude = harbour.port.area.centroid.x
    found = []
    for direction, hour in LOCAL_HOURS.items():
        orbit = Orbit(direction, int(rng.integers(1, ORBITS_A_CYCLE + 1)), "right")
        subswath = int(rng.integers(3))
        utc = round(hour - longitude / 15) % 24  # whole hours: the passes of a day differ in them
        first = int(rng.integers(0, REPEAT_DAYS))
        for lap, day in enumerate(range(first, config.days, REPEAT_DAYS)):
            seconds = utc * 3600 + 31 * 60 + rng.uniform(-20, 20)
            moment = config.start_utc + timedelta(days=day, seconds=round(seconds, 3))
            found.append((moment, SATELLITES[lap % 2], orbit, subswath, lap % 5 == 3))
    for number, each in enumerate(sorted(found, key=lambda one: one[0])):
        yield RadarPass(number, *each)
