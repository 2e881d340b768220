"""The segment stage: the vessels in one overpass, from the pixels that the tile stage wrote."""

from __future__ import annotations

import time

from jobs.domain import (
    SENSORS,
    Orbit,
    OverpassStore,
    Settings,
    StageName,
    Unit,
    UnitResult,
    UnitState,
)
from jobs.segment.detectors import detector_for
from jobs.segment.own_pixels import with_beams
from jobs.segment.protocol import ReadWindow, View


def run(
    unit: Unit, settings: Settings, store: OverpassStore, prefer_gpu: bool, read: ReadWindow
) -> UnitResult:
    """Find the vessels of one overpass and write them and the ship probability to its step.

    ``prefer_gpu``: run the network on a GPU where there is one. ``read``: reads the overpass's
    files again, where their pixels show a beam. Raises InputError where the model here is not the
    run's, SceneError where a file cannot be read.
    """
    started = time.perf_counter()
    overpass = unit.overpass
    sensor = SENSORS[overpass.sensor]
    view = View(
        pixels=store.read_pixels(overpass.sensor, unit.step),
        sensor=sensor,
        port=unit.port,
        land=store.land(),
        orbit=Orbit.parse(overpass.orbit),
    )
    found = detector_for(sensor, settings, prefer_gpu).find(view)
    vessels = with_beams(found.vessels, overpass, unit.port.grid.epsg, read)
    store.write_vessels(overpass.sensor, unit.step, vessels, found.probability)
    return UnitResult(
        overpass_id=overpass.id,
        stage=StageName.SEGMENT,
        state=UnitState.DONE,
        seconds=time.perf_counter() - started,
        vessels=len(vessels),
        ghosts=found.ghosts,
        made_by=found.made_by,
    )
