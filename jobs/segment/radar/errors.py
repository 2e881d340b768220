"""How often the radar detector misses and invents ships, for the estimates of visits."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.domain import BACKSCATTER


@dataclass(frozen=True)
class RadarError:
    """Errors at one kind of place, as ``jobs.visits.MeasuredError``, after the background."""

    place: str
    recall: float
    """Chance that a ship of 100 m is reported, at the median harbour."""
    recall_sd: float
    """Standard deviation of its logit at another harbour."""
    recall_slope: float
    """Increase of the logit per e-fold of length."""
    false_alarms: float
    """Reports per look at an empty berth, or at a square kilometre of empty water."""
    false_alarms_sd: float
    """Standard deviation of its logarithm."""
    ports: int
    ships: int

    @property
    def values(self) -> tuple[str, ...]:
        """What the images hold that it was measured on."""
        return (BACKSCATTER,)

    @property
    def source(self) -> str:
        """On what it was measured, in words."""
        return (
            f"{self.ships} ships at {self.ports} simulated harbours, with a broad margin for real "
            "ones: not measured on real radar images"
        )


SD = 1.2
"""Of recall and false alarms alike, where simulated harbours differ by less: real quays change from
look to look, and real ships are not as drawn."""

RADAR_ERRORS = (
    RadarError("berth", 0.3, SD, 0.7, 0.02, SD, 6, 600),
    RadarError("anchorage", 0.93, SD, 1.0, 0.02, SD, 24, 150),
)
"""By tests/bench/bench_radar.py, on harbours that nothing was fitted to."""
