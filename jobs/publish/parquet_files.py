"""Parquet files that say of every column what it is, in the metadata of its field."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from jobs.domain import Meaning
from jobs.visits import PublishedTable


def write_parquet(rows: pd.DataFrame, table: PublishedTable, path: Path) -> None:
    """Write a table with what a row is and what each column is; GeoParquet where it has shapes."""
    plain = io.BytesIO()
    rows.to_parquet(plain, index=False)  # GeoPandas makes the metadata of GeoParquet only so
    found = pq.read_table(plain)
    # a reader must see what GeoPandas wrote, beside our own
    metadata = {**(found.schema.metadata or {}), b"description": table.description.encode()}
    fields = [described(field, table.meanings) for field in found.schema]
    pq.write_table(found.cast(pa.schema(fields, metadata)), path)


def described(field: pa.Field, meanings: Mapping[str, Meaning]) -> pa.Field:
    """A field with its meaning in its metadata: long_name, units and comment."""
    attributes = meanings[field.name].attributes
    return field.with_metadata({**(field.metadata or {}), **attributes})
