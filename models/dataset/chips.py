"""Training chips: labelled scenes seen turned and scaled, with foreign ships, and altered."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from models.config import PIXEL_M, ChipSettings
from models.dataset.augment import augment
from models.dataset.boxes import Box
from models.dataset.copy_paste import Cutout, cut_out, paste_ships
from models.dataset.scenes import LabelledScene
from models.dataset.targets import TRUSTED, draw_hulls, draw_labels
from models.geometry import axes
from models.network.normalise import Image, normalise

_MARGIN_PX = 4.0
"""How far beyond a chip's edge a hull may end and still touch it with its border."""

_WEIGHT_BASE = 10.0
_MOST_SHIPS = 40
"""A scene is drawn as often as it has ships, within limits: else two ports would be half of all."""


@dataclass(frozen=True)
class Chip:
    """planes: (band, y, x), NaN = no data. labels: (10, y, x), as targets names them."""

    planes: Image
    labels: NDArray[np.float32]


@dataclass(frozen=True)
class Canvas:
    """A scene made ready for drawing chips."""

    group: str
    filled: torch.Tensor
    """(1, 2 band, y, x): the normalised planes with zeros for no data, and 1 where there is data"""
    boxes: tuple[Box, ...]
    ships: tuple[Box, ...]
    cutouts: tuple[Cutout, ...]

    @property
    def weight(self) -> float:
        """How often it is drawn from, relative to others."""
        return min(len(self.ships), _MOST_SHIPS) + _WEIGHT_BASE


@dataclass(frozen=True)
class View:
    """A square window on a scene: what lies at d there is at centre + matrix @ d in the scene.

    d: (down, right) from the chip's middle, pixels.
    """

    centre: NDArray[np.float64]
    matrix: NDArray[np.float64]
    """(2, 2)"""
    size_px: int
    exact: bool
    """pixels of the chip are pixels of the scene"""


def prepare(scene: LabelledScene) -> Canvas:
    """Normalise a scene and cut out its ships."""
    planes = normalise(scene.image, scene.bands)
    known = np.isfinite(planes)
    filled = np.concatenate([np.where(known, planes, 0), known]).astype(np.float32)
    return Canvas(
        group=scene.group,
        filled=torch.from_numpy(filled)[None],
        boxes=scene.boxes,
        ships=scene.ships,
        cutouts=cut_out(planes, scene.boxes),
    )


def draw_chip(
    canvases: Sequence[Canvas],
    chances: NDArray[np.float64],
    settings: ChipSettings,
    random: np.random.Generator,
) -> Chip:
    """One altered chip; the generator's state decides everything.

    chances: of each canvas to be drawn from, their sum 1; foreign ships come by the same chances.
    """
    canvas = canvases[int(random.choice(len(canvases), p=chances))]
    view = _draw_view(canvas, settings, random)
    planes, boxes = _look(canvas, view), boxes_in_view(canvas.boxes, view)
    shape = (settings.size_px, settings.size_px)
    labels = draw_labels(boxes, shape)
    if random.random() < settings.paste:
        cutouts = canvases[int(random.choice(len(canvases), p=chances))].cutouts
        added = list(paste_ships(planes, labels, cutouts, random)) if cutouts else []
        boxes = [*boxes, *added]
        labels = draw_labels(boxes, shape) if added else labels
    labels[TRUSTED] *= np.isfinite(planes[:3]).any(axis=0)
    return Chip(augment(planes, random), np.concatenate([labels, draw_hulls(boxes, shape)]))


def _draw_view(canvas: Canvas, settings: ChipSettings, random: np.random.Generator) -> View:
    """Most chips hold a given ship somewhere, the others are anywhere; some are turned freely."""
    size = settings.size_px
    if canvas.ships and random.random() < settings.on_ship:
        ship = canvas.ships[int(random.integers(len(canvas.ships)))]
        centre = np.array([ship.row, ship.col]) + random.uniform(-0.4, 0.4, 2) * size
    else:
        centre = random.uniform(0, 1, 2) * canvas.filled.shape[2:]
    freely = random.random() < settings.turned
    turn = random.uniform(0, 360) if freely else 90.0 * random.integers(4)
    scale = math.exp(random.uniform(-1, 1) * settings.scale) if freely else 1.0
    if not freely:  # between pixels, so that those of the chip fall on them
        centre = np.floor(centre) + (0.5 if size % 2 == 0 else 0.0)
    (up_row, up_col), (side_row, side_col) = axes(turn)
    mirrored = -1.0 if random.random() < 0.5 else 1.0
    matrix = np.array([[-up_row, mirrored * side_row], [-up_col, mirrored * side_col]]) / scale
    return View(centre, matrix, size, exact=not freely)


def _look(canvas: Canvas, view: View) -> Image:
    """The planes (band, y, x) that a view shows, NaN beyond the scene and where it has no data."""
    height, width = canvas.filled.shape[2:]
    offsets = np.arange(view.size_px) - (view.size_px - 1) / 2
    down, right = np.meshgrid(offsets, offsets, indexing="ij")
    rows = view.centre[0] + view.matrix[0, 0] * down + view.matrix[0, 1] * right
    cols = view.centre[1] + view.matrix[1, 0] * down + view.matrix[1, 1] * right
    grid = np.stack([cols / (width - 1) * 2 - 1, rows / (height - 1) * 2 - 1], axis=-1)
    seen = torch.nn.functional.grid_sample(
        canvas.filled,
        torch.from_numpy(grid.astype(np.float32))[None],
        mode="nearest" if view.exact else "bicubic",
        padding_mode="zeros",
        align_corners=True,
    )[0].numpy()
    bands = len(seen) // 2
    return np.where(seen[bands:] > 0.99, seen[:bands], np.float32(np.nan))


def boxes_in_view(boxes: Sequence[Box], view: View) -> list[Box]:
    """The boxes that reach into a view, in its pixels."""
    if not boxes:
        return []
    back = np.asarray(np.linalg.inv(view.matrix), dtype=np.float64)
    half = (view.size_px - 1) / 2
    scale = math.sqrt(abs(np.linalg.det(back)))
    places = (np.array([(box.row, box.col) for box in boxes]) - view.centre) @ back.T
    reach = np.array([box.length_m for box in boxes]) * scale / (2 * PIXEL_M) + _MARGIN_PX + half
    near = np.flatnonzero((np.abs(places) < reach[:, None]).all(axis=1)).tolist()
    return [_seen(boxes[i], places[i] + half, back, scale) for i in near]


def _seen(box: Box, at: NDArray[np.float64], back: NDArray[np.float64], scale: float) -> Box:
    along_row, along_col = back @ np.array(axes(box.heading_deg)[0])
    return replace(
        box,
        row=float(at[0]),
        col=float(at[1]),
        length_m=box.length_m * scale,
        beam_m=box.beam_m * scale,
        heading_deg=math.degrees(math.atan2(along_col, -along_row)) % 180,
    )
