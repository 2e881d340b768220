"""``collection.json``: a STAC collection whose assets are the published files, with hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pystac

from jobs.domain import Json
from jobs.publish.checksums import CHECKSUMS
from jobs.publish.dictionary import CSV_FILE, JSON_FILE
from jobs.publish.geopackage import GEOPACKAGE
from jobs.publish.provenance import PROVENANCE
from jobs.publish.publication import Publication
from jobs.publish.readme_text import README
from jobs.publish.source_items import ITEMS, derived_from
from jobs.publish.table_files import HISTORIES, SERIES
from jobs.publish.tree_digest import RECIPE, tree_digest
from jobs.visits import DEGREE_DECIMALS, HISTORIES_TABLE, PUBLISHED, PublishedTable
from jobs.visits import SERIES as SERIES_MEANINGS

FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
TABLE_EXTENSION = "https://stac-extensions.github.io/table/v1.2.0/schema.json"
CUBE_EXTENSION = "https://stac-extensions.github.io/datacube/v2.2.0/schema.json"
SHA256_MULTIHASH = "1220"
"""Prefix of a multihash: sha2-256, 32 bytes."""
PARQUET = "application/vnd.apache.parquet"
GPKG = "application/geopackage+sqlite3"
JSON_TYPE = "application/json"

TEXTS = (
    ("provenance", PROVENANCE, "What it was made from, and how to cite it", JSON_TYPE, "metadata"),
    ("items", ITEMS, "The catalogs' items that it was made from", JSON_TYPE, "metadata"),
    ("dictionary", JSON_FILE, "What every column and variable is", JSON_TYPE, "metadata"),
    ("dictionary-csv", CSV_FILE, "What every column and variable is", "text/csv", "metadata"),
    ("checksums", CHECKSUMS, "Digests of all files", "text/plain", "metadata"),
    ("readme", README, "What each file is, and how to open it", "text/plain", "overview"),
    ("report", "report.html", "Report", "text/html", "overview"),
)
"""Key, name, title, media type and role of the files that are no data."""


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
        stac_extensions=[FILE_EXTENSION, TABLE_EXTENSION, CUBE_EXTENSION],
        assets=dict(_assets(publication, folder)),
        extra_fields=_cube(publication),
    )
    stac.add_links(list(derived_from(publication.provenance.sources)))
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


def _assets(publication: Publication, folder: Path) -> Iterator[tuple[str, pystac.Asset]]:
    for name, published in PUBLISHED.items():
        title = f"{name}: {published.description}"
        facts = _table_facts(folder, name, published)
        yield name, _asset(folder, f"{name}.parquet", title, PARQUET, "data", facts)
        yield f"{name}-csv", _asset(folder, f"{name}.csv", title, "text/csv", "data")
    title = f"histories: {HISTORIES_TABLE.description}"
    facts = _table_facts(folder, "histories", HISTORIES_TABLE)
    yield "histories", _asset(folder, HISTORIES, title, PARQUET, "data", facts)
    title = "The tables as layers of one GeoPackage, but for the histories"
    yield "geopackage", _asset(folder, GEOPACKAGE, title, GPKG, "data")
    yield "port_visits", _zarr_asset(folder)
    for key, name, title, media_type, role in TEXTS:
        yield key, _asset(folder, name, title, media_type, role)


def _asset(
    folder: Path,
    name: str,
    title: str,
    media_type: str,
    role: str,
    facts: Mapping[str, Json] | None = None,
) -> pystac.Asset:
    content = (folder / name).read_bytes()
    digest = SHA256_MULTIHASH + hashlib.sha256(content).hexdigest()
    said = {"file:size": len(content), "file:checksum": digest, **(facts or {})}
    return pystac.Asset(f"./{name}", title, None, media_type, [role], said)


def _zarr_asset(folder: Path) -> pystac.Asset:
    """The folder of the series; ``file:checksum`` is for one file, so it has a digest of ours."""
    digest, size = tree_digest(folder / SERIES)
    return pystac.Asset(
        f"./{SERIES}",
        title="Counts per berth and day, week, month",
        description="berthwatch:tree_sha256 is what this command prints inside the folder: "
        f"{RECIPE}",
        media_type="application/vnd+zarr; version=3",
        roles=["data"],
        extra_fields={"berthwatch:tree_sha256": digest, "berthwatch:tree_size": size},
    )


def _table_facts(folder: Path, name: str, published: PublishedTable) -> dict[str, Json]:
    """The table extension's fields of one table."""
    columns: list[Json] = [
        {"name": column, "type": dtype, "description": published.meanings[column].line}
        for column, dtype in published.columns.items()
    ]
    rows: int = pq.read_metadata(folder / f"{name}.parquet").num_rows
    shape: dict[str, Json] = (
        {"table:primary_geometry": "geometry"} if "geometry" in published.columns else {}
    )
    return {"table:columns": columns, "table:row_count": rows, **shape}


def _cube(publication: Publication) -> dict[str, Json]:
    """The datacube extension's fields: axes and variables of the series by day."""
    days = publication.series["day"]
    places: list[Json] = [str(name) for name in days["port_berth"].values]
    return {
        "cube:dimensions": {
            "port_berth": {"type": "nominal", "values": places},
            "period": {
                "type": "temporal",
                "description": f"days; groups of {SERIES} by week and month have their own",
                "extent": [
                    f"{publication.period.start}T00:00:00Z",
                    f"{publication.period.end}T23:59:59Z",
                ],
                "step": "P1D",
            },
        },
        "cube:variables": {
            str(name): {
                "type": "data",
                "dimensions": ["port_berth", "period"],
                "description": SERIES_MEANINGS[str(name)].text,
                "unit": SERIES_MEANINGS[str(name)].unit,
            }
            for name in days.data_vars
        },
    }
