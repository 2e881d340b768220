"""The data dictionary: what every column and variable is, in one list for files, page and command.

It is made from the registries next to the tables' types (``jobs.visits``, ``jobs.archive``), which
the metadata of the files is made from too.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from jobs.archive import archive_layout
from jobs.domain import Json, Meaning, Period
from jobs.visits import HISTORIES_TABLE, PUBLISHED, SERIES, PublishedTable, joined_series

CSV_FILE, JSON_FILE = "data_dictionary.csv", "data_dictionary.json"

CSV_COLUMNS = (
    "table",
    "column",
    "dtype",
    "dimensions",
    "unit",
    "meaning",
    "values",
    "source",
    "missing",
)


@dataclass(frozen=True)
class Entry:
    """One column of a table or one variable of a Zarr group."""

    name: str
    dtype: str
    meaning: Meaning
    dims: tuple[str, ...] = ()
    """Axes of a variable; none for a column."""


@dataclass(frozen=True)
class Section:
    """One table or one Zarr group."""

    name: str
    what: str
    """What a row is, or what the group holds."""
    files: tuple[str, ...]
    """Where it lies."""
    entries: tuple[Entry, ...]


def data_dictionary() -> tuple[Section, ...]:
    """Of a published result, and of the port archives that it was made from."""
    return (*published_tables(), _series(), *_archive())


def published_tables() -> tuple[Section, ...]:
    """Of the tables of a published result."""
    found = [
        table_section(name, table, (f"{name}.parquet", f"{name}.csv", "results.gpkg"))
        for name, table in PUBLISHED.items()
    ]
    return (*found, table_section("histories", HISTORIES_TABLE, ("histories.parquet",)))


def table_section(name: str, table: PublishedTable, files: tuple[str, ...]) -> Section:
    """Of one table; a column without a meaning is a KeyError."""
    entries = (Entry(key, dtype, table.meanings[key]) for key, dtype in table.columns.items())
    return Section(name, f"a row is {table.description}", files, tuple(entries))


def _series() -> Section:
    some = Period(date(2024, 1, 1), date(2024, 1, 1))
    dataset = joined_series([], some)["day"]
    entries = (
        Entry(
            name,
            "string" if dataset[name].dtype.kind in "OTU" else str(dataset[name].dtype),
            meaning,
            tuple(str(dim) for dim in dataset[name].dims),
        )
        for name, meaning in SERIES.items()
    )
    what = "counts and estimates per berth and period, in the groups day, week and month"
    return Section("port_visits.zarr", what, ("port_visits.zarr",), tuple(entries))


def _archive() -> Iterator[Section]:
    for group, variables in archive_layout().items():
        entries = (Entry(each.name, each.dtype, each.meaning, each.dims) for each in variables)
        what = f"all overpasses of the sensor family {group} over one port"
        where = f"archive, group {group}"
        if not group:
            what, where = "what all sensor families of one port share", "archive, root group"
        yield Section(where, what, (f"ports/PORT, /{group}",), tuple(entries))


def dictionary_csv(sections: Iterable[Section]) -> str:
    """CSV with CSV_COLUMNS, a row an entry."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row for section in sections for row in _rows(section))
    return text.getvalue()


def _rows(section: Section) -> Iterator[dict[str, str]]:
    for entry in section.entries:
        facts = dict(entry_facts(entry))
        dims = " ".join(entry.dims)
        yield {**facts, "table": section.name, "column": entry.name, "dimensions": dims}


def entry_facts(entry: Entry) -> Mapping[str, str]:
    """Type, unit and texts of an entry, by name."""
    meaning = entry.meaning
    return {
        "dtype": entry.dtype,
        "unit": meaning.unit,
        "meaning": meaning.text,
        "values": meaning.values,
        "source": meaning.source,
        "missing": meaning.missing,
    }


def dictionary_json(sections: Iterable[Section]) -> list[Json]:
    """A list of tables and groups, each with its columns in order."""
    return [
        {
            "name": section.name,
            "what": section.what,
            "files": list(section.files),
            "columns": [_entry_json(entry) for entry in section.entries],
        }
        for section in sections
    ]


def _entry_json(entry: Entry) -> dict[str, Json]:
    dims: dict[str, Json] = {"dimensions": list(entry.dims)} if entry.dims else {}
    return {"name": entry.name, **entry_facts(entry), **dims}


PAGE = """# The data dictionary

Every column of the tables that Berthwatch writes, and every variable of its Zarr stores. This page
is made by `berthwatch columns --markdown` from the registry that the files' own metadata comes
from; `berthwatch columns visits` shows one table. The same lies in every result as
`data_dictionary.csv` and `.json`, in the fields of Parquet (`long_name`, `units`, `comment`), in
the column descriptions of the GeoPackage, and in the attributes of Zarr.

Units are those of UDUNITS, 1 is a pure number. Times are UTC, shapes WGS 84. Types are those of
pandas and NumPy; `Int64` is a whole number that may be missing. In CSV a point is `lon` and `lat`,
another shape is WKT.
"""


def dictionary_page(sections: Iterable[Section]) -> str:
    """The page, with a chapter for each section."""
    return "\n".join((PAGE, "\n\n".join(_chapter(section) for section in sections))) + "\n"


def _chapter(section: Section) -> str:
    head = f"## {section.name}\n\n{section.what[0].upper()}{section.what[1:]}. "
    head += f"In {', '.join(f'`{name}`' for name in section.files)}.\n\n"
    lines = ["| name | type | unit | meaning | values and source | empty means |", "|" + "---|" * 6]
    lines += [_line(entry) for entry in section.entries]
    return head + "\n".join(lines)


def _line(entry: Entry) -> str:
    meaning = entry.meaning
    dims = f" ({', '.join(entry.dims)})" if entry.dims else ""
    told = "; ".join(part for part in (meaning.values, meaning.source) if part)
    cells = (
        f"`{entry.name}`{dims}",
        entry.dtype,
        meaning.unit,
        meaning.text,
        told,
        meaning.missing or "never empty",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
