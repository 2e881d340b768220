"""Reads AIS position tables in chunks into one typed frame; rows left out are counted by reason.

Tables are text (MarineCadastre in both spellings, the Danish Maritime Authority's, our own names)
or Parquet and GeoParquet, plain or packed (``unpack``). Lines are judged before they are believed
(``lines``). "Not available" values are those of ITU-R M.1371-5.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from jobs.ais.codes import imo_number, ship_type, status
from jobs.ais.counts import ReadSummary, Reason, Tally
from jobs.ais.geodesy import distance_m
from jobs.ais.layouts import Columns
from jobs.ais.lines import (
    Rows,
    TextTable,
    decoded,
    shortened,
    sound_rows,
    text_table,
    with_width_of,
)
from jobs.ais.numbers import mmsis, numbers
from jobs.ais.parquet import parquet_columns, parquet_rows, read_names
from jobs.ais.refusals import (
    contradicting_columns,
    days_without_time,
    nothing_read,
    undecided_dates,
)
from jobs.ais.schema import AIS_COLUMNS
from jobs.ais.times import TimeColumn, times
from jobs.ais.unpack import Table, tables
from jobs.ais.window import Window
from jobs.errors import InputError
from jobs.visits import CATEGORY, SINGLE, frame

LENGTHS = ("length_m", "beam_m", "draught_m", "to_bow_m", "to_stern_m")
TEXTS = tuple(name for name, kind in AIS_COLUMNS.items() if kind == CATEGORY)
MEASURES = tuple(name for name, kind in AIS_COLUMNS.items() if kind == SINGLE)
SHIP_MMSI = (201_000_000, 775_999_999)
"""Maritime identification digits 201 to 775 stand first in a ship's number (ITU-R M.585)."""
TWO_PLACES_M = 1000.0
"""Two messages of one second further apart than this come from two ships with one number."""
SCALES = {
    "sog_kn": (0, 102.25, 102.3),
    "cog_deg": (0, 359.9999, 360),
    "heading_deg": (0, 359.9999, 511),
}
"""Least and most that can be sent, and the value for "not available"."""
SAME_NUMBER = 1e-5
"""Two columns of one meaning may be rounded otherwise by this much."""
CHUNK_ROWS = 500_000
SAMPLE_ROWS = 1000
"""First lines from which the number of fields of a sound line is taken."""
WORDS = {"ship_type": ship_type, "status": status, "imo": imo_number}
UNKNOWN_WORDS = frozenset({"", "nan", "unknown", "undefined", "unknown value"})
STATION_WORDS = frozenset(
    {
        "base station",
        "aton",
        "sar airborne",
        "search and rescue transponder",
        "man overboard device",
    }
)
"""Types of mobile in the Danish tables that are no ship, whatever their number."""


@dataclass(frozen=True)
class Piece:
    """Some rows of a table as they stand there."""

    columns: Columns
    rows: pd.DataFrame
    """One column a position of the table; the index counts from 0."""
    lines: NDArray[np.int64]
    """(row,), the line of each row; in Parquet, its number counted from 1."""


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


# --- files --------------------------------------------------------------------------------------


def _read_table(table: Table, window: Window, chunk_rows: int) -> tuple[Tally, list[pd.DataFrame]]:
    """The rows of one table inside the window, and its counts."""
    tally = Tally(table.name)
    kept = []
    days = 0
    day_first: bool | None = None
    for piece in _pieces(table, tally, chunk_rows):
        given = TimeColumn(piece.rows[piece.columns.used["time"]])
        if day_first is None:
            day_first = piece.columns.day_first
        if day_first is None and any(given.orders()):
            day_first = _day_first(table, tally, chunk_rows)
        days += given.days()
        kept.append(_kept(piece, given.values(day_first), day_first, window, tally))
    read = tally.counts["rows"] - tally.unreadable
    if tally.counts["rows"] and not read:
        raise nothing_read(tally)
    if read > 1 and days == read:
        raise days_without_time(tally)
    return tally, kept


def _pieces(table: Table, tally: Tally, rows: int) -> Iterator[Piece]:
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
                yield Piece(columns, _split(plain, sound), sound.numbers)


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


def _day_first(table: Table, tally: Tally, rows: int) -> bool:
    """Order of day and month in the whole table; InputError where nothing tells it."""
    day, month, either = 0, 0, ""
    for piece in _pieces(table, Tally(table.name), rows):
        found = TimeColumn(piece.rows[piece.columns.used["time"]]).orders()
        day, month, either = day + found[0], month + found[1], either or found[2]
    if bool(day) == bool(month):
        raise undecided_dates(table.name, either, day, month)
    order = "day/month/year" if day else "month/day/year"
    tally.remarks.append(
        f"times are read as {order}: {max(day, month)} of them can be nothing else"
    )
    return bool(day)


# --- rows ---------------------------------------------------------------------------------------


def _kept(
    piece: Piece, time: pd.Series, day_first: bool | None, window: Window, tally: Tally
) -> pd.DataFrame:
    """The piece's rows inside the window, typed; others are counted by reason."""
    _same_meaning(piece, day_first, tally)
    given = {name: piece.rows[at] for name, at in piece.columns.used.items()}
    read = {"mmsi": mmsis(given["mmsi"]), "time": time}
    read |= {name: numbers(given[name]) for name in ("lon", "lat")}
    chunk = pd.DataFrame(given | read, copy=False)
    readable = np.ones(len(chunk), np.bool_)
    lon, lat = chunk["lon"], chunk["lat"]
    for why, good in (
        (Reason.NUMBER, chunk["mmsi"].notna()),
        (Reason.TIME, chunk["time"].notna()),
        (Reason.POSITION, lon.notna() & lat.notna() & (lon != 181) & (lat != 91)),
        (Reason.RANGE, (lon.abs() <= 180) & (lat.abs() <= 90)),
    ):
        _count_lost(piece, why, readable & ~good.to_numpy(), tally)
        readable &= good.to_numpy()
    tally.heard(chunk["time"][readable])
    inside = readable & window.holds(chunk)
    ship = inside & ~_is_station(chunk)
    tally.counts["outside"] += int((readable & ~inside).sum())
    tally.counts["stations"] += int((inside & ~ship).sum())
    if not inside.any():
        exchanged = window.holds(chunk.assign(lon=lat, lat=lon)) & chunk["time"].notna()
        tally.counts["exchanged"] += int(exchanged.sum())
    return _typed(chunk[ship], tally)


def _count_lost(piece: Piece, why: Reason, lost: NDArray[np.bool_], tally: Tally) -> None:
    if lost.any():
        at = int(np.argmax(lost))
        names = {Reason.NUMBER: ("mmsi",), Reason.TIME: ("time",)}.get(why, ("lon", "lat"))
        places = [piece.columns.used[name] for name in names]
        texts = [f"{piece.columns.header[p].strip()} {piece.rows[p].iloc[at]}" for p in places]
        tally.lost(why, int(lost.sum()), f"line {piece.lines[at]}: {shortened(', '.join(texts))}")


def _same_meaning(piece: Piece, day_first: bool | None, tally: Tally) -> None:
    """InputError where two columns of one meaning say different things in one row."""
    for name, others in piece.columns.doubles.items():
        used = piece.columns.used[name]
        for other in others:
            differ = _differ(name, piece.rows[used], piece.rows[other], day_first)
            if differ.any():
                at = int(np.argmax(differ))
                said = [(piece.columns.header[p], piece.rows[p].iloc[at]) for p in (used, other)]
                raise contradicting_columns(tally.name, name, int(piece.lines[at]), said)


def _differ(
    name: str, used: pd.Series, other: pd.Series, day_first: bool | None
) -> NDArray[np.bool_]:
    """(row,), True where the other column says something and the used one does not say the same."""
    if name in TEXTS:
        first, second = (pd.Series(_words(one, name)).astype(object) for one in (used, other))
        same = first == second
    elif name == "time":
        first, second = times(used, day_first), times(other, day_first)
        same = first == second
    else:
        first, second = (mmsis(o) if name == "mmsi" else numbers(o) for o in (used, other))
        same = (first - second).abs() <= SAME_NUMBER
    only_used = other.notna() & second.isna() & first.notna()
    return np.asarray(only_used | (second.notna() & ~same), dtype=np.bool_)


def _is_station(chunk: pd.DataFrame) -> pd.Series:
    """Numbers of ITU-R M.585 that are no craft on the water; 98... is a ship's boat and stays."""
    mmsi = chunk["mmsi"]
    coast = mmsi.between(2_000_000, 7_999_999)  # 00MID....: two zeros in front
    aircraft = mmsi.between(111_000_000, 111_999_999)
    beacon = mmsi.between(970_000_000, 979_999_999)
    found = coast | aircraft | beacon | mmsi.between(990_000_000, 999_999_999)
    if "transceiver" in chunk:
        given = pd.Categorical(chunk["transceiver"])
        words = [str(text).strip().casefold() in STATION_WORDS for text in given.categories]
        found |= np.array([*words, False])[given.codes]
    return found


def _typed(chunk: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    columns: dict[str, object] = {name: _column(chunk, name, tally) for name in AIS_COLUMNS}
    columns["mmsi_valid"] = chunk["mmsi"].between(*SHIP_MMSI)
    positions = pd.DataFrame(columns, index=chunk.index).astype(
        {name: kind for name, kind in AIS_COLUMNS.items() if kind != CATEGORY}
    )
    return _without_sentinels(positions, tally)


def _column(chunk: pd.DataFrame, name: str, tally: Tally) -> object:
    if name in TEXTS:
        return _words(chunk[name], name) if name in chunk else _no_words(len(chunk))
    if name not in MEASURES:
        return chunk.get(name, False)
    if name not in chunk:
        return np.nan
    found = numbers(chunk[name])
    lost = int((chunk[name].notna() & found.isna()).sum())
    if lost:
        tally.not_numbers[name] += lost
    return found


def _without_sentinels(positions: pd.DataFrame, tally: Tally) -> pd.DataFrame:
    """102.3 knots, course 360, heading 511 and length 0 mean "not available".

    Other values that no ship can send are counted in ``tally``, and missing too.
    """
    for name, (least, most, unknown) in SCALES.items():
        given = positions[name]
        known = given.between(least, most)
        silent = given.isna() | known | np.isclose(given, unknown)
        if not silent.all():
            tally.off_scale[name] += int((~silent).sum())
        positions[name] = given.where(known)
    nowhere = (positions["to_bow_m"].fillna(0) + positions["to_stern_m"].fillna(0)) == 0
    for name in LENGTHS:
        # the antenna may stand at the very bow: only both zero means unknown
        known = ~nowhere if name.startswith("to_") else positions[name] > 0
        positions[name] = positions[name].where(known)
    return positions


def _words(column: pd.Series, name: str) -> pd.Categorical:
    """The column's texts in one spelling; a category each, for there are far fewer than rows."""
    given = pd.Categorical(column).remove_unused_categories()
    meanings = [_word(str(text).strip(), name) for text in given.categories]
    distinct = sorted(set(meanings) - {""})
    places = {text: number for number, text in enumerate(distinct)} | {"": -1}
    codes = np.array([places[text] for text in meanings] + [-1], dtype=np.int64)
    return pd.Categorical.from_codes(codes[given.codes], pd.Index(distinct, dtype=str))


def _word(text: str, name: str) -> str:
    if text.casefold() in UNKNOWN_WORDS:
        return ""
    if name == "transceiver":
        return _transceiver(text)
    return WORDS[name](text) if name in WORDS else text


def _transceiver(text: str) -> str:
    """A or B; the Danish tables say "Class A"."""
    letter = text.upper().removeprefix("CLASS ")
    return letter if letter in ("A", "B") else ""


def _no_words(rows: int) -> pd.Categorical:
    return pd.Categorical.from_codes(np.full(rows, -1), pd.Index([], dtype=str))


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
