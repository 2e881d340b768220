"""Column types of the published tables, and frames made with them.

Every table states its columns once, as a mapping from name to dtype: those of imagery in
``jobs.visits.schema``, those of AIS in ``jobs.ais.schema``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import geopandas as gpd
import pandas as pd

from jobs.domain import WGS84, Meaning

Columns: TypeAlias = Mapping[str, str]
"""Dtype by column name, in the order of the columns."""

TEXT, CATEGORY = "string", "category"
NUMBER, SINGLE = "float64", "float32"
COUNT, WHOLE, OPTIONAL_WHOLE = "int32", "int64", "Int64"
FLAG = "bool"
TIME = "datetime64[us, UTC]"
SHAPE = "geometry"
"""A shapely geometry in WGS 84."""


@dataclass(frozen=True)
class PublishedTable:
    """One published table: its columns, what one row is, and what each column means."""

    columns: Columns
    description: str
    meanings: Mapping[str, Meaning]
    """By column, of every column."""


def table(columns: Columns, rows: Iterable[Mapping[str, object]]) -> gpd.GeoDataFrame:
    """A table with just these columns and types, whether or not there is any row.

    One of the columns is ``geometry``.
    """
    return gpd.GeoDataFrame(_data(columns, rows), geometry="geometry", crs=WGS84)


def frame(columns: Columns, rows: Iterable[Mapping[str, object]] = ()) -> pd.DataFrame:
    """A frame with just these columns and types, none a geometry; empty without rows."""
    return pd.DataFrame(_data(columns, rows))


def typed(found: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    """The named columns of a frame in their order and types; others are dropped."""
    return found[list(columns)].astype(dict(columns))


def _data(columns: Columns, rows: Iterable[Mapping[str, object]]) -> dict[str, pd.Series]:
    records = list(rows)
    return {name: _column([row[name] for row in records], kind) for name, kind in columns.items()}


def _column(values: list[object], kind: str) -> pd.Series:
    if kind == SHAPE:
        return gpd.GeoSeries(values, crs=WGS84)
    return pd.Series(values, dtype=kind)
