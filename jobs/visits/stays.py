"""From looks to seen visits: which vessel lay at which berth, and which sightings are one stay.

Only what was seen is counted here. A ship that came and went between two looks, or under cloud, is
in no table; how many those were is for a model of its own to estimate, with its interval.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import hypot, prod, sqrt
from typing import TypeAlias

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.features import geometry_mask
from scipy.optimize import linear_sum_assignment
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from jobs.domain import (
    OPAQUE,
    Berth,
    BerthKind,
    Grid,
    LookState,
    OverpassRecord,
    Port,
    Quality,
    Vessel,
)
from jobs.publish.publication import (
    DEGREE_DECIMALS,
    LOOK_COLUMNS,
    VESSEL_COLUMNS,
    VISIT_COLUMNS,
    PortTables,
    table,
)

Row: TypeAlias = dict[str, object]

BERTH_REACH_M = 50.0
"""How far off a berth a ship's centre may lie: a beam plus the error of a drawn polygon."""
OUTSIDE_BELOW = 0.5
"""With less of the berth inside the swath than this, the look says nothing about it."""
CLOUDED_BELOW = 0.3
"""Clear share of the imaged berth below which even a ship that is there is more likely missed."""
CLEAR_FROM = 0.9
"""Clear share of the whole berth from which an absence counts: what is left is narrower than a ship
at any berth; in a wide anchorage it may still hide one."""
MAX_GAP = timedelta(days=4)
"""Longest time between two sightings of one stay: twice the usual dwell of 1.5 to 2 days, so that
two ships of one size in a row are not taken for one that never left."""
LENGTH_GATE_SD = 3.0
LENGTH_GATE_M = 10.0
"""One pixel on top of 3 sd: part of a length's error is shared by all looks (sun, wake, blur)."""
SWING_GATE_M = 400.0
"""Two looks at one anchored ship: twice a scope of chain plus half a length."""
MOORED_GATE_M = 150.0
"""A moored ship lies still, but the centre of a box moves when part of the hull is not found."""
SWING_SD_M, MOORED_SD_M = 150.0, 20.0
"""How far apart two sightings of one ship usually are; only weighs position against length."""
LENGTH_SD_FLOOR_M = 1.0
"""No single look is better than a tenth of a pixel."""
TRUNCATED_DISCOUNT = 0.5
"""A stay seen only in boxes cut by cloud or the swath's edge: half of the evidence is unseen."""


@dataclass(frozen=True)
class Sighting:
    """One vessel at one berth in one overpass."""

    vessel_id: str
    overpass_id: str
    time: datetime
    vessel: Vessel


@dataclass(frozen=True)
class Look:
    """What one overpass could see of one berth, and the ships it saw there."""

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


@dataclass(frozen=True)
class Stay:
    """The sightings of one ship at one berth, in time order."""

    sightings: tuple[Sighting, ...]
    departure_before: datetime | None = None
    """Time of the look that found it gone; None while nothing has."""

    @property
    def first(self) -> datetime:
        return self.sightings[0].time

    @property
    def last(self) -> datetime:
        return self.sightings[-1].time

    @property
    def measured(self) -> tuple[Vessel, ...]:
        """The vessels whose length was seen whole, or all of them where none was."""
        vessels = tuple(sighting.vessel for sighting in self.sightings)
        return tuple(vessel for vessel in vessels if not vessel.truncated) or vessels

    @property
    def truncated(self) -> bool:
        """True when no sighting shows the whole ship: its length is a lower bound."""
        return all(sighting.vessel.truncated for sighting in self.sightings)


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


def port_tables(port: Port, records: Iterable[OverpassRecord]) -> PortTables:
    """Vessels, looks and seen visits of one port; records are read once and not kept.

    Vessels that are fixed structure stand in the first table alone.
    """
    areas = berth_areas(port)
    looks: list[Look] = []
    vessels: list[Row] = []
    for record in records:
        sightings = place_vessels(record, areas)
        looks += [look_at(record, area, ships(sightings[area.berth.id])) for area in areas]
        vessels += vessel_rows(port, record, sightings)
    looks.sort(key=lambda look: (look.time, look.overpass_id))
    vessels.sort(key=lambda row: (row["time"], row["vessel_id"]))
    stays = {area.berth.id: stays_at(area.berth, looks) for area in areas}
    visits, visit_of = visit_rows(port, stays, looks)
    return PortTables(
        port=port,
        vessels=_vessel_table(port.grid, vessels, visit_of),
        looks=table(LOOK_COLUMNS, (look_row(port, look) for look in looks)),
        visits=_visit_table(port.grid, visits),
    )


# --- berths on the grid -------------------------------------------------------------------------


def berth_areas(port: Port) -> tuple[BerthArea, ...]:
    """Every berth with its pixels; one that the grid does not reach has none."""
    to_utm = Transformer.from_crs(4326, port.grid.epsg, always_xy=True)
    return tuple(_berth_area(berth, port.grid, to_utm) for berth in port.berths)


def _berth_area(berth: Berth, grid: Grid, to_utm: Transformer) -> BerthArea:
    shape = project(berth.polygon, to_utm)
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


def project(shape: BaseGeometry, transformer: Transformer) -> BaseGeometry:
    """The shape in the transformer's target system."""
    return shapely.transform(shape, lambda xy: np.column_stack(transformer.transform(*xy.T)))


# --- one overpass -------------------------------------------------------------------------------


def place_vessels(
    record: OverpassRecord, areas: Sequence[BerthArea]
) -> dict[str, tuple[Sighting, ...]]:
    """The record's sightings by berth id, in (y, x) order; under "" those at no berth."""
    placed: defaultdict[str, tuple[Sighting, ...]] = defaultdict(tuple)
    ordered = sorted(record.vessels, key=lambda vessel: (vessel.y, vessel.x, vessel.length_m))
    for number, vessel in enumerate(ordered):
        name = f"{record.overpass_id}-{number:03d}"
        sighting = Sighting(name, record.overpass_id, record.acquired, vessel)
        placed[berth_of(vessel, areas)] += (sighting,)
    return placed


def ships(sightings: Iterable[Sighting]) -> tuple[Sighting, ...]:
    """Those that are not fixed structure."""
    return tuple(sighting for sighting in sightings if not sighting.vessel.fixed)


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


def look_at(record: OverpassRecord, area: BerthArea, sightings: tuple[Sighting, ...]) -> Look:
    """What the record could see of the berth; it has seen something wherever it saw a ship."""
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
    )


def _fraction(quality: NDArray[np.uint8], lacks: Quality) -> float:
    return float(np.mean((quality & np.uint8(lacks)) == 0)) if quality.size else 0.0


def look_state(imaged_fraction: float, clear_fraction: float) -> LookState:
    """How far a look can be trusted; both fractions are of the whole berth."""
    if imaged_fraction < OUTSIDE_BELOW:
        return LookState.OUTSIDE
    if clear_fraction < CLOUDED_BELOW * imaged_fraction:
        return LookState.CLOUDED
    return LookState.CLEAR if clear_fraction >= CLEAR_FROM else LookState.PARTLY


# --- stays --------------------------------------------------------------------------------------


def stays_at(berth: Berth, looks: Iterable[Look]) -> tuple[Stay, ...]:
    """The seen stays at one berth, by first sighting; looks are in time order, of any berths."""
    ended: list[Stay] = []
    present: list[Stay] = []
    for look in looks:
        if look.berth_id != berth.id:
            continue
        present, gone = _after(berth, present, look)
        ended += gone
    return tuple(
        sorted(ended + present, key=lambda stay: (stay.first, stay.sightings[0].vessel_id))
    )


def _after(berth: Berth, present: list[Stay], look: Look) -> tuple[list[Stay], list[Stay]]:
    """Who is still there after one more look, and who is known to have gone."""
    seen = assign(berth, present, look.sightings)
    continued = [
        replace(stay, sightings=(*stay.sightings, look.sightings[seen[index]]))
        for index, stay in enumerate(present)
        if index in seen
    ]
    missing = [stay for index, stay in enumerate(present) if index not in seen]
    new = [Stay((s,)) for index, s in enumerate(look.sightings) if index not in seen.values()]
    gone = [stay for stay in missing if _proves_gone(berth, stay, look)]
    waiting = [stay for stay in missing if stay not in gone]
    return continued + waiting + new, [replace(stay, departure_before=look.time) for stay in gone]


def _proves_gone(berth: Berth, stay: Stay, look: Look) -> bool:
    """A look without the ship proves it gone when all was clear, or others fill the berth."""
    full = berth.capacity is not None and len(look.sightings) >= berth.capacity
    # two sensors of one instant may disagree; then the one that saw the ship is believed
    return look.time > stay.last and (look.state is LookState.CLEAR or full)


def assign(berth: Berth, stays: Sequence[Stay], sightings: Sequence[Sighting]) -> dict[int, int]:
    """Index of the sighting that continues each stay: as many pairs as possible, then the best."""
    if not stays or not sightings:
        return {}
    cost = np.array([[mismatch(berth, stay, sighting) for sighting in sightings] for stay in stays])
    possible = np.isfinite(cost)
    # one forbidden pair must cost more than any number of allowed ones
    forbidden = 1.0 + cost[possible].sum()
    rows, columns = linear_sum_assignment(np.where(possible, cost, forbidden))
    return {
        int(row): int(column)
        for row, column in zip(rows, columns, strict=True)
        if possible[row, column]
    }


def mismatch(berth: Berth, stay: Stay, sighting: Sighting) -> float:
    """Squared sds between a stay and a sighting; infinite where they cannot be one ship."""
    length_m, length_sd_m = pooled_length(stay.measured)
    sd_m = hypot(length_sd_m, max(sighting.vessel.length_sd_m, LENGTH_SD_FLOOR_M))
    differs_m = _length_difference_m(length_m, stay.truncated, sighting.vessel)
    latest = stay.sightings[-1].vessel
    moved_m = hypot(latest.x - sighting.vessel.x, latest.y - sighting.vessel.y)
    if (
        sighting.time - stay.last > MAX_GAP
        or differs_m > LENGTH_GATE_SD * sd_m + LENGTH_GATE_M
        or moved_m > _position_gate_m(berth)
    ):
        return np.inf
    usual_m = SWING_SD_M if berth.kind is BerthKind.ANCHORAGE else MOORED_SD_M
    return (differs_m / sd_m) ** 2 + (moved_m / usual_m) ** 2


def _length_difference_m(length_m: float, truncated: bool, vessel: Vessel) -> float:
    """How far two lengths contradict each other: a cut ship may be any amount longer."""
    excess_m = length_m - vessel.length_m
    if truncated and vessel.truncated:
        return 0.0
    if truncated:
        return max(excess_m, 0.0)
    return max(-excess_m, 0.0) if vessel.truncated else abs(excess_m)


def _position_gate_m(berth: Berth) -> float:
    if berth.kind is BerthKind.ANCHORAGE:
        return SWING_GATE_M
    # a berth for one ship is itself the position
    return np.inf if berth.capacity == 1 else MOORED_GATE_M


def pooled_length(vessels: Sequence[Vessel]) -> tuple[float, float]:
    """Length and its sd in metres, the vessels weighted by inverse variance."""
    weights = [max(vessel.length_sd_m, LENGTH_SD_FLOOR_M) ** -2 for vessel in vessels]
    lengths = [vessel.length_m for vessel in vessels]
    mean_m = sum(w * length for w, length in zip(weights, lengths, strict=True)) / sum(weights)
    return mean_m, 1 / sqrt(sum(weights))


def confidence(stay: Stay) -> float:
    """Probability that at least one sighting is a ship, taking their errors as independent."""
    any_ship = 1 - prod(1 - sighting.vessel.score for sighting in stay.sightings)
    return any_ship * (TRUNCATED_DISCOUNT if stay.truncated else 1.0)


# --- rows ---------------------------------------------------------------------------------------


def vessel_rows(
    port: Port, record: OverpassRecord, sightings: Mapping[str, Sequence[Sighting]]
) -> list[Row]:
    """Rows of the vessels table, geometry still in the port's UTM zone."""
    return [
        {
            "vessel_id": sighting.vessel_id,
            "port": port.id,
            "berth": berth_id,
            "overpass_id": record.overpass_id,
            "time": record.acquired,
            "sensor": record.sensor,
            "platform": record.platform,
            "length_m": sighting.vessel.length_m,
            "length_sd_m": sighting.vessel.length_sd_m,
            "beam_m": sighting.vessel.beam_m,
            "heading_deg": sighting.vessel.heading_deg,
            "score": sighting.vessel.score,
            "truncated": sighting.vessel.truncated,
            "background": sighting.vessel.background,
            "fixed": sighting.vessel.fixed,
            "geometry": Point(sighting.vessel.x, sighting.vessel.y),
            "footprint": Polygon(sighting.vessel.corners),
        }
        for berth_id, placed in sightings.items()
        for sighting in placed
    ]


def look_row(port: Port, look: Look) -> Row:
    """A row of the looks table."""
    berth = next(berth for berth in port.berths if berth.id == look.berth_id)
    return {
        "port": port.id,
        "berth": look.berth_id,
        "overpass_id": look.overpass_id,
        "time": look.time,
        "sensor": look.sensor,
        "platform": look.platform,
        "clear_fraction": look.clear_fraction,
        "state": look.state.value,
        "vessels": len(look.sightings),
        "imaged_fraction": look.imaged_fraction,
        "thin_cloud_fraction": look.thin_cloud_fraction,
        "screened": look.screened,
        "geometry": _rounded(berth.polygon.representative_point()),
    }


def visit_rows(
    port: Port, stays: Mapping[str, Sequence[Stay]], looks: Sequence[Look]
) -> tuple[list[Row], dict[str, str]]:
    """Rows of the visits table by first sighting, and the visit id of every vessel id."""
    rows: list[Row] = []
    visit_of: dict[str, str] = {}
    for berth_id in sorted(stays):
        here = [look for look in looks if look.berth_id == berth_id]
        for stay, visit_id in _named(port, berth_id, stays[berth_id]):
            rows.append(_visit_row(port, berth_id, visit_id, stay, here))
            visit_of |= {sighting.vessel_id: visit_id for sighting in stay.sightings}
    return sorted(rows, key=lambda row: (row["arrival_before"], row["visit_id"])), visit_of


def _named(port: Port, berth_id: str, stays: Sequence[Stay]) -> list[tuple[Stay, str]]:
    """Ids from place, first sighting and rank among those of that moment: later looks keep them."""
    seen: defaultdict[datetime, int] = defaultdict(int)
    named = []
    for stay in stays:
        seen[stay.first] += 1
        named.append((stay, f"{port.id}-{berth_id}-{stay.first:%Y%m%dT%H%M%SZ}-{seen[stay.first]}"))
    return named


def _visit_row(port: Port, berth_id: str, visit_id: str, stay: Stay, looks: Sequence[Look]) -> Row:
    length_m, length_sd_m = pooled_length(stay.measured)
    usable = (LookState.CLEAR, LookState.PARTLY)
    vessels = [sighting.vessel for sighting in stay.sightings]
    return {
        "visit_id": visit_id,
        "port": port.id,
        "berth": berth_id,
        "arrival_after": _last_clear(looks, stay.first),
        "arrival_before": stay.first,
        "departure_after": stay.last,
        "departure_before": stay.departure_before,
        "looks": sum(stay.first <= k.time <= stay.last and k.state in usable for k in looks),
        "vessels": len(vessels),
        "length_m": length_m,
        "length_sd_m": length_sd_m,
        "confidence": confidence(stay),
        "truncated": stay.truncated,
        "overpass_ids": " ".join(sighting.overpass_id for sighting in stay.sightings),
        "geometry": Point(np.mean([(vessel.x, vessel.y) for vessel in vessels], axis=0)),
    }


def _last_clear(looks: Sequence[Look], before: datetime) -> datetime | None:
    """Time of the last clear look before that moment; the ship cannot have been in it."""
    times = [look.time for look in looks if look.state is LookState.CLEAR]
    index = bisect_left(times, before)
    return times[index - 1] if index else None


def _vessel_table(grid: Grid, rows: Sequence[Row], visit_of: Mapping[str, str]) -> gpd.GeoDataFrame:
    linked = [row | {"visit_id": visit_of.get(str(row["vessel_id"]), "")} for row in rows]
    return table(VESSEL_COLUMNS, _to_wgs84(grid, linked, ("geometry", "footprint")))


def _visit_table(grid: Grid, rows: Sequence[Row]) -> gpd.GeoDataFrame:
    return table(VISIT_COLUMNS, _to_wgs84(grid, rows, ("geometry",)))


def _to_wgs84(grid: Grid, rows: Sequence[Row], names: tuple[str, ...]) -> list[Row]:
    to_wgs84 = Transformer.from_crs(grid.epsg, 4326, always_xy=True)
    return [row | {name: _rounded(project(row[name], to_wgs84)) for name in names} for row in rows]


def _rounded(shape: BaseGeometry) -> BaseGeometry:
    return shapely.transform(shape, lambda xy: np.round(xy, DEGREE_DECIMALS))
