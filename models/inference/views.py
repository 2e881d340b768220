"""Mirrored views: a second opinion of the network wherever a ship may be.

The network was trained on ships of every heading, and yet what it says of a hull that it is not
sure of differs between an image and its mirror images. The mean of the four says more than one
(docs/segmentation.md has the figures). Most of an image needs no second opinion: cells in which no
pixel, nor any of a neighbouring cell, may be ship keep the first one. Which cells do depends on the
first view alone, so no pixel's result depends on where tiles begin.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.dataset import HULL_PLANES
from models.inference.tiles import Mask, cells_max
from models.network import Image

MIRRORED: tuple[tuple[int, ...], ...] = ((-2,), (-1,), (-2, -1))
"""The axes that are flipped in each further view: rows, columns, both."""

MAYBE_SHIP = 0.03
"""Cells with a pixel of at least this probability of ship are looked at again. Pixels of vessels
have Calibration.grow, .1 at least, in the mean of the views."""

_HULL = 2
"""Planes before HULL_PLANES."""
_SINE, _DOWN, _RIGHT = (_HULL + HULL_PLANES.index(name) for name in ("sine", "down", "right"))
_TURNED = {-2: (_SINE, _DOWN), -1: (_SINE, _RIGHT)}
"""The planes whose sign a flip of the axis changes."""
_LEAST = 1e-6


def again(ship: Image) -> Mask:
    """The cells of a probability map (y, x) that are looked at again."""
    return np.asarray(ndimage.maximum_filter(cells_max(ship), 3, mode="constant") >= MAYBE_SHIP)


def mirror(tile: Image, axes: tuple[int, ...]) -> Image:
    """A tile (band, y, x) as its mirror image."""
    return np.ascontiguousarray(np.flip(tile, axes))


def mirror_back(maps: Image, axes: tuple[int, ...]) -> Image:
    """The maps (output, y, x) of a mirrored tile, as maps of the tile."""
    back = np.flip(maps, axes).copy()
    for axis in axes:
        back[list(_TURNED[axis])] *= -1
    return back


def mean_maps(views: Sequence[Image]) -> Image:
    """The mean of the maps (output, y, x) of several views, of probabilities that of the logits."""
    mean = np.asarray(np.mean(views, axis=0, dtype=np.float32))
    mean[:_HULL] = _probability(np.mean([_logit(one[:_HULL]) for one in views], axis=0))
    return mean


def _logit(probability: NDArray[np.float32]) -> NDArray[np.float32]:
    within = np.clip(probability, np.float32(_LEAST), np.float32(1 - _LEAST))
    return np.asarray(np.log(within / (1 - within)))


def _probability(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-logit)), dtype=np.float32)
