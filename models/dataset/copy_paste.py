"""Copy-paste augmentation: ships cut out, rotated, scaled, brightened, pasted on other water."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.config import PIXEL_M
from models.dataset.boxes import Box
from models.dataset.mooring import draw_edges
from models.dataset.targets import BORDER, SHIP, TRUSTED
from models.geometry import coverage
from models.network import Image

_MARGIN_PX = 1.2
_LEAST_LENGTH_M = 35.0
_WATER_CONTRAST = 0.35
"""Pixels with less contrast in every band are taken for water."""
_GAP_PX = 1.2
"""Largest distance of a hull from the quay that it lies along."""
_TRIES = 12
"""Positions tried for each cutout: enough to find the free water of a crowded basin, so that many
are pasted alongside quays and other ships."""


@dataclass(frozen=True)
class Cutout:
    """A ship cut from its scene."""

    planes: Image
    """(band, y, x), normalised; NaN in the whole plane of a band that its scene lacks."""
    share: NDArray[np.float32]
    """(y, x), the share of each pixel that the ship covers, 0..1."""
    box: Box
    """In the cutout's own pixels."""


Placed: TypeAlias = tuple[Cutout, tuple[int, int]]
"""A varied cutout, and the row and column of a chip at which its centre is pasted."""


def cut_out(planes: Image, boxes: Sequence[Box]) -> tuple[Cutout, ...]:
    """The ships among the boxes that lie completely in the image."""
    ships = (box for box in boxes if box.is_ship and box.length_m >= _LEAST_LENGTH_M)
    cuts = (_cut(planes, box) for box in ships)
    return tuple(cut for cut in cuts if cut is not None)


def _cut(planes: Image, box: Box) -> Cutout | None:
    """A ship with a margin of _MARGIN_PX; None where a band has data of a part of it alone."""
    window, share = coverage(
        (planes.shape[1], planes.shape[2]),
        box.row,
        box.col,
        box.length_m / PIXEL_M + 2 * _MARGIN_PX,
        box.beam_m / PIXEL_M + 2 * _MARGIN_PX,
        box.heading_deg,
    )
    ship = planes[:, window[0], window[1]]
    known = np.isfinite(ship)
    if (
        share.size == 0
        or not known.any()
        or known.any(axis=(1, 2)).sum() * share.size > known.sum()
    ):
        return None
    return Cutout(
        ship, share, replace(box, row=box.row - window[0].start, col=box.col - window[1].start)
    )


def paste_ships(
    planes: Image,
    labels: NDArray[np.float32],
    cutouts: Sequence[Cutout],
    random: np.random.Generator,
    alongside: float,
) -> Iterator[Box]:
    """Paste one to three ships on a chip's open water, in place; yields their boxes.

    A band that a pasted ship lacks is removed from the whole chip.
    alongside: share of them, 0..1, that are pasted parallel to what borders the water: a quay or
    another ship.
    """
    brightness = np.abs(np.where(np.isfinite(planes), planes, np.inf)).max(axis=0)
    marked = (labels[SHIP] + labels[BORDER] > 0) | (labels[TRUSTED] == 0)
    free = (brightness < _WATER_CONTRAST) & ~marked
    for _ in range(int(random.integers(1, 4)) if cutouts else 0):
        cutout = cutouts[int(random.integers(len(cutouts)))]
        moored = random.random() < alongside
        found = (_alongside if moored else _afloat)(free, cutout, random)
        if found is None:
            continue
        ship, at = found
        window = _window(ship, at)
        planes[:, *window] += ship.share * (ship.planes - planes[:, *window])
        planes[np.isnan(ship.planes).all(axis=(1, 2))] = np.nan
        free[window] &= ship.share < 0.5
        yield replace(ship.box, row=float(at[0]), col=float(at[1]))


def _draw_scale(random: np.random.Generator) -> float:
    return math.exp(random.uniform(-0.3, 0.35))


def _half_side(box: Box, scale: float) -> int:
    """Half of the side of the square that holds a cutout in any rotation, in whole pixels."""
    longest = math.hypot(box.length_m, box.beam_m) / PIXEL_M + 2 * _MARGIN_PX + 2
    return math.ceil(longest * scale / 2)


def _vary(cutout: Cutout, angle: float, scale: float, random: np.random.Generator) -> Cutout:
    """Rotate and scale a cutout, and brighten it: labelled ships have few headings, sizes and
    colours.
    """
    gain = math.exp(random.uniform(-0.6, 1.0))
    half = _half_side(cutout.box, scale)
    side = 2 * half + 1
    turn = math.radians(angle)
    back = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) / scale
    offset = np.array([cutout.box.row, cutout.box.col]) - back @ np.full(2, half)
    planes, share = (
        np.stack([_resample(plane, back, offset, side) for plane in stack])
        for stack in (cutout.planes * cutout.share, cutout.share[None])
    )
    filled = np.arcsinh(gain * np.sinh(planes / np.maximum(share, 0.05))).astype(np.float32)
    filled[np.isnan(cutout.planes).all(axis=(1, 2))] = np.nan
    box = replace(
        cutout.box,
        row=half,
        col=half,
        length_m=cutout.box.length_m * scale,
        beam_m=cutout.box.beam_m * scale,
        heading_deg=(cutout.box.heading_deg + angle) % 180,
    )
    return Cutout(filled, share[0], box)


def _resample(
    plane: NDArray[np.float32], back: NDArray[np.float64], offset: NDArray[np.float64], side: int
) -> NDArray[np.float32]:
    return np.asarray(
        ndimage.affine_transform(plane, back, offset, output_shape=(side, side), order=1)
    )


def _afloat(free: NDArray[np.bool_], cutout: Cutout, random: np.random.Generator) -> Placed | None:
    """A ship of any heading, and a centre at which it lies on free water with its margin."""
    ship = _vary(cutout, random.uniform(0, 180), _draw_scale(random), random)
    half, size = ship.share.shape[0] // 2, free.shape[0]
    if 2 * half + 1 >= size:
        return None
    hull = ship.share > 0.05
    for row, col in random.integers(half, size - half, (_TRIES, 2)).tolist():
        if free[_window(ship, (row, col))][hull].all():
            return ship, (row, col)
    return None


def _alongside(
    free: NDArray[np.bool_], cutout: Cutout, random: np.random.Generator
) -> Placed | None:
    """A ship along the edge of the free water, at a distance of up to _GAP_PX; its centre."""
    scale = _draw_scale(random)
    half_beam = scale * cutout.box.beam_m / (2 * PIXEL_M)
    for edge in draw_edges(free, random):
        at = edge.berth(half_beam + random.uniform(0, _GAP_PX))
        if _has_room(free, cutout.box, scale, edge.heading_deg, at):
            angle = edge.heading_deg - cutout.box.heading_deg
            return _vary(cutout, angle, scale, random), at
    return None


def _has_room(
    free: NDArray[np.bool_], box: Box, scale: float, heading: float, at: tuple[int, int]
) -> bool:
    """Whether the hull, without the margin that was cut out with it, lies on free water."""
    half, size = _half_side(box, scale), free.shape[0]
    if not all(half <= centre < size - half for centre in at):
        return False
    sides = (scale * box.length_m / PIXEL_M, scale * box.beam_m / PIXEL_M)
    window, hull = coverage((size, size), float(at[0]), float(at[1]), *sides, heading)
    return bool(free[window][hull > 0.5].all())


def _window(ship: Cutout, at: tuple[int, int]) -> tuple[slice, slice]:
    half = ship.share.shape[0] // 2
    return slice(at[0] - half, at[0] + half + 1), slice(at[1] - half, at[1] + half + 1)
