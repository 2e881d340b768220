"""Ships by optical sensor: recall by length on simulated harbours, by the pixels the network sees.

The packaged network was trained on pixels of 10 m of Sentinel-2. It is shown the same harbours as
other sensors see them: Landsat's 30 m resampled to 10 and 15 m, and as they are, where a ship has a
third of the pixels; PlanetScope's 3 m averaged to 10 m. A ship counts that is wholly visible; a
detection within 100 m of it finds it, each one ship. There is no land mask: false alarms are those
of land too. One sensor alone: `-k planetscope`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from jobs.catalog.stac_item import scene_from_item
from jobs.domain import SENSORS, Grid, Pixels, Scene, transformer
from jobs.segment.network import away_from_cloud, in_metres, visible
from jobs.simulate import SimulationConfig, simulate_archive
from jobs.tile.stage import read_overpass
from models.dataset import Box, LabelledScene
from models.evaluation import MatchCriteria
from models.evaluation.detector_error import detector_errors
from models.evaluation.looks import looks_at
from models.inference import Predictor

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

HARBOURS = 24
NEAR_M = 100.0
BANDS_M = ((40, 100), (100, 150), (150, 200), (200, 250), (250, 400))
PIXELS_M = {
    "sentinel-2-l2a": (10.0,),
    "landsat-c2-l2": (10.0, 15.0, 30.0),
    "planetscope-sr": (10.0,),
}


@dataclass(frozen=True)
class Ship:
    x: float
    y: float
    length_m: float
    beam_m: float
    heading_deg: float
    sure: bool


@pytest.mark.parametrize("sensor", PIXELS_M)
def test_recall_by_length_and_pixel(tmp_path: Path, sensor: str) -> None:
    folder = simulated(tmp_path, sensor)
    for pixel_m in PIXELS_M[sensor]:
        report(sensor, pixel_m, folder)
    error_rates_at_10_m(sensor, folder)


def simulated(tmp_path: Path, sensor: str) -> Path:
    """Harbours by lot, the same for every sensor, each seen once."""
    folder = tmp_path / sensor
    config = SimulationConfig(
        seed=2024,
        sensor=sensor,
        harbours=HARBOURS,
        start=date(2024, 5, 1),
        days=5,
        revisit_days=(8,),
        cloud_share=0.05,
    )
    simulate_archive(config, folder, lambda _: None)
    return folder


def report(sensor: str, pixel_m: float, folder: Path) -> None:
    predictor = Predictor.load()
    hits: dict[tuple[int, int], list[bool]] = {band: [] for band in BANDS_M}
    errors: list[float] = []
    false = detections = 0
    for scene, ships in scenes(folder, sensor):
        found = detect(predictor, scene, sensor, pixel_m)
        pairs = matched(found, ships)
        detections += len(found)
        false += len(found) - len(pairs)
        paired = dict((ship, vessel) for vessel, ship in pairs)
        for number, ship in enumerate(ships):
            for low, high in BANDS_M:
                if ship.sure and low <= ship.length_m < high:
                    hits[low, high].append(number in paired)
                    if number in paired:
                        errors.append(found[paired[number]][2] - ship.length_m)
    cells = ", ".join(f"{a}-{b} m {np.mean(h):.2f} of {len(h)}" for (a, b), h in hits.items() if h)
    print(
        f"\n{sensor} at {pixel_m:g} m: recall {cells}; {false} of {detections} detections false; "
        f"length off by {np.mean(errors):+.0f} m, sd {np.std(errors):.0f} m"
    )


def scenes(folder: Path, sensor: str) -> Iterator[tuple[Scene, list[Ship]]]:
    for path in sorted(folder.glob("*/*/*.json")):
        item = json.loads(path.read_text())
        for asset in item["assets"].values():
            asset["href"] = str(path.parent / asset["href"])
        scene = scene_from_item(item, "c", SENSORS[sensor])
        yield scene, list(ships_of(folder, item["properties"]["port"], scene))


def ships_of(folder: Path, port: str, scene: Scene) -> Iterator[Ship]:
    turn = transformer(4326, next(iter(scene.bands.values())).epsg)
    with (folder / "labels" / f"{port}.csv").open() as file:
        for row in csv.DictReader(file):
            if row["item"] == scene.item_id:
                x, y = turn.transform(float(row["lon"]), float(row["lat"]))
                size = float(row["length_m"]), float(row["width_m"])
                heading, sure = float(row["heading_mod180_deg"]), int(row["confidence"]) >= 2
                yield Ship(x, y, *size, heading, sure)


def error_rates_at_10_m(sensor: str, folder: Path) -> None:
    """What a weights file holds of Sentinel-2, for every sensor by the same measure."""
    predictor = Predictor.load()
    kind = SENSORS[sensor]
    looks = []
    for scene, ships in scenes(folder, sensor):
        pixels, grid = shown(scene, sensor, 10.0)
        image = visible(pixels, kind)
        prediction = predictor.predict(image, kind.bands)
        usable = away_from_cloud(pixels.quality, 10.0)
        found = predictor.detect(prediction, pixel_m=10.0, usable=usable)
        boxes = tuple(box_of(ship, grid) for ship in ships)
        labelled = LabelledScene(scene.item_id, scene.item_id, kind.bands, image, boxes)
        looks.append(looks_at(labelled, found, MatchCriteria()))
    for error in detector_errors(looks):
        print(f"\n{sensor}: {error}")


def box_of(ship: Ship, grid: Grid) -> Box:
    row, col = (grid.top - ship.y) / 10 - 0.5, (ship.x - grid.left) / 10 - 0.5
    kind, confidence = ("ship" if ship.length_m >= 40 else "small"), 3 if ship.sure else 1
    return Box(row, col, ship.length_m, ship.beam_m, ship.heading_deg, kind, confidence)


def shown(scene: Scene, sensor: str, pixel_m: float) -> tuple[Pixels, Grid]:
    """The scene on pixels of that size."""
    source = scene.bands["red"]
    step, _, left, _, _, top = source.transform
    height, width = (round(n * step / pixel_m) for n in source.shape)
    if step < pixel_m:  # as ports' grids, which no finer pixels share edges with
        left, top = math.ceil(left / pixel_m) * pixel_m, math.floor(top / pixel_m) * pixel_m
        height, width = height - 1, width - 1
    grid = Grid(source.epsg, left, top, width, height, pixel_m)
    return read_overpass([scene], SENSORS[sensor], grid), grid


def detect(
    predictor: Predictor, scene: Scene, sensor: str, pixel_m: float
) -> list[tuple[float, float, float]]:
    """x, y and length of what the network finds."""
    kind = SENSORS[sensor]
    pixels, grid = shown(scene, sensor, pixel_m)
    prediction = predictor.predict(visible(pixels, kind), kind.bands)
    usable = away_from_cloud(pixels.quality, pixel_m)
    vessels = [
        in_metres(d, grid) for d in predictor.detect(prediction, pixel_m=pixel_m, usable=usable)
    ]
    return [(v.x, v.y, v.length_m) for v in vessels]


def matched(found: list[tuple[float, float, float]], ships: list[Ship]) -> list[tuple[int, int]]:
    if not found or not ships:
        return []
    apart: NDArray[np.float64] = np.array(
        [[math.hypot(x - ship.x, y - ship.y) for ship in ships] for x, y, _ in found]
    )
    cost = np.where(apart <= NEAR_M, apart, 1e6)
    rows, columns = linear_sum_assignment(cost)
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if cost[i, j] < 1e6]
