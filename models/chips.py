"""Training chips: drawn around ships and elsewhere, altered as other processings would alter them.

All works on normalised planes, where water is near zero: so ships can be cut out of one scene and
set down in another, and the gain, haze and depth of 8-bit products are small formulas.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from models.geometry import axes, coverage
from models.normalise import BANDS, Image, normalise
from models.scenes import Box, Scene
from models.settings import PIXEL_M

_SHIP, _BORDER, _TRUSTED = range(3)
_DOUBT_MARGIN_PX = 1.0
_CUT_MARGIN_PX = 1.2
_WATER_CONTRAST = 0.35
_TRIES = 4
"""Places looked at for a cutout's open water."""


@dataclass(frozen=True)
class Chip:
    """planes: (band, y, x), NaN = no data. labels: (3, y, x), ship, border, trusted; 0..1."""

    planes: Image
    labels: NDArray[np.float32]


@dataclass(frozen=True)
class Cutout:
    """A ship lifted from its water: contrast (band, y, x) and the share of it, 0..1."""

    planes: Image
    share: NDArray[np.float32]
    box: Box
    """with its centre in the cutout's own pixels"""


@dataclass(frozen=True)
class Canvas:
    """A scene made ready for drawing chips."""

    planes: Image
    labels: NDArray[np.float32]
    centres: tuple[tuple[float, float], ...]
    """(row, col) of its ships"""
    cutouts: tuple[Cutout, ...]


def prepare(scene: Scene) -> Canvas:
    """Normalise a scene, draw its labels and cut out its ships."""
    planes = normalise(scene.image, scene.bands)
    labels = draw_labels(scene.boxes, (planes.shape[1], planes.shape[2]))
    labels[_TRUSTED] *= np.isfinite(planes[:3]).any(axis=0)
    centres = tuple((box.row, box.col) for box in scene.ships)
    cutouts = tuple(_cut(planes, box) for box in scene.ships)
    return Canvas(planes, labels, centres, tuple(cut for cut in cutouts if cut is not None))


def draw_labels(boxes: Sequence[Box], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Ship, border and trusted, (3, y, x).

    ship: the share of the pixel that ships cover; border: the pixel wide ring around each hull,
    and the seam where two hulls touch; trusted: 0 on doubtful boxes, where no ship lies on them.
    """
    ship, claims, doubt = (np.zeros(shape, dtype=np.float32) for _ in range(3))
    for box in boxes:
        if box.is_ship:
            window, share = _covered(box, shape, 0.0)
            np.maximum(ship[window], share, out=ship[window])
            window, share = _covered(box, shape, 1.0)
            claims[window] += share
        elif box.is_doubtful:
            window, share = _covered(box, shape, _DOUBT_MARGIN_PX)
            np.maximum(doubt[window], share, out=doubt[window])
    border = np.clip(claims - ship, 0, 1)
    trusted = (doubt == 0) | (claims > 0)
    return np.stack([ship, border, trusted.astype(np.float32)])


def _covered(
    box: Box, shape: tuple[int, int], margin_px: float
) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    length_px = box.length_m / PIXEL_M + 2 * margin_px
    beam_px = box.beam_m / PIXEL_M + 2 * margin_px
    return coverage(shape, box.row, box.col, length_px, beam_px, box.heading_deg)


def _cut(planes: Image, box: Box) -> Cutout | None:
    """A ship and a soft pixel around it; None where the image does not hold all of it."""
    window, share = _covered(box, (planes.shape[1], planes.shape[2]), _CUT_MARGIN_PX)
    ship = planes[:, window[0], window[1]]
    if share.size == 0 or not np.isfinite(ship).all():
        return None
    moved = replace(box, row=box.row - window[0].start, col=box.col - window[1].start)
    return Cutout(ship, share, moved)


def draw_chip(canvases: Sequence[Canvas], size_px: int, random: np.random.Generator) -> Chip:
    """One altered chip of (size_px, size_px); the generator's state decides everything."""
    weights = np.array([len(canvas.centres) + 10.0 for canvas in canvases])
    canvas = canvases[int(random.choice(len(canvases), p=weights / weights.sum()))]
    chip = _window(canvas, size_px, random)
    if random.random() < 0.7:
        cutouts = [cut for other in canvases for cut in other.cutouts]
        chip = _set_down_ships(chip, cutouts, random)
    chip = _turn(chip, random)
    return replace(chip, planes=alter(chip.planes, random))


def _window(canvas: Canvas, size_px: int, random: np.random.Generator) -> Chip:
    """Four of five chips hold a given ship somewhere, the fifth is anywhere."""
    height, width = canvas.labels.shape[1:]
    if canvas.centres and random.random() < 0.8:
        centre = canvas.centres[int(random.integers(len(canvas.centres)))]
        jitter = random.uniform(-0.4, 0.4, 2) * size_px
        row, col = (round(at + by - size_px / 2) for at, by in zip(centre, jitter, strict=True))
    else:
        row, col = (int(random.integers(0, max(1, size - size_px + 1))) for size in (height, width))
    row, col = (
        min(max(0, at), max(0, size - size_px)) for at, size in ((row, height), (col, width))
    )
    window = np.s_[:, row : row + size_px, col : col + size_px]
    return _pad(Chip(canvas.planes[window].copy(), canvas.labels[window].copy()), size_px)


def _pad(chip: Chip, size_px: int) -> Chip:
    """Fill a chip of a small scene up with no data."""
    height, width = chip.labels.shape[1:]
    padding = ((0, 0), (0, size_px - height), (0, size_px - width))
    return Chip(np.pad(chip.planes, padding, constant_values=np.nan), np.pad(chip.labels, padding))


def _turn(chip: Chip, random: np.random.Generator) -> Chip:
    """One of the square's eight symmetries."""
    turns, mirrored = int(random.integers(4)), random.random() < 0.5
    planes, labels = (np.rot90(array, turns, axes=(1, 2)) for array in (chip.planes, chip.labels))
    if mirrored:
        planes, labels = planes[:, :, ::-1], labels[:, :, ::-1]
    return Chip(np.ascontiguousarray(planes), np.ascontiguousarray(labels))


def _set_down_ships(chip: Chip, cutouts: Sequence[Cutout], random: np.random.Generator) -> Chip:
    """Put one to three foreign ships on the chip's open water, at times two side by side."""
    for _ in range(int(random.integers(1, 4))):
        cutout = _vary(cutouts[int(random.integers(len(cutouts)))], random)
        places = random.uniform(0.05, 0.95, (_TRIES, 2)) * chip.labels.shape[1]
        at = next((place for place in places if _set_down(chip, cutout, place)), None)
        if at is None or random.random() < 0.6:
            continue
        _, across = axes(cutout.box.heading_deg)
        apart = cutout.box.beam_m / PIXEL_M + random.uniform(0.0, 1.5)
        _set_down(chip, cutout, at + apart * np.array(across), beside=True)
    return chip


def _vary(cutout: Cutout, random: np.random.Generator) -> Cutout:
    """Turn, scale and brighten a cutout freely: headings, sizes and paints in ports are few."""
    angle, scale = random.uniform(0, 180), math.exp(random.uniform(-0.3, 0.35))
    gain = math.exp(random.uniform(-0.6, 1.0))
    side = 2 * math.ceil(max(cutout.share.shape) * scale * 0.75) + 1
    turn = math.radians(angle)
    back = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]) / scale
    centre = np.array([cutout.box.row, cutout.box.col])
    offset = centre - back @ np.full(2, side // 2)
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


def _set_down(chip: Chip, cutout: Cutout, at: NDArray[np.float64], *, beside: bool = False) -> bool:
    """Blend a cutout into a chip, in place; False where there is no open water for it.

    beside: set down next to a ship already there, which wins where the two overlap.
    """
    row, col = (round(value) for value in at)
    half = cutout.share.shape[0] // 2
    window = np.s_[row - half : row + half + 1, col - half : col + half + 1]
    size = chip.labels.shape[1]
    if not (half <= row < size - half and half <= col < size - half):
        return False
    there = chip.planes[(slice(None), *window)]
    hull = cutout.share > 0.05
    if not beside and not _is_open_water(there, chip.labels[(slice(None), *window)], hull):
        return False
    share = cutout.share * (1 - chip.labels[_SHIP][window]) if beside else cutout.share
    there += share * (cutout.planes - there)
    _add_labels(chip.labels, replace(cutout.box, row=float(row), col=float(col)))
    return True


def _is_open_water(planes: Image, labels: NDArray[np.float32], hull: NDArray[np.bool_]) -> bool:
    contrast = np.abs(np.where(np.isfinite(planes), planes, 0)).max(axis=0)
    known = np.isfinite(planes[:3]).all()
    free = (labels[_BORDER] == 0) & (labels[_SHIP] == 0) & (labels[_TRUSTED] == 1)
    return bool(known and free[hull].all() and (contrast[hull] < _WATER_CONTRAST).all())


def _add_labels(labels: NDArray[np.float32], box: Box) -> None:
    added = draw_labels([box], (labels.shape[1], labels.shape[2]))
    claims = np.maximum(labels[_SHIP] + labels[_BORDER], 0) + added[_SHIP] + added[_BORDER]
    np.maximum(labels[_SHIP], added[_SHIP], out=labels[_SHIP])
    labels[_BORDER] = np.clip(claims - labels[_SHIP], 0, 1)
    labels[_TRUSTED][added[_SHIP] + added[_BORDER] > 0] = 1


def alter(planes: Image, random: np.random.Generator) -> Image:
    """Planes as another processing, sensor setting or sky would give them, same shape.

    In the order of nature: things in the sky, contrast, haze, noise, depth, missing bands.
    """
    contrast = np.sinh(planes)
    if random.random() < 0.15:
        contrast = _fly_over(contrast, random)
    if random.random() < 0.1:
        contrast = _add_clouds(contrast, random)
    gain = math.exp(np.clip(random.normal(0.25, 0.65), -1.5, 1.6))
    contrast *= gain * np.exp(random.normal(0, 0.12, (len(contrast), 1, 1)))
    contrast += random.normal(0, 0.05, (len(contrast), 1, 1)) + _haze(contrast.shape, random)
    if random.random() < 0.5:
        contrast += random.normal(0, random.uniform(0.0, 0.08), contrast.shape)
    if random.random() < 0.5:
        contrast = _to_8_bit(contrast, random)
    return _drop_bands(np.arcsinh(contrast), random).astype(np.float32)


def _haze(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """A slope of brightness over the chip, alike in all bands."""
    rows, cols = np.mgrid[-1 : 1 : shape[1] * 1j, -1 : 1 : shape[2] * 1j]
    down, right = random.normal(0, 0.06, 2)
    return np.asarray(down * rows + right * cols)


def _to_8_bit(contrast: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Coarse steps, and saturation of the brightest, as in true-colour products."""
    step, top = random.uniform(0.01, 0.08), random.uniform(3.0, 12.0)
    return np.asarray(np.minimum(np.round(contrast / step) * step, top))


def _drop_bands(planes: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Lose the near infrared often, as true colour does, and seldom a visible band."""
    if random.random() < 0.45:
        planes[BANDS.index("nir")] = np.nan
    if random.random() < 0.05:
        planes[random.integers(3)] = np.nan
    return planes


_BAND_DELAY_S = {"blue": 0.0, "green": 0.53, "red": 1.0, "nir": 0.26}
"""When Sentinel-2's detectors see the same ground, after the blue ones."""


def _fly_over(contrast: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """An aircraft: each band sees it at another place, so it must not pass for a ship."""
    size = contrast.shape[1]
    start = random.uniform(0.1, 0.9, 2) * size
    heading, shift_px = random.uniform(0, 360), random.uniform(6, 28)
    along, _ = axes(heading)
    length, beam, bright = random.uniform(2, 6), random.uniform(1, 2.5), random.uniform(1, 6)
    for index, band in enumerate(BANDS):
        row, col = start + np.array(along) * shift_px * _BAND_DELAY_S[band]
        for turn in (0, 90):  # fuselage and wings
            window, share = coverage((size, size), row, col, length, beam, heading + turn)
            contrast[index][window] += bright * share / 2
    return contrast


def _add_clouds(contrast: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Small soft clouds, white in all bands."""
    field = ndimage.gaussian_filter(random.normal(size=contrast.shape[1:]), random.uniform(2, 8))
    thick = np.clip(field / field.std() - random.uniform(1.2, 2.5), 0, 1)
    return np.asarray(contrast + random.uniform(1, 6) * thick)
