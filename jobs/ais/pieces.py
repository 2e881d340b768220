"""Pieces of a table: its rows as they stand there, before their meaning is read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from jobs.ais.counts import Tally
from jobs.ais.layouts import TEXTS, Columns
from jobs.ais.lines import Rows, TextTable, decoded, sound_rows, text_table, with_width_of
from jobs.ais.parquet import parquet_columns, parquet_rows, read_names
from jobs.ais.unpack import Table
from jobs.errors import InputError
from jobs.visits import CATEGORY

SAMPLE_ROWS = 1000
"""First lines from which the number of fields of a sound line is taken."""


@dataclass(frozen=True)
class Piece:
    """Some rows of a table as they stand there."""

    columns: Columns
    rows: pd.DataFrame
    """One column a position of the table; the index counts from 0."""
    lines: NDArray[np.int64]
    """(row,), the line of each row; in Parquet, its number counted from 1."""


def pieces(table: Table, tally: Tally, rows: int) -> Iterator[Piece]:
    """The table's rows, damaged lines left out and counted in ``tally``."""
    return (_parquet_pieces if table.parquet else _text_pieces)(table, tally, rows)


def _parquet_pieces(table: Table, tally: Tally, rows: int) -> Iterator[Piece]:
    with table.open() as stream:
        file = pq.ParquetFile(stream)
        schema = file.schema_arrow
        columns = parquet_columns(table.name, schema)
        tally.describe(columns)
        first = 1
        for batch in file.iter_batches(batch_size=rows, columns=read_names(columns, schema)):
            tally.counts["rows"] += len(batch)
            places = np.arange(first, first + len(batch))
            yield Piece(columns, parquet_rows(batch, columns, schema), places)
            first += len(batch)


def _text_pieces(table: Table, tally: Tally, rows: int) -> Iterator[Piece]:
    with table.open() as stream, decoded(stream) as text:
        plain = text_table(table.name, text)
        sample = list(islice(text, SAMPLE_ROWS))
        plain = with_width_of(plain, sample)
        columns = plain.columns
        tally.describe(columns)
        every = chain(sample, text)
        first = plain.first_line
        while lines := list(islice(every, rows)):
            sound = sound_rows(plain, lines, first)
            tally.damage(sound.damaged)
            tally.counts["rows"] += len(sound.numbers)
            first += len(lines)
            if len(sound.numbers):
                fields = _split(plain, sound)
                if len(fields) != len(sound.numbers):
                    raise InputError(
                        f"{table.name}: lines {first - len(lines)} to {first - 1} are "
                        f"{len(fields)} rows instead of {len(sound.numbers)}; expected a row a "
                        "line: write the table again"
                    )
                yield Piece(columns, fields, sound.numbers)


def _split(table: TextTable, sound: Rows) -> pd.DataFrame:
    """The fields of sound lines that are read; categories where texts repeat."""
    names = {at: name for name, at in table.columns.used.items()}
    names |= {at: name for name, many in table.columns.doubles.items() for at in many}
    return pd.read_csv(
        io.BytesIO(sound.text),
        header=None,
        names=list(range(table.width)),
        usecols=table.columns.positions,
        index_col=False,
        sep=table.delimiter,
        skipinitialspace=True,
        # a day has fewer seconds than messages: times and numbers of ships are read once each
        dtype={at: CATEGORY for at, name in names.items() if name in (*TEXTS, "time", "mmsi")},
        low_memory=False,
        float_precision="round_trip",  # checked; pandas' other ways are not safe with all
    )
