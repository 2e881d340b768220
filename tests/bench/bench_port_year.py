"""What a year of one port with all sensors costs by the plan, and the bytes read for those needed.

python -m tests.bench.bench_port_year [--side 1000] [--berths 3]

Rasters, addresses and sizes are those of recorded items of Earth Search and Planetary Computer; the
PlanetScope scene is one of eight bands of 32 by 20 km, whose files' sizes no recorded item tells:
its bytes are uncompressed. The port lies at a place of its own in each overpass's scene, by lot, in
the scene's zone. Nothing is read.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import timedelta
from functools import partial

import numpy as np
from shapely.geometry import box

from jobs.catalog.stac_item import scene_from_item
from jobs.domain import SENSORS, Berth, BerthKind, Grid, Overpass, Port, Scene, Source
from jobs.plan import Estimate, Running, cost_rows, estimate_overpass, sensor_costs, sensor_rows
from jobs.plan.estimate import estimate_port
from tests.support.places import STAC_ITEMS
from tests.support.scenes import GRID, NOON, overpass, small_port

A_YEAR = {
    "sentinel-2-l2a": 146,  # every 2.5 days, where two orbits overlap
    "landsat-c2-l2": 46,  # of both satellites
    "sentinel-1-rtc": 122,  # two directions, two satellites
    "planetscope-sr": 365,
}
RECORDED = {
    "sentinel-2-l2a": "earth-search_v1__sentinel-2-c1-l2a.json",
    "landsat-c2-l2": "earth-search_v1__landsat-c2-l2.json",
    "sentinel-1-rtc": "planetary-computer__sentinel-1-rtc.json",
}
PLANET_SHAPE = (6600, 10_700)
EIGHT_BANDS = {"blue": 2, "green": 4, "red": 6, "nir": 8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=1000)
    parser.add_argument("--berths", type=int, default=3)
    chosen = parser.parse_args()
    grid = replace(GRID, width=chosen.side, height=chosen.side)
    port = replace(small_port(grid=grid), berths=berths(chosen.berths))
    random = np.random.default_rng(1)
    year = {sensor: passes(sensor, grid, random) for sensor in A_YEAR}
    counted = {
        sensor: sum((estimate_overpass(each, grid) for each in taken), start=Estimate())
        for sensor, taken in year.items()
    }
    show(sensor_rows(sensor_costs(counted)))
    for sensor, found in counted.items():
        print(f"{sensor}: read {found.bytes_fetched / found.bytes_in:.1f} times what is needed")
    whole(port, year, "sentinel-2-l2a")
    whole(port, year, *A_YEAR)


def berths(count: int) -> tuple[Berth, ...]:
    spots = (box(132.02 + n * 0.002, 42.715, 132.021 + n * 0.002, 42.72) for n in range(count))
    return tuple(
        Berth(f"b{n}", f"Berth {n}", BerthKind.OIL_TERMINAL, 1, spot)
        for n, spot in enumerate(spots)
    )


def passes(sensor: str, grid: Grid, random: np.random.Generator) -> list[Overpass]:
    """A year of a sensor, each pass over a place of its own in the scene."""
    one = planet_scene() if sensor == "planetscope-sr" else recorded(sensor)
    found = []
    for number in range(A_YEAR[sensor]):
        taken = overpass(placed(one, grid, random), id=f"{sensor}-{number}")
        found.append(replace(taken, acquired=NOON + timedelta(days=number)))
    return found


def recorded(sensor: str) -> Scene:
    items = json.loads((STAC_ITEMS / RECORDED[sensor]).read_text())["features"]
    return scene_from_item(items[0], "recorded", SENSORS[sensor])


def planet_scene() -> Scene:
    """With all bands in one file, and UDM2."""
    image = Source("image.tif", 1, GRID.epsg, (3.0, 0, 0, 0, -3.0, 0), PLANET_SHAPE)
    bands = {name: replace(image, index=index) for name, index in EIGHT_BANDS.items()}
    whole = recorded("sentinel-2-l2a")
    return replace(whole, sensor="planetscope-sr", bands=bands, mask=replace(image, href="udm2"))


def placed(one: Scene, grid: Grid, random: np.random.Generator) -> Scene:
    """The scene moved, by whole pixels of its raster, to have the port somewhere inside."""
    source = next(iter(one.bands.values()))
    step, (rows, columns) = source.transform[0], source.shape
    inside = (rows * step - grid.height * 10, columns * step - grid.width * 10)
    north, west = (int(random.uniform(0.1, 0.9) * room / 60) * 60.0 for room in inside)
    move = partial(_moved, first=source, left=grid.left - west, top=grid.top + north)
    bands = {name: move(each) for name, each in one.bands.items()}
    return replace(one, bands=bands, mask=None if one.mask is None else move(one.mask))


def _moved(source: Source, first: Source, left: float, top: float) -> Source:
    """With the first source's corner there; that keeps its place among the grid's pixels."""
    step, _, west, _, _, north = source.transform
    rest = first.transform[2] % 10, first.transform[5] % 10
    west, north = west - first.transform[2] + left + rest[0], north - first.transform[5] + top
    transform = (step, 0.0, west, 0.0, -step, north + rest[1])
    return replace(source, epsg=GRID.epsg, transform=transform)


def whole(port: Port, year: dict[str, list[Overpass]], *sensors: str) -> None:
    """A run of these sensors, on one worker."""
    taken = [each for sensor in sensors for each in year[sensor]]
    print(f"\na year of {', '.join(sensors)}, one worker")
    show(cost_rows(estimate_port(port, taken), running=Running(workers=1)))


def show(rows: list[dict[str, str]]) -> None:
    print("\t".join(rows[0]))
    for row in rows:
        print("\t".join(row.values()))


if __name__ == "__main__":
    main()
