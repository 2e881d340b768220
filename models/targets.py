"""What the network is to answer: labelled boxes drawn as ship, border and what can be trusted."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.geometry import axes
from models.scenes import Box
from models.settings import PIXEL_M

SHIP, BORDER, TRUSTED = range(3)

_BORDER_PX = 1.0
_DOUBT_MARGIN_PX = 1.0

Window = tuple[slice, slice]


def draw_labels(boxes: Sequence[Box], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Ship, border and trusted, (3, y, x).

    ship: the share of the pixel that ships cover; border: the pixel wide ring around each hull,
    and the seam where two hulls touch; trusted: 0 on doubtful boxes, where no ship lies on them.
    """
    ship, claims, doubt = (np.zeros(shape, dtype=np.float32) for _ in range(3))
    for box in boxes:
        window = _reach(box, shape)
        if box.is_ship:
            np.maximum(ship[window], _share(box, window, 0.0), out=ship[window])
            claims[window] += _share(box, window, _BORDER_PX)
        elif box.is_doubtful:
            np.maximum(doubt[window], _share(box, window, _DOUBT_MARGIN_PX), out=doubt[window])
    border = np.clip(claims - ship, 0, 1)
    trusted = (doubt == 0) | (claims > 0)
    return np.stack([ship, border, trusted.astype(np.float32)])


def _reach(box: Box, shape: tuple[int, int]) -> Window:
    """The part of an image that a box and its margins can touch; empty beside it."""
    reach = math.hypot(box.length_m, box.beam_m) / (2 * PIXEL_M) + 2 * _BORDER_PX
    rows, cols = (
        slice(min(max(0, math.floor(at - reach)), size), max(0, min(math.ceil(at + reach), size)))
        for at, size in zip((box.row, box.col), shape, strict=True)
    )
    return rows, cols


def _share(box: Box, window: Window, margin_px: float) -> NDArray[np.float32]:
    """The share of each pixel of a window under a box grown by a margin.

    Exact where the box lies along the grid; elsewhere a pixel's own turned edge is neglected, which
    costs less than a tenth of a pixel and makes labels cheap enough to draw for every chip anew.
    """
    (along_row, along_col), (across_row, across_col) = axes(box.heading_deg)
    down = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None] - box.row
    right = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :] - box.col
    along = np.abs(down * along_row + right * along_col)
    across = np.abs(down * across_row + right * across_col)
    reach_px = (side_m / (2 * PIXEL_M) + margin_px for side_m in (box.length_m, box.beam_m))
    shares = (
        np.clip(reach + 0.5 - off, 0, min(1.0, 2 * reach))
        for reach, off in zip(reach_px, (along, across), strict=True)
    )
    return np.asarray(np.multiply(*shares), dtype=np.float32)
