"""Columns of Parquet and GeoParquet; positions may stand in a column of points alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyproj
import shapely
from numpy.typing import NDArray
from pyarrow import types

from jobs.ais.layouts import GEOMETRY, REQUIRED, Columns, columns_of, unknown_columns
from jobs.errors import InputError

POINT_NAMES = ("longitude of the points", "latitude of the points")


def parquet_columns(table: str, schema: pa.Schema) -> Columns:
    """The meaning of the columns; with two more behind the last where points give the positions.

    InputError for a table that lacks a required column, has two columns of one name or one whose
    type cannot hold its meaning, or whose points are in another coordinate system than longitude
    and latitude.
    """
    names = list(schema.names)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{table}: has two columns {repeated[0]}; expected one: rename the other")
    columns = columns_of(names) or _with_points(table, schema)
    for name, place in columns.used.items():
        for at in (place, *columns.doubles.get(name, ())):
            if at < len(names):
                _refuse_other_type(table, name, schema.field(at))
    return columns


def _with_points(table: str, schema: pa.Schema) -> Columns:
    """The columns of a table whose positions are points."""
    names = list(schema.names)
    timed = columns_of(names, [name for name in REQUIRED if name not in ("lon", "lat")])
    points = _point_column(schema)
    if timed is None or points not in names or {"lon", "lat"} & set(timed.used):
        raise unknown_columns(table, names)
    kind = schema.field(points).type
    if not (_is_bytes(kind) or (types.is_struct(kind) and {"x", "y"} <= {f.name for f in kind})):
        raise InputError(
            f"{table}: its points are {kind}; expected WKB or x and y, as GeoParquet has them: add "
            "columns longitude and latitude"
        )
    _refuse_other_system(table, schema)
    used = {**timed.used, "lon": len(names), "lat": len(names) + 1}
    return replace(timed, header=(*names, *POINT_NAMES), used=used)


def _refuse_other_type(table: str, name: str, column: pa.Field) -> None:
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    is_number = any(test(kind) for test in (types.is_integer, types.is_floating, types.is_decimal))
    is_text = _is_bytes(kind) or any(
        test(kind) for test in (types.is_string, types.is_large_string, types.is_string_view)
    )
    is_time = types.is_timestamp(kind) or types.is_date(kind)
    if name in ("mmsi", "time") and kind in (pa.float32(), pa.float16()):
        raise InputError(
            f"{table}: column {column.name} is {kind}, which has lost digits; expected whole "
            "numbers or float64: write the table again"
        )
    if not (is_number or is_text or types.is_null(kind) or (is_time and name == "time")):
        raise InputError(
            f"{table}: column {column.name}, read as {name}, is {kind}; expected numbers or texts"
            f"{' or times' * (name == 'time')}: rename it, or write it so"
        )


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def read_names(columns: Columns, schema: pa.Schema) -> list[str]:
    """Names of the columns to read."""
    stored = len(schema.names)
    found = [columns.header[at] for at in columns.positions if at < stored]
    return found if columns.positions[-1] < stored else [*found, _point_column(schema)]


def parquet_rows(batch: pa.RecordBatch, columns: Columns, schema: pa.Schema) -> pd.DataFrame:
    """The batch's rows with one column a position of the table."""
    stored = len(schema.names)
    given = {
        at: _series(batch.column(columns.header[at])) for at in columns.positions if at < stored
    }
    if columns.positions[-1] >= stored:
        for number, values in enumerate(_coordinates(batch.column(_point_column(schema)))):
            given[stored + number] = pd.Series(values)
    return pd.DataFrame(given)


def _series(column: pa.Array) -> pd.Series:
    """The column for pandas; bytes are texts whose writer did not say so."""
    given = column.to_pandas()
    return given.str.decode("utf-8", errors="replace") if _is_bytes(column.type) else given


def _coordinates(points: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(row,) longitudes and latitudes; NaN where there is no point."""
    if types.is_struct(points.type):
        x, y = (pc.struct_field(points, name).cast("float64") for name in ("x", "y"))
        return x.to_numpy(zero_copy_only=False), y.to_numpy(zero_copy_only=False)
    shapes = shapely.from_wkb(points.to_numpy(zero_copy_only=False), on_invalid="ignore")
    shapes = np.where(shapely.is_empty(shapes), None, shapes)
    return shapely.get_x(shapes), shapely.get_y(shapes)


def _point_column(schema: pa.Schema) -> str:
    """Name of the column of points: GeoParquet's primary one, else geometry."""
    try:
        told = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
        return str(told.get("primary_column", GEOMETRY))
    except (ValueError, AttributeError):
        return GEOMETRY


def _refuse_other_system(table: str, schema: pa.Schema) -> None:
    """InputError where the metadata name a system other than longitude and latitude on WGS 84."""
    try:
        told = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
        system = told.get("columns", {}).get(_point_column(schema), {}).get("crs")
        found = pyproj.CRS.from_user_input(system) if system else None
    except (ValueError, AttributeError, pyproj.exceptions.CRSError) as error:
        raise InputError(
            f"{table}: its metadata on the points cannot be read ({error}); expected GeoParquet in "
            "longitude and latitude: add columns longitude and latitude"
        ) from error
    # GeoParquet's points are x, y whatever the axis order of the system
    if found is not None and not found.equals(pyproj.CRS("OGC:CRS84"), ignore_axis_order=True):
        raise InputError(
            f"{table}: its points are in {found.name}; expected longitude and latitude (WGS 84): "
            "transform them to EPSG:4326"
        )
