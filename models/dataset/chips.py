"""Training chips: rotated and scaled windows of labelled scenes, with pasted ships, augmented."""

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
from models.network import Image, normalise_planes

_MARGIN_PX = 4.0
"""A hull that ends this far beyond a chip's edge still has its border in it."""

_MOST_SHIPS = 40
"""A scene is sampled in proportion to its ships, within limits: otherwise two ports would be half
of all chips."""
_WEIGHT_BASE = 10.0
_BASE_PX = 1e6
"""Ships that the water and land of a scene of this many pixels count for; a smaller scene's count
for less, or many small ones would be most of all chips."""


@dataclass(frozen=True)
class Chip:
    """One training example."""

    planes: Image
    """(band, y, x), normalised; NaN = no data."""
    labels: NDArray[np.float32]
    """(10, y, x): ship, border, trusted, weight of the hull, HULL_PLANES without the error."""


@dataclass(frozen=True)
class Canvas:
    """A normalised scene from which chips are sampled."""

    group: str
    filled: torch.Tensor
    """(1, 2 band, y, x): the normalised planes, 0 for no data, then 1 where there is data."""
    boxes: tuple[Box, ...]
    ships: tuple[Box, ...]
    cutouts: tuple[Cutout, ...]

    @property
    def weight(self) -> float:
        """How often it is sampled, relative to others."""
        area = min(1.0, self.filled[0, 0].numel() / _BASE_PX)
        return min(len(self.ships), _MOST_SHIPS) + _WEIGHT_BASE * area


@dataclass(frozen=True)
class View:
    """A square window of a scene: offset d in the chip is at centre + matrix @ d in the scene.

    d: (down, right) from the chip's middle, in pixels.
    """

    centre: NDArray[np.float64]
    """(2,), row and column in the scene."""
    matrix: NDArray[np.float64]
    """(2, 2), rotation, reflection and scale."""
    size_px: int
    exact: bool
    """Pixels of the chip are pixels of the scene: nothing is interpolated."""


def prepare(scene: LabelledScene) -> Canvas:
    """Normalise a scene and cut out its ships."""
    planes = normalise_planes(scene.image, scene.bands)
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
    """One augmented chip; the same state of the generator gives the same chip.

    chances: probability of each canvas, sum 1; the source of pasted ships is drawn by the same.
    """
    canvas = canvases[int(random.choice(len(canvases), p=chances))]
    view = _draw_view(canvas, settings, random)
    planes, boxes = _resample(canvas, view), boxes_in_view(canvas.boxes, view)
    shape = (settings.size_px, settings.size_px)
    labels = draw_labels(boxes, shape)
    if random.random() < settings.paste:
        cutouts = canvases[int(random.choice(len(canvases), p=chances))].cutouts
        added = list(paste_ships(planes, labels, cutouts, random, settings.alongside))
        boxes = [*boxes, *added]
        labels = draw_labels(boxes, shape) if added else labels
    labels[TRUSTED] *= np.isfinite(planes[:3]).any(axis=0)
    return Chip(augment(planes, random), np.concatenate([labels, draw_hulls(boxes, shape)]))


def _draw_view(canvas: Canvas, settings: ChipSettings, random: np.random.Generator) -> View:
    """A random view: near a ship or anywhere, rotated and scaled freely or by quarter turns."""
    size = settings.size_px
    if canvas.ships and random.random() < settings.on_ship:
        ship = canvas.ships[int(random.integers(len(canvas.ships)))]
        centre = np.array([ship.row, ship.col]) + random.uniform(-0.4, 0.4, 2) * size
    else:
        centre = random.uniform(0, 1, 2) * canvas.filled.shape[2:]
    freely = random.random() < settings.turned
    turn = random.uniform(0, 360) if freely else 90.0 * random.integers(4)
    scale = math.exp(random.uniform(-1, 1) * settings.scale) if freely else 1.0
    if not freely:  # so that the chip's pixels coincide with the scene's
        centre = np.floor(centre) + (0.5 if size % 2 == 0 else 0.0)
    (up_row, up_col), (side_row, side_col) = axes(turn)
    mirrored = -1.0 if random.random() < 0.5 else 1.0
    matrix = np.array([[-up_row, mirrored * side_row], [-up_col, mirrored * side_col]]) / scale
    return View(centre, matrix, size, exact=not freely)


def _resample(canvas: Canvas, view: View) -> Image:
    """The planes (band, y, x) of a view; NaN beyond the scene and where it has no data."""
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
    """The boxes that overlap a view, in its pixels."""
    if not boxes:
        return []
    back = np.asarray(np.linalg.inv(view.matrix), dtype=np.float64)
    half = (view.size_px - 1) / 2
    scale = math.sqrt(abs(np.linalg.det(back)))
    places = (np.array([(box.row, box.col) for box in boxes]) - view.centre) @ back.T
    reach = np.array([box.length_m for box in boxes]) * scale / (2 * PIXEL_M) + _MARGIN_PX + half
    near = np.flatnonzero((np.abs(places) < reach[:, None]).all(axis=1)).tolist()
    return [_box_in_view(boxes[i], places[i] + half, back, scale) for i in near]


def _box_in_view(box: Box, at: NDArray[np.float64], back: NDArray[np.float64], scale: float) -> Box:
    along_row, along_col = back @ np.array(axes(box.heading_deg)[0])
    return replace(
        box,
        row=float(at[0]),
        col=float(at[1]),
        length_m=box.length_m * scale,
        beam_m=box.beam_m * scale,
        heading_deg=math.degrees(math.atan2(along_col, -along_row)) % 180,
    )
