"""Ships in optical images, by the network."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from jobs.domain import OPAQUE, Grid, Pixels, Quality, Sensor, Settings, Vessel
from jobs.errors import InputError, SetupError
from jobs.segment.protocol import Found, View
from jobs.segment.shore import afloat
from models.inference import Detection, EngineError, EngineName, Predictor

CLOUD_RIM_M = 40.0
"""Vessels this near to cloud or its shadow are rejected: the rims of the masked areas look like
hulls."""


def find(view: View, settings: Settings, prefer_gpu: bool) -> Found:
    """The vessels that the network finds; ``prefer_gpu``: on a GPU where there is one.

    Raises InputError where the model here is not the run's, SetupError where its engine cannot run
    here.
    """
    pixels, grid = view.pixels, view.port.grid
    predictor = load_predictor(settings, prefer_gpu)
    prediction = predictor.predict(visible(pixels, view.sensor), view.sensor.bands)
    usable = away_from_cloud(pixels.quality, grid.resolution_m)
    found = predictor.detect(prediction, pixel_m=grid.resolution_m, usable=usable)
    vessels = afloat([in_metres(each, grid) for each in found], view.port, view.land)
    probability = np.rint(prediction.ship * 255).astype(np.uint8)
    return Found(vessels, probability, made_by=predictor.made_by)


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

    Raises InputError where the model's digest is not the run's, SetupError where its engine cannot
    run here.
    """
    try:
        with _LOADING:  # threads that share a GPU must share the model
            predictor = _load(settings.model, prefer_gpu, EngineName(settings.engine))
    except EngineError as error:
        raise SetupError(str(error)) from error
    if predictor.digest != settings.model_digest:
        raise InputError(
            f"the model here has digest {predictor.digest[:12]}, the run was planned with "
            f"{settings.model_digest[:12]}: give every worker the same weights"
        )
    return predictor


_LOADING = Lock()


@lru_cache(maxsize=1)
def _load(path: str | None, prefer_gpu: bool, engine: EngineName) -> Predictor:
    return Predictor.load(path, prefer_gpu=prefer_gpu, engine=engine)


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
