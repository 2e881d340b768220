"""Names that catalogs give to the facts of a Sentinel-2 product, with the source of each.

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
_CDSE = "Copernicus Data Space STAC, collection sentinel-2-l2a (its documentation)"
_PROCESSING = "STAC processing extension"

BASELINE = (
    Spelling("s2:processing_baseline", _S2),
    Spelling("sentinel:processing_baseline", _V0),
    Spelling("processing:version", f"{_CDSE}; {_PROCESSING}"),
)
"""Processing baseline, such as 05.11."""

PRODUCT = (
    Spelling("s2:product_uri", _S2),
    Spelling("sentinel:product_id", _V0),
    Spelling("earthsearch:s3_path", "Earth Search v1 (recorded item)"),
)
"""Name of the product; the item's id is tried after these."""

DATASTRIP = (
    Spelling("s2:datastrip_id", _S2),
    Spelling("eopf:datastrip_id", _CDSE),
)
"""Name of the data strip, which holds the start of sensing (``_S20240501T021022_``)."""

GENERATED = (
    Spelling("s2:generation_time", _S2),
    Spelling("processing:datetime", f"{_CDSE}; {_PROCESSING}"),
    Spelling("created", "STAC common metadata"),
)
"""When the product was made."""

TILE = (
    Spelling("s2:mgrs_tile", _S2),
    Spelling("grid:code", "STAC grid extension: Earth Search v1, Copernicus Data Space"),
)
"""Name of the MGRS tile."""


def stated(properties: Mapping[str, Any], fact: tuple[Spelling, ...]) -> Iterator[str]:
    """Values of a fact that an item states, as text, in the order of the table."""
    for spelling in fact:
        value = properties.get(spelling.key)
        if value not in (None, ""):
            yield str(value)
