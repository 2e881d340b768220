"""``results.gpkg``: the tables as layers of one GeoPackage, for programs that read no Parquet.

What a GeoPackage cannot hold: a layer has one geometry, so the boxes around the vessels are a layer
of their own; times are to a millisecond; there is one null, so that NaN is NULL too. The histories
are left out, a table without places that is longer than all others together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pyarrow as pa
import pyogrio

from jobs.domain import Meaning
from jobs.publish.publication import Publication
from jobs.publish.table_files import whole_table
from jobs.visits import PUBLISHED

GEOPACKAGE = "results.gpkg"
VERSION = "1.3"
"""Of the format: of 1.4, GDAL's default, GDAL 3.6 (Debian 12) warns file by file, time by time."""

KINDS = {"berths": "Polygon", "ports": "Polygon", "voyages": "LineString"}
"""Kind of geometry by table; of the others it is a point."""

FOOTPRINTS = "vessel_footprints"
FOOTPRINT_COLUMNS = (
    "vessel_id",
    "port",
    "berth",
    "overpass_id",
    "time",
    "length_m",
    "beam_m",
    "score",
    "fixed",
    "place_seen",
    "place_looks",
    "counted",
    "review",
    "visit_id",
    "footprint",
)
"""Enough to filter and label the boxes; the rest is in the layer of the vessels."""


@dataclass(frozen=True)
class Layer:
    """One layer: its rows, kind of geometry, and texts."""

    name: str
    rows: gpd.GeoDataFrame
    kind: str
    description: str
    meanings: Mapping[str, Meaning]


def write_geopackage(publication: Publication, path: Path) -> None:
    """Write every table as a layer; the same publication gives the same bytes."""
    with _dated(f"{publication.period.end}T00:00:00Z"):
        for number, layer in enumerate(_layers(publication)):
            _write(layer, path, _about(publication) if number == 0 else None)


@contextmanager
def _dated(moment: str) -> Iterator[None]:
    """Let GDAL write that moment as the time of the last change: now would change the bytes."""
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": moment})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})


def _about(publication: Publication) -> dict[str, str]:
    return {
        "title": f"Port visits seen from space: {publication.job}",
        "tag": publication.tag,
        "plan_hash": publication.provenance.plan_hash,
        "attribution": "; ".join(publication.provenance.attributions),
    }


def _layers(publication: Publication) -> Iterator[Layer]:
    for name, published in PUBLISHED.items():
        rows = whole_table(publication, name)
        kind = KINDS.get(name, "Point")
        if "footprint" in rows:
            yield Layer(
                name,
                rows.drop(columns="footprint"),
                kind,
                published.description,
                published.meanings,
            )
            boxes = rows[list(FOOTPRINT_COLUMNS)].set_geometry("footprint")
            what = f"{published.description}: the box around its hull"
            yield Layer(FOOTPRINTS, boxes, "Polygon", what, published.meanings)
        else:
            yield Layer(name, rows, kind, published.description, published.meanings)


def _write(layer: Layer, path: Path, about: Mapping[str, str] | None) -> None:
    shape = layer.rows.geometry.name
    found = pa.table(layer.rows.to_arrow(index=False, geometry_encoding="WKB"))
    fields = [_commented(field, layer.meanings[field.name].line) for field in found.schema]
    pyogrio.write_arrow(
        found.cast(pa.schema(fields)),
        path,
        layer=layer.name,
        driver="GPKG",
        append=path.exists(),
        geometry_name=shape,
        geometry_type=layer.kind,
        crs="EPSG:4326",
        dataset_metadata=about,
        dataset_options={"VERSION": VERSION},
        layer_options={"IDENTIFIER": layer.name, "DESCRIPTION": layer.description},
    )


def _commented(field: pa.Field, text: str) -> pa.Field:
    """A field whose comment GDAL writes into the table of columns."""
    return field.with_metadata({**(field.metadata or {}), b"GDAL:OGR:comment": text.encode()})
