"""Training targets: labelled boxes rasterised as ship, border, trusted area and hull planes."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.config import PIXEL_M
from models.dataset.boxes import Box
from models.geometry import axes

SHIP, BORDER, TRUSTED, SIZED = range(4)
"""The first planes of a chip's labels; HULL_PLANES without the error follow. SIZED: weight of the
hull planes."""

HULL_PLANES = ("length", "beam", "cosine", "sine", "error", "down", "right")
"""Predictions of each pixel of a hull for its ship: logarithms of length / USUAL_LENGTH_M and of
beam / USUAL_BEAM_M, cosine and sine of twice the heading, logarithm of the length's relative error,
and the offset to the centre, down and right, in units of REACH_PX."""

USUAL_LENGTH_M, USUAL_BEAM_M = 100.0, 20.0
REACH_PX = 10.0

_LARGE_PX = 30.0
"""Hulls of more pixels than this have pixels of less weight."""
_BORDER_PX = 1.0
_DOUBT_MARGIN_PX = 1.0

Window = tuple[slice, slice]


def draw_labels(boxes: Sequence[Box], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Ship, border and trusted, (3, y, x), each 0..1.

    ship: the share of the pixel that ships cover; border: the ring one pixel wide around each hull,
    and the seam where two hulls touch; trusted: 0 on doubtful boxes unless a ship lies on them.
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


def draw_hulls(boxes: Sequence[Box], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Weight and targets of the hull planes, (7, y, x).

    The first plane is the pixel's weight: the share of it that the hull covers, lower for large
    hulls, 0 where part of the hull lies outside the image. The others are HULL_PLANES without the
    error, which has no target.
    """
    planes = np.zeros((len(HULL_PLANES), *shape), dtype=np.float32)
    best = np.zeros(shape, dtype=np.float32)
    for box in boxes:
        if not box.is_ship:
            continue
        window = _reach(box, shape)
        share = _share(box, window, 0.0)
        mine = share > best[window]
        best[window][mine] = share[mine]
        for plane, value in zip(planes, _hull_values(box, window, share, shape), strict=True):
            plane[window][mine] = np.broadcast_to(value, share.shape)[mine]
    return planes


def _hull_values(
    box: Box, window: Window, share: NDArray[np.float32], shape: tuple[int, int]
) -> Sequence[NDArray[np.float32] | float]:
    many = box.length_m * box.beam_m / PIXEL_M**2 / _LARGE_PX
    weight = share * (_is_whole(box, shape) / math.sqrt(max(1.0, many)))
    double = math.radians(2 * box.heading_deg)
    return (
        weight,
        math.log(box.length_m / USUAL_LENGTH_M),
        math.log(box.beam_m / USUAL_BEAM_M),
        math.cos(double),
        math.sin(double),
        (box.row - np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None])
        / REACH_PX,
        (box.col - np.arange(window[1].start, window[1].stop, dtype=np.float32)[None, :])
        / REACH_PX,
    )


def _is_whole(box: Box, shape: tuple[int, int]) -> bool:
    """Whether bow and stern lie in the image."""
    along = np.array(axes(box.heading_deg)[0]) * box.length_m / (2 * PIXEL_M)
    ends = np.array([box.row, box.col]) + np.array([[1.0], [-1.0]]) * along
    return bool((ends >= -0.5).all() and (ends <= np.array(shape) - 0.5).all())


def _reach(box: Box, shape: tuple[int, int]) -> Window:
    """The window of an image that a box and its margins can touch; empty where it lies outside."""
    reach = math.hypot(box.length_m, box.beam_m) / (2 * PIXEL_M) + 2 * _BORDER_PX
    rows, cols = (
        slice(min(max(0, math.floor(at - reach)), size), max(0, min(math.ceil(at + reach), size)))
        for at, size in zip((box.row, box.col), shape, strict=True)
    )
    return rows, cols


def _share(box: Box, window: Window, margin_px: float) -> NDArray[np.float32]:
    """The share of each pixel of a window that a box, grown by a margin, covers.

    Exact for boxes along the grid; otherwise the orientation of the pixel's own edges is neglected,
    an error below a tenth of a pixel that makes labels cheap enough to draw for every chip.
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
