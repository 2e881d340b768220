"""Ships' names of visits, read from an analyst's CSV."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from jobs.domain import did_you_mean, read_text
from jobs.errors import InputError

NAME_COLUMNS = ("visit_id", "name", "source")


@dataclass(frozen=True)
class NamedVisit:
    """A ship's name for one visit, as an analyst wrote it."""

    visit_id: str
    name: str
    source: str


def read_names(path: Path, visit_ids: Collection[str]) -> dict[str, str]:
    """Ships' names by visit id, of a CSV with visit_id, name and source; in lower case.

    The name may be an IMO number or anything else that means one ship. InputError as of
    ``read_named_visits``.
    """
    return {row.visit_id: row.name.casefold() for row in read_named_visits(path, visit_ids)}


def read_named_visits(path: Path, visit_ids: Collection[str]) -> list[NamedVisit]:
    """The rows of a CSV with visit_id, name and source, as they stand.

    InputError with file and line for a missing value, a visit that was not seen, and one that is
    named twice.
    """
    names: dict[str, NamedVisit] = {}
    known = set(visit_ids)
    for number, row in _name_rows(path):
        where = f"{path}, line {number}"
        empty = [name for name in NAME_COLUMNS if not row[name]]
        if empty:
            raise InputError(f"{where}: {empty[0]} is empty; expected a text: fill it in")
        if row["visit_id"] not in known:
            raise InputError(f"{where}: {_unknown(row['visit_id'], known)}")
        if row["visit_id"] in names:
            raise InputError(
                f"{where}: visit {row['visit_id']!r} was named before; expected one name for each: "
                "remove a line"
            )
        names[row["visit_id"]] = NamedVisit(**row)
    return list(names.values())


def _name_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    text = read_text(path, "a CSV of names")
    reader = csv.DictReader(text.splitlines())
    found = reader.fieldnames or ()
    if not set(found) >= set(NAME_COLUMNS):
        raise InputError(
            f"{path}: columns {', '.join(found) or 'none'}; expected {', '.join(NAME_COLUMNS)}: "
            "correct the first line"
        )
    for row in reader:
        yield reader.line_num, {name: (row[name] or "").strip() for name in NAME_COLUMNS}


def _unknown(visit_id: str, known: set[str]) -> str:
    hint = did_you_mean(visit_id, known, "take the id from visits.csv")
    return f"no visit {visit_id!r}; expected the visit_id of a seen visit: {hint}"
