"""From where a radar sees a port: direction of flight, relative orbit, side of looking."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from jobs.errors import InputError

INCLINATION_DEG = 98.18
GROUND_SPEED_MS = 6_840.0
"""Of the point below the satellite, without the turning Earth: 7.59 km/s at 693 km of height."""
EQUATOR_MS = 465.1
"""Speed of the turning Earth at the equator. All three of Sentinel-1, whose orbit this is."""

_TEXT = re.compile(r"(ascending|descending) (\d+) (right|left)")


@dataclass(frozen=True)
class Orbit:
    """Looks of one orbit see the same quay from the same side under the same angle."""

    direction: str
    """``ascending`` or ``descending``."""
    relative: int
    """Number of the orbit within the repeat cycle; of Sentinel-1 1 to 175."""
    side: str
    """``right`` or ``left``: where the radar looks, seen in the direction of flight."""

    def __str__(self) -> str:
        return f"{self.direction} {self.relative} {self.side}"

    @classmethod
    def parse(cls, text: str) -> Orbit | None:
        """From its text; None for an empty one, InputError for any other."""
        if not text:
            return None
        match = _TEXT.fullmatch(text)
        if match is None:
            raise InputError(
                f"the orbit is {text!r}; expected such as 'descending 80 right' (direction of "
                "flight, relative orbit, side of looking)"
            )
        return cls(match[1], int(match[2]), match[3])

    def flight(self, latitude_deg: float) -> tuple[float, float]:
        """Unit vector (east, north) of the track over ground.

        On a sphere: sin(heading) = cos(inclination) / cos(latitude), and the ground turns east
        beneath. Within a degree of the true track.
        """
        latitude = math.radians(latitude_deg)
        sine = math.cos(math.radians(INCLINATION_DEG)) / max(math.cos(latitude), 1e-6)
        sine = max(-1.0, min(1.0, sine))
        north = GROUND_SPEED_MS * math.sqrt(1 - sine**2)
        east = GROUND_SPEED_MS * sine - EQUATOR_MS * math.cos(latitude)
        north = north if self.direction == "ascending" else -north
        speed = math.hypot(east, north)
        return east / speed, north / speed

    def look(self, latitude_deg: float) -> tuple[float, float]:
        """Unit vector (east, north) away from the radar, across the track."""
        east, north = self.flight(latitude_deg)
        return (north, -east) if self.side == "right" else (-north, east)
