"""Looks: what one overpass could see of each berth, and the vessels at it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.features import geometry_mask
from shapely.geometry import Point, Polygon

from jobs.domain import (
    OPAQUE,
    Berth,
    Grid,
    LookState,
    OverpassRecord,
    Port,
    Quality,
    Vessel,
    project,
)
from jobs.visits.reviewed import NO_REVIEW, PortReview, Verdict, VesselReview, as_reviewed

BERTH_REACH_M = 50.0
"""How far off a berth a ship's centre may lie: a beam plus the error of a drawn polygon."""
OUTSIDE_BELOW = 0.5
"""With less of the berth inside the swath than this, the look is no observation of it."""
CLOUDED_BELOW = 0.3
"""Clear share of the imaged berth below which even a ship that is there is more likely missed."""
CLEAR_FROM = 0.9
"""Clear share of the whole berth from which an absence counts: what is left is narrower than a ship
at any berth; in a wide anchorage it may still hide one."""


@dataclass(frozen=True)
class Sighting:
    """One vessel at one berth in one overpass."""

    vessel_id: str
    overpass_id: str
    time: datetime
    vessel: Vessel
    """As it counts: with the hull that a reviewer corrected."""
    found: Vessel | None = None
    """As the network reported it, where that differs; of a ship drawn by hand there is none."""
    review: VesselReview = VesselReview(Verdict.NONE)  # noqa: RUF009 - a frozen value

    @property
    def counts(self) -> bool:
        """Whether it counts as a ship: neither fixed structure nor rejected by a reviewer."""
        return not self.vessel.fixed and not self.review.verdict.rejects


@dataclass(frozen=True)
class Look:
    """One overpass over one berth: fractions imaged and clear, and the ships found there."""

    berth_id: str
    overpass_id: str
    time: datetime
    sensor: str
    platform: str
    imaged_fraction: float
    clear_fraction: float
    """Of the whole berth; thin cloud counts as clear, for a ship shows through it."""
    thin_cloud_fraction: float
    screened: bool
    """False where any of the berth came without a cloud mask."""
    state: LookState
    sightings: tuple[Sighting, ...] = ()
    whole: bool = False
    """True where a reviewer checked the whole look: nothing in it was missed."""


@dataclass(frozen=True)
class BerthArea:
    """A berth on its port's grid."""

    berth: Berth
    shape: Polygon
    """In the port's UTM zone."""
    rows: slice
    columns: slice
    mask: NDArray[np.bool_]
    """True on the berth, inside those rows and columns."""


def berth_areas(port: Port) -> tuple[BerthArea, ...]:
    """Every berth with its pixels; one that the grid does not reach has none."""
    return tuple(_berth_area(berth, port.grid) for berth in port.berths)


def _berth_area(berth: Berth, grid: Grid) -> BerthArea:
    # densified sides would shift the clear fractions of an anchorage by some 1e-5, and with them
    # estimates that are published already
    shape = project(berth.polygon, grid.epsg, densify=False)
    rows, columns = _window(shape, grid)
    size = (rows.stop - rows.start, columns.stop - columns.start)
    if 0 in size:
        return BerthArea(berth, shape, rows, columns, np.zeros(size, bool))
    left = grid.left + columns.start * grid.resolution_m
    top = grid.top - rows.start * grid.resolution_m
    transform = Affine(grid.resolution_m, 0.0, left, 0.0, -grid.resolution_m, top)
    # all_touched: a quay berth of two pixels' width would otherwise lose half of itself
    mask = geometry_mask([shape], size, transform, all_touched=True, invert=True)
    return BerthArea(berth, shape, rows, columns, mask)


def _window(shape: Polygon, grid: Grid) -> tuple[slice, slice]:
    left, bottom, right, top = shape.bounds
    step = grid.resolution_m
    return (
        _pixels((grid.top - top) / step, (grid.top - bottom) / step, grid.height),
        _pixels((left - grid.left) / step, (right - grid.left) / step, grid.width),
    )


def _pixels(low: float, high: float, limit: int) -> slice:
    start, stop = np.clip([np.floor(low), np.ceil(high)], 0, limit).astype(int)
    return slice(int(start), int(stop))


def place_vessels(
    record: OverpassRecord, areas: Sequence[BerthArea], review: PortReview = NO_REVIEW
) -> dict[str, tuple[Sighting, ...]]:
    """The record's sightings by berth id, in (y, x) order; under "" those at no berth.

    Ships that reviewers drew come last; those that they rejected are among them.
    """
    placed: defaultdict[str, tuple[Sighting, ...]] = defaultdict(tuple)
    for sighting in _sightings(record, review):
        chosen = sighting.review.berth
        placed[berth_of(sighting.vessel, areas) if chosen is None else chosen] += (sighting,)
    return placed


def named_vessels(record: OverpassRecord) -> list[tuple[str, Vessel]]:
    """The network's vessels of a record with their ids, in (y, x) order."""
    ordered = sorted(record.vessels, key=lambda vessel: (vessel.y, vessel.x, vessel.length_m))
    return [(f"{record.overpass_id}-{n:03d}", vessel) for n, vessel in enumerate(ordered)]


def _sightings(record: OverpassRecord, review: PortReview) -> Iterator[Sighting]:
    where = (record.overpass_id, record.acquired)
    for name, vessel in named_vessels(record):
        said = review.vessels.get(name)
        if said is None:
            yield Sighting(name, *where, vessel)
        else:
            yield Sighting(name, *where, as_reviewed(vessel, said, review.invented), vessel, said)
    for ship in review.drawn.get(record.overpass_id, ()):
        said = VesselReview(Verdict.DRAWN, berth=ship.berth)
        yield Sighting(ship.vessel_id, *where, ship.vessel, None, said)


def ships(sightings: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Those that count."""
    return tuple(sighting for sighting in sightings if sighting.counts)


def berth_of(vessel: Vessel, areas: Sequence[BerthArea]) -> str:
    """Id of the berth the vessel's box overlaps most, else of the nearest in reach, else ""."""
    box = Polygon(vessel.corners)
    overlap, berth_id = max(
        ((box.intersection(area.shape).area, area.berth.id) for area in areas),
        key=lambda candidate: candidate[0],
        default=(0.0, ""),
    )
    if overlap > 0:
        return berth_id
    centre = Point(vessel.x, vessel.y)
    distance_m, berth_id = min(
        ((area.shape.distance(centre), area.berth.id) for area in areas),
        key=lambda candidate: candidate[0],
        default=(np.inf, ""),
    )
    return berth_id if distance_m <= BERTH_REACH_M else ""


def look_at(
    record: OverpassRecord,
    area: BerthArea,
    sightings: tuple[Sighting, ...],
    review: PortReview = NO_REVIEW,
) -> Look:
    """The look of a record at a berth; with a ship found it is PARTLY at least."""
    quality = record.quality[area.rows, area.columns][area.mask]
    imaged = _fraction(quality, lacks=Quality.NODATA)
    clear = _fraction(quality, lacks=OPAQUE)
    state = look_state(imaged, clear)
    if sightings and state in (LookState.CLOUDED, LookState.OUTSIDE):
        state = LookState.PARTLY
    return Look(
        berth_id=area.berth.id,
        overpass_id=record.overpass_id,
        time=record.acquired,
        sensor=record.sensor,
        platform=record.platform,
        imaged_fraction=imaged,
        clear_fraction=clear,
        thin_cloud_fraction=clear - _fraction(quality, lacks=OPAQUE | Quality.THIN_CLOUD),
        screened=not bool(np.any(quality & np.uint8(Quality.UNSCREENED))),
        state=state,
        sightings=sightings,
        whole=_is_whole(record.overpass_id, area.berth.id, sightings, review),
    )


def _is_whole(
    overpass_id: str, berth_id: str, sightings: Iterable[Sighting], review: PortReview
) -> bool:
    """Whether a reviewer checked the whole look, and knew every ship that counts in it."""
    judged = all(sighting.review.verdict is not Verdict.NONE for sighting in sightings)
    return judged and (overpass_id, berth_id) in review.whole


def _fraction(quality: NDArray[np.uint8], lacks: Quality) -> float:
    return float(np.mean((quality & np.uint8(lacks)) == 0)) if quality.size else 0.0


def look_state(imaged_fraction: float, clear_fraction: float) -> LookState:
    """State of a look by its fractions, both of the whole berth."""
    if imaged_fraction < OUTSIDE_BELOW:
        return LookState.OUTSIDE
    if clear_fraction < CLOUDED_BELOW * imaged_fraction:
        return LookState.CLOUDED
    return LookState.CLEAR if clear_fraction >= CLEAR_FROM else LookState.PARTLY
