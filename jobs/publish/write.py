"""Writing a publication down: plain files in one folder that appears whole or not at all.

No clock, no chance and no machine's path goes into a byte of them, so that two publications of the
same content are the same files. CSV twins hold a point as ``lon`` and ``lat`` and a polygon as WKT.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pystac
import shapely
import xarray as xr
from numpy.typing import NDArray

from jobs.domain import Json, Port
from jobs.errors import InputError
from jobs.publish.publication import Publication
from jobs.publish.report import render
from jobs.storage import Storage
from jobs.visits.columns import TIME, frame, table, typed
from jobs.visits.occupancy.draws import StayDraws
from jobs.visits.schema import (
    DEGREE_DECIMALS,
    HISTORY_COLUMNS,
    PUBLISHED,
)

HISTORIES = "histories.parquet"
HISTORIES_KEPT = 200
"""Enough to count anything from to a tenth of its spread; all of them would be ten times as
large."""
SERIES = "port_visits.zarr"
MARKER = "collection.json"
"""Holds the hashes of all others, and so is written last."""
FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
SHA256_MULTIHASH = "1220"
"""Prefix of a multihash: sha2-256, 32 bytes."""


def publish(publication: Publication, storage: Storage) -> str:
    """Write ``published/<job>/<tag>/`` and name it in ``latest.json``; gives that folder's name.

    A folder that is there already is left as it is. Raises InputError for a job or a tag that is
    no plain folder name.
    """
    home = f"published/{_folder_name(publication.job, 'job')}"
    folder = f"{home}/{_folder_name(publication.tag, 'tag')}"
    if not storage.exists(f"{folder}/{MARKER}"):
        with storage.whole_folder(folder, MARKER) as hidden:
            write_files(publication, hidden)
    storage.write(f"{home}/latest.json", _json(latest(publication)))
    return folder


def latest(publication: Publication) -> dict[str, Json]:
    """What ``latest.json`` says; the folder is relative to it."""
    return {
        "tag": publication.tag,
        "folder": publication.tag,
        "complete": publication.complete,
        "units": _units(publication),
    }


def write_files(publication: Publication, folder: Path) -> None:
    """Write every file of a publication into a folder."""
    for name in PUBLISHED:
        rows = whole_table(publication, name)
        rows.to_parquet(folder / f"{name}.parquet", index=False)
        (folder / f"{name}.csv").write_bytes(as_csv(rows, points=name != "voyages").encode())
    histories(publication).to_parquet(folder / HISTORIES, index=False)
    _write_series(publication, folder / SERIES)
    (folder / "provenance.json").write_bytes(_json(provenance(publication)))
    (folder / "report.html").write_bytes(render(publication).encode())
    (folder / MARKER).write_bytes(_json(collection(publication, folder)))


def _folder_name(name: str, what: str) -> str:
    if not name or name.startswith(".") or name != Path(name).name or "\\" in name:
        raise InputError(
            f"{what} {name!r} cannot name a folder; use letters, digits, dots and dashes"
        )
    return name


# --- tables -------------------------------------------------------------------------------------


def whole_table(publication: Publication, name: str) -> gpd.GeoDataFrame:
    """One table of all ports, by port id and then as the port's table orders it."""
    if name == "voyages":
        return publication.voyages
    if name == "estimates":
        parts = [publication.estimates[port.id].berths for port in publication.ports]
    else:
        parts = [getattr(publication.tables[port.id], name) for port in publication.ports]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else table(PUBLISHED[name].columns, [])


def histories(publication: Publication) -> pd.DataFrame:
    """HISTORY_COLUMNS: the first histories of every berth, by port, berth, history and arrival."""
    parts = [
        _history(stays)
        for port in publication.ports
        for stays in publication.estimates[port.id].stays
    ]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled or [frame(HISTORY_COLUMNS)], ignore_index=True)


def _history(stays: StayDraws) -> pd.DataFrame:
    kept = stays.draw < HISTORIES_KEPT
    names = np.array([*stays.visit_ids, ""], dtype=object)
    columns = {
        "history": stays.draw[kept],
        "port": stays.port,
        "berth": stays.berth,
        "arrival": _moments(stays, stays.arrival[kept]),
        "departure": _moments(stays, stays.departure[kept]),
        "length_m": np.round(stays.length_m[kept], 1),
        "visit_id": names[stays.visit[kept]],
    }
    return typed(pd.DataFrame(columns), HISTORY_COLUMNS)


def _moments(stays: StayDraws, days: NDArray[np.float64]) -> pd.DatetimeIndex:
    """UTC, to the second."""
    return pd.Timestamp(stays.origin) + pd.to_timedelta(np.round(days * 86_400), unit="s")


def as_csv(rows: gpd.GeoDataFrame, points: bool = True) -> str:
    """CSV with every float so that it reads back the same, times as 2024-03-07T02:10:00.000000Z.

    points: the geometry is a point, and stands as lon and lat; else it stands as WKT.
    """
    columns: dict[str, pd.Series] = {}
    for name in rows.columns:
        if name == "geometry" and points:
            columns |= {"lon": rows.geometry.x, "lat": rows.geometry.y}
        else:
            columns[name] = _csv_column(rows[name])
    text: str = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
    return text


def _csv_column(column: pd.Series) -> pd.Series:
    if column.dtype == TIME:
        return column.dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(column, gpd.GeoSeries):
        return column.to_wkt(rounding_precision=DEGREE_DECIMALS)
    return column


# --- series -------------------------------------------------------------------------------------


def _write_series(publication: Publication, store: Path) -> None:
    """Plain Zarr v3 with a group for day, week and month."""
    datasets = {name: _encoded(dataset) for name, dataset in sorted(publication.series.items())}
    with warnings.catch_warnings():
        # xarray's readers look for consolidated metadata and complain where there is none, while
        # zarr's writer warns that version 3 of the format does not name it yet
        warnings.filterwarnings("ignore", message="Consolidated metadata")
        xr.DataTree.from_dict(datasets).to_zarr(store, zarr_format=3, consolidated=True)


def _encoded(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with its encoding pinned, where xarray would derive it from the values."""
    days = {"units": "days since 1970-01-01", "calendar": "standard", "dtype": "int32"}
    pinned = dataset.copy()
    for name in ("period", "period_end"):
        pinned[name].encoding = days
    return pinned


# --- documents ----------------------------------------------------------------------------------


def provenance(publication: Publication) -> dict[str, Json]:
    """What the numbers were made from, as JSON."""
    origin = publication.provenance
    return {
        "job": publication.job,
        "tag": publication.tag,
        "period": {"start": f"{publication.period.start}", "end": f"{publication.period.end}"},
        "complete": publication.complete,
        "units": _units(publication),
        "plan_hash": origin.plan_hash,
        "code_version": origin.code_version,
        "estimates": asdict(publication.settings),
        "model_digest": origin.model_digest,
        "ports": [_port(port) for port in publication.ports],
        "items": {overpass: list(items) for overpass, items in origin.items.items()},
        "attributions": list(origin.attributions),
        "failed": [
            {"overpass_id": unit.overpass_id, "stage": unit.stage.value, "reason": unit.reason}
            for unit in publication.failures
        ],
    }


def _units(publication: Publication) -> dict[str, Json]:
    units = publication.units
    return {"done": units.done, "failed": units.failed, "pending": units.pending}


def _port(port: Port) -> dict[str, Json]:
    return {
        "id": port.id,
        "name": port.name,
        "country": port.country,
        "locode": port.locode,
        "approximate": port.approximate,
        "area": shapely.to_wkt(port.area, rounding_precision=DEGREE_DECIMALS),
        "grid": {"epsg": port.grid.epsg, "bounds": list(port.grid.bounds)},
        "berths": [
            {
                "id": berth.id,
                "name": berth.name,
                "kind": berth.kind.value,
                "capacity": berth.capacity,
                "polygon": shapely.to_wkt(berth.polygon, rounding_precision=DEGREE_DECIMALS),
            }
            for berth in port.berths
        ],
    }


def collection(publication: Publication, folder: Path) -> dict[str, Json]:
    """A STAC collection whose assets are the files already in the folder, with their hashes."""
    stac = pystac.Collection(
        id=f"{publication.job}-{publication.tag}",
        title=f"Port visits seen from space: {publication.job}",
        description="Ships at berths, found in satellite images by Berthwatch: what was seen, and "
        "estimates with intervals that include ships between looks and under cloud.",
        extent=_extent(publication),
        license="other",
        keywords=["ships", "ports", "port visits"],
        providers=[
            pystac.Provider(line, roles=[pystac.ProviderRole.LICENSOR])
            for line in publication.provenance.attributions
        ],
        stac_extensions=[FILE_EXTENSION],
        assets=dict(_assets(folder)),
    )
    stac.remove_links(pystac.RelType.ROOT)
    document: dict[str, Json] = stac.to_dict(include_self_link=False, transform_hrefs=False)
    return document


def _extent(publication: Publication) -> pystac.Extent:
    bounds = np.array([port.area.bounds for port in publication.ports])
    boxes = [box.round(DEGREE_DECIMALS).tolist() for box in bounds]
    whole = [*bounds[:, :2].min(axis=0), *bounds[:, 2:].max(axis=0)]
    # STAC wants the box of everything first, and single ones only where there are several
    union = [round(float(side), DEGREE_DECIMALS) for side in whole]
    start = datetime.combine(publication.period.start, time.min, UTC)
    end = datetime.combine(publication.period.end, time(23, 59, 59), UTC)
    return pystac.Extent(
        pystac.SpatialExtent([union] if len(boxes) == 1 else [union, *boxes]),
        pystac.TemporalExtent([[start, end]]),
    )


def _assets(folder: Path) -> Iterator[tuple[str, pystac.Asset]]:
    for name, published in PUBLISHED.items():
        title = f"{name}: {published.description}"
        parquet = "application/vnd.apache.parquet"
        yield name, _asset(folder, f"{name}.parquet", title, parquet, "data")
        yield f"{name}-csv", _asset(folder, f"{name}.csv", title, "text/csv", "data")
    yield (
        "histories",
        _asset(
            folder,
            HISTORIES,
            "histories: one stay in one of the equally likely histories of a berth",
            "application/vnd.apache.parquet",
            "data",
        ),
    )
    yield (
        "port_visits",
        pystac.Asset(
            f"./{SERIES}",
            title="Counts per berth and day, week, month",
            media_type="application/vnd+zarr; version=3",
            roles=["data"],
        ),
    )
    yield (
        "provenance",
        _asset(folder, "provenance.json", "What it was made from", "application/json", "metadata"),
    )
    yield "report", _asset(folder, "report.html", "Report", "text/html", "overview")


def _asset(folder: Path, name: str, title: str, media_type: str, role: str) -> pystac.Asset:
    content = (folder / name).read_bytes()
    digest = SHA256_MULTIHASH + hashlib.sha256(content).hexdigest()
    facts = {"file:size": len(content), "file:checksum": digest}
    return pystac.Asset(f"./{name}", title, None, media_type, [role], facts)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
