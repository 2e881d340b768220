"""Reads AIS position tables in chunks into one typed frame; rows left out are counted by reason.

Tables are text (MarineCadastre in both spellings, the Danish Maritime Authority's, our own names)
or Parquet and GeoParquet, plain or packed (``unpack``). Lines are judged before they are believed
(``lines``). "Not available" values are those of ITU-R M.1371-5.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from jobs.ais.counts import ReadSummary, Tally
from jobs.ais.geodesy import distance_m
from jobs.ais.layouts import TEXTS
from jobs.ais.pieces import pieces
from jobs.ais.refusals import days_without_time, nothing_read, undecided_dates
from jobs.ais.rows import kept_rows
from jobs.ais.schema import AIS_COLUMNS
from jobs.ais.times import TimeColumn
from jobs.ais.unpack import Table, tables
from jobs.ais.window import Window
from jobs.errors import InputError
from jobs.visits import frame

TWO_PLACES_M = 1000.0
"""Two messages of one second further apart than this come from two ships with one number."""
FEW_DAMAGED = 3
"""Times with the month first in a table whose publisher puts the day first: more are no damage."""
CHUNK_ROWS = 500_000


def read_ais(
    paths: Sequence[Path], window: Window | None = None, *, chunk_rows: int = CHUNK_ROWS
) -> tuple[pd.DataFrame, ReadSummary]:
    """All position messages of the files inside the window, as AIS_COLUMNS, and the counts of rows.

    Memory is that of one chunk of ``chunk_rows`` rows and of the rows kept. InputError for a table
    that is damaged as a whole, has unknown columns, contradicts itself, or of which no row can be
    read although it has some.
    """
    wanted = window or Window()
    parts, tallies, sources = [frame(AIS_COLUMNS)], [], [0]
    others: list[str] = []
    for path in paths:
        with _explained(path):
            found, more = tables(path)
            others += more
            for table in found:
                tally, kept = _read_table(table, wanted, chunk_rows)
                tallies.append(tally)
                parts += kept
                sources.append(sum(len(part) for part in kept))
    source = np.repeat(np.arange(-1, len(tallies)), sources)
    positions = _single(_joined(parts), source, tallies)
    files = tuple(tally.summary() for tally in tallies)
    total = ("rows", "kept", "outside", "unreadable", "stations", "duplicates", "conflicts")
    return positions, ReadSummary(
        **{name: sum(getattr(one, name) for one in files) for name in total},
        odd_numbers=int((~positions["mmsi_valid"]).sum()),
        ships=int(positions["mmsi"].nunique()),
        files=files,
        not_tables=tuple(others),
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """InputError for what the libraries raise where a file is missing, cut off or no table."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; expected an AIS table") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder; expected a file: name each file in it") from error
    except (
        csv.Error,
        pd.errors.ParserError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,  # a zip's way of packing
        UnicodeError,
        pa.ArrowException,
        ValueError,  # two columns of one name
    ) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); expected CSV (plain, .gz, .zip, .zst) or Parquet: "
            "fetch the file again, or unpack it"
        ) from error


def _read_table(table: Table, window: Window, chunk_rows: int) -> tuple[Tally, list[pd.DataFrame]]:
    """The rows of one table inside the window, and its counts."""
    tally = Tally(table.name)
    kept = []
    days, day_only, month_only = 0, 0, 0
    day_first: bool | None = None
    for piece in pieces(table, tally, chunk_rows):
        given = TimeColumn(piece.rows[piece.columns.used["time"]])
        if day_first is None:
            day_first = piece.columns.day_first
        if day_first is None and any(given.orders()):
            day_first = _day_first(table, tally, chunk_rows)
        days += given.days()
        time = given.values(day_first)
        if piece.columns.day_first is not None and time.isna().any():
            told = given.orders()
            day_only, month_only = day_only + told[0], month_only + told[1]
        kept.append(kept_rows(piece, time, day_first, window, tally))
    read = tally.counts["rows"] - tally.unreadable
    if tally.counts["rows"] and not read:
        raise nothing_read(tally)
    if month_only > max(day_only, FEW_DAMAGED):
        raise undecided_dates(table.name, "", day_only, month_only)
    if read > 1 and days == read:
        raise days_without_time(tally)
    return tally, kept


def _day_first(table: Table, tally: Tally, rows: int) -> bool:
    """Order of day and month in the whole table; InputError where nothing tells it."""
    day, month, either = 0, 0, ""
    for piece in pieces(table, Tally(table.name), rows):
        found = TimeColumn(piece.rows[piece.columns.used["time"]]).orders()
        day, month, either = day + found[0], month + found[1], either or found[2]
    if bool(day) == bool(month):
        raise undecided_dates(table.name, either, day, month)
    order = "day/month/year" if day else "month/day/year"
    tally.remarks.append(
        f"times are read as {order}: {max(day, month)} of them can be nothing else"
    )
    return bool(day)


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame of many; plain concat would turn categories into objects."""
    filled = [part for part in parts if len(part)] or [parts[0]]
    rest = pd.concat([part.drop(columns=list(TEXTS)) for part in filled], ignore_index=True)
    for name in TEXTS:
        rest[name] = union_categoricals([part[name] for part in filled], sort_categories=True)
    return rest[list(AIS_COLUMNS)]


def _single(
    rows: pd.DataFrame, source: NDArray[np.int64], tallies: Sequence[Tally]
) -> pd.DataFrame:
    """Ordered by mmsi and time, one message per number, second and place.

    Of those of one second at one place the first by all that they say is kept, whatever their order
    in the files; which of two places is the ship's, its track says. ``source`` (row,) is the place
    in ``tallies`` of each row's table, where repeats are counted.
    """
    order = _order(rows)
    source = source[order]
    ordered = rows.iloc[order].reset_index(drop=True)
    repeated = ordered.duplicated(["mmsi", "time"]).to_numpy()
    if not repeated.any():
        return ordered
    first = ordered[~repeated].iloc[np.cumsum(~repeated)[repeated] - 1]
    elsewhere = repeated.copy()
    elsewhere[repeated] = distance_m(first, ordered[repeated]) > TWO_PLACES_M
    for kind, found in (("conflicts", elsewhere), ("duplicates", repeated & ~elsewhere)):
        for place, number in enumerate(np.bincount(source[found], minlength=1)):
            tallies[place].counts[kind] += int(number)
    return ordered[~repeated | elsewhere].reset_index(drop=True)


def _order(rows: pd.DataFrame) -> NDArray[np.int64]:
    """Places of the rows by mmsi and time; those of one second by all that they say."""
    keys = rows[["mmsi", "time"]]
    ordered = keys.sort_values(["mmsi", "time"], kind="stable")
    order: NDArray[np.int64] = ordered.index.to_numpy(np.int64)
    tied = keys.iloc[order].duplicated(keep=False).to_numpy()
    if tied.any():
        order[tied] = rows.iloc[order[tied]].sort_values(list(AIS_COLUMNS)).index
    return order
