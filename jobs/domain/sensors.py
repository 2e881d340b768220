"""The registry of sensors: those of ``sensor_files``, and those of one's own that were read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import resources

from jobs.domain.nearest import did_you_mean
from jobs.domain.sensor import Sensor
from jobs.domain.sensor_file import bundled_sensor, sensor_of_definition
from jobs.domain.types import Overpass
from jobs.errors import InputError, SetupError


def _bundled() -> dict[str, Sensor]:
    folder = resources.files("jobs.domain").joinpath("sensor_files")
    files = (file for file in folder.iterdir() if file.name.endswith(".yaml"))
    found = [bundled_sensor(file.read_text(encoding="utf-8"), file.name) for file in files]
    found.sort(key=lambda sensor: (sensor.encoding.variable == "true_colour", sensor.name))
    return {sensor.name: sensor for sensor in found}


SENSORS: dict[str, Sensor] = _bundled()
"""By name, in the order in which they are tried on an item that matches several: pictures last."""


BUNDLED = frozenset(SENSORS)
"""Names of those that come with Berthwatch."""


def use_sensors(own: Iterable[Sensor]) -> None:
    """Enter sensors of one's own into the registry, in place of earlier ones of their names.

    Raises InputError for one that has the name or the archive's group of one of ours.
    """
    for sensor in own:
        for ours in (SENSORS[name] for name in SENSORS if name in BUNDLED):
            if sensor.name == ours.name:
                raise InputError(
                    f"Berthwatch has a sensor {ours.name!r} itself; choose another name"
                )
            if sensor.family == ours.family:
                raise InputError(
                    f"the archive's group {sensor.family!r} of sensor {sensor.name!r} is that of "
                    f"{ours.name}; choose another group, or leave it out"
                )
        SENSORS[sensor.name] = sensor


@contextmanager
def using_definitions(definitions: tuple[str, ...]) -> Iterator[None]:
    """The registry with sensors of one's own, by their definitions, for the work of a task.

    Raises SetupError at the end where it no longer has them: another run in this process uses
    another sensor under the same name, and either's work may be wrong.
    """
    own = tuple(map(sensor_of_definition, definitions))
    use_sensors(own)
    yield
    changed = [sensor.name for sensor in own if SENSORS.get(sensor.name) != sensor]
    if changed:
        raise SetupError(
            f"two runs use this process at the same time with two definitions of the sensor "
            f"{changed[0]!r}: run one after the other, or give the other sensor another name"
        )


def own_sensor(overpass: Overpass) -> tuple[str, ...]:
    """What a stage's key says of the overpass's sensor: the digest of one of one's own."""
    digest = SENSORS[overpass.sensor].digest
    return (digest,) if digest else ()


def sensor_named(name: str) -> Sensor:
    """The sensor of that name; InputError with the nearest names otherwise."""
    if name in SENSORS:
        return SENSORS[name]
    hint = did_you_mean(name, SENSORS, "run `berthwatch sensors` for the list")
    raise InputError(f"unknown sensor {name!r}; expected one of {', '.join(SENSORS)}; {hint}")
