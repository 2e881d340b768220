"""Analysts' entries of a visit's cargo, with the source: the only input of laden or ballast.

No validated method reads laden or ballast from imagery at 3-10 m (domain page, section 3), so
nothing here infers it.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jobs.domain import did_you_mean, read_text
from jobs.errors import InputError

REQUIRED = ("visit_id", "what", "source")
OPTIONAL = ("load", "barrels")


class Cargo(StrEnum):
    """How a ship came or left."""

    LADEN_IN = "laden_in"
    """She came with cargo and discharged it."""
    LADEN_OUT = "laden_out"
    """She loaded cargo and left with it."""
    BALLAST = "ballast"
    """She moved no cargo here."""


@dataclass(frozen=True)
class CargoEntry:
    """An analyst's entry of one seen visit."""

    visit_id: str
    what: Cargo
    source: str
    """Source of the entry: a photograph, a patrol report, a bill of lading."""
    load: float | None = None
    """Cargo over deadweight, above 0 and at most 1; None leaves it to the prior."""
    barrels: float | None = None
    """The cargo itself, used as it is in every draw; None leaves it to the other numbers."""


def read_entries(path: Path, visit_ids: Collection[str] | None = None) -> tuple[CargoEntry, ...]:
    """Entries of a CSV file with columns visit_id, what, source and perhaps load, barrels.

    ``visit_ids`` are the seen visits at all ports of the job; an entry for another is an error.
    None: not known yet. InputError with file and line for anything unexpected, also a visit entered
    twice.
    """
    lines: dict[str, int] = {}
    entries = []
    for number, row in _rows(path):
        where = f"{path}, line {number}"
        entry = _entry(where, row)
        if visit_ids is not None:
            _check_visit(where, entry.visit_id, visit_ids)
        if entry.visit_id in lines:
            raise InputError(
                f"{where}: visit {entry.visit_id} was entered on line {lines[entry.visit_id]} "
                "already; expected one entry a visit: remove one of them"
            )
        lines[entry.visit_id] = number
        entries.append(entry)
    return tuple(entries)


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and fields of every row that is not blank."""
    text = read_text(path, "the CSV of cargo entries")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, _fields(path, reader.line_num, header, cells)
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: not CSV: {error}; correct it") from error


def _check_header(path: Path, header: list[str]) -> None:
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in REQUIRED + OPTIONAL]
    if missing or unknown or len(set(header)) < len(header):
        raise InputError(
            f"{path}, line 1: the columns are {', '.join(header) or 'missing'}; expected "
            f"{', '.join(REQUIRED)} and perhaps {', '.join(OPTIONAL)}, each once: correct the "
            "header"
        )


def _fields(path: Path, number: int, header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise InputError(
            f"{path}, line {number}: {len(cells)} fields; expected {len(header)} as in the header: "
            "put a text that holds commas in quotes"
        )
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _entry(where: str, row: dict[str, str]) -> CargoEntry:
    if not row["source"]:
        raise InputError(
            f"{where}: no source; expected where this is known from, for laden or ballast is "
            "never taken from imagery: name the source or remove the line"
        )
    entry = CargoEntry(
        visit_id=row["visit_id"],
        what=_what(where, row["what"]),
        source=row["source"],
        load=_number(where, "load", row.get("load", ""), most=1.0),
        barrels=_number(where, "barrels", row.get("barrels", ""), most=math.inf),
    )
    given = (entry.load is not None) + (entry.barrels is not None)
    if given > (0 if entry.what is Cargo.BALLAST else 1):
        raise InputError(
            f"{where}: {entry.what} with load {row.get('load') or 'none'} and barrels "
            f"{row.get('barrels') or 'none'}; expected at most one of them for a laden visit and "
            "none for ballast: leave the field empty"
        )
    return entry


def _what(where: str, text: str) -> Cargo:
    if text not in set(Cargo):
        raise InputError(
            f"{where}: what is {text!r}; expected one of {', '.join(Cargo)}: correct it"
        )
    return Cargo(text)


def _number(where: str, name: str, text: str, most: float) -> float | None:
    if not text:
        return None
    expected = "above 0" + (f" and at most {most:g}" if math.isfinite(most) else "")
    refusal = f"{where}: {name} is {text!r}; expected a number {expected}, or nothing: correct it"
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(refusal) from error
    if not (math.isfinite(value) and 0 < value <= most):
        raise InputError(refusal)
    return value


def _check_visit(where: str, visit_id: str, visit_ids: Collection[str]) -> None:
    if visit_id in visit_ids:
        return
    hint = did_you_mean(visit_id, visit_ids, "take the id from visits.csv")
    raise InputError(
        f"{where}: there is no visit {visit_id!r}; expected the visit_id of a seen visit: {hint}"
    )
