"""Names that catalogs give to the facts of a product, with the source of each.

The code reads this table and no name beside it; ``docs/catalogs.md`` says what was verified where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spelling:
    """One property of an item that holds a fact."""

    key: str
    source: str
    """Catalog or document that spells it so."""


_S2 = "STAC Sentinel-2 extension: Earth Search v1, Planetary Computer (recorded items)"
_V0 = "Earth Search v0 (recorded item)"
_CDSE = "Copernicus Data Space STAC, collection sentinel-2-l2a (public record)"
_EOPF = "EOPF extension 1.2, https://github.com/CS-SI/eopf-stac-extension"
_PROCESSING = "STAC processing extension"
_GRID = (
    "STAC grid extension: Earth Search v1 (recorded item), Copernicus Data Space (public record)"
)
_MGRS = "STAC MGRS extension: Earth Search v1 (recorded item), EOPF sample service (its template)"
_LANDSAT = "Earth Search v1, landsat-c2-l2 (recorded item)"
_GRD = "Earth Search v1, sentinel-1-grd (recorded item)"
_DEA = "Digital Earth Australia, eo-datasets 3 (public record)"

BASELINE = (
    Spelling("s2:processing_baseline", _S2),
    Spelling("sentinel:processing_baseline", _V0),
    Spelling("processing:version", f"{_CDSE}; {_PROCESSING}"),
)
"""Processing baseline, such as 05.11."""

PRODUCT = (
    Spelling("s2:product_uri", _S2),
    Spelling("sentinel:product_id", f"{_V0}; Digital Earth Africa, s2_l2a (public record)"),
    Spelling("earthsearch:s3_path", "Earth Search v1 (recorded item)"),
)
"""Name of the product; the item's id is tried after these."""

DATASTRIP = (
    Spelling("s2:datastrip_id", _S2),
    Spelling("eopf:datastrip_id", f"{_CDSE}; {_EOPF}"),
    Spelling("sentinel:datastrip_id", _DEA),
)
"""Name of the data strip, which holds the start of sensing (``_S20240501T021022_``)."""

GENERATED = (
    Spelling("s2:generation_time", _S2),
    Spelling("processing:datetime", f"{_CDSE}; {_PROCESSING}"),
    Spelling("landsat:product_generated", _LANDSAT),
    Spelling("s1:processing_datetime", _GRD),
    Spelling("created", "STAC common metadata"),
)
"""When the product was made."""

PRODUCED = (
    Spelling("s2:generation_time", _S2),
    Spelling("processing:datetime", f"{_CDSE}; {_PROCESSING}"),
    Spelling("landsat:product_generated", _LANDSAT),
    Spelling("s1:processing_datetime", _GRD),
)
"""When the pixels were made: another time, other pixels."""

TOUCHED = (
    Spelling("updated", "STAC common metadata"),
    Spelling("created", "STAC common metadata"),
)
"""When the item was written. Catalogs rewrite items in bulk without touching a file, so that it
tells of other pixels only where the item says nothing better."""

CHECKSUM = (
    Spelling("file:checksum", "STAC file extension: Earth Search v1, Copernicus Data Space"),
    Spelling("checksum:multihash", "STAC checksum extension, the former one"),
)
"""Checksum of an asset's file, a multihash in hex."""

ETAG = (
    Spelling("file:etag", "none known: by the manner of the file extension"),
    Spelling("etag", "none known: the name of the header of HTTP"),
    Spelling("ETag", "none known: the name of the header of HTTP"),
)
"""ETag of an asset's file."""

TILE = (
    Spelling("s2:mgrs_tile", "Planetary Computer (recorded item)"),
    Spelling("grid:code", _GRID),
)
"""Name of the MGRS tile."""

TILE_PARTS = (
    (
        Spelling("mgrs:utm_zone", _MGRS),
        Spelling("mgrs:latitude_band", _MGRS),
        Spelling("mgrs:grid_square", _MGRS),
    ),
    (
        Spelling("sentinel:utm_zone", f"{_V0}; {_DEA}"),
        Spelling("sentinel:latitude_band", f"{_V0}; {_DEA}"),
        Spelling("sentinel:grid_square", f"{_V0}; {_DEA}"),
    ),
)
"""The tile's zone, band and square, where its name is given in three."""

ASSET_KIND = (
    Spelling("pl:asset_type", "Planet's STAC extension (its examples), orders delivered as STAC"),
)
"""What an asset is, where its key is the name of a file."""

GROUND_CONTROL = (Spelling("pl:ground_control", "Planet's STAC extension (its examples)"),)
"""False where the product's position is uncertain."""

OFFSET_APPLIED = (
    Spelling("earthsearch:boa_offset_applied", "Earth Search v1 (recorded item)"),
    Spelling("sentinel:boa_offset_applied", _V0),
)
"""True where the offset is in the digital numbers already."""


def stated(properties: Mapping[str, Any], fact: tuple[Spelling, ...]) -> Iterator[str]:
    """Values of a fact that an item states, as text, in the order of the table."""
    for spelling in fact:
        value = properties.get(spelling.key)
        if value not in (None, ""):
            yield str(value)
