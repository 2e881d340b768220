"""A port estimated again without each of its sensors, which says what each contributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobs.domain import EstimateSettings, Period
from jobs.visits.berth_models import Fit, PlacePosterior, fit
from jobs.visits.cargo import CargoEntry, StayVolumes
from jobs.visits.occupancy.detector import MeasuredError
from jobs.visits.panels import panel_of
from jobs.visits.port_fit import Tell, pooled_histories, told
from jobs.visits.port_volumes import volumes_at
from jobs.visits.schema import PortTables

WITHOUT_EACH = "without each sensor"
"""The step of an estimate: a fit of every berth and sensor with usable looks there."""


@dataclass(frozen=True)
class WithoutSensor:
    """A port's berths as if one sensor had never looked."""

    sensor: str
    berths: tuple[PlacePosterior, ...]
    """In the port's order; of berths that the sensor did not see the fit is that with it."""
    volumes: tuple[StayVolumes, ...]
    """Of those of oil terminals."""


def sensors_at(found: Fit) -> tuple[str, ...]:
    """The sensors with usable looks at a berth, by name."""
    return tuple(detector.sensor for detector in found.panel.detectors)


def without_each(
    tables: PortTables,
    fits: Sequence[Fit],
    period: Period,
    settings: EstimateSettings,
    errors: Sequence[MeasuredError],
    entries: Sequence[CargoEntry] = (),
    tell: Tell = None,
) -> tuple[WithoutSensor, ...]:
    """The port without each sensor in turn; nothing where there is one alone, or none.

    The same numbers as an estimate of the port from the looks of all other sensors.
    """
    sensors = sorted({sensor for one in fits for sensor in sensors_at(one)})
    if not settings.without_each_sensor or len(sensors) < 2:
        return ()
    berths = list(zip(tables.port.berths, fits, strict=True))
    found: dict[str, list[Fit]] = {sensor: [] for sensor in sensors}
    work = [(sensor, *each) for sensor in sensors for each in berths]
    for sensor, berth, one in told(WITHOUT_EACH, work, tell):
        if sensor in sensors_at(one):
            looks = tables.looks[tables.looks["sensor"] != sensor]
            panel = panel_of(replace(tables, looks=looks), berth, period, errors)
            one = fit(panel, berth, settings)
        found[sensor].append(one)
    return tuple(
        _histories(tables, sensor, others, settings, entries) for sensor, others in found.items()
    )


def _histories(
    tables: PortTables,
    sensor: str,
    fits: Sequence[Fit],
    settings: EstimateSettings,
    entries: Sequence[CargoEntry],
) -> WithoutSensor:
    berths = tuple(pooled_histories(fits, settings, WITHOUT_EACH))
    volumes = volumes_at(tables, [one.draws for one in berths], settings, entries, sensor)
    return WithoutSensor(sensor, berths, volumes)
