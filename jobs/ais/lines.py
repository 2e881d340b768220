"""Lines of a text table, each judged by itself before anything of it is believed.

One line is one row: a quote that a line opens and does not close damages that line alone, and
cannot swallow those that follow it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from jobs.ais.layouts import Columns, columns_of, squeezed, unknown_columns
from jobs.errors import InputError

DELIMITERS = (",", ";", "\t", "|")
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
WESTERN = "berthwatch-western"
LONGEST_LINE = 1 << 20
"""Characters; a longer line is no row of a table."""
HEADER_LINES = 20
"""Lines among which the first that is not blank must be the column names."""
EXAMPLE_LENGTH = 120
MOST = 0.9
"""Share of the first lines that must end with a delimiter for all to be read so."""
NUMBERS = (
    "mmsi", "lon", "lat", "sog_kn", "cog_deg", "heading_deg", "length_m", "beam_m", "draught_m",
    "to_bow_m", "to_stern_m",
)  # fmt: skip
NUMBER = r"([+-]?\d+([.,]\d*)?)?"
IMO = r"(?i)(IMO ?)?\d*(\.0)?|unknown"


class Damage(StrEnum):
    """Why a line is no row of its table."""

    FIELDS = "other number of fields than columns"
    QUOTE = "a quote that is not closed or stands inside a field"
    TEXT = "bytes that are no text"
    HEADER = "the column names again"


@dataclass(frozen=True)
class TextTable:
    """How a text table is written."""

    name: str
    columns: Columns
    delimiter: str
    width: int
    """Fields of a sound line: the header's, or one more where every line ends with a delimiter."""
    first_line: int
    """Number of the first line after the header; lines count from 1."""


@dataclass(frozen=True)
class Rows:
    """The sound lines of a piece of a table, and the others."""

    text: bytes
    """UTF-8, one line a row."""
    numbers: NDArray[np.int64]
    """(row,), the line each row stands in."""
    damaged: tuple[tuple[Damage, int, str], ...]
    """Damage, number and text of each other line that is not blank."""


def _as_western(error: UnicodeError) -> tuple[str, int]:
    """Bytes that are no UTF-8 as Windows' western characters, so that names stay readable."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    broken = error.object[error.start : error.end]
    return broken.decode("cp1252", errors="replace"), error.end


codecs.register_error(WESTERN, _as_western)


def decoded(stream: BinaryIO) -> io.TextIOWrapper:
    """The bytes as text, by their byte-order mark or as UTF-8; every line ends in one newline."""
    buffered = io.BufferedReader(stream)  # type: ignore[type-var]
    first = buffered.peek(4)[:400]
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if first.startswith(mark)), "")
    if not encoding:
        encoding = _unmarked(first)
    return io.TextIOWrapper(buffered, encoding=encoding, errors=WESTERN, newline=None)


def _unmarked(first: bytes) -> str:
    """UTF-16 without its mark has a zero in every other byte of a header."""
    for offset, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros = first[offset::2]
        if len(first) >= 8 and zeros.count(0) > 0.9 * len(zeros):
            return name
    return "utf-8"


def text_table(name: str, text: io.TextIOWrapper) -> TextTable:
    """The header read from ``text``, which then stands at the first line after it."""
    number, line = 0, ""
    while number < HEADER_LINES and (not line.strip() or line.startswith("sep=")):
        line = text.readline(LONGEST_LINE)
        number += 1
        if not line:
            break
    if not line.strip():
        raise InputError(f"{name}: is empty; expected a table of AIS positions with column names")
    headers = [_without_empty_end(_fields(line, delimiter) or []) for delimiter in DELIMITERS]
    for delimiter, header in zip(DELIMITERS, headers, strict=True):
        columns = columns_of(header)
        if columns is not None:
            return TextTable(name, columns, delimiter, len(header), number + 1)
    raise unknown_columns(name, max(headers, key=len))


def with_width_of(table: TextTable, lines: Sequence[str]) -> TextTable:
    """The table with the number of fields that its first ``lines`` have.

    One more than the header is right only where nearly every line has it, the last field is empty
    and every number stands in a column of numbers: else a comma in a name has moved the fields.
    """
    fields = [_fields(line, table.delimiter) for line in lines if not _is_blank(line)]
    wider = [one for one in fields if one is not None and len(one) == table.width + 1]
    if not wider or len(wider) < MOST * len(fields):
        return table
    if any(one[-1].strip() for one in wider) or not all(_fits(o, table.columns) for o in wider):
        return table
    return replace(table, width=table.width + 1)


def _fits(fields: Sequence[str], columns: Columns) -> bool:
    """True where columns of numbers hold numbers or nothing."""
    texts = {name: fields[at].strip() for name, at in columns.used.items()}
    numbers = all(re.fullmatch(NUMBER, texts.get(name, "")) for name in NUMBERS)
    return numbers and re.fullmatch(IMO, texts.get("imo", "")) is not None


def sound_rows(table: TextTable, lines: Sequence[str], first: int) -> Rows:
    """The lines that are rows of the table; ``first`` is the number of the first line.

    InputError for column names in the middle that differ from the header.
    """
    block = "".join(lines).encode("utf-8", errors="replace")
    if lines and not lines[-1].endswith("\n"):
        block += b"\n"
    numbers = np.arange(first, first + len(lines), dtype=np.int64)
    verdicts = _verdicts(table, block, lines, first)
    if not verdicts:
        return Rows(block, numbers, ())
    sound = np.ones(len(lines), np.bool_)
    sound[list(verdicts)] = False
    whole = block.split(b"\n")
    kept = b"".join(whole[at] + b"\n" for at in np.flatnonzero(sound))
    damaged = tuple(
        (damage, first + at, lines[at].rstrip("\n"))
        for at, damage in sorted(verdicts.items())
        if damage is not None
    )
    return Rows(kept, numbers[sound], damaged)


def _verdicts(
    table: TextTable, block: bytes, lines: Sequence[str], first: int
) -> dict[int, Damage | None]:
    """Damage by the place of each line that is no sound row; None for a blank line."""
    octets = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(octets == ord("\n"))
    delimiters = np.flatnonzero(octets == ord(table.delimiter))
    fields = np.diff(np.searchsorted(delimiters, ends), prepend=0) + 1
    found: dict[int, Damage | None] = {
        at: None if _is_blank(lines[at]) else Damage.FIELDS
        for at in np.flatnonzero(fields != table.width).tolist()
    }
    for at in _lines_with(octets, ends, b'"'):
        found.pop(at, None)
        split = _fields(lines[at], table.delimiter)
        if split is None or len(split) != table.width:
            found[at] = Damage.QUOTE if split is None else Damage.FIELDS
    found |= dict.fromkeys(_lines_with(octets, ends, b"\0"), Damage.TEXT)
    if b"mmsi" in block.lower():
        places = [at for at, line in enumerate(lines) if _is_header(table, line, first + at)]
        found |= dict.fromkeys(places, Damage.HEADER)
    return found


def _lines_with(octets: NDArray[np.uint8], ends: NDArray[np.int64], octet: bytes) -> list[int]:
    """Places of the lines that hold a byte."""
    places = np.flatnonzero(octets == ord(octet))
    return [int(line) for line in np.unique(np.searchsorted(ends, places))]


def _is_header(table: TextTable, line: str, number: int) -> bool:
    """True for the header again, as in files put end to end; InputError for another header."""
    if "mmsi" not in line.casefold():
        return False
    for delimiter in DELIMITERS:
        names = _without_empty_end(_fields(line, delimiter) or [])
        if columns_of(names) is None:
            continue
        first = [squeezed(text) for text in table.columns.header]
        if delimiter == table.delimiter and [squeezed(text) for text in names] == first:
            return True
        raise InputError(
            f"{table.name}: line {number} names the columns again, others or with another "
            f"delimiter ({shortened(line)}); expected one table a file: split it there"
        )
    return False


def _fields(line: str, delimiter: str) -> list[str] | None:
    """The fields of one line; None where its quotes are wrong."""
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True), [])
    except csv.Error:
        return None


def _without_empty_end(header: list[str]) -> list[str]:
    """The header without the empty names behind its last delimiters."""
    while header and not header[-1].strip():
        header = header[:-1]
    return header


def _is_blank(line: str) -> bool:
    return not line.strip(" \n")


def shortened(text: str) -> str:
    """A line of a table short enough for a message, without control characters."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= EXAMPLE_LENGTH else f"{plain[:EXAMPLE_LENGTH]}..."
