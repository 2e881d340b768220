"""The tables of one port: vessels, looks and seen visits, from overpass records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry import Point, Polygon
from shapely.geometry.base import BaseGeometry

from jobs.domain import (
    Grid,
    LookState,
    OverpassRecord,
    Port,
    to_wgs84,
)
from jobs.visits.absence import Overlooks, not_there_before, overlooks_at
from jobs.visits.cargo import BeamMeasure
from jobs.visits.columns import table
from jobs.visits.degrees import DEGREE_DECIMALS
from jobs.visits.looks import (
    BerthArea,
    Look,
    Sighting,
    berth_areas,
    berth_of,
    look_at,
    place_vessels,
    ships,
)
from jobs.visits.measured_beams import pooled_beam
from jobs.visits.occupancy.detector import MeasuredError
from jobs.visits.pairs import (
    Overpass,
    near_overpasses,
    one_ship,
    overpass_of,
    pair_rows,
    ship_pairs,
)
from jobs.visits.reviewed import NO_REVIEW, PortReview
from jobs.visits.schema import (
    LOOK_COLUMNS,
    PAIR_COLUMNS,
    VESSEL_COLUMNS,
    VISIT_COLUMNS,
    PortTables,
)
from jobs.visits.stays import Row, Stay, confidence, pooled_length, stays_at


def port_tables(
    port: Port,
    records: Iterable[OverpassRecord],
    review: PortReview = NO_REVIEW,
    errors: Sequence[MeasuredError] = (),
) -> PortTables:
    """Vessels, looks and seen visits of one port; records are read once and not kept.

    Vessels that are fixed structure, or that reviewers rejected, are in the vessels table only.
    errors: of the network, as its evaluation measured them: they say what an empty look proves.
    """
    areas = berth_areas(port)
    looks: list[Look] = []
    vessels: list[Row] = []
    overpasses: list[Overpass] = []
    for record in records:
        sightings = place_vessels(record, areas, review)
        looks += [look_at(record, area, ships(sightings[area.berth.id]), review) for area in areas]
        vessels += vessel_rows(port, record, sightings, areas)
        overpasses.append(overpass_of(record, sightings))
    looks.sort(key=lambda look: (look.time, look.overpass_id))
    vessels.sort(key=lambda row: (row["time"], row["vessel_id"]))
    pairs = [pair for near in near_overpasses(overpasses) for pair in ship_pairs(port, near)]
    same = one_ship(pairs)
    stays = {area.berth.id: stays_at(area.berth, looks, same, errors) for area in areas}
    visits, visit_of = visit_rows(port, stays, looks, errors)
    return PortTables(
        port=port,
        vessels=_vessel_table(port.grid, vessels, visit_of),
        looks=table(LOOK_COLUMNS, (look_row(port, look) for look in looks)),
        visits=_visit_table(port.grid, visits),
        pairs=_pair_table(port.grid, list(pair_rows(port, pairs, looks))),
        missed=review.missed,
        invented=review.invented,
    )


def vessel_rows(
    port: Port,
    record: OverpassRecord,
    sightings: Mapping[str, Sequence[Sighting]],
    areas: Sequence[BerthArea],
) -> list[Row]:
    """Rows of the vessels table, geometry still in the port's UTM zone.

    All but the berth and the columns of the review is as the network reported it.
    """
    return [
        _vessel_row(port, record, berth_id, sighting) | _review_row(port, sighting, areas)
        for berth_id, placed in sightings.items()
        for sighting in placed
    ]


def _vessel_row(port: Port, record: OverpassRecord, berth_id: str, sighting: Sighting) -> Row:
    vessel = sighting.found or sighting.vessel
    return {
        "vessel_id": sighting.vessel_id,
        "port": port.id,
        "berth": berth_id,
        "overpass_id": record.overpass_id,
        "time": record.acquired,
        "sensor": record.sensor,
        "platform": record.platform,
        "length_m": vessel.length_m,
        "length_sd_m": vessel.length_sd_m,
        "beam_m": vessel.beam_m,
        "beam_sd_m": vessel.beam_sd_m,
        "heading_deg": vessel.heading_deg,
        "score": vessel.score,
        "truncated": vessel.truncated,
        "background": vessel.background,
        "fixed": vessel.fixed,
        "place_seen": vessel.place_seen,
        "place_looks": vessel.place_looks,
        "geometry": Point(vessel.x, vessel.y),
        "footprint": Polygon(vessel.corners),
    }


def _review_row(port: Port, sighting: Sighting, areas: Sequence[BerthArea]) -> Row:
    """The columns of the review; empty where there was none."""
    review = sighting.review
    hull = review.hull
    moved = review.berth is not None and sighting.found is not None
    shape = None if hull is None else _rounded(to_wgs84(Polygon(hull.corners), port.grid.epsg))
    return {
        "counted": sighting.counts,
        "review": review.verdict.value,
        "review_length_m": None if hull is None else hull.length_m,
        "review_beam_m": None if hull is None else hull.beam_m,
        "review_heading_deg": None if hull is None else hull.heading_deg,
        "review_footprint": "" if shape is None else shape.wkt,
        "found_berth": berth_of(sighting.found, areas) if moved and sighting.found else "",
    }


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
        "reviewed": look.whole,
        "geometry": _rounded(berth.polygon.representative_point()),
    }


def visit_rows(
    port: Port,
    stays: Mapping[str, Sequence[Stay]],
    looks: Sequence[Look],
    errors: Sequence[MeasuredError] = (),
) -> tuple[list[Row], dict[str, str]]:
    """Rows of the visits table by first sighting, and the visit id of every vessel id."""
    rows: list[Row] = []
    visit_of: dict[str, str] = {}
    for berth in sorted((one for one in port.berths if one.id in stays), key=lambda one: one.id):
        here = [look for look in looks if look.berth_id == berth.id]
        overlooks = overlooks_at(berth, errors)
        for stay, visit_id in _with_ids(port, berth.id, stays[berth.id]):
            rows.append(_visit_row(port, berth.id, visit_id, stay, here, overlooks))
            visit_of |= {sighting.vessel_id: visit_id for sighting in stay.sightings}
    return sorted(rows, key=lambda row: (row["arrival_before"], row["visit_id"])), visit_of


def _with_ids(port: Port, berth_id: str, stays: Sequence[Stay]) -> list[tuple[Stay, str]]:
    """Stays with visit ids of berth, first sighting and rank, which later looks do not change."""
    seen: defaultdict[datetime, int] = defaultdict(int)
    found = []
    for stay in stays:
        seen[stay.first] += 1
        found.append((stay, f"{port.id}-{berth_id}-{stay.first:%Y%m%dT%H%M%SZ}-{seen[stay.first]}"))
    return found


def _visit_row(
    port: Port,
    berth_id: str,
    visit_id: str,
    stay: Stay,
    looks: Sequence[Look],
    overlooks: Overlooks,
) -> Row:
    length_m, length_sd_m = pooled_length(stay.measured)
    beam = pooled_beam(_measured_beams(stay))
    usable = (LookState.CLEAR, LookState.PARTLY)
    vessels = [sighting.vessel for sighting in stay.sightings]
    return {
        "visit_id": visit_id,
        "port": port.id,
        "berth": berth_id,
        "arrival_after": not_there_before(looks, stay.first, length_m, overlooks),
        "arrival_before": stay.first,
        "departure_after": stay.last,
        "departure_before": stay.departure_before,
        "looks": sum(stay.first <= k.time <= stay.last and k.state in usable for k in looks),
        "vessels": len(vessels),
        "length_m": length_m,
        "length_sd_m": length_sd_m,
        "beam_m": None if beam is None else beam.beam_m,
        "beam_sd_m": None if beam is None else beam.sd_m,
        "deadweight_from": "length" if beam is None else "length and beam",
        "confidence": confidence(stay),
        "truncated": stay.truncated,
        "overpass_ids": " ".join(sighting.overpass_id for sighting in stay.sightings),
        "geometry": Point(np.mean([(vessel.x, vessel.y) for vessel in vessels], axis=0)),
    }


def _measured_beams(stay: Stay) -> list[BeamMeasure]:
    vessels = (sighting.vessel for sighting in stay.sightings)
    return [BeamMeasure(v.beam_m, v.beam_sd_m) for v in vessels if v.beam_sd_m is not None]


def _vessel_table(grid: Grid, rows: Sequence[Row], visit_of: Mapping[str, str]) -> gpd.GeoDataFrame:
    linked = [row | {"visit_id": visit_of.get(str(row["vessel_id"]), "")} for row in rows]
    return table(VESSEL_COLUMNS, _rows_in_wgs84(grid, linked, ("geometry", "footprint")))


def _visit_table(grid: Grid, rows: Sequence[Row]) -> gpd.GeoDataFrame:
    return table(VISIT_COLUMNS, _rows_in_wgs84(grid, rows, ("geometry",)))


def _pair_table(grid: Grid, rows: Sequence[Row]) -> gpd.GeoDataFrame:
    return table(PAIR_COLUMNS, _rows_in_wgs84(grid, rows, ("geometry",)))


def _rows_in_wgs84(grid: Grid, rows: Sequence[Row], names: tuple[str, ...]) -> list[Row]:
    return [
        row | {name: _rounded(to_wgs84(row[name], grid.epsg)) for name in names} for row in rows
    ]


def _rounded(shape: BaseGeometry) -> BaseGeometry:
    return shapely.transform(shape, lambda xy: np.round(xy, DEGREE_DECIMALS))
