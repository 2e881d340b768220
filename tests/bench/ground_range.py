"""A simulated look as the program sees it in a product in ground range, through its files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from jobs.domain.sensors import SENSORS
from jobs.tile.stage import read_overpass
from tests.bench.radar_worlds import RadarWorld
from tests.support.ground_range import ground_range_scene

SENSOR = SENSORS["sentinel-1-grd"]


def as_ground_range(seen: Iterable[RadarWorld]) -> Iterator[RadarWorld]:
    """The looks with thermal noise, amplitudes of 16 bits and control points between."""
    for world in seen:
        with tempfile.TemporaryDirectory() as folder:
            planes = dict(zip(SENSOR.bands, world.image, strict=True))
            scene = ground_range_scene(Path(folder), planes, world.orbit.direction, world.grid)
            found = read_overpass([scene], SENSOR, world.grid)
        yield replace(world, image=10 ** (SENSOR.encoding.decode(found.image) / 10))
