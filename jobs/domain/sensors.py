"""The registry of sensors: those of ``sensor_files``, and those of one's own that were read."""

from __future__ import annotations

from importlib import resources

from jobs.domain.nearest import did_you_mean
from jobs.domain.sensor import Sensor
from jobs.domain.sensor_file import bundled_sensor
from jobs.errors import InputError


def _bundled() -> dict[str, Sensor]:
    folder = resources.files("jobs.domain").joinpath("sensor_files")
    files = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    found = [bundled_sensor(file.read_text(encoding="utf-8"), file.name) for file in files]
    found.sort(key=lambda sensor: (sensor.encoding.variable == "true_colour", sensor.name))
    return {sensor.name: sensor for sensor in found}


SENSORS: dict[str, Sensor] = _bundled()
"""By name, in the order in which they are tried on an item that matches several: pictures last."""


def sensor_named(name: str) -> Sensor:
    """The sensor of that name; InputError with the nearest names otherwise."""
    if name in SENSORS:
        return SENSORS[name]
    hint = did_you_mean(name, SENSORS, "run `berthwatch sensors` for the list")
    raise InputError(f"unknown sensor {name!r}; expected one of {', '.join(SENSORS)}; {hint}")
