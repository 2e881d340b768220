"""A make-believe plan of thousands of ports and years: what Earth Search would give, at any size.

Ports lie on a lattice over the coasts' latitudes, each with its real UTM grid. Sentinel-2 passes
every two and a half days; tiles are 109.8 km wide on a lattice of 100 km in the port's zone, so
that a port lies in one, two or four of them. Every scene has the five files, sizes, checksums and
footprint that a catalog gives, as incompressible as real ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

from pyproj import Transformer
from shapely.geometry import Polygon, box

from jobs.domain import Period, Port, Scene, Source
from jobs.domain.geometry import local_grid
from jobs.domain.job import SourceSpec
from jobs.plan.file import PortFindings
from jobs.plan.grouping import group_overpasses
from jobs.plan.header import PlanHeader

REVISIT = timedelta(days=365.25 / 145)
"""145 overpasses a year, as at middle latitudes with two satellites."""
PORT_KM = 10.0
TILE_M, STEP_M = 109_800, 100_000
BANDS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}
BUCKET = "https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com/sentinel-2-c1-l2a"
CATALOG = "https://earth-search.aws.element84.com/v1"


def many_ports(count: int) -> tuple[Port, ...]:
    """Ports of 10 km between 60 S and 70 N, spread evenly."""
    return tuple(_port(number, count) for number in range(count))


def _port(number: int, count: int) -> Port:
    golden = (math.sqrt(5) - 1) / 2
    lat = -55 + 120 * (number + 0.5) / count
    lon = -179 + 358 * ((number * golden) % 1)
    north = PORT_KM / 111.3 / 2
    east = north / math.cos(math.radians(lat))
    area = box(lon - east, lat - north, lon + east, lat + north)
    return Port(f"P{number:04d}", f"Port {number}", "XX", area, (), local_grid(area))


def header(ports: tuple[Port, ...], years: int) -> PlanHeader:
    """The plan's header."""
    period = Period(date(2016, 1, 1), date(2016 + years - 1, 12, 31))
    source = SourceSpec(CATALOG, "sentinel-2-c1-l2a")
    return PlanHeader(
        name="many-ports",
        period=period,
        archive="/archive",
        model=None,
        sources=(source,),
        ports=ports,
    )


def findings(ports: tuple[Port, ...], years: int) -> Iterator[PortFindings]:
    """What a search of each port gives, through the real grouping."""
    for port in ports:
        yield PortFindings(port.id, group_overpasses(port, list(scenes(port, years))))


def scenes(port: Port, years: int) -> Iterator[Scene]:
    """Every scene of the port, tile by tile and pass by pass."""
    random = Random(port.id)
    tiles = [(tile, _footprint(port.grid.epsg, *tile)) for tile in _tiles(port)]
    start = datetime(2016, 1, 1, 10, 30, random.randrange(60), tzinfo=UTC)
    for number in range(round(years * 365.25 / (REVISIT / timedelta(days=1)))):
        for seconds, (tile, footprint) in enumerate(tiles):
            acquired = start + number * REVISIT + timedelta(seconds=14 * seconds)
            yield _scene(port, random, "ab"[number % 2], acquired, tile, footprint)


def _tiles(port: Port) -> list[tuple[int, int]]:
    """(left, top) of the tiles that the port's grid touches."""
    left, bottom, right, top = port.grid.bounds
    return [
        (x, y)
        for x in range(0, 1_000_000, STEP_M)
        for y in range(TILE_M, 10_000_000, STEP_M)
        if x < right and x + TILE_M > left and y > bottom and y - TILE_M < top
    ]


def _footprint(epsg: int, left: int, top: int) -> Polygon:
    right, bottom = left + TILE_M, top - TILE_M
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    to_degrees = Transformer.from_crs(epsg, 4326, always_xy=True)
    return Polygon([to_degrees.transform(x, y) for x, y in corners])


def _scene(
    port: Port,
    random: Random,
    letter: str,
    acquired: datetime,
    tile: tuple[int, int],
    footprint: Polygon,
) -> Scene:
    zone, name = (
        port.grid.epsg % 100,
        f"{port.grid.epsg % 100}T{tile[0] // STEP_M}{tile[1] // STEP_M}",
    )
    sensed = f"{acquired:%Y%m%dT%H%M%S}"
    item = f"S2{letter.upper()}_T{name}_{sensed}_L2A"
    folder = f"{BUCKET}/{zone}/T/{name}/{acquired.year}/{acquired.month}/{item}"
    return Scene(
        item_id=item,
        collection="sentinel-2-c1-l2a",
        catalog=CATALOG,
        sensor="sentinel-2-l2a",
        platform=f"sentinel-2{letter}",
        acquired=acquired,
        bands={
            band: _source(f"{folder}/{asset}.tif", port, random, tile, 10)
            for band, asset in BANDS.items()
        },
        mask=_source(f"{folder}/SCL.tif", port, random, tile, 20),
        cloud_cover=round(random.uniform(0, 100), 5),
        geometry=footprint,
        facts={
            "generated": (acquired + timedelta(hours=3)).isoformat(),
            "processing_baseline": "05.11",
            "sensing_start": acquired.isoformat(timespec="seconds"),
            "tile": name,
        },
    )


def _source(href: str, port: Port, random: Random, tile: tuple[int, int], metres: int) -> Source:
    side = TILE_M // metres
    band = metres == 10
    return Source(
        href=href,
        index=1,
        epsg=port.grid.epsg,
        transform=(float(metres), 0.0, float(tile[0]), 0.0, -float(metres), float(tile[1])),
        shape=(side, side),
        scale=1e-4 if band else 1.0,
        offset=-0.1 if band else 0.0,
        checksum="1220" + random.randbytes(32).hex(),
        size_bytes=random.randrange(150_000_000, 250_000_000) if band else 3_000_000,
    )
