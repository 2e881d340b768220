"""Reads AIS position tables in chunks into one typed frame; rows left out are counted.

Layouts: MarineCadastre (both spellings), the Danish Maritime Authority's CSV, and our own columns;
as CSV (plain, gz, zip, zst) or Parquet. "Not available" values are those of ITU-R M.1371-5.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandas.api.types import union_categoricals

from jobs.ais.codes import imo_number, ship_type, status
from jobs.ais.geodesy import distance_m
from jobs.ais.layouts import Layout, layout_of
from jobs.ais.schema import AIS_COLUMNS
from jobs.ais.window import Window
from jobs.errors import InputError
from jobs.visits import CATEGORY, SINGLE, TIME, frame

LENGTHS = ("length_m", "beam_m", "draught_m", "to_bow_m", "to_stern_m")
TEXTS = tuple(name for name, kind in AIS_COLUMNS.items() if kind == CATEGORY)
SHIP_MMSI = (201_000_000, 775_999_999)
"""Maritime identification digits 201 to 775 stand first in a ship's number (ITU-R M.585)."""
TWO_PLACES_M = 1000.0
"""Two messages of one second further apart than this come from two ships with one number."""
CHUNK_ROWS = 500_000
WORDS = {"ship_type": ship_type, "status": status, "imo": imo_number}
UNKNOWN_WORDS = frozenset({"", "nan", "unknown", "undefined", "unknown value"})


@dataclass(frozen=True)
class ReadSummary:
    """Counts of the rows of the files; ``rows`` is the sum of the six that follow it."""

    rows: int
    kept: int
    outside: int
    """Elsewhere, or at another time."""
    unreadable: int
    """Without a number, a time or a position: latitude 91 and longitude 181 say "not available"."""
    stations: int
    """Not from a ship: base stations, aids to navigation, aircraft, beacons."""
    duplicates: int
    """A second message of one number in one second."""
    conflicts: int
    """Of one number in one second, but over a kilometre apart: two transmitters use one number."""
    odd_numbers: int
    """Kept rows whose MMSI no ship can have; they still prove a transmission at that place."""
    ships: int
    """Different MMSIs among the kept rows."""
    layouts: Mapping[str, str] = field(default_factory=dict)
    """Name of the layout by file name."""


def read_ais(
    paths: Sequence[Path], window: Window | None = None, *, chunk_rows: int = CHUNK_ROWS
) -> tuple[pd.DataFrame, ReadSummary]:
    """All position messages of the files inside the window, as AIS_COLUMNS, and the counts of rows.

    Memory is that of one chunk of ``chunk_rows`` rows and of the rows kept. InputError for a file
    that is damaged or has an unknown layout.
    """
    wanted = window or Window()
    counts: Counter[str] = Counter()
    layouts: dict[str, str] = {}
    parts = [frame(AIS_COLUMNS)]
    for path in paths:
        with _explained(path):
            for layout, chunk in _chunks(path, chunk_rows):
                layouts[path.name] = layout.name
                parts.append(_kept(layout, chunk, wanted, counts))
    positions = _single(_joined(parts), counts)
    return positions, ReadSummary(
        **{name: counts[name] for name in ("rows", "outside", "unreadable", "stations")},
        duplicates=counts["duplicates"],
        conflicts=counts["conflicts"],
        kept=len(positions),
        odd_numbers=int((~positions["mmsi_valid"]).sum()),
        ships=int(positions["mmsi"].nunique()),
        layouts=layouts,
    )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file; expected an AIS table") from error
    except (
        csv.Error,
        pd.errors.ParserError,
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        pa.ArrowException,
    ) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); expected CSV (plain, .gz, .zip, .zst) or Parquet: "
            "fetch the file again, or unpack it"
        ) from error


# --- files --------------------------------------------------------------------------------------


def _chunks(path: Path, rows: int) -> Iterator[tuple[Layout, pd.DataFrame]]:
    if path.suffix in (".parquet", ".geoparquet"):
        yield from _parquet_chunks(path, rows)
        return
    for stream in _streams(path):
        yield from _csv_chunks(path, stream, rows)


def _parquet_chunks(path: Path, rows: int) -> Iterator[tuple[Layout, pd.DataFrame]]:
    table = pq.ParquetFile(path)
    layout, columns = layout_of(path, table.schema_arrow.names)
    for batch in table.iter_batches(batch_size=rows, columns=list(columns)):
        yield layout, batch.to_pandas().rename(columns=columns)


def _csv_chunks(path: Path, stream: BinaryIO, rows: int) -> Iterator[tuple[Layout, pd.DataFrame]]:
    first = stream.readline().decode("utf-8-sig", errors="replace").splitlines()[:1]
    header = next(csv.reader(first), [])
    layout, columns = layout_of(path, header)
    chunks = pd.read_csv(
        stream,
        header=None,
        names=header,
        usecols=list(columns),
        # a day has fewer seconds than messages: times too are parsed once each
        dtype={c: CATEGORY for c, name in columns.items() if name in (*TEXTS, "time")},
        chunksize=rows,
        encoding_errors="replace",
        low_memory=False,
    )
    with chunks:
        for chunk in chunks:
            yield layout, chunk.rename(columns=columns)


def _streams(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes unpacked; a zip may hold several tables."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.endswith(".csv"):
                    with archive.open(member) as packed:
                        yield cast(BinaryIO, packed)
    elif path.suffix == ".zst":
        with pa.input_stream(path, compression="zstd") as packed:
            yield io.BufferedReader(packed)
    else:
        opener = gzip.open if path.suffix == ".gz" else Path.open
        with opener(path, "rb") as stream:
            yield cast(BinaryIO, stream)


# --- rows ---------------------------------------------------------------------------------------


def _kept(
    layout: Layout, chunk: pd.DataFrame, window: Window, counts: Counter[str]
) -> pd.DataFrame:
    """The chunk's rows inside the window, typed; others are counted by reason."""
    chunk["time"] = _times(layout, chunk["time"])
    for name in ("mmsi", "lon", "lat"):
        chunk[name] = pd.to_numeric(chunk[name], errors="coerce").astype("float64")
    readable = chunk["mmsi"].between(0, 999_999_999) & chunk["time"].notna()
    readable &= (chunk["lat"].abs() <= 90) & (chunk["lon"].abs() <= 180)
    inside = readable & window.holds(chunk)
    ship = inside & ~_is_station(chunk["mmsi"])
    counts["rows"] += len(chunk)
    counts["unreadable"] += int((~readable).sum())
    counts["outside"] += int((readable & ~inside).sum())
    counts["stations"] += int((inside & ~ship).sum())
    return _typed(chunk[ship])


def _times(layout: Layout, column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind == "M":
        times = column.dt.tz_localize("UTC")
    elif isinstance(column.dtype, pd.DatetimeTZDtype):
        times = column.dt.tz_convert("UTC")
    else:
        given = pd.Categorical(column)
        texts = given.categories.astype(str)
        parsed = pd.to_datetime(texts, format=layout.time_format, utc=True, errors="coerce")
        times = pd.Series(parsed.take(given.codes, fill_value=pd.NaT), index=column.index)
    return times.astype(TIME)


def _is_station(mmsi: pd.Series) -> pd.Series:
    """Numbers of ITU-R M.585 that are no craft on the water; 98... is a ship's boat and stays."""
    coast = mmsi.between(2_000_000, 7_999_999)  # 00MID....: two zeros in front
    aircraft = mmsi.between(111_000_000, 111_999_999)
    beacon = mmsi.between(970_000_000, 979_999_999)
    return coast | aircraft | beacon | mmsi.between(990_000_000, 999_999_999)


def _typed(chunk: pd.DataFrame) -> pd.DataFrame:
    columns: dict[str, object] = {name: _column(chunk, name) for name in AIS_COLUMNS}
    columns["mmsi_valid"] = chunk["mmsi"].between(*SHIP_MMSI)
    positions = pd.DataFrame(columns, index=chunk.index).astype(
        {name: kind for name, kind in AIS_COLUMNS.items() if kind != CATEGORY}
    )
    return _without_sentinels(positions)


def _column(chunk: pd.DataFrame, name: str) -> object:
    if AIS_COLUMNS[name] == CATEGORY:
        return _words(chunk[name], name) if name in chunk else _no_words(len(chunk))
    if name not in chunk:
        return np.nan if AIS_COLUMNS[name] == SINGLE else False
    return chunk[name] if name == "time" else pd.to_numeric(chunk[name], errors="coerce")


def _without_sentinels(positions: pd.DataFrame) -> pd.DataFrame:
    """102.3 knots, course 360, heading 511 and length 0 mean "not available"."""
    positions["sog_kn"] = positions["sog_kn"].where(positions["sog_kn"].between(0, 102.25))
    for name in ("cog_deg", "heading_deg"):
        positions[name] = positions[name].where((positions[name] >= 0) & (positions[name] < 360))
    nowhere = (positions["to_bow_m"].fillna(0) + positions["to_stern_m"].fillna(0)) == 0
    for name in LENGTHS:
        # the antenna may stand at the very bow: only both zero means unknown
        known = ~nowhere if name.startswith("to_") else positions[name] > 0
        positions[name] = positions[name].where(known)
    return positions


def _words(column: pd.Series, name: str) -> pd.Categorical:
    """The column's texts in one spelling; a category each, for there are far fewer than rows."""
    given = pd.Categorical(column)
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


def _single(rows: pd.DataFrame, counts: Counter[str]) -> pd.DataFrame:
    """Ordered by mmsi and time, one message per number and second: the first that was read."""
    ordered = rows.sort_values(["mmsi", "time"], kind="stable", ignore_index=True)
    repeated = ordered.duplicated(["mmsi", "time"]).to_numpy()
    if not repeated.any():
        return ordered
    kept = ordered[~repeated]
    first = kept.iloc[np.cumsum(~repeated)[repeated] - 1]
    apart_m = distance_m(first, ordered[repeated])
    counts["conflicts"] += int((apart_m > TWO_PLACES_M).sum())
    counts["duplicates"] += int((apart_m <= TWO_PLACES_M).sum())
    return kept.reset_index(drop=True)
