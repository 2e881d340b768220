"""`berthwatch report`: where the HTML report of the newest results lies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.destinations import file_to_write
from jobs.cli.options import JobOrPlan
from jobs.cli.output import say
from jobs.cli.program import command_app
from jobs.publish import newest_results, published_doubts
from jobs.storage import write_new_file

app = command_app()


@app.command()
def report(
    source: JobOrPlan,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", parser=file_to_write, help="Copy the page there."
        ),
    ] = None,
) -> None:
    """Where the HTML report of the newest results lies."""
    storage, folder = newest_results(source)
    for line in published_doubts(storage, folder):
        say(line)
    page = storage.url_of(f"{folder}/report.html")
    if output is not None:
        write_new_file(output, storage.read(f"{folder}/report.html"))
        page = str(output)
    typer.echo(page)
