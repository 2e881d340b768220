"""Columns of Parquet and GeoParquet; positions may stand in a column of points alone."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyproj
import shapely
from numpy.typing import NDArray

from jobs.ais.layouts import GEOMETRY, REQUIRED, Columns, columns_of, unknown_columns
from jobs.errors import InputError

POINT_NAMES = ("longitude of the points", "latitude of the points")


def parquet_columns(table: str, schema: pa.Schema) -> Columns:
    """The meaning of the columns; with two more behind the last where points give the positions.

    InputError for a table that lacks a required column, has two columns of one name, or whose
    points are in another coordinate system than longitude and latitude.
    """
    names = list(schema.names)
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InputError(f"{table}: has two columns {repeated[0]}; expected one: rename the other")
    columns = columns_of(names)
    if columns is not None:
        return columns
    timed = columns_of(names, [name for name in REQUIRED if name not in ("lon", "lat")])
    if timed is None or GEOMETRY not in names or {"lon", "lat"} & set(timed.used):
        raise unknown_columns(table, names)
    _refuse_other_system(table, schema)
    used = {**timed.used, "lon": len(names), "lat": len(names) + 1}
    return replace(timed, header=(*names, *POINT_NAMES), used=used)


def read_names(columns: Columns, stored: int) -> list[str]:
    """Names of the columns to read of a table that has ``stored`` of them."""
    found = [columns.header[at] for at in columns.positions if at < stored]
    return found if columns.positions[-1] < stored else [*found, GEOMETRY]


def parquet_rows(batch: pa.RecordBatch, columns: Columns, stored: int) -> pd.DataFrame:
    """The batch's rows with one column a position of the table."""
    given = {
        at: batch.column(columns.header[at]).to_pandas() for at in columns.positions if at < stored
    }
    if columns.positions[-1] >= stored:
        for number, values in enumerate(_coordinates(batch.column(GEOMETRY))):
            given[stored + number] = pd.Series(values)
    return pd.DataFrame(given)


def _coordinates(points: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(row,) longitudes and latitudes; NaN where there is no point."""
    if pa.types.is_struct(points.type):
        x, y = (points.field(name).to_numpy(zero_copy_only=False) for name in ("x", "y"))
        return x, y
    shapes = shapely.from_wkb(points.to_numpy(zero_copy_only=False), on_invalid="ignore")
    shapes = np.where(shapely.is_empty(shapes), None, shapes)
    return shapely.get_x(shapes), shapely.get_y(shapes)


def _refuse_other_system(table: str, schema: pa.Schema) -> None:
    """InputError where the metadata name a system other than longitude and latitude on WGS 84."""
    try:
        told = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
        system = told.get("columns", {}).get(GEOMETRY, {}).get("crs")
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
