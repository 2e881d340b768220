"""Settings of a simulation, and its random generators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from jobs.domain import Period, check_days, content_id, today_utc
from jobs.errors import InputError

RADARS = ("sentinel-1-rtc", "sentinel-1-grd")
"""Products of the radar."""
SENSORS = ("sentinel-2-l2a", "landsat-c2-l2", "planetscope-sr", *RADARS)
"""Sensors whose images can be made."""


@dataclass(frozen=True)
class SimulationConfig:
    """Settings of a simulation; equal settings give equal bytes."""

    seed: int = 1
    """Of every random generator."""
    sensor: str = "sentinel-2-l2a"
    """Whose images are made; one of ``SENSORS``."""
    ports: tuple[str, ...] = ("RUVYP", "KPCHO")
    """Bundled ids or GeoJSON files. Passes over the first port are two overlapping tiles, one of
    them reprocessed; of those over the others every fourth ends at the swath's edge."""
    harbours: int = 0
    """Number of random harbours instead of the ports, for training; each pass is one tile."""
    start: date = date(2024, 3, 1)
    """First day, UTC."""
    days: int = 30
    """Number of days."""
    revisit_days: tuple[int, ...] = (2, 3)
    """Days between passes, repeated; (2, 3) is two orbits of two satellites, (5,) is one."""
    cloud_share: float = 0.35
    """Mean share of a scene under cloud, 0..1; single scenes tend to be clear or overcast."""
    visits_per_week: float = 2.0
    """Arrivals a week per place of a ship at a quay; an anchorage counts as two places."""
    median_dwell_days: float = 1.5
    """Median of the lognormal length of stay."""
    onward_share: float = 0.5
    """Share of tankers that sail on to another simulated port's oil terminal."""
    margin_m: float = 200.0
    """Margin of the images around the port's area."""
    with_radar: bool = False
    """Make Sentinel-1's images of the same ships too."""
    beside: str = RADARS[0]
    """Which product of it, beside an optical sensor."""
    neighbour_zone: bool = False
    """Deliver the second tile of the first port's first pass in the next UTM zone."""

    def __post_init__(self) -> None:
        if not self.ports or self.days < 1 or min(self.revisit_days, default=0) < 1:
            raise InputError("a simulation needs a port, at least one day and revisits of 1 day up")
        if self.sensor not in SENSORS:
            raise InputError(f"sensor {self.sensor!r}; expected one of {', '.join(SENSORS)}")
        if self.beside not in RADARS:
            raise InputError(f"beside {self.beside!r}; expected one of {', '.join(RADARS)}")
        if not 0 <= self.cloud_share < 1:
            raise InputError(f"cloud_share {self.cloud_share}; expected 0 up to, not including, 1")
        if self.visits_per_week <= 0 or self.median_dwell_days <= 0 or self.margin_m < 0:
            raise InputError(
                "visits_per_week and median_dwell_days must be above 0, margin_m not below"
            )
        check_days(self.period, today_utc())  # the job file beside the catalog must be lawful

    @property
    def optical(self) -> str | None:
        """The optical sensor; None where radar alone looks."""
        return None if self.sensor in RADARS else self.sensor

    @property
    def radar(self) -> bool:
        """Whether radar looks."""
        return self.with_radar or self.sensor in RADARS

    @property
    def radar_product(self) -> str:
        """The product that radar's images are written as, where it looks."""
        return self.sensor if self.sensor in RADARS else self.beside

    @property
    def period(self) -> Period:
        """All days of it; InputError where the last one is beyond the calendar."""
        try:
            return Period(self.start, self.start + timedelta(days=self.days - 1))
        except OverflowError as error:
            raise InputError(
                f"{self.days} days from {self.start} on end after the year 9999; expected fewer"
            ) from error

    @property
    def start_utc(self) -> datetime:
        """Midnight at the start of the first day, UTC."""
        return datetime(self.start.year, self.start.month, self.start.day, tzinfo=UTC)


def rng_for(*names: object) -> np.random.Generator:
    """A generator seeded by names, independent of draws made elsewhere."""
    return np.random.default_rng(int(content_id([str(name) for name in names], 32), 16))
