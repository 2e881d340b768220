"""The newest results of a job, and the command that says where their report lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.app import app
from jobs.cli.options import JobOrPlan
from jobs.cli.plan import is_job
from jobs.errors import InputError

if TYPE_CHECKING:  # the real imports happen inside the commands, so that --help is quick
    from jobs.storage import Storage


@app.command()
def report(
    source: JobOrPlan,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Copy the page there.")
    ] = None,
) -> None:
    """Where the HTML report of the newest results lies."""
    storage, folder = newest_results(source)
    page = storage.url_of(f"{folder}/report.html")
    if output is not None:
        output.write_bytes(storage.read(f"{folder}/report.html"))
        page = str(output)
    typer.echo(page)


def newest_results(source: Path) -> tuple[Storage, str]:
    """Where the archive lies, and the name of the newest published folder of a job in it."""
    from jobs.domain.job import read_job
    from jobs.plan import read_plan
    from jobs.storage import storage_at

    described = read_job(source) if is_job(source) else read_plan(source)
    storage = storage_at(described.archive)
    home = f"published/{described.name}"
    try:
        latest = json.loads(storage.read(f"{home}/latest.json"))
    except FileNotFoundError:
        raise InputError(
            f"job {described.name!r} has no results yet: berthwatch run {source}"
        ) from None
    return storage, f"{home}/{latest['tag']}"
