"""The truth as tables: stays, the ships of every pass, and labels for training."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from jobs.domain import WGS84, Grid, transformer
from jobs.simulate.passes import Pass, Tile
from jobs.simulate.ships import Stamp
from jobs.simulate.traffic import Pose, Stay
from jobs.simulate.weather import OPAQUE_FROM, View

SMALL_BELOW_M = 40.0
"""Ships shorter than this, metres, are labelled ``small``: too small for a 10 m sensor."""
SURE_FROM, DOUBTFUL_FROM = 0.9, 0.2
"""Least visible share of a hull for a label of full confidence, and for any label."""


@dataclass(frozen=True)
class VisitRow:
    """A row of visits.csv: one stay."""

    port: str
    berth: str
    ship_id: str
    arrival: str
    departure: str
    length_m: float
    beam_m: float
    type: str


@dataclass(frozen=True)
class VesselRow:
    """A row of vessels.csv: one ship in one pass, visible or not."""

    port: str
    overpass_utc: str
    platform: str
    items: str
    """Ids of the items that show it, separated by ``;``."""
    ship_id: str
    type: str
    berth: str
    x: float
    y: float
    lon: float
    lat: float
    length_m: float
    beam_m: float
    heading_deg: float
    """0..180 from grid north."""
    visible: float
    """Share of the hull that is imaged and not under cloud, 0..1."""
    seen_lon: float
    """Where the image shows it: a radar moves ships under way along its flight."""
    seen_lat: float


@dataclass(frozen=True)
class LabelRow:
    """A row of labels/<port>.csv, with the columns that training reads."""

    port: str
    item: str
    px_col: float
    px_row: float
    lon: float
    lat: float
    length_m: float
    width_m: float
    heading_mod180_deg: float
    """From true north."""
    label: str
    """Written as ``class``."""
    confidence: int
    source: str
    given_id: str
    notes: str


def iso(moment: datetime) -> str:
    """A time as text, UTC to the second."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def visit_rows(stays: Sequence[Stay]) -> list[VisitRow]:
    """A row for every stay, those at anchorages included."""
    return [
        VisitRow(
            stay.port,
            stay.berth,
            stay.ship.id,
            iso(stay.arrival),
            iso(stay.departure),
            stay.ship.length_m,
            stay.ship.beam_m,
            stay.ship.type.value,
        )
        for stay in stays
    ]


def vessel_rows(
    port: str,
    each: Pass,
    platform: str,
    grid: Grid,
    tiles: Sequence[Tile],
    ships: Sequence[Pose],
    seen: View,
) -> list[VesselRow]:
    """A row for every ship of one pass, visible or not."""
    rows = []
    for pose, stamp in zip(ships, seen.stamps, strict=True):
        shares = [visible_share(pose, stamp, seen.opacity, grid, [tile]) for tile in tiles]
        items = [tile.item_id for tile, share in zip(tiles, shares, strict=True) if share > 0]
        share = visible_share(pose, stamp, seen.opacity, grid, tiles)
        rows.append(vessel_row(port, each.moment, platform, grid, pose, items, share))
    return rows


def vessel_row(
    port: str,
    moment: datetime,
    platform: str,
    grid: Grid,
    pose: Pose,
    items: Sequence[str],
    share: float,
    shift_m: tuple[float, float] = (0.0, 0.0),
) -> VesselRow:
    """One ship of a pass; ``shift_m`` is east and north from where it is to where it is seen."""
    inverse = transformer(grid.epsg, WGS84)
    lon, lat = inverse.transform(pose.x, pose.y)
    seen_lon, seen_lat = inverse.transform(pose.x + shift_m[0], pose.y + shift_m[1])
    return VesselRow(
        port=port,
        overpass_utc=iso(moment),
        platform=platform,
        items=";".join(items),
        ship_id=pose.ship.id,
        type=pose.ship.type.value,
        berth=pose.berth,
        x=round(pose.x, 1),
        y=round(pose.y, 1),
        lon=round(lon, 6),
        lat=round(lat, 6),
        length_m=pose.ship.length_m,
        beam_m=pose.ship.beam_m,
        heading_deg=round(pose.bow_deg % 180, 1) % 180,
        visible=share,
        seen_lon=round(seen_lon, 6),
        seen_lat=round(seen_lat, 6),
    )


def visible_share(
    pose: Pose,
    stamp: Stamp | None,
    opacity: NDArray[np.float32],
    grid: Grid,
    tiles: Sequence[Tile],
) -> float:
    """Share of a hull, 0..1 to two decimals, that any of the tiles images free of cloud."""
    if stamp is None:
        return 0.0
    x, y = np.meshgrid(grid.x[stamp.cols], grid.y[stamp.rows])
    clear = opacity[stamp.rows, stamp.cols] < OPAQUE_FROM
    imaged = np.logical_or.reduce([_images(tile, grid, x, y) for tile in tiles])
    hull = stamp.cover.sum()
    return round(float((stamp.cover * (clear & imaged)).sum() / hull), 2) if hull > 0 else 0.0


def _images(
    tile: Tile, grid: Grid, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    there = transformer(grid.epsg, tile.grid.epsg).transform(x, y)
    inside: NDArray[np.bool_] = shapely.contains_xy(tile.imaged, *there)
    return inside


def label_rows(
    port: str, grid: Grid, tile: Tile, ships: Sequence[Pose], seen: View
) -> list[LabelRow]:
    """A row for each ship that one item shows, sizes in ground metres."""
    rows = []
    for pose, stamp in zip(ships, seen.stamps, strict=True):
        share = visible_share(pose, stamp, seen.opacity, grid, [tile])
        if share >= DOUBTFUL_FROM:
            rows.append(_label_row(port, grid, tile, pose, share))
    return rows


def _label_row(port: str, grid: Grid, tile: Tile, pose: Pose, share: float) -> LabelRow:
    inverse = transformer(grid.epsg, WGS84)
    lon, lat = inverse.transform(pose.x, pose.y)
    north = inverse.transform(pose.x, pose.y + 100)
    turn = math.degrees(math.atan2((north[0] - lon) * math.cos(math.radians(lat)), north[1] - lat))
    there = transformer(grid.epsg, tile.grid.epsg)
    x, y = there.transform(pose.x, pose.y)
    small = pose.ship.length_m < SMALL_BELOW_M
    sure = share >= SURE_FROM
    return LabelRow(
        port=port,
        item=tile.item_id,
        px_col=round((x - tile.grid.left) / tile.grid.resolution_m, 1),
        px_row=round((tile.grid.top - y) / tile.grid.resolution_m, 1),
        lon=round(lon, 6),
        lat=round(lat, 6),
        length_m=pose.ship.length_m,
        width_m=pose.ship.beam_m,
        heading_mod180_deg=round((pose.bow_deg + turn) % 180, 1) % 180,
        label="small" if small else "ship",
        confidence=(2 if small else 3) if sure else 1,
        source="simulated",
        given_id="",
        notes="" if sure else f"{share:.0%} visible",
    )


def write_truth(out: Path, visits: Sequence[VisitRow], vessels: Sequence[VesselRow]) -> None:
    """Write ``truth/visits.csv`` and ``truth/vessels.csv``."""
    _write(out / "truth" / "visits.csv", [f.name for f in fields(VisitRow)], visits)
    _write(out / "truth" / "vessels.csv", [f.name for f in fields(VesselRow)], vessels)


def write_labels(out: Path, port: str, labels: Sequence[LabelRow]) -> None:
    """One port's labels as ``labels/<port>.csv``."""
    _write(out / "labels" / f"{port}.csv", [f.name for f in fields(LabelRow)], labels)


def _write(path: Path, columns: list[str], rows: Sequence[Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    names: Mapping[str, str] = {"label": "class"}
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([names.get(column, column) for column in columns])
        writer.writerows(asdict(row).values() for row in rows)
