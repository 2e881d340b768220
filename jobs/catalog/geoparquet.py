"""Items of a catalog in one stac-geoparquet file, filtered by its columns before they are built."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import Polygon
from stac_geoparquet.arrow import stac_table_to_items

from jobs.catalog.footprint import near_180
from jobs.catalog.query import Rejected, item_name, time_range, unknown_collection
from jobs.catalog.stac_item import Item
from jobs.catalog.transport import CatalogReader, own_address, with_absolute_hrefs
from jobs.domain import Period, SourceSpec
from jobs.errors import CatalogError

BATCH_ROWS = 5000
"""Items in memory at a time; each takes some 10 kB."""

_NEEDED = ("id", "geometry", "assets")
"""Columns without which a file holds no items."""

_BOX = ("xmin", "ymin", "xmax", "ymax")

_NO_PLACE = shapely.to_wkb(Polygon())
"""Stands for a missing geometry while rows are made items, which needs one in every row."""

_UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    AssertionError,
    ShapelyError,
    pa.ArrowException,
)
"""What the conversion of a row raises for values that it does not expect."""


def parquet_items(
    source: SourceSpec, area: Polygon, period: Period, reader: CatalogReader
) -> Iterator[Item | Rejected]:
    """Items of the collection near area and period, with absolute asset hrefs.

    A row that cannot be made an item is one rejected item.
    """
    known: set[str] = set()
    try:
        with pq.ParquetFile(reader.file(source.catalog)) as file:
            _check_columns(file.schema_arrow)
            for batch in file.iter_batches(BATCH_ROWS):
                table = pa.Table.from_batches([batch])
                known |= _collections(table)
                for item in _items_of(_rows_near(table, source, area, period), source):
                    yield with_absolute_hrefs(item, own_address(item, source.catalog))
    except (OSError, pa.ArrowException, KeyError) as error:
        raise CatalogError(
            f"cannot read {source.catalog} as stac-geoparquet: {error}; expected a file "
            "such as `rustac translate items.json items.parquet` writes"
        ) from error
    if known and source.collection not in known:
        raise unknown_collection(source, sorted(known))


def _check_columns(schema: pa.Schema) -> None:
    missing = [name for name in _NEEDED if name not in schema.names]
    if missing:
        raise KeyError(f"it has no column {missing[0]}")


def _items_of(table: pa.Table, source: SourceSpec) -> list[Item | Rejected]:
    """All rows as items; row by row where one of them cannot be read."""
    try:
        return _converted(table)
    except _UNREADABLE:
        rows = (table.slice(row, 1) for row in range(len(table)))
        return [_item_of(row, source) for row in rows]


def _item_of(row: pa.Table, source: SourceSpec) -> Item | Rejected:
    try:
        (item,) = _converted(row)
    except _UNREADABLE as error:
        name = item_name({"id": row["id"][0].as_py()})
        reason = f"its row cannot be read as an item: {type(error).__name__}: {error}"
        return Rejected(name, source.catalog, source.collection, reason)
    return item


def _converted(table: pa.Table) -> list[Item | Rejected]:
    places = table["geometry"]
    if places.null_count:
        filled = pc.fill_null(places, pa.scalar(_NO_PLACE, places.type))
        table = table.set_column(table.column_names.index("geometry"), "geometry", filled)
    return [_with_null_geometry(item) for item in stac_table_to_items(_with_boxes(table))]


def _with_boxes(table: pa.Table) -> pa.Table:
    """The table with a box in every row, of the geometry where one is missing.

    Rows become items only with boxes; the geometry decides where an item lies.
    """
    known = _has_boxes(table.schema)
    if known and not any(pc.struct_field(table["bbox"], name).null_count for name in _BOX):
        return table
    shapes = shapely.from_wkb(table["geometry"].to_numpy(zero_copy_only=False))
    edges = [pa.array(column) for column in shapely.bounds(shapes).T]
    boxes = pa.StructArray.from_arrays(edges, names=list(_BOX))
    if "bbox" in table.column_names:
        table = table.drop_columns("bbox")
    return table.append_column("bbox", boxes)


def _with_null_geometry(item: Item) -> Item:
    return item if item["geometry"]["coordinates"] else {**item, "geometry": None}


def _collections(table: pa.Table) -> set[str]:
    if "collection" not in table.column_names:
        return set()
    return {str(name) for name in pc.unique(table["collection"]).to_pylist() if name is not None}


def _rows_near(table: pa.Table, source: SourceSpec, area: Polygon, period: Period) -> pa.Table:
    """Rows that may match, judged by columns alone: building an item costs a hundred times more.

    What a row does not say is no reason to leave it out.
    """
    keep = pc.scalar(True)
    if "collection" in table.column_names:
        own = pc.field("collection")
        keep &= own.is_null() | (own == source.collection)
    if "datetime" in table.column_names:
        start, end = time_range(period)
        if getattr(table.schema.field("datetime").type, "tz", "UTC") is None:
            start, end = start.replace(tzinfo=None), end.replace(tzinfo=None)
        moment = pc.field("datetime")
        keep &= moment.is_null() | ((moment >= start) & (moment < end))
    if _has_boxes(table.schema):
        keep &= _box_near(area)
    return table.filter(keep)


def _has_boxes(schema: pa.Schema) -> bool:
    """Whether there is a column of boxes as the format prescribes; older writers made lists."""
    if "bbox" not in schema.names:
        return False
    kind = schema.field("bbox").type
    return pa.types.is_struct(kind) and all(kind.get_field_index(name) >= 0 for name in _BOX)


def _box_near(area: Polygon) -> pc.Expression:
    """Near 180 degrees the latitudes decide alone: boxes there are written in any turn."""
    west, south, east, north = area.bounds
    x0, y0, x1, y1 = (pc.field("bbox", name) for name in _BOX)
    unknown = pc.field("bbox").is_null()
    for edge in (x0, y0, x1, y1):
        unknown |= edge.is_null() | edge.is_nan()
    meets = (y0 <= north) & (y1 >= south)
    if not near_180(area):
        within = (x0 <= east) & (x1 >= west)
        across = (x0 > x1) | (x1 > 180) | (x0 < -180)
        meets &= within | across
    return unknown | meets
