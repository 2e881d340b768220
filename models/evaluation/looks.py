"""Looks of a labelled scene: ships at berths and in open water, detected or not, and the empty quay
and open water with the false alarms there.
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
from models.dataset import Box, LabelledScene, draw_labels
from models.evaluation.metrics import MatchCriteria, detections_of
from models.geometry import box_corners
from models.inference import Detection
from models.network import Image

ALONGSIDE_M = 100.0
"""A ship with its hull at most this far from solid ground lies at a berth."""

ALONE_M = 30.0
"""Ships at berths with another hull nearer than this are excluded: they share a berth, as in
crowded basins, and merged detections there do not represent a berth for one ship."""

OPEN_FROM_M = 150.0
"""Water farther from solid ground than this is open water; errors of shorelines are smaller."""

STRIP_M = 60.0
"""Width of a berth's water along the quay."""

REACH_M = 50.0
"""A detection within this distance of a berth, to any side, counts as lying there."""

BERTH_LENGTH_M = 250.0
"""Length of one empty berth along the shore."""

_EMPTY_FROM_M = 60.0
"""Water nearer to a labelled vessel than this is not empty."""

_LEAST_GROUND_PX = 100
_LEAST_WATER_PX = 500
"""Smaller dark areas in land are shadows of buildings."""

_LEAST_CONTRAST = 2.0
"""Least ratio of land to water in the near infrared; below it the scene has no land."""

Mask = NDArray[np.bool_]


class Place(StrEnum):
    """Where a ship lies; error rates differ between berths and anchorages."""

    BERTH = "berth"
    ANCHORAGE = "anchorage"


@dataclass(frozen=True)
class ShipLook:
    """One look at a labelled ship."""

    group: str
    """The port."""
    place: Place
    length_m: float
    seen: bool
    """A vessel was reported there."""
    score: float = 0.0
    """Of that report; 0 where there was none."""


@dataclass(frozen=True)
class EmptyLook:
    """The empty berths, or the empty open water, of one scene."""

    group: str
    """The port."""
    place: Place
    amount: float
    """Berths of BERTH_LENGTH_M, or square kilometres of open water."""
    reported: int
    """Vessels reported there: false alarms."""
    scores: tuple[float, ...] = ()
    """Of these; empty where they are not known."""


@dataclass(frozen=True)
class Looks:
    """The looks of one scene, from which the detector's error rates are estimated."""

    ships: tuple[ShipLook, ...] = ()
    empty: tuple[EmptyLook, ...] = ()


def looks_at(
    scene: LabelledScene,
    found: Sequence[Detection],
    match: MatchCriteria,
    ground: Mask | None = None,
) -> Looks:
    """The looks of a scene with these detections.

    ground: (y, x), True on land, quays and breakwaters; None = taken from the near infrared. A
    scene with neither gives no looks, since berths and open water cannot be separated.
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


def solid_ground(scene: LabelledScene) -> Mask | None:
    """Land, quays and breakwaters by the near infrared, (y, x); None without that band.

    Otsu's threshold of the logarithm separates ground from water; labelled hulls are removed.
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
    """Pixels of ships and of the ring one pixel wide around them."""
    ship, border, _ = draw_labels(boxes, (shape[0], shape[1]))
    return np.asarray(ship + border > 0)


def _without_small(mask: Mask, least_px: int) -> Mask:
    numbered, _ = ndimage.label(mask)
    sizes = np.bincount(numbered.ravel())
    return np.asarray(mask & (sizes[numbered] >= least_px))


def _ship_looks(
    scene: LabelledScene, found: Sequence[Detection], match: MatchCriteria, shore_m: Image
) -> tuple[ShipLook, ...]:
    boxes = [box for box in scene.boxes if box.kind != "wrong"]
    seen, crowded = detections_of(found, boxes), _crowded(boxes)
    looks = []
    for box, report, is_crowded in zip(boxes, seen, crowded, strict=True):
        if not box.is_ship or box.length_m < match.least_length_m:
            continue
        place = _place(box, shore_m)
        if place is Place.ANCHORAGE or not is_crowded:
            score = 0.0 if report is None else report.score
            looks.append(ShipLook(scene.group, place, box.length_m, report is not None, score))
    return tuple(looks)


def _crowded(boxes: Sequence[Box]) -> list[bool]:
    """For each box, whether another labelled vessel lies within ALONE_M."""
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
    """Distance in metres from a hull, with the pixel around it, to solid ground; inf off the image.

    shore_m: (y, x), each pixel's distance to solid ground, from distance_m.
    """
    reach = int(np.hypot(box.length_m, box.beam_m) / (2 * PIXEL_M)) + 3
    top, left = max(0, round(box.row) - reach), max(0, round(box.col) - reach)
    near = shore_m[top : round(box.row) + reach + 1, left : round(box.col) + reach + 1]
    if not near.size:
        return float("inf")
    hull = _hulls([replace(box, row=box.row - top, col=box.col - left)], near.shape)
    return float(near[hull].min(initial=np.inf))


def _empty_berths(
    scene: LabelledScene, found: Sequence[Detection], known: Mask, ground: Mask, shore_m: Image
) -> EmptyLook:
    """The empty shore of a scene as adjacent berths, each with REACH_M at both ends."""
    free = known & (_from_labels_m(scene, shore_m.shape) > _EMPTY_FROM_M)
    strip = free & ~ground & (shore_m <= STRIP_M)
    length_m = np.count_nonzero(strip) * PIXEL_M**2 / STRIP_M
    inland_m = distance_m(~ground)
    near = free & (shore_m <= STRIP_M + REACH_M) & (inland_m <= REACH_M + PIXEL_M)
    berths = length_m / (BERTH_LENGTH_M + 2 * REACH_M)
    return _empty_look(scene.group, Place.BERTH, berths, _scores_on(near, found))


def _empty_water(
    scene: LabelledScene, found: Sequence[Detection], known: Mask, shore_m: Image
) -> EmptyLook:
    free = known & (_from_labels_m(scene, shore_m.shape) > _EMPTY_FROM_M) & (shore_m > OPEN_FROM_M)
    area_km2 = np.count_nonzero(free) * (PIXEL_M / 1000) ** 2
    return _empty_look(scene.group, Place.ANCHORAGE, area_km2, _scores_on(free, found))


def _empty_look(group: str, place: Place, amount: float, scores: tuple[float, ...]) -> EmptyLook:
    return EmptyLook(group, place, amount, len(scores), scores)


def _from_labels_m(scene: LabelledScene, shape: tuple[int, ...]) -> Image:
    """Each pixel's distance to the nearest labelled vessel of any kind, also doubtful ones."""
    boxes = [box for box in scene.boxes if box.kind != "wrong"]
    ships, _, trusted = draw_labels(boxes, (shape[0], shape[1]))
    return distance_m((ships > 0) | (trusted == 0))


def _scores_on(mask: Mask, found: Sequence[Detection]) -> tuple[float, ...]:
    """Scores of the detections whose centres lie on the mask."""
    height, width = mask.shape
    at = ((round(vessel.row), round(vessel.col), vessel.score) for vessel in found)
    return tuple(
        score
        for row, col, score in at
        if 0 <= row < height and 0 <= col < width and bool(mask[row, col])
    )


def distance_m(mask: Mask) -> Image:
    """Distance in metres of each pixel to the nearest True one; inf where there is none."""
    if not mask.any():
        return np.full(mask.shape, np.inf, dtype=np.float32)
    return np.asarray(ndimage.distance_transform_edt(~mask) * PIXEL_M, dtype=np.float32)
