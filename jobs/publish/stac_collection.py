"""``collection.json``: a STAC collection whose assets are the published files, with hashes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path

import numpy as np
import pystac

from jobs.domain import Json
from jobs.publish.checksums import CHECKSUMS
from jobs.publish.provenance import PROVENANCE
from jobs.publish.publication import Publication
from jobs.publish.table_files import HISTORIES, SERIES
from jobs.visits import DEGREE_DECIMALS, PUBLISHED

FILE_EXTENSION = "https://stac-extensions.github.io/file/v2.1.0/schema.json"
SHA256_MULTIHASH = "1220"
"""Prefix of a multihash: sha2-256, 32 bytes."""


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
        _asset(folder, PROVENANCE, "What it was made from", "application/json", "metadata"),
    )
    yield "checksums", _asset(folder, CHECKSUMS, "Digests of all files", "text/plain", "metadata")
    yield "report", _asset(folder, "report.html", "Report", "text/html", "overview")


def _asset(folder: Path, name: str, title: str, media_type: str, role: str) -> pystac.Asset:
    content = (folder / name).read_bytes()
    digest = SHA256_MULTIHASH + hashlib.sha256(content).hexdigest()
    facts = {"file:size": len(content), "file:checksum": digest}
    return pystac.Asset(f"./{name}", title, None, media_type, [role], facts)
