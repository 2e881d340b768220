"""Items of a catalog in one stac-geoparquet file, filtered by its columns before they are built."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from shapely.geometry import Polygon
from stac_geoparquet.arrow import stac_table_to_items

from jobs.catalog.query import time_range, unknown_collection
from jobs.catalog.stac_item import Item
from jobs.catalog.transport import CatalogReader, self_href, with_absolute_hrefs
from jobs.domain import Period, SourceSpec
from jobs.errors import CatalogError

BATCH_ROWS = 5000
"""Items in memory at a time; each takes some 10 kB."""


def parquet_items(
    source: SourceSpec, area: Polygon, period: Period, reader: CatalogReader
) -> Iterator[Item]:
    """Items of the collection near area and period, with absolute asset hrefs."""
    known: set[str] = set()
    try:
        with pq.ParquetFile(reader.file(source.catalog)) as file:
            for batch in file.iter_batches(BATCH_ROWS):
                table = pa.Table.from_batches([batch])
                known |= _collections(table)
                for item in stac_table_to_items(_rows_near(table, source, area, period)):
                    yield with_absolute_hrefs(item, self_href(item) or source.catalog)
    except (OSError, pa.ArrowException, KeyError) as error:
        raise CatalogError(
            f"cannot read {source.catalog} as stac-geoparquet: {error}; expected a file "
            "such as `rustac translate items.json items.parquet` writes"
        ) from error
    if known and source.collection not in known:
        raise unknown_collection(source, sorted(known))


def _collections(table: pa.Table) -> set[str]:
    if "collection" not in table.column_names:
        return set()
    return {str(name) for name in pc.unique(table["collection"]).to_pylist() if name is not None}


def _rows_near(table: pa.Table, source: SourceSpec, area: Polygon, period: Period) -> pa.Table:
    """Rows that may match, judged by columns alone: building an item costs a hundred times more."""
    start, end = time_range(period)
    west, south, east, north = area.bounds
    keep = pc.scalar(True)
    if "collection" in table.column_names:
        keep &= pc.field("collection") == source.collection
    if "datetime" in table.column_names:
        moment = pc.field("datetime")
        keep &= moment.is_null() | ((moment >= start) & (moment < end))
    if "bbox" in table.column_names:
        x0, y0, x1, y1 = (pc.field("bbox", name) for name in ("xmin", "ymin", "xmax", "ymax"))
        meets = (x0 <= east) & (x1 >= west) & (y0 <= north) & (y1 >= south)
        keep &= pc.field("bbox").is_null() | (x0 > x1) | meets
    return table.filter(keep)
