"""Which looks a labelled scene holds: ships at berths and in open water, seen or not, and the quay
and water where nothing lies, with what was reported there all the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from models.config import PIXEL_M
from models.dataset.boxes import Box
from models.dataset.scenes import LabelledScene
from models.dataset.targets import draw_labels
from models.evaluation.metrics import MatchCriteria, detected
from models.geometry import box_corners
from models.inference.vessels import Detection
from models.network.normalise import Image

ALONGSIDE_M = 100.0
"""A ship whose hull is nearer to solid ground than this lies at a berth."""

ALONE_M = 30.0
"""A ship alongside with another hull nearer than this is left out: it shares its berth, as ships in
crowded basins do, and what is merged there is not what a berth for one ship shows."""

OPEN_FROM_M = 150.0
"""Farther from solid ground than this is an anchorage's water: shorelines are off by less."""

STRIP_M = 60.0
"""How much water along a quay is a berth's."""

REACH_M = 50.0
"""How far off a berth, to any side, a reported vessel still counts as lying there."""

BERTH_LENGTH_M = 250.0

_EMPTY_FROM_M = 60.0
"""Nothing nearer to a labelled vessel than this is called empty."""

_LEAST_GROUND_PX = 100
_LEAST_WATER_PX = 500
"""Smaller pools among land are shadows of houses."""

_LEAST_CONTRAST = 2.0
"""Land is at least this many times brighter than water in the near infrared, or there is none."""

Mask = NDArray[np.bool_]


class Place(StrEnum):
    """Where a ship lies; berths and anchorages err differently."""

    BERTH = "berth"
    ANCHORAGE = "anchorage"


@dataclass(frozen=True)
class ShipLook:
    """One look at a ship that is there."""

    group: str
    """the port"""
    place: Place
    length_m: float
    seen: bool


@dataclass(frozen=True)
class EmptyLook:
    """One look at where no ship is."""

    group: str
    place: Place
    amount: float
    """berths of BERTH_LENGTH_M, or square kilometres of open water"""
    reported: int
    """vessels"""


@dataclass(frozen=True)
class Looks:
    """What one scene tells of how the detector errs."""

    ships: tuple[ShipLook, ...] = ()
    empty: tuple[EmptyLook, ...] = ()


def looks_at(
    scene: LabelledScene,
    found: Sequence[Detection],
    match: MatchCriteria,
    ground: Mask | None = None,
) -> Looks:
    """The looks of a scene of which these vessels were reported.

    ground: (y, x), True on land, quays and breakwaters; None = taken from the near infrared. A
    scene with neither gives no looks, since nobody can say which ships lie at berths.
    """
    if ground is None:
        ground = solid_ground(scene)
    if ground is None:
        return Looks()
    known: Mask = np.asarray(np.isfinite(scene.image).any(axis=0))
    shore_m = distance_m(ground)
    return Looks(
        ships=_ship_looks(scene, found, match, shore_m),
        empty=(
            _empty_berths(scene, found, known, ground, shore_m),
            _empty_water(scene, found, known, shore_m),
        ),
    )


# --- solid ground -------------------------------------------------------------------------------


def solid_ground(scene: LabelledScene) -> Mask | None:
    """Land, quays and breakwaters as seen in the near infrared, (y, x); None without that band.

    Otsu's threshold tells dry from wet; labelled hulls are cut out, so that ships are no ground.
    """
    if "nir" not in scene.bands:
        return None
    nir = scene.image[scene.bands.index("nir")]
    dry = _without_small(_dry(nir) & ~_hulls(scene.boxes, nir.shape), _LEAST_GROUND_PX)
    return ~_without_small(~dry, _LEAST_WATER_PX)


def _dry(nir: NDArray[np.float32]) -> Mask:
    known = np.isfinite(nir)
    level = np.log(np.maximum(np.where(known, nir, 1.0), 1e-4))
    if not known.any() or np.ptp(level[known]) == 0:
        return np.zeros(nir.shape, dtype=bool)
    dry: Mask = np.asarray(known & (level > threshold_otsu(level[known])))
    apart = level[dry].mean() - level[known & ~dry].mean()
    return dry & bool(apart >= np.log(_LEAST_CONTRAST))


def _hulls(boxes: Sequence[Box], shape: tuple[int, ...]) -> Mask:
    """Pixels of ships and of the pixel around them."""
    ship, border, _ = draw_labels(boxes, (shape[0], shape[1]))
    return np.asarray(ship + border > 0)


def _without_small(mask: Mask, least_px: int) -> Mask:
    numbered, _ = ndimage.label(mask)
    sizes = np.bincount(numbered.ravel())
    return np.asarray(mask & (sizes[numbered] >= least_px))


# --- ships --------------------------------------------------------------------------------------


def _ship_looks(
    scene: LabelledScene, found: Sequence[Detection], match: MatchCriteria, shore_m: Image
) -> tuple[ShipLook, ...]:
    boxes = [box for box in scene.boxes if box.kind != "wrong"]
    seen, crowded = detected(found, boxes), _crowded(boxes)
    looks = []
    for box, is_seen, is_crowded in zip(boxes, seen, crowded, strict=True):
        if not box.is_ship or box.length_m < match.least_length_m:
            continue
        place = _place(box, shore_m)
        if place is Place.ANCHORAGE or not is_crowded:
            looks.append(ShipLook(scene.group, place, box.length_m, is_seen))
    return tuple(looks)


def _crowded(boxes: Sequence[Box]) -> list[bool]:
    """Whether another labelled vessel lies within ALONE_M of each."""
    hulls = np.array([shapely.Polygon(_corners_m(box)) for box in boxes], dtype=object)
    near = shapely.distance(hulls[:, None], hulls[None, :]) < ALONE_M
    return [bool(row.sum() > 1) for row in near]


def _corners_m(box: Box) -> list[tuple[float, float]]:
    down, right = box.row * PIXEL_M, box.col * PIXEL_M
    corners = box_corners(down, right, box.length_m, box.beam_m, box.heading_deg)
    return [(row, col) for row, col in corners]


def _place(box: Box, shore_m: Image) -> Place:
    return Place.BERTH if to_ground_m(box, shore_m) <= ALONGSIDE_M else Place.ANCHORAGE


def to_ground_m(box: Box, shore_m: Image) -> float:
    """How near the hull, or the pixel around it, comes to solid ground; endless beside the image.

    shore_m: (y, x), each pixel's distance to solid ground, as distance_m gives it.
    """
    reach = int(np.hypot(box.length_m, box.beam_m) / (2 * PIXEL_M)) + 3
    top, left = max(0, round(box.row) - reach), max(0, round(box.col) - reach)
    near = shore_m[top : round(box.row) + reach + 1, left : round(box.col) + reach + 1]
    if not near.size:
        return float("inf")
    hull = _hulls([replace(box, row=box.row - top, col=box.col - left)], near.shape)
    return float(near[hull].min(initial=np.inf))


# --- where nothing lies -------------------------------------------------------------------------


def _empty_berths(
    scene: LabelledScene, found: Sequence[Detection], known: Mask, ground: Mask, shore_m: Image
) -> EmptyLook:
    """The free shore of a scene, as berths side by side, each with REACH_M more at both ends."""
    free = known & (_from_labels_m(scene, shore_m.shape) > _EMPTY_FROM_M)
    strip = free & ~ground & (shore_m <= STRIP_M)
    length_m = np.count_nonzero(strip) * PIXEL_M**2 / STRIP_M
    inland_m = distance_m(~ground)
    near = free & (shore_m <= STRIP_M + REACH_M) & (inland_m <= REACH_M + PIXEL_M)
    berths = length_m / (BERTH_LENGTH_M + 2 * REACH_M)
    return EmptyLook(scene.group, Place.BERTH, berths, _centres_on(near, found))


def _empty_water(
    scene: LabelledScene, found: Sequence[Detection], known: Mask, shore_m: Image
) -> EmptyLook:
    free = known & (_from_labels_m(scene, shore_m.shape) > _EMPTY_FROM_M) & (shore_m > OPEN_FROM_M)
    area_km2 = np.count_nonzero(free) * (PIXEL_M / 1000) ** 2
    return EmptyLook(scene.group, Place.ANCHORAGE, area_km2, _centres_on(free, found))


def _from_labels_m(scene: LabelledScene, shape: tuple[int, ...]) -> Image:
    """Distance to the nearest labelled vessel of any kind, doubtful ones too."""
    boxes = [box for box in scene.boxes if box.kind != "wrong"]
    ships, _, trusted = draw_labels(boxes, (shape[0], shape[1]))
    return distance_m((ships > 0) | (trusted == 0))


def _centres_on(mask: Mask, found: Sequence[Detection]) -> int:
    height, width = mask.shape
    at = ((round(vessel.row), round(vessel.col)) for vessel in found)
    return sum(bool(mask[row, col]) for row, col in at if 0 <= row < height and 0 <= col < width)


def distance_m(mask: Mask) -> Image:
    """Distance of each pixel to the nearest True one, 0 on it; endless where there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    return np.asarray(ndimage.distance_transform_edt(~mask) * PIXEL_M, dtype=np.float32)
