"""The segment stage: the vessels in one overpass, from the pixels that the tile stage wrote."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock

import numpy as np
import rasterio.features
from numpy.typing import NDArray
from rasterio.transform import Affine
from scipy import ndimage

from jobs.domain import (
    OPAQUE,
    SENSORS,
    Grid,
    OverpassStore,
    Pixels,
    Port,
    Quality,
    Sensor,
    Settings,
    StageName,
    Unit,
    UnitResult,
    UnitState,
    Vessel,
    project,
)
from jobs.errors import InputError
from models.inference import Detection, Predictor

SHORE_TOLERANCE_M = 150.0
"""Land nearer to the water than this counts as water: public shorelines are off by about a hundred
metres and lack quays and reclaimed ground."""

SHORE_SCORE = 0.5
"""Least score within SHORE_TOLERANCE_M of the shoreline away from every berth: rocks, piers and
houses by the water are the commonest false alarms, and the berths say where ships lie. In a port
without berths it does not apply."""

CLOUD_RIM_M = 40.0
"""Vessels this near to cloud or its shadow are rejected: the rims of the masked areas look like
hulls."""

BERTH_MARGIN_M = 60.0
"""Within this distance of a berth the land mask does not apply."""


def run(unit: Unit, settings: Settings, store: OverpassStore, prefer_gpu: bool) -> UnitResult:
    """Find the vessels of one overpass and write them and the ship probability to its step.

    ``prefer_gpu``: run the network on a GPU where there is one. Raises InputError where the model
    here is not the run's.
    """
    started = time.perf_counter()
    sensor = SENSORS[unit.overpass.sensor]
    pixels = store.read_pixels(unit.overpass.sensor, unit.step)
    grid = unit.port.grid
    predictor = load_predictor(settings, prefer_gpu)
    prediction = predictor.predict(visible(pixels, sensor), sensor.bands)
    usable = away_from_cloud(pixels.quality, grid.resolution_m)
    found = predictor.detect(prediction, pixel_m=grid.resolution_m, usable=usable)
    vessels = afloat([in_metres(d, grid) for d in found], unit.port, store.land())
    probability = np.rint(prediction.ship * 255).astype(np.uint8)
    store.write_vessels(unit.overpass.sensor, unit.step, vessels, probability)
    return UnitResult(
        overpass_id=unit.overpass.id,
        stage=StageName.SEGMENT,
        state=UnitState.DONE,
        seconds=time.perf_counter() - started,
        vessels=len(vessels),
    )


def visible(pixels: Pixels, sensor: Sensor) -> NDArray[np.float32]:
    """The network's input, (band, y, x) in physical units; NaN is cloud, shadow or no data.

    Cloud would otherwise determine the contrast that the image is normalised by.
    """
    image = sensor.encoding.decode(pixels.image)
    image[:, (pixels.quality & np.uint8(OPAQUE)) > 0] = np.nan
    return image


def away_from_cloud(quality: NDArray[np.uint8], resolution_m: float) -> NDArray[np.bool_]:
    """Where a vessel's centre may lie, (y, x): imaged, and not near cloud or its shadow."""
    opaque = (quality & np.uint8(OPAQUE)) > 0
    cloud = (quality & np.uint8(Quality.CLOUD | Quality.CLOUD_SHADOW)) > 0
    if not cloud.any():
        return ~opaque
    rim: NDArray[np.bool_] = ndimage.distance_transform_edt(~cloud) * resolution_m <= CLOUD_RIM_M
    return ~opaque & ~rim


def load_predictor(settings: Settings, prefer_gpu: bool = False) -> Predictor:
    """The run's model, loaded once per process, on a GPU where that is preferred and there.

    Raises InputError where the model's digest is not the run's.
    """
    with _LOADING:  # threads that share a GPU must share the model
        predictor = _load(settings.model, prefer_gpu)
    if predictor.digest != settings.model_digest:
        raise InputError(
            f"the model here has digest {predictor.digest[:12]}, the run was planned with "
            f"{settings.model_digest[:12]}: give every worker the same weights"
        )
    return predictor


_LOADING = Lock()


@lru_cache(maxsize=1)
def _load(path: str | None, prefer_gpu: bool) -> Predictor:
    return Predictor.load(path, prefer_gpu=prefer_gpu)


def in_metres(detection: Detection, grid: Grid) -> Vessel:
    """A detection on the grid as a vessel in its UTM zone."""
    x, y = _metres(grid, detection.row, detection.col)
    return Vessel(
        x=x,
        y=y,
        length_m=detection.length_m,
        length_sd_m=detection.length_sd_m,
        beam_m=detection.beam_m,
        heading_deg=detection.heading_deg,
        score=detection.score,
        truncated=detection.truncated,
        corners=tuple(_metres(grid, row, col) for row, col in detection.corners),
    )


def _metres(grid: Grid, row: float, col: float) -> tuple[float, float]:
    """(x, y) in metres of a position in pixels from the centre of the first pixel."""
    return (
        grid.left + (col + 0.5) * grid.resolution_m,
        grid.top - (row + 0.5) * grid.resolution_m,
    )


def afloat(vessels: Iterable[Vessel], port: Port, land: NDArray[np.bool_]) -> tuple[Vessel, ...]:
    """The vessels whose score is at least ``least_score`` at their centre, in their order."""
    if not land.any():
        return tuple(vessels)
    least = least_score(port, land)
    height, width = least.shape
    kept = []
    for vessel in vessels:
        row = int((port.grid.top - vessel.y) // port.grid.resolution_m)
        col = int((vessel.x - port.grid.left) // port.grid.resolution_m)
        if vessel.score >= least[min(max(row, 0), height - 1), min(max(col, 0), width - 1)]:
            kept.append(vessel)
    return tuple(kept)


def least_score(port: Port, land: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The least score of a vessel, (y, x): 0 on water and at berths, SHORE_SCORE near the shore,
    infinite on land beyond SHORE_TOLERANCE_M.
    """
    resolution_m = port.grid.resolution_m
    least = np.zeros(land.shape, np.float32)
    if port.berths:
        by_the_shore = ndimage.distance_transform_edt(~land) * resolution_m <= SHORE_TOLERANCE_M
        least[by_the_shore] = SHORE_SCORE
    least[ndimage.distance_transform_edt(land) * resolution_m > SHORE_TOLERANCE_M] = np.inf
    least[near_berths(port)] = 0
    return least


def near_berths(port: Port) -> NDArray[np.bool_]:
    """True within BERTH_MARGIN_M of a berth, (y, x)."""
    if not port.berths:
        return np.zeros(port.grid.shape, bool)
    shapes = [
        project(berth.polygon, port.grid.epsg).buffer(BERTH_MARGIN_M) for berth in port.berths
    ]
    burnt = rasterio.features.rasterize(
        shapes, out_shape=port.grid.shape, transform=Affine(*port.grid.transform)
    )
    return np.asarray(burnt, dtype=bool)
