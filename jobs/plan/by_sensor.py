"""What the work on the overpasses of each sensor costs: reading, tile and segment.

What a run does once for all of them, and its archive, is in ``cost`` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jobs.plan.cost import DEFAULT_PRICES, DEFAULT_RUNNING, GB, Cost, Prices, costs, readable
from jobs.plan.estimate import Estimate

_OF_OVERPASSES = ("read requests", "bytes read", "tile", "segment")
"""The lines of ``costs`` that only overpasses have."""


@dataclass(frozen=True)
class SensorCost:
    """One sensor's share of a plan, by a run that loses nothing."""

    sensor: str
    overpasses: int
    gb_needed: float
    """Of the files' windows under the ports."""
    gb_read: float
    """Of the whole blocks that these touch."""
    requests: float
    tile_hours: float
    """Of one core."""
    segment_hours: float
    """Of one core, or of a GPU where prices say how fast it is."""
    usd: float
    """Of all these."""


def sensor_costs(
    counted: Mapping[str, Estimate], prices: Prices = DEFAULT_PRICES
) -> tuple[SensorCost, ...]:
    """Costs by sensor of what ``estimate_sensors`` counts."""
    return tuple(_of(sensor, found, prices) for sensor, found in counted.items())


def sensor_rows(found: Iterable[SensorCost]) -> list[dict[str, str]]:
    """The same as rows of text, for people."""
    return [
        {
            "sensor": each.sensor,
            "overpasses": f"{each.overpasses:,}",
            "GB needed": readable(each.gb_needed),
            "GB read": readable(each.gb_read),
            "GET": readable(each.requests),
            "tile, h": readable(each.tile_hours),
            "segment, h": readable(each.segment_hours),
            "usd": f"{each.usd:,.2f}",
        }
        for each in found
    ]


def _of(sensor: str, counted: Estimate, prices: Prices) -> SensorCost:
    lines: dict[str, Cost] = {
        line.what: line
        for line in costs(counted, prices, DEFAULT_RUNNING)
        if line.what in _OF_OVERPASSES
    }
    return SensorCost(
        sensor=sensor,
        overpasses=counted.units,
        gb_needed=counted.bytes_in / GB,
        gb_read=lines["bytes read"].amount,
        requests=lines["read requests"].amount,
        tile_hours=lines["tile"].amount,
        segment_hours=lines["segment"].amount,
        usd=sum(line.usd or 0.0 for line in lines.values()),
    )
