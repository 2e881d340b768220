"""The door to the trained network: an image in, probabilities and vessels out, all numpy.

Whatever the image's size, the network sees tiles with a halo wider than its reach: the result does
not depend on where tiles begin, and memory hardly on the image.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models import weights as weights_files
from models.instances import Detection, Prediction, find_vessels
from models.normalise import Image, normalise
from models.settings import Calibration
from models.weights import Weights, weights_digest

if TYPE_CHECKING:
    from models.unet import Runner

__all__ = ["Detection", "Prediction", "Predictor", "weights_digest"]

TILE_PX = 544
"""What one pass of the network contributes is at most this many pixels high and wide."""

STEP_PX = 8
"""Edges of tiles are multiples of this, as the network's coarsest cells are."""

HALO_PX = 48
"""How much more it sees on each side; not less than the network's reach."""

_LEAST_PROBABILITY = np.float32(1e-6)
"""Where there is data: so that 0 means no data."""


class Predictor:
    """Trained weights ready to use. Costs a second to load: keep it for many images."""

    def __init__(self, weights: Weights, digest: str) -> None:
        # torch takes a second to import, and planning a run never needs it
        from models.unet import from_arrays, runner

        if weights.network.reach_px > HALO_PX or STEP_PX % weights.network.stride:
            raise weights_files.WeightsError(
                f"a network that reaches {weights.network.reach_px} px in steps of "
                f"{weights.network.stride} does not fit a halo of {HALO_PX} px"
            )
        self.digest = digest
        """sha256 of the weights' tensors and metadata, in hex"""
        self._calibration: Calibration = weights.calibration
        self._outputs = weights.network.outputs
        self._run: Runner = runner(from_arrays(weights.network, weights.arrays))

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Predictor":
        """Load a weights file; None = the packaged default. Raises WeightsError."""
        return cls(weights_files.load(path), weights_digest(path))

    def predict(self, image: Image, bands: Sequence[str]) -> Prediction:
        """The probability of ship and border for each pixel.

        image: (band, y, x) float32, reflectance or true colour, roughly 0..1; NaN = no data.
        bands: the planes' names, of blue, green, red, nir in any order; at least one visible one
        must be there, others are ignored. Give the whole image, not pieces of it: its background
        and contrast are taken from all of it.
        Raises BandError, a ValueError. The same image gives the same bytes.
        """
        planes = normalise(image, bands)
        known = np.isfinite(planes).any(axis=0)
        maps = np.zeros((self._outputs, *known.shape), dtype=np.float32)
        for window, tile in _tiles(planes):
            found = self._run(tile[None])[0, :, HALO_PX:-HALO_PX, HALO_PX:-HALO_PX]
            part = maps[:, window[0], window[1]]
            part[:] = found[:, : part.shape[1], : part.shape[2]]
        maps[:2] = np.where(known, np.maximum(maps[:2], _LEAST_PROBABILITY), np.float32(0))
        return Prediction(maps[0], maps[1], maps[2:] if self._outputs > 2 else None)

    def detect(
        self,
        prediction: Prediction,
        *,
        pixel_m: float = 10.0,
        usable: NDArray[np.bool_] | None = None,
    ) -> tuple[Detection, ...]:
        """The vessels of a prediction, ordered by row and column.

        pixel_m: ground size of a pixel. usable: (y, x), False where no vessel's centre may lie
        (cloud, land). A prediction and its mask must have one shape, else ValueError.
        """
        if usable is not None and usable.shape != prediction.ship.shape:
            raise ValueError(
                f"usable has shape {usable.shape}, the prediction {prediction.ship.shape}: "
                "give one value per pixel"
            )
        return find_vessels(prediction, self._calibration, pixel_m, usable)


def _tiles(planes: Image) -> Iterator[tuple[tuple[slice, slice], Image]]:
    """Each tile that holds data: its place in the image, and its planes with the halo."""
    row_edge, col_edge = (_edge(size) for size in planes.shape[1:])
    for row in range(0, planes.shape[1], row_edge):
        for col in range(0, planes.shape[2], col_edge):
            window = (slice(row, row + row_edge), slice(col, col + col_edge))
            if np.isfinite(planes[:, window[0], window[1]]).any():
                yield window, _with_halo(planes, window)


def _edge(size: int) -> int:
    """The edge of tiles of one size that share a side of the image with little left over."""
    tiles = -(-size // TILE_PX)
    return -(-size // (tiles * STEP_PX)) * STEP_PX


def _with_halo(planes: Image, window: tuple[slice, slice]) -> Image:
    """The planes of one tile and around it, no data beyond the image."""
    sides = tuple(part.stop - part.start + 2 * HALO_PX for part in window)
    tile = np.full((len(planes), *sides), np.nan, dtype=np.float32)
    (rows, into_rows), (cols, into_cols) = (
        _overlap(part.start - HALO_PX, side, size)
        for part, side, size in zip(window, sides, planes.shape[1:], strict=True)
    )
    tile[:, into_rows, into_cols] = planes[:, rows, cols]
    return tile


def _overlap(start: int, length: int, size: int) -> tuple[slice, slice]:
    """The part of start..start+length inside 0..size, in the outer and in its own coordinates."""
    first, last = max(start, 0), min(start + length, size)
    return slice(first, last), slice(first - start, last - start)
