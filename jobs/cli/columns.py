"""`berthwatch columns`: what the columns of the results and the variables of the archives mean."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from jobs.cli.options import AsJson
from jobs.cli.output import show
from jobs.cli.program import command_app
from jobs.domain import did_you_mean
from jobs.errors import InputError

if TYPE_CHECKING:
    from jobs.publish import Section

app = command_app()


def every_section() -> tuple[Section, ...]:
    """The tables and groups of results and archives, and the tables of an AIS cross-check."""
    from jobs.ais import AIS_TABLES
    from jobs.publish import data_dictionary, table_section

    ais = (
        table_section(name, table, (f"{name}.parquet", f"{name}.csv"))
        for name, table in AIS_TABLES.items()
    )
    return (*data_dictionary(), *ais)


@app.command()
def columns(
    table: Annotated[
        str | None,
        typer.Argument(metavar="TABLE", help="A table or group by its name; all are listed."),
    ] = None,
    as_json: AsJson = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print all of them as one page of Markdown.")
    ] = False,
) -> None:
    """What the columns of the results mean: unit, values, source, what an empty cell says.

    `berthwatch columns` lists the tables, `berthwatch columns visits` the columns of one,
    `berthwatch columns --json` prints all there is.
    """
    from jobs.publish import dictionary_json, dictionary_page

    sections = every_section()
    if markdown:
        typer.echo(dictionary_page(sections), nl=False)
    elif table is not None:
        _one(_section(sections, table), as_json)
    elif as_json:
        typer.echo(json.dumps(dictionary_json(sections), indent=2, ensure_ascii=False))
    else:
        rows = [
            {"table": each.name, "columns": len(each.entries), "what": each.what}
            for each in sections
        ]
        show(rows, False, "none")


def _section(sections: tuple[Section, ...], name: str) -> Section:
    found = {section.name: section for section in sections}
    plain = name.removesuffix(".parquet").removesuffix(".csv")
    if plain not in found:
        hint = did_you_mean(plain, found, f"there are {'; '.join(found)}")
        raise InputError(f"no table {name!r}; {hint}")
    return found[plain]


def _one(section: Section, as_json: bool) -> None:
    from jobs.publish import dictionary_json

    if as_json:
        typer.echo(json.dumps(dictionary_json((section,))[0], indent=2, ensure_ascii=False))
        return
    rows = [
        {
            "column": entry.name,
            "type": escape(entry.dtype),  # datetime64[us, UTC] is no markup
            "unit": entry.meaning.unit,
            "meaning": escape("\n".join(filter(None, (entry.meaning.text, entry.meaning.comment)))),
        }
        for entry in section.entries
    ]
    show(rows, False, "none")
