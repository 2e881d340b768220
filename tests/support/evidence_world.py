"""A real small run with visits of every kind: bounded, open at either end, clouded between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from distributed import Client
from numpy.typing import NDArray
from shapely.geometry import box

from jobs.archive import Archives
from jobs.domain import Berth, BerthKind, EstimateSettings, Overpass, Period, Port, to_wgs84
from jobs.plan import Plan, write_plan
from jobs.run.results import collect, publish_run
from jobs.run.settings import settings_for
from tests.support.cluster_here import cluster_here
from tests.support.scenes import GRID, NOON, noise, overpass, scene, small_port, write_band
from tests.support.small_runs import BANDS, go, root_of

WATER, CLOUD = 6, 9
"""Classes of the scene classification."""
OIL, BULK = (20, 25), (20, 75)
"""Row and column of the middle of the two berths."""
LENGTH_PX, BEAM_PX = 18, 3

SHIPS: Mapping[int, tuple[tuple[int, int], ...]] = {
    1: (BULK,),
    3: (),
    5: (),
    7: (OIL,),
    9: (OIL,),
    11: (),
    13: (OIL,),
}
"""Where ships lie, by day. At the oil berth one from day 7 to 9, with a clouded look before; and
one on the last day. At the bulk berth one on the first day."""
CLOUDED = (5,)


def port() -> Port:
    """Two berths for one ship each, on the grid of the small scenes."""
    berths = (_berth("oil", "Oil berth", OIL), _berth("bulk", "Bulk berth", BULK))
    left, bottom, right, top = GRID.bounds
    area = to_wgs84(box(left, bottom, right, top), GRID.epsg)
    return replace(small_port(), name="Test & Co", area=area, berths=berths)


def _berth(id: str, name: str, middle: tuple[int, int]) -> Berth:
    x = GRID.left + middle[1] * GRID.resolution_m
    y = GRID.top - middle[0] * GRID.resolution_m
    shape = to_wgs84(box(x - 40, y - 120, x + 40, y + 120), GRID.epsg)
    return Berth(id, name, BerthKind.OIL_TERMINAL, 1, shape)


def the_plan(folder: Path) -> Plan:
    """The plan of the run, its scenes written beside."""
    return Plan(
        name="test",
        period=Period(date(2024, 5, 1), date(2024, 5, 20)),
        archive=str(folder / "archive"),
        model=None,
        sources=(),
        ports=(port(),),
        estimates=EstimateSettings(draws=100),
        overpasses=tuple(one_pass(folder, day) for day in SHIPS),
    )


def one_pass(folder: Path, day: int) -> Overpass:
    """One overpass of one scene with a classification."""
    source = write_band(folder / f"{day}.tif", sea(day))
    classes = np.full(GRID.shape, CLOUD if day in CLOUDED else WATER, np.uint8)
    mask = write_band(folder / f"{day}-scl.tif", classes)
    mask = replace(mask, scale=1.0, offset=0.0)
    made = overpass(scene(dict.fromkeys(BANDS, source), id=f"item-{day}", mask=mask))
    return replace(made, id=f"TESTP-{day:03d}", acquired=NOON + timedelta(days=day))


def sea(day: int) -> NDArray[np.uint16]:
    """Dark water with the day's ships, lying north and south; under cloud nothing but cloud."""
    if day in CLOUDED:
        return (noise(seed=day) // 20 + 6000).astype(np.uint16)
    image = noise(seed=day) // 60 + 1200
    for row, column in SHIPS[day]:
        rows = slice(row - LENGTH_PX // 2, row + LENGTH_PX // 2)
        image[rows, column - BEAM_PX // 2 : column + BEAM_PX // 2 + 1] = 3200
    return image.astype(np.uint16)


def publish_world(folder: Path) -> Path:
    """Run the plan and publish; gives the plan's file, which the command takes as a job."""
    plan = the_plan(folder)
    with cluster_here(threads_per_worker=1) as cluster, Client(cluster) as one:
        go(plan, one)
        settings, root = settings_for(plan), root_of(plan)
        opened = Archives(plan.ports, root)
        publish_run(collect(plan, opened, settings, root, one), opened, root)
    path = folder / "plan.jsonl.gz"
    write_plan(plan, path)
    return path
