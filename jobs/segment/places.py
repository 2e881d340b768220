"""Recurring places: where vessels are found again and again, and whether one thing lies there.

Fixed structure looks the same in look after look. At a berth that is never free, ships are found as
often, and they differ: in the pattern of deck and superstructure, and in colour. In open water most
looks show water. So a place is compared with itself: every look's pixels under the box with the
median look's. In how many looks the network found a vessel there says less: near the shore it
reports a jetty now and then.

Between looks structure changes too: with the sun's height, haze, the tide, a boat alongside, and by
half a pixel of registration. The bounds were chosen on English Bay and on real ships pasted there
(tests/bench/bench_background.py). Where they are wrong, structure is kept as a vessel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import shapely
from numpy.typing import NDArray

from jobs.domain import Grid, Vessel
from jobs.segment.background import Planes
from jobs.segment.box_pixels import pixels_under
from models.geometry import overlap

SAME_FROM = 0.4
"""Overlap (intersection over union) of two boxes from which they are the same object; a ship beside
a jetty's head, or a longer one at the quay, has less."""

KNOWN_FROM = 0.5
"""Share of a box in which a look, or the background, must be known."""

LEAST_FOUND = 2
"""Looks in which a vessel must have been found at the place: what is found once is compared with
nothing."""

SEEN_FROM = 0.9
"""Share of the clear looks in which the same must be seen; it goes with the background's quantile:
a berth that is free, or looks otherwise, in more than a tenth of them is none."""

LEAST_COMPARED = 8
"""Clear looks below which nothing is taken for one thing. On English Bay's quay, where another ship
lies on nine of ten dates, the ships of six dates are alike by chance in 7 of 84 choices, those of
seven in 1 of 36, those of eight in none of 9."""

LEAST_DAYS = 21
"""Between the first and the last clear look: a ship may wait at one place for two weeks."""

ALIKE_FROM = 0.5
"""Correlation of a look's normalised pixels under the box, less each band's mean, with the median
look's. Other ships of the same length at one berth: below .4 in one look of six (nine tenths)."""

SAME_COLOUR = 0.2
"""Largest difference of a look from the median one, in a band's mean under the box less the mean of
all bands, normalised; haze changes structure by .2, another ship by .2 to .5."""

LEAST_CONTRAST = 0.01
"""Of the place with the dark level around it in the strongest band, in reflectance (or true colour,
0..1): normalising an image of flat water makes as much of less than that."""

_AROUND_PX = 32
_DARK_PERCENTILE = 20


@dataclass(frozen=True)
class Place:
    """A place where vessels recur, as the looks that the background is made from show it."""

    vessel: Vessel
    """The surest of the vessels found there."""
    alike: Mapping[str, bool]
    """By overpass of a look in which the place is clear: whether it looks as it mostly does."""
    days: float
    """From the first of those looks to the last."""
    contrast: float
    """With the dark level around it in the strongest band: reflectance or true colour; the median
    of the looks."""

    @property
    def looks(self) -> int:
        """Looks in which the place is clear."""
        return len(self.alike)

    @property
    def seen(self) -> int:
        """Those of them that show the same thing."""
        return sum(self.alike.values())

    @property
    def one_thing(self) -> bool:
        """Whether one thing lies here all the time, by all of the bounds above."""
        return (
            self.looks >= LEAST_COMPARED
            and self.days >= LEAST_DAYS
            and self.seen >= SEEN_FROM * self.looks
            and self.contrast >= LEAST_CONTRAST
        )

    def is_thing_in(self, overpass_id: str) -> bool:
        """Whether that one thing is what this look shows; in a look that was not compared it is
        taken to be.
        """
        return self.one_thing and self.alike.get(overpass_id, True)


class Places:
    """The recurring places among the vessels of some looks; the looks are then added one by one."""

    def __init__(self, vessels: Mapping[str, Sequence[Vessel]], grid: Grid) -> None:
        """``vessels``: those found in each look, by its overpass; the order does not matter."""
        self._recurring = [
            _Recurring(vessel, pixels_under(vessel.corners, grid)) for vessel in _recurring(vessels)
        ]
        self._grid = grid

    def add(self, overpass_id: str, acquired: datetime, image: Planes, planes: Planes) -> None:
        """What one look shows at the places; image and planes (band, y, x), NaN = not clear."""
        for each in self._recurring:
            under = planes[:, *each.pixels]
            known = np.isfinite(under).any(axis=0)
            if known.size and known.mean() >= KNOWN_FROM:
                contrast = _contrast(image, each, self._grid)
                each.glimpses.append(_Glimpse(overpass_id, acquired, under, contrast))

    def settled(self) -> tuple[Place, ...]:
        """The places, of those looks that were added."""
        return tuple(each.settled() for each in self._recurring if each.glimpses)


def place_of(vessel: Vessel, places: Sequence[Place]) -> Place | None:
    """The place whose box overlaps the vessel's most, by SAME_FROM or more."""
    best = max(places, key=lambda each: overlap(each.vessel.corners, vessel.corners), default=None)
    there = best is not None and overlap(best.vessel.corners, vessel.corners) >= SAME_FROM
    return best if there else None


# --- which places recur -------------------------------------------------------------------------


def _recurring(vessels: Mapping[str, Sequence[Vessel]]) -> list[Vessel]:
    """The surest vessel of each place at which one is found in LEAST_FOUND looks or more."""
    ordered = sorted(
        ((look, vessel) for look, found in vessels.items() for vessel in found),
        key=lambda one: (-one[1].score, one[1].x, one[1].y, one[0]),
    )
    near = _same([vessel for _, vessel in ordered])
    taken, found = set[int](), []
    for number, (_, vessel) in enumerate(ordered):
        if number in taken:
            continue
        taken.update(near[number])
        if len({ordered[other][0] for other in near[number]}) >= LEAST_FOUND:
            found.append(vessel)
    return found


def _same(vessels: Sequence[Vessel]) -> list[list[int]]:
    """For each vessel, the numbers of those that overlap it by SAME_FROM; itself among them."""
    if not vessels:
        return []
    boxes = shapely.polygons([vessel.corners for vessel in vessels])
    one, other = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    common = shapely.area(shapely.intersection(boxes[one], boxes[other]))
    area = shapely.area(boxes)
    same = common >= SAME_FROM * (area[one] + area[other] - common)
    near: list[list[int]] = [[] for _ in vessels]
    for a, b in zip(one[same].tolist(), other[same].tolist(), strict=True):
        near[a].append(b)
    return near


# --- what the looks show there ------------------------------------------------------------------


@dataclass(frozen=True)
class _Glimpse:
    """A place in one look in which it is clear."""

    overpass_id: str
    acquired: datetime
    planes: NDArray[np.float32]
    """(band, pixel), normalised."""
    contrast: float


class _Recurring:
    """A place, and what the looks so far show there."""

    def __init__(self, vessel: Vessel, pixels: tuple[NDArray[np.intp], NDArray[np.intp]]) -> None:
        self.vessel = vessel
        rows, columns = np.unique(np.stack(pixels), axis=1)
        self.pixels = rows, columns
        self.glimpses: list[_Glimpse] = []

    def settled(self) -> Place:
        glimpses = sorted(self.glimpses, key=lambda each: (each.acquired, each.overpass_id))
        alike = _alike(np.stack([each.planes for each in glimpses]))
        span = glimpses[-1].acquired - glimpses[0].acquired
        return Place(
            vessel=self.vessel,
            alike={
                each.overpass_id: bool(like) for each, like in zip(glimpses, alike, strict=True)
            },
            days=span.total_seconds() / 86400,
            contrast=float(np.median([each.contrast for each in glimpses])),
        )


def _contrast(image: Planes, place: _Recurring, grid: Grid) -> float:
    """Of a place with the dark level around it, in the strongest band, in the image's unit."""
    row = int((grid.top - place.vessel.y) // grid.resolution_m)
    column = int((place.vessel.x - grid.left) // grid.resolution_m)
    rows, columns = (slice(max(0, at - _AROUND_PX), at + _AROUND_PX + 1) for at in (row, column))
    strongest = -np.inf
    for band in image:
        under, around = (
            band[part][np.isfinite(band[part])] for part in (place.pixels, (rows, columns))
        )
        if under.size:
            strongest = max(strongest, under.mean() - np.percentile(around, _DARK_PERCENTILE))
    return float(strongest)


def _alike(looks: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Of looks (look, band, pixel) of one place, which show what most of them show."""
    bands = np.isfinite(looks).any(axis=(0, 2))
    pixels = looks[:, bands].astype(np.float64)
    level = _nanmean(pixels, axis=2)
    pattern = pixels - level[:, :, None]
    colour = level - _nanmean(level, axis=1)[:, None]
    off = np.nan_to_num(np.abs(colour - _nanmedian(colour))).max(axis=1)
    mostly = _nanmedian(pattern)
    correlation = np.array([_correlation(one, mostly) for one in pattern])
    found: NDArray[np.bool_] = (correlation >= ALIKE_FROM) & (off <= SAME_COLOUR)
    return found


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Pearson's, of the values that are known in both; 0 where one is constant."""
    known = np.isfinite(one) & np.isfinite(other)
    if not known.any():
        return 0.0
    a, b = (each[known] - each[known].mean() for each in (one, other))
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size else 0.0


def _nanmean(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The mean of the known values; NaN where there is none, without a warning."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.where(count, total / np.maximum(count, 1), np.nan)


def _nanmedian(looks: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median over the looks of the known values; NaN where there is none."""
    shown = np.isfinite(looks).any(axis=0)
    found = np.full(shown.shape, np.nan)
    found[shown] = np.nanmedian(looks[:, shown], axis=0)
    return found
