"""Synthetic values for the tests of visits, series, publish and report: a port, its overpasses,
pictures of them. Everything follows from a seed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pyproj import Transformer
from scipy.ndimage import gaussian_filter
from shapely.geometry import LineString, Polygon, box

from jobs.domain import (
    Berth,
    BerthKind,
    EstimateSettings,
    Grid,
    OverpassRecord,
    Period,
    Port,
    Quality,
    StageName,
    UnitResult,
    UnitState,
    Vessel,
)
from jobs.publish.pictures import cut
from jobs.publish.publication import Provenance, Publication, SourceItem, UnitCounts
from jobs.publish.rendering import Rendering, fix_rendering
from jobs.visits.cargo import VolumeSettings, counted_stays, volumes_of
from jobs.visits.columns import table
from jobs.visits.estimate import estimate_port, with_estimates
from jobs.visits.estimate_rows import visit_table
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.schema import ESTIMATE_COLUMNS, VOYAGE_COLUMNS, PortEstimate, PortTables
from jobs.visits.series import port_visits
from jobs.visits.tables import port_tables

EPSG = 32653
LEFT, TOP = 342_000.0, 4_734_000.0
PIXELS = 420
DRAWS = 100
"""Posterior draws of a synthetic publication: enough for its charts, too few for estimates."""
START = datetime(2024, 3, 1, 2, 10, tzinfo=UTC)

# offsets in metres from the grid's north-west corner: x, y (southwards), width, height
BERTHS = (
    ("oil-1", "Oil berth 1", BerthKind.OIL_TERMINAL, 1, (1500, 1100, 60, 260)),
    ("oil-2", "Oil berth 2", BerthKind.OIL_TERMINAL, 1, (1640, 1400, 60, 260)),
    ("coal", "Coal pier, two berths", BerthKind.BULK, 2, (800, 1900, 620, 80)),
    ("boxes", "Container quay", BerthKind.CONTAINER, 1, (500, 2300, 80, 360)),
    ("roads", "Outer roads", BerthKind.ANCHORAGE, None, (2300, 2300, 1500, 1500)),
)


def make_grid(*, width: int = PIXELS, height: int = PIXELS) -> Grid:
    return Grid(epsg=EPSG, left=LEFT, top=TOP, width=width, height=height)


def to_wgs84(shape: Polygon) -> Polygon:
    transformer = Transformer.from_crs(EPSG, 4326, always_xy=True)
    return shapely.transform(shape, lambda xy: np.column_stack(transformer.transform(*xy.T)))


def make_berth(
    *,
    id: str = "oil-1",
    name: str = "Oil berth 1",
    kind: BerthKind = BerthKind.OIL_TERMINAL,
    capacity: int | None = 1,
    place_m: tuple[float, float, float, float] = (1500, 1100, 60, 260),
) -> Berth:
    x, y, width, height = place_m
    shape = box(LEFT + x, TOP - y - height, LEFT + x + width, TOP - y)
    return Berth(id=id, name=name, kind=kind, capacity=capacity, polygon=to_wgs84(shape))


def make_port(
    *,
    id: str = "RUVYP",
    name: str = "Vostochny",
    berths: Sequence[Berth] | None = None,
    approximate: bool = True,
) -> Port:
    grid = make_grid()
    if berths is None:
        berths = [
            make_berth(id=i, name=n, kind=k, capacity=c, place_m=p) for i, n, k, c, p in BERTHS
        ]
    return Port(
        id=id,
        name=name,
        country="RU",
        area=to_wgs84(box(*grid.bounds)),
        berths=tuple(berths),
        grid=grid,
        locode="RUVYP",
        approximate=approximate,
    )


def make_vessel(
    *,
    x: float = LEFT + 1530,
    y: float = TOP - 1230,
    length_m: float = 85.0,
    length_sd_m: float = 12.0,
    heading_deg: float = 0.0,
    score: float = 0.9,
    truncated: bool = False,
) -> Vessel:
    beam_m = 0.16 * length_m + 2
    along = np.array([np.sin(np.radians(heading_deg)), np.cos(np.radians(heading_deg))])
    across = np.array([along[1], -along[0]])
    signs = ((1, 1), (1, -1), (-1, -1), (-1, 1))
    corners = [
        (x + d[0], y + d[1])
        for d in (along * a * length_m / 2 + across * b * beam_m / 2 for a, b in signs)
    ]
    return Vessel(
        x=x,
        y=y,
        length_m=length_m,
        length_sd_m=length_sd_m,
        beam_m=beam_m,
        heading_deg=heading_deg,
        score=score,
        truncated=truncated,
        corners=tuple((float(a), float(b)) for a, b in corners),
    )


def make_record(
    *,
    hours: float = 0.0,
    vessels: Sequence[Vessel] = (),
    quality: NDArray[np.uint8] | None = None,
    sensor: str = "sentinel-2-l2a",
    port_id: str = "RUVYP",
    grid: Grid | None = None,
) -> OverpassRecord:
    """One overpass, that many hours after START; clear everywhere unless a quality is given."""
    acquired = START + timedelta(hours=hours)
    shape = (grid or make_grid()).shape
    return OverpassRecord(
        overpass_id=f"{port_id}-{sensor}-{acquired:%Y%m%dT%H%M%S}-{int(hours * 3600):08x}",
        sensor=sensor,
        platform="sentinel-2b",
        acquired=acquired,
        item_ids=(f"S2B_{acquired:%Y%m%d}_0_L2A",),
        vessels=tuple(vessels),
        quality=np.zeros(shape, np.uint8) if quality is None else quality,
    )


@dataclass(frozen=True)
class Call:
    """The truth of one stay."""

    berth: Berth
    arrival_h: float
    departure_h: float
    length_m: float
    spot: tuple[float, float]
    heading_deg: float


def make_calls(*, port: Port, days: int, seed: int) -> list[Call]:
    """Stays of random ships at every berth of the port."""
    rng = np.random.default_rng(seed)
    to_utm = Transformer.from_crs(4326, port.grid.epsg, always_xy=True)
    calls = []
    for berth in port.berths:
        left, bottom, right, top = to_utm.transform_bounds(*berth.polygon.bounds)
        for _ in range(6 if berth.capacity is None else berth.capacity):
            hour = rng.exponential(60)
            spot = (rng.uniform(left, right), rng.uniform(bottom, top))
            while hour < days * 24:
                stay_h = rng.gamma(4, 11)
                if berth.capacity is not None:
                    spot = ((left + right) / 2, (bottom + top) / 2)
                upright = right - left < top - bottom
                heading = 0.0 if upright else 90.0
                if berth.capacity is None:
                    heading = rng.uniform(0, 180)
                calls.append(Call(berth, hour, hour + stay_h, rng.uniform(65, 170), spot, heading))
                hour += stay_h + rng.exponential(90)
    return calls


def make_clouds(*, rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A quality array: often clear, often overcast, sometimes in between or cut by the swath."""
    cover = rng.choice([0.0, 0.25, 0.6, 1.0], p=[0.4, 0.2, 0.15, 0.25])
    coarse = gaussian_filter(rng.normal(size=(shape[0] // 6 + 1, shape[1] // 6 + 1)), 4)
    field = coarse.repeat(6, axis=0).repeat(6, axis=1)[: shape[0], : shape[1]]
    quality = np.zeros(shape, np.uint8)
    quality[field > np.quantile(field, 1 - cover)] = Quality.CLOUD if cover else 0
    shadow = np.roll(quality, (9, -12), (0, 1)) == Quality.CLOUD
    quality[shadow & (quality == 0)] = Quality.CLOUD_SHADOW
    if rng.random() < 0.12:
        quality[:, : rng.integers(60, 360)] = Quality.NODATA
    return quality


def make_records(*, port: Port, days: int = 245, seed: int = 1) -> Iterator[OverpassRecord]:
    """Overpasses of two sensors over that many days, by time, with the ships each could see."""
    rng = np.random.default_rng(seed)
    calls = make_calls(port=port, days=days, seed=seed)
    hours = [(24.0 * d, "sentinel-2-l2a") for d in range(0, days, 3)]
    hours += [(24.0 * d + 5.5, "landsat-c2-l2") for d in range(2, days, 8)]
    for hour, sensor in sorted(hours):
        quality = make_clouds(rng=rng, shape=port.grid.shape)
        seen = [
            _sighting(rng, c, port.grid, quality)
            for c in calls
            if c.arrival_h <= hour < c.departure_h
        ]
        vessels = [vessel for vessel in seen if vessel is not None]
        yield make_record(
            hours=hour,
            vessels=vessels,
            quality=quality,
            sensor=sensor,
            port_id=port.id,
            grid=port.grid,
        )


def _sighting(
    rng: np.random.Generator, call: Call, grid: Grid, quality: NDArray[np.uint8]
) -> Vessel | None:
    x, y = (float(v) for v in np.array(call.spot) + rng.normal(0, 6, 2))
    row = int((grid.top - y) / grid.resolution_m)
    column = int((x - grid.left) / grid.resolution_m)
    if quality[row, column] or rng.random() < 0.08:
        return None
    around = quality[max(row - 5, 0) : row + 6, max(column - 5, 0) : column + 6]
    return make_vessel(
        x=x,
        y=y,
        length_m=float(call.length_m + rng.normal(0, 10)),
        heading_deg=float((call.heading_deg + rng.normal(0, 5)) % 180),
        score=float(rng.uniform(0.55, 0.99)),
        truncated=bool(around.any()),
    )


@dataclass(frozen=True)
class FakeImagery:
    """Images drawn from the records: sea, a coast, ships, clouds."""

    tables: dict[str, PortTables]
    missing: frozenset[str] = frozenset()
    """Overpasses without a picture."""

    def rgb(self, port_id: str, overpass_id: str) -> NDArray[np.uint8] | None:
        if overpass_id in self.missing:
            return None
        port = self.tables[port_id].port
        digest = hashlib.sha256(overpass_id.encode()).digest()
        rng = np.random.default_rng(list(digest[:8]))
        image = Image.fromarray(_coast(port.grid, rng))
        self._draw_ships(ImageDraw.Draw(image), port_id, overpass_id)
        return np.asarray(image)

    def window(self, port_id: str, overpass_id: str, part: Grid) -> NDArray[np.uint8] | None:
        image = self.rgb(port_id, overpass_id)
        return None if image is None else cut(image, self.tables[port_id].port.grid, part)

    def renderings(self, port_id: str) -> dict[str, Rendering]:
        return {"sentinel-2-l2a": fix_rendering("sentinel-2-l2a", "reflectance", {})}

    def _draw_ships(self, draw: ImageDraw.ImageDraw, port_id: str, overpass_id: str) -> None:
        tables = self.tables[port_id]
        grid = tables.port.grid
        to_utm = Transformer.from_crs(4326, grid.epsg, always_xy=True)
        rows = tables.vessels[tables.vessels["overpass_id"] == overpass_id]
        for footprint in rows["footprint"]:
            x, y = to_utm.transform(*footprint.exterior.xy)
            points = [
                ((a - grid.left) / 10, (grid.top - b) / 10) for a, b in zip(x, y, strict=True)
            ]
            draw.polygon(points, fill=(196, 188, 182))


def _coast(grid: Grid, rng: np.random.Generator) -> NDArray[np.uint8]:
    land, shore = _land(grid)
    noise = rng.normal(0, 1, (*grid.shape, 1)).astype(np.float32)
    sea = np.array([16, 38, 52], np.float32) + 2.2 * noise
    return np.clip(np.where(land, shore + 3 * noise, sea), 0, 255).astype(np.uint8)


@cache
def _land(grid: Grid) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Where land is (y, x, 1), and its colours (y, x, 3)."""
    rows, columns = np.mgrid[: grid.height, : grid.width]
    steady = np.random.default_rng(7).normal(size=grid.shape)
    relief = gaussian_filter(steady, 12) * 900
    land = (columns * 1.1 + rows * 0.55 + relief * 0.8 < 150)[..., None]
    texture = gaussian_filter(steady, 1.2)[..., None] * 60
    return land, (np.array([92, 98, 66]) + texture).astype(np.float32)


def make_publication(
    *,
    ports: Sequence[Port] | None = None,
    days: int = 245,
    seed: int = 1,
    tag: str = "backfill-3f2a9c1d",
    empty: bool = False,
) -> Publication:
    """A whole job's results; empty leaves every port without a single overpass."""
    ports = [make_port()] if ports is None else ports
    records = {
        p.id: [] if empty else list(make_records(port=p, days=days, seed=seed)) for p in ports
    }
    seen = {port.id: port_tables(port, records[port.id]) for port in ports}
    period = Period(date(2024, 3, 1), date(2024, 3, 1) + timedelta(days=days - 1))
    settings = EstimateSettings(draws=DRAWS, seed=seed)
    estimates = {id: estimate_port(found, period, settings, ()) for id, found in seen.items()}
    tables = {id: with_estimates(found, estimates[id]) for id, found in seen.items()}
    if not empty:
        tables = {id: replace(each, pairs=make_pairs(each.port)) for id, each in tables.items()}
    items = {r.overpass_id: r.item_ids for found in records.values() for r in found}
    return Publication(
        job="vostochny-2024",
        tag=tag,
        period=period,
        complete=empty,
        units=UnitCounts(done=len(items), failed=0 if empty else 2, pending=0),
        tables=tables,
        estimates=estimates,
        voyages=make_voyages(tables),
        settings=settings,
        series=port_visits(tables, estimates, period),
        provenance=Provenance(
            plan_hash="9a4e1f0c77d2b3e8",
            code_version="0.1.0+g1a2b3c4",
            model_digest="sha256:5d41402abc4b2a76b9719d911017c592",
            items=items,
            read=dict.fromkeys(items, "5f" * 32),
            attributions=("Contains modified Copernicus Sentinel data 2024", "Landsat: USGS"),
            sources=make_sources([record for found in records.values() for record in found]),
        ),
        imagery=FakeImagery(tables),
        failures=() if empty else make_failures(),
    )


def make_pairs(port: Port) -> gpd.GeoDataFrame:
    """A ship that two sensors saw within minutes, and one that one of them saw alone; of looks of
    their own.
    """
    ship = make_vessel()
    looks = [(0.0, "sentinel-2-l2a", (ship,)), (0.2, "landsat-c2-l2", (ship,))]
    looks += [(240.0, "landsat-c2-l2", ()), (240.1, "sentinel-2-l2a", (ship,))]
    return port_tables(
        port,
        [
            make_record(hours=hours, sensor=sensor, vessels=vessels, port_id=port.id)
            for hours, sensor, vessels in looks
        ],
    ).pairs


def make_sources(
    records: Sequence[OverpassRecord], catalog: str = "https://stac.example/v1"
) -> tuple[SourceItem, ...]:
    """The items of overpasses, each of one overpass."""
    found = (
        SourceItem(
            catalog=catalog,
            collection="sentinel-2-l2a",
            item_id=item_id,
            platform=record.platform,
            acquired=record.acquired,
            processing_baseline="05.10",
            overpass_ids=(record.overpass_id,),
        )
        for record in records
        for item_id in record.item_ids
    )
    return tuple(sorted(found, key=lambda item: item.item_id))


def make_estimate(port: Port, days: float, draws: int = 20, seed: int = 5) -> PortEstimate:
    """Random posterior draws of a port, independent of any look."""
    stays = tuple(
        _random_stays(port, berth, days, draws, np.random.default_rng([seed, number]))
        for number, berth in enumerate(port.berths)
    )
    believed = VolumeSettings()
    return PortEstimate(
        port=port,
        berths=table(ESTIMATE_COLUMNS, []),
        visits=visit_table(stays),
        stays=stays,
        volumes=volumes_of(counted_stays(stays, [port], believed), believed),
    )


def _random_stays(
    port: Port, berth: Berth, days: float, draws: int, rng: np.random.Generator
) -> StayDraws:
    draw = np.repeat(np.arange(draws, dtype=np.int32), 12)
    arrival = np.sort(rng.uniform(-3, days, (draws, 12)), axis=1).ravel()
    return StayDraws(
        port=port.id,
        berth=berth.id,
        origin=datetime(2024, 3, 1, tzinfo=UTC),
        end=days,
        draws=draws,
        draw=draw,
        arrival=arrival,
        departure=arrival + rng.exponential(1.5, len(draw)),
        length_m=rng.uniform(60, 130, len(draw)),
        visit=np.full(len(draw), -1, np.int32),
    )


def make_voyages(tables: Mapping[str, PortTables]) -> gpd.GeoDataFrame:
    """A link from the first visit of each port to the last of the next one, likely or not."""
    visited = [found for found in tables.values() if len(found.visits)]
    rows = [
        {
            "from_visit": before.visits["visit_id"].iloc[0],
            "to_visit": after.visits["visit_id"].iloc[-1],
            "from_port": before.port.id,
            "to_port": after.port.id,
            "probability": 0.62,
            "hours_min": 14.5,
            "hours_median": 31.0,
            "hours_max": 77.25,
            "distance_km": 292.4,
            "from_length_m": 92.5,
            "from_length_sd_m": 6.25,
            "to_length_m": 96.0,
            "to_length_sd_m": 9.5,
            "geometry": LineString(
                [before.port.area.centroid.coords[0], (132.0, 42.0), (130.0, 41.75)]
            ),
        }
        for before, after in pairwise(visited)
    ]
    return table(VOYAGE_COLUMNS, rows)


def make_failures() -> tuple[UnitResult, ...]:
    return tuple(
        UnitResult(
            overpass_id=f"RUVYP-sentinel-2-l2a-2024{month}T021000-dead{month}",
            stage=StageName.TILE,
            state=UnitState.FAILED,
            reason=reason,
            seconds=seconds,
        )
        for month, reason, seconds in (
            ("0417", "HTTP 404 for asset nir of S2B_53TMH_20240417_0_L2A: <not found>", 3.2),
            ("0611", "truncated file: expected 1 204 882 bytes, found 733 184", 11.9),
        )
    )
