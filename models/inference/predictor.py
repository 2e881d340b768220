"""Interface of the trained network: from an image to probabilities and vessels, all numpy.

An image of any size is divided into tiles with a halo wider than the network's receptive field: the
result does not depend on where tiles begin, and memory hardly on the image. Open water without
contrast is skipped; where a ship may be, mirror images are looked at too, if the weights say so.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.config import Calibration
from models.inference.engine_choice import EngineName, require_engine
from models.inference.instances import Prediction
from models.inference.tiles import CELL_PX, HALO_PX, Mask, busy_cells, cover, cut, pixels_of
from models.inference.vessels import Detection, find_vessels
from models.inference.views import MIRRORED, again, mean_maps, mirror, mirror_back
from models.network import Image, normalise_planes
from models.weights import Weights, WeightsError, load_weights, weights_digest

if TYPE_CHECKING:
    from models.inference.engine import Device, Engine

DEVICE = "BERTHWATCH_DEVICE"
"""Environment variable that sets the device, cpu or cuda, instead of the default choice."""

_LEAST_PROBABILITY = np.float32(1e-6)
"""Lower bound where there is data, so that 0 means no data."""


class DeviceError(ValueError):
    """The requested device is unknown or not available."""


class Predictor:
    """A trained network ready for use. Loading takes about a second: reuse it for many images.

    May be used from several threads at once; a GPU then works on tiles of all their images.
    """

    def __init__(
        self,
        weights: Weights,
        digest: str,
        *,
        prefer_gpu: bool = False,
        engine: EngineName = EngineName.TORCH,
    ) -> None:
        # torch takes a second to import, and planning a run does not need it
        from models.inference.engine import engine as engine_for
        from models.network import unet_from_arrays

        if weights.network.reach_px > HALO_PX or CELL_PX % weights.network.stride:
            raise WeightsError(
                f"a network that reaches {weights.network.reach_px} px in steps of "
                f"{weights.network.stride} does not fit a halo of {HALO_PX} px"
            )
        self.digest = digest
        """sha256 of the weights' tensors and metadata, in hex"""
        self._calibration: Calibration = weights.calibration
        self._outputs = weights.network.outputs
        self._mirrored = weights.network.mirrored
        network = unet_from_arrays(weights.network, weights.arrays)
        self._engine: Engine = engine_for(network, _device(prefer_gpu, engine), engine)

    @classmethod
    def load(
        cls,
        path: str | Path | None = None,
        *,
        prefer_gpu: bool = False,
        engine: EngineName = EngineName.TORCH,
    ) -> "Predictor":
        """Load a weights file; None = the packaged default.

        Runs on a GPU where one is preferred and available, else on a CPU; the environment variable
        BERTHWATCH_DEVICE, cpu or cuda, overrides that. Another engine than torch runs on a CPU
        always. Raises WeightsError, DeviceError, and EngineError where the engine cannot run here.
        """
        return cls(load_weights(path), weights_digest(path), prefer_gpu=prefer_gpu, engine=engine)

    @property
    def made_by(self) -> str:
        """Library, version, number format and instructions that maps are made with; where they are
        equal, so are the bytes.
        """
        return self._engine.made_by

    def predict(self, image: Image, bands: Sequence[str]) -> Prediction:
        """The maps of an image; the least probability on open water that is skipped.

        image: (band, y, x) float32, reflectance or true colour, roughly 0..1; NaN = no data.
        bands: the name of each plane; blue, green, red and nir are used, in any order and at least
        one of the visible ones, others are ignored. Pass the whole image, not pieces of it: the
        background and the contrast are taken from all of it.
        Raises BandError, a ValueError. The same image gives the same bytes.
        """
        return self.predict_planes(normalise_planes(image, bands))

    def predict_planes(self, planes: Image) -> Prediction:
        """The maps of an image that is normalised already, or composed of several that are.

        planes: (4, y, x) float32 as ``normalise`` returns them, in the order of BANDS; NaN = no
        data.
        """
        known = np.isfinite(planes).any(axis=0)
        busy = busy_cells(planes)
        tiles = cover(busy, self._engine.cost)
        is_busy = pixels_of(busy, known.shape)
        maps = np.zeros((self._outputs, *known.shape), dtype=np.float32)
        for tile, found in zip(tiles, self._engine.maps(cut(planes, tiles)), strict=True):
            part, its_busy = maps[:, *tile.place], is_busy[tile.place]
            part[:] = found[:, : part.shape[1], : part.shape[2]]
            if not its_busy.all():  # it covers empty cells that another tiling would skip
                part *= its_busy
        if self._mirrored:
            self._look_again(maps, planes, busy & again(maps[0]))
        maps[:2] = np.where(known, np.maximum(maps[:2], _LEAST_PROBABILITY), np.float32(0))
        return Prediction(maps[0], maps[1], maps[2:])

    def _look_again(self, maps: Image, planes: Image, doubtful: Mask) -> None:
        """Replace the maps of these cells by the mean of all views, in place."""
        tiles = cover(doubtful, self._engine.cost)
        is_doubtful = pixels_of(doubtful, maps.shape[1:])
        views = (mirror(tile, axes) for tile in cut(planes, tiles) for axes in MIRRORED)
        found = self._engine.maps(views)
        for tile in tiles:
            part = maps[:, *tile.place]
            others = [mirror_back(next(found), axes) for axes in MIRRORED]
            trimmed = [other[:, : part.shape[1], : part.shape[2]] for other in others]
            np.copyto(part, mean_maps([part, *trimmed]), where=is_doubtful[tile.place])

    def detect(
        self,
        prediction: Prediction,
        *,
        pixel_m: float = 10.0,
        usable: NDArray[np.bool_] | None = None,
    ) -> tuple[Detection, ...]:
        """The vessels of a prediction, ordered by row and column.

        pixel_m: ground size of a pixel, in metres. usable: (y, x), False where no vessel's centre
        may lie (cloud, land); ValueError where its shape is not the prediction's.
        """
        if usable is not None and usable.shape != prediction.ship.shape:
            raise ValueError(
                f"usable has shape {usable.shape}, the prediction {prediction.ship.shape}: "
                "give one value per pixel"
            )
        return find_vessels(prediction, self._calibration, pixel_m, usable)


def _device(prefer_gpu: bool, engine: EngineName = EngineName.TORCH) -> "Device":
    import torch

    from models.inference.engine import Device

    named = os.environ.get(DEVICE, "")
    if named not in ("", *Device):
        raise DeviceError(f"{DEVICE} is {named!r}: set it to {' or '.join(Device)}, or not at all")
    if engine is not EngineName.TORCH:
        if named == Device.CUDA:
            raise DeviceError(
                f"{DEVICE} is cuda and the engine is {engine}, which runs on CPUs: unset the "
                f"variable, or give the job `engine: {EngineName.TORCH}`"
            )
        require_engine(engine)
        return Device.CPU
    there = torch.cuda.is_available()
    if named == Device.CUDA and not there:
        raise DeviceError(
            f"{DEVICE} is cuda and PyTorch finds no GPU: use the image with CUDA on a node that "
            "has one, or unset the variable"
        )
    if named:
        return Device(named)
    return Device.CUDA if prefer_gpu and there else Device.CPU
