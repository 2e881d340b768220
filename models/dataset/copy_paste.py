"""Copy-paste augmentation: ships cut out, rotated, scaled, brightened, pasted on other water."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.config import PIXEL_M
from models.dataset.boxes import Box
from models.dataset.targets import BORDER, SHIP, TRUSTED
from models.geometry import coverage
from models.network import Image

_MARGIN_PX = 1.2
_LEAST_LENGTH_M = 35.0
_WATER_CONTRAST = 0.35
"""Pixels with less contrast in every band are taken for water."""
_TRIES = 12
"""Positions tried for each cutout: enough to find the free water of a crowded basin, so that many
are pasted alongside quays and other ships."""


@dataclass(frozen=True)
class Cutout:
    """A ship cut from its scene."""

    planes: Image
    """(band, y, x), normalised."""
    share: NDArray[np.float32]
    """(y, x), the share of each pixel that the ship covers, 0..1."""
    box: Box
    """In the cutout's own pixels."""


def cut_out(planes: Image, boxes: Sequence[Box]) -> tuple[Cutout, ...]:
    """The ships among the boxes that lie completely in the image."""
    ships = (box for box in boxes if box.is_ship and box.length_m >= _LEAST_LENGTH_M)
    cuts = (_cut(planes, box) for box in ships)
    return tuple(cut for cut in cuts if cut is not None)


def _cut(planes: Image, box: Box) -> Cutout | None:
    """A ship with a margin of _MARGIN_PX; None where part of it has no data."""
    window, share = coverage(
        (planes.shape[1], planes.shape[2]),
        box.row,
        box.col,
        box.length_m / PIXEL_M + 2 * _MARGIN_PX,
        box.beam_m / PIXEL_M + 2 * _MARGIN_PX,
        box.heading_deg,
    )
    ship = planes[:, window[0], window[1]]
    if share.size == 0 or not np.isfinite(ship).all():
        return None
    return Cutout(
        ship, share, replace(box, row=box.row - window[0].start, col=box.col - window[1].start)
    )


def paste_ships(
    planes: Image,
    labels: NDArray[np.float32],
    cutouts: Sequence[Cutout],
    random: np.random.Generator,
) -> Iterator[Box]:
    """Paste one to three ships on a chip's open water, in place; yields their boxes."""
    brightness = np.abs(np.where(np.isfinite(planes), planes, np.inf)).max(axis=0)
    marked = (labels[SHIP] + labels[BORDER] > 0) | (labels[TRUSTED] == 0)
    free = (brightness < _WATER_CONTRAST) & ~marked
    for _ in range(int(random.integers(1, 4))):
        ship = _vary(cutouts[int(random.integers(len(cutouts)))], random)
        at = _find_water(free, ship, random)
        if at is None:
            continue
        window = _window(ship, at)
        planes[:, *window] += ship.share * (ship.planes - planes[:, *window])
        free[window] &= ship.share == 0
        yield replace(ship.box, row=float(at[0]), col=float(at[1]))


def _vary(cutout: Cutout, random: np.random.Generator) -> Cutout:
    """Rotate, scale and brighten a cutout: labelled ships have few headings, sizes and colours."""
    angle, scale = random.uniform(0, 180), math.exp(random.uniform(-0.3, 0.35))
    gain = math.exp(random.uniform(-0.6, 1.0))
    side = 2 * math.ceil(max(cutout.share.shape) * scale * 0.75) + 1
    turn = math.radians(angle)
    back = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) / scale
    offset = np.array([cutout.box.row, cutout.box.col]) - back @ np.full(2, side // 2)
    planes, share = (
        np.stack([_resample(plane, back, offset, side) for plane in stack])
        for stack in (cutout.planes * cutout.share, cutout.share[None])
    )
    filled = np.arcsinh(gain * np.sinh(planes / np.maximum(share, 0.05))).astype(np.float32)
    box = replace(
        cutout.box,
        row=side // 2,
        col=side // 2,
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


def _find_water(
    free: NDArray[np.bool_], ship: Cutout, random: np.random.Generator
) -> tuple[int, int] | None:
    """A centre at which the whole ship lies on free water; None where no try found one."""
    half, size = ship.share.shape[0] // 2, free.shape[0]
    if 2 * half + 1 >= size:
        return None
    hull = ship.share > 0.05
    for row, col in random.integers(half, size - half, (_TRIES, 2)).tolist():
        if free[_window(ship, (row, col))][hull].all():
            return row, col
    return None


def _window(ship: Cutout, at: tuple[int, int]) -> tuple[slice, slice]:
    half = ship.share.shape[0] // 2
    return slice(at[0] - half, at[0] + half + 1), slice(at[1] - half, at[1] + half + 1)
