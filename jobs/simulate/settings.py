"""What a simulation is made from, and its one source of chance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from jobs.domain import content_id
from jobs.errors import InputError


@dataclass(frozen=True)
class SimulationConfig:
    """What to simulate; the same values give the same bytes."""

    seed: int = 1
    ports: tuple[str, ...] = ("RUVYP", "KPCHO")
    """Bundled ids or GeoJSON files. The first port's passes come as two overlapping tiles, one of
    them reprocessed; of the others' passes every fourth ends at the swath's edge."""
    harbours: int = 0
    """So many harbours drawn by lot instead of the ports, for training; each pass is one tile."""
    start: date = date(2024, 3, 1)
    days: int = 30
    revisit_days: tuple[int, ...] = (2, 3)
    """Days between passes, over and over; (2, 3) is two orbits of two satellites, (5,) is one."""
    cloud_share: float = 0.35
    """Mean share of a scene under cloud; single scenes tend to be clear or overcast."""
    visits_per_week: float = 2.0
    """Arrivals per ship's place at a quay; an anchorage gets twice that of its own."""
    median_dwell_days: float = 1.5
    onward_share: float = 0.5
    """Share of tankers that sail on to another simulated port's oil terminal."""
    margin_m: float = 200.0
    """How far the images reach beyond the port's area."""
    neighbour_zone: bool = False
    """Deliver the second tile of the first port's first pass in the next UTM zone."""

    def __post_init__(self) -> None:
        if not self.ports or self.days < 1 or min(self.revisit_days, default=0) < 1:
            raise InputError("a simulation needs a port, at least one day and revisits of 1 day up")
        if not 0 <= self.cloud_share < 1:
            raise InputError(f"cloud_share {self.cloud_share}; expected 0 up to, not including, 1")
        if self.visits_per_week <= 0 or self.median_dwell_days <= 0 or self.margin_m < 0:
            raise InputError(
                "visits_per_week and median_dwell_days must be above 0, margin_m not below"
            )

    @property
    def start_utc(self) -> datetime:
        """Midnight at which the first day begins."""
        return datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC)


def chance(*names: object) -> np.random.Generator:
    """A random generator of its own for every name: what is drawn elsewhere does not move it."""
    return np.random.default_rng(int(content_id([str(name) for name in names], 32), 16))
