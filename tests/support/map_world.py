"""A small job as a run leaves it: two ports with their archives and published results.

The first has berths and looks of every state; the second is larger than a tile and has no berth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from shapely.geometry import box

from jobs.archive import PortArchive
from jobs.domain import (
    SENSORS,
    EstimateSettings,
    Grid,
    OverpassRecord,
    Period,
    Pixels,
    Port,
    Quality,
    StageName,
    UnitResult,
    UnitState,
    port_geojson,
)
from jobs.publish import ArchiveImagery, Provenance, Publication, UnitCounts, publish
from jobs.storage import LocalFolder
from jobs.visits import estimate_port, joined_series, port_series, port_tables, with_estimates
from tests.support.factories import (
    LEFT,
    TOP,
    make_port,
    make_record,
    make_vessel,
    make_voyages,
    to_wgs84,
)
from tests.support.scenes import overpass, scene

SENSOR = SENSORS["sentinel-2-l2a"]
WIDE = Grid(epsg=32653, left=LEFT, top=TOP, width=1300, height=700)
PERIOD = Period(date(2024, 3, 1), date(2024, 3, 20))
AT_OIL, AT_ROADS = (LEFT + 1530.0, TOP - 1230.0), (LEFT + 3000.0, TOP - 3000.0)
JETTY = (LEFT + 700.0, TOP - 700.0)


def write_world(folder: Path) -> Path:
    """Write the archive and the results; returns the job file. No run could tell them from its
    own.
    """
    ports = {"RUVYP": make_port(), "WIDE": wide_port()}
    records = {"RUVYP": berth_records(), "WIDE": wide_records()}
    storage = LocalFolder(folder / "archive")
    archives = {
        id: fill_archive(storage, port, [r for r in records[id] if not lacks_pixels(r)])
        for id, port in ports.items()
    }
    publish(publication(list(ports.values()), records, archives), storage)
    for id, port in ports.items():
        (folder / f"{id}.geojson").write_text(json.dumps(port_geojson(port)))
    job = folder / "job.yaml"
    job.write_text(
        "name: world\n"
        "ports: [{id: RUVYP, file: RUVYP.geojson}, {id: WIDE, file: WIDE.geojson}]\n"
        f"period: {{start: {PERIOD.start}, end: {PERIOD.end}}}\n"
        "sources: [{catalog: catalog.json, collection: sentinel-2-l2a}]\n"
        "archive: archive\n"
    )
    return job


def wide_port() -> Port:
    left, bottom, right, top = WIDE.bounds
    area = to_wgs84(box(left + 50, bottom + 50, right - 50, top - 50))
    return replace(
        make_port(id="WIDE", name="Wide & open roads", berths=[]), area=area, grid=WIDE, locode=None
    )


def lacks_pixels(record: OverpassRecord) -> bool:
    """Whether the archive has no step of it: the last look at the first port."""
    return record.overpass_id == berth_records()[-1].overpass_id


def berth_records() -> list[OverpassRecord]:
    """Looks by day: 0 clear, 3 partly, 6 clouded, 9 outside, 12 clear, 15 clear without pixels."""
    shape = make_port().grid.shape
    cloudy = np.full(shape, int(Quality.CLOUD), np.uint8)
    half = cloudy.copy()
    half[:, :200] = 0
    ship = make_vessel(x=AT_OIL[0], y=AT_OIL[1], length_m=180)
    waiting = make_vessel(x=AT_ROADS[0], y=AT_ROADS[1], length_m=120, heading_deg=60)
    jetty = replace(make_vessel(x=JETTY[0], y=JETTY[1], length_m=90), fixed=True, background=0.9)
    return [
        make_record(hours=0, vessels=[ship, waiting, jetty]),
        make_record(hours=24 * 3, vessels=[ship], quality=half),
        make_record(hours=24 * 6, quality=cloudy),
        make_record(hours=24 * 9, quality=np.full(shape, int(Quality.NODATA), np.uint8)),
        make_record(hours=24 * 12, vessels=[waiting]),
        make_record(hours=24 * 15),
    ]


def wide_records() -> list[OverpassRecord]:
    far = make_vessel(x=LEFT + 11_000, y=TOP - 6000, length_m=200)
    return [
        make_record(hours=24 * day, vessels=[far] * (day == 0), port_id="WIDE", grid=WIDE)
        for day in (0, 5, 10)
    ]


def fill_archive(
    storage: LocalFolder, port: Port, records: Sequence[OverpassRecord]
) -> PortArchive:
    """The port's archive with a picture for every record."""
    found = PortArchive.create_or_open(storage, port, np.zeros(port.grid.shape, bool))
    found.ensure(
        replace(overpass(scene({})), id=r.overpass_id, acquired=r.acquired) for r in records
    )
    fork, steps = found.fork(), found.steps()
    results: list[tuple[UnitResult, str]] = []
    for number, record in enumerate(records):
        index = steps[record.overpass_id].index
        fork.write_pixels(SENSOR.name, index, picture(port.grid, record, number))
        fork.write_vessels(SENSOR.name, index, record.vessels, np.zeros(port.grid.shape, np.uint8))
        for stage in StageName:
            results.append((UnitResult(record.overpass_id, stage, UnitState.DONE), "key"))
    found.commit(results, [fork], "fill", {})
    return found


def picture(grid: Grid, record: OverpassRecord, seed: int) -> Pixels:
    """Water with waves, a bright shore in the west, white clouds, the record's ships."""
    rng = np.random.default_rng(seed)
    waves = gaussian_filter(rng.normal(0, 1, grid.shape), 1.5) * 0.01
    image = np.stack([0.06 + waves, 0.05 + waves, 0.04 + waves, 0.02 + waves])
    image[:, :, :40] = np.array([0.12, 0.15, 0.18, 0.3])[:, None, None]
    for vessel in record.vessels:
        row, column = _pixel(grid, vessel.x, vessel.y)
        image[:, row - 4 : row + 5, column - 2 : column + 2] = 0.25
    image[:, record.quality == int(Quality.CLOUD)] = 0.7
    numbers = SENSOR.encoding.encode(image.astype(np.float32))
    # a strip of every look was not imaged: the whole port where the look is outside
    numbers[:, :, -30:] = 0
    numbers[:, record.quality == int(Quality.NODATA)] = 0
    return Pixels(numbers, record.quality)


def _pixel(grid: Grid, x: float, y: float) -> tuple[int, int]:
    return int((grid.top - y) / grid.resolution_m), int((x - grid.left) / grid.resolution_m)


def publication(
    ports: Sequence[Port],
    records: Mapping[str, Sequence[OverpassRecord]],
    archives: Mapping[str, PortArchive],
) -> Publication:
    """What a run would publish of these records."""
    settings = EstimateSettings(draws=50, seed=3)
    seen = {port.id: port_tables(port, records[port.id]) for port in ports}
    estimates = {id: estimate_port(found, PERIOD, settings, ()) for id, found in seen.items()}
    tables = {id: with_estimates(found, estimates[id]) for id, found in seen.items()}
    series = [port_series(tables[port.id], estimates[port.id], PERIOD) for port in ports]
    items = {r.overpass_id: r.item_ids for found in records.values() for r in found}
    return Publication(
        job="world",
        tag="world-1",
        period=PERIOD,
        complete=False,
        units=UnitCounts(done=len(items), failed=1, pending=2),
        tables=tables,
        estimates=estimates,
        voyages=make_voyages(tables),
        settings=settings,
        series=joined_series(series, PERIOD),
        provenance=Provenance(
            plan_hash="9a4e1f0c77d2b3e8",
            code_version="0.1.0",
            model_digest="sha256:5d41402abc4b2a76b9719d911017c592",
            items=items,
            read={},
            attributions=("Contains modified Copernicus Sentinel data",),
        ),
        imagery=ArchiveImagery(archives),
    )
