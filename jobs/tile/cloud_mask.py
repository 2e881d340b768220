"""Quality bits of pixels from a scene classification, with corrected cloud."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops

from jobs.domain import Quality

SHIP_WIDTH_M = 80.0
SHIP_LENGTH_M = 450.0
SHIP_ELONGATION = 2.0
ALONE_M = 500.0
"""Scene classifications take white ships for cloud. So a patch of "cloud" that could be a ship is
removed from the cloud: narrower than SHIP_WIDTH_M (beam up to 60 m, and a
20 m pixel), shorter than SHIP_LENGTH_M, at least SHIP_ELONGATION times as long as wide, and with no
wider cloud within ALONE_M. Small clouds are round and lie in groups."""

CLOUD_BUFFER_M = 40.0
"""Cloud is dilated by this distance: its thin edge, which the classification misses, looks like a
hull."""


def without_ships(quality: NDArray[np.uint8], resolution_m: float) -> NDArray[np.uint8]:
    """Bits of Quality, (y, x), without the cloud that could be ships."""
    quality = quality.copy()
    cloud = real_cloud((quality & np.uint8(Quality.CLOUD)) > 0, resolution_m)
    quality &= np.uint8(~Quality.CLOUD & 255)
    quality[cloud] |= np.uint8(Quality.CLOUD)
    return quality


def real_cloud(flagged: NDArray[np.bool_], resolution_m: float) -> NDArray[np.bool_]:
    """The flagged pixels without patches that could be ships, dilated by CLOUD_BUFFER_M."""
    if not flagged.any():
        return flagged
    kept = flagged.copy()
    patches, count = ndimage.label(flagged, np.ones((3, 3), bool))
    if candidates := _maybe_ships(patches, count, resolution_m):
        wide = opened(flagged, max(1, round(SHIP_WIDTH_M / resolution_m)))
        for patch in regionprops(np.where(np.isin(patches, candidates), patches, 0)):
            if _could_be_a_ship(patch, resolution_m) and _is_alone(patch, wide, resolution_m):
                kept[patch.slice][patch.image] = False
    return grown(kept, CLOUD_BUFFER_M / resolution_m)


def _maybe_ships(patches: NDArray[np.int32], count: int, resolution_m: float) -> list[int]:
    """Labels of patches whose size and elongation may be a ship's; a superset within rounding.

    From the second moments of all patches at once; axes are those of the ellipse of the same
    moments, as in `regionprops`.
    """
    places = np.flatnonzero(patches)
    owners = patches.ravel()[places]
    rows, columns = (axis.astype(np.float64) for axis in np.divmod(places, patches.shape[1]))
    area = np.maximum(np.bincount(owners, minlength=count + 1), 1)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(owners, values, minlength=count + 1) / area)

    rows -= mean(rows)[owners]
    columns -= mean(columns)[owners]
    across, along, both = mean(rows**2), mean(columns**2), mean(rows * columns)
    # eigenvalues of the covariance matrix
    middle, half = (across + along) / 2, np.hypot((across - along) / 2, both)
    long = 4 * np.sqrt(middle + half)
    short = np.maximum(4 * np.sqrt(np.maximum(middle - half, 0)), 1)
    slack = 1 + 1e-6  # rounding differs from that of regionprops, by which `real_cloud` decides
    small = (long * resolution_m <= SHIP_LENGTH_M * slack) & (
        short * resolution_m <= SHIP_WIDTH_M * slack
    )
    found = small & (long * slack >= SHIP_ELONGATION * short)
    return [int(number) for number in np.flatnonzero(found) if number > 0]


def _could_be_a_ship(patch: Any, resolution_m: float) -> bool:
    long, short = patch.axis_major_length, max(patch.axis_minor_length, 1.0)
    return bool(
        long * resolution_m <= SHIP_LENGTH_M
        and short * resolution_m <= SHIP_WIDTH_M
        and long / short >= SHIP_ELONGATION
    )


def _is_alone(patch: Any, wide: NDArray[np.bool_], resolution_m: float) -> bool:
    """Whether no wide cloud lies within ALONE_M of any of the patch's pixels."""
    reach = int(np.ceil(ALONE_M / resolution_m)) + 1
    top, left, bottom, right = patch.bbox
    first = max(0, top - reach), max(0, left - reach)
    around = wide[first[0] : bottom + reach, first[1] : right + reach]
    if not around.any():
        return True
    distance_m = ndimage.distance_transform_edt(~around) * resolution_m
    own = patch.coords - np.array(first)
    return bool((distance_m[own[:, 0], own[:, 1]] > ALONE_M).all())


# --- morphology by shifts of whole images: many times faster than scipy's, with equal results -----


def opened(places: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """Morphological opening by a square of that width, in pixels."""
    squares = places
    for axis in (0, 1):
        squares = _runs(squares, width, axis)
    covered = np.zeros_like(places)
    height, breadth = squares.shape
    if height and breadth:
        covered[:height, :breadth] = squares
        for axis in (0, 1):
            covered = _smeared(covered, width, axis)
    return covered


def _runs(places: NDArray[np.bool_], width: int, axis: int) -> NDArray[np.bool_]:
    """Where runs of `width` set pixels begin; shorter than the input by width - 1."""
    done = 1
    while done < width:
        step = min(done, width - done)
        length = max(0, places.shape[axis] - step)
        places = _part(places, axis, 0, length) & _part(places, axis, step, length)
        done += step
    return places


def _smeared(places: NDArray[np.bool_], width: int, axis: int) -> NDArray[np.bool_]:
    """Every set pixel and the width - 1 pixels after it."""
    done = 1
    while done < width:
        step = min(done, width - done)
        length = max(0, places.shape[axis] - step)
        result = places.copy()
        _part(result, axis, step, length)[...] |= _part(places, axis, 0, length)
        places = result
        done += step
    return places


def grown(places: NDArray[np.bool_], radius_px: float) -> NDArray[np.bool_]:
    """Morphological dilation by a disc: pixels whose centre is within the radius of a set one's."""
    result = places.copy()
    whole = int(radius_px)
    for distance in range(-whole, whole + 1):
        half = int(np.sqrt(radius_px**2 - distance**2) + 1e-9)
        length = max(0, places.shape[0] - abs(distance))
        source = _part(places, 0, max(0, -distance), length)
        _part(result, 0, max(0, distance), length)[...] |= _widened(source, half)
    return result


def _widened(places: NDArray[np.bool_], half: int) -> NDArray[np.bool_]:
    """Every set pixel and `half` pixels to its left and right."""
    result = places.copy()
    for step in range(1, half + 1):
        length = max(0, places.shape[1] - step)
        _part(result, 1, step, length)[...] |= _part(places, 1, 0, length)
        _part(result, 1, 0, length)[...] |= _part(places, 1, step, length)
    return result


def _part(places: NDArray[np.bool_], axis: int, start: int, length: int) -> NDArray[np.bool_]:
    """A view of `length` pixels from `start` along an axis."""
    return places[start : start + length] if axis == 0 else places[:, start : start + length]
