"""The program itself: what --help opens with, and how a refusal ends."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from jobs.cli.output import err
from jobs.errors import BerthwatchError

app = typer.Typer(
    name="berthwatch",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""From satellite catalogs to port-visit time series, on a Dask cluster.

A first result: `berthwatch demo`. On real imagery: write a job file (ports, period, catalogs,
archive), look with `berthwatch search JOB`, then `berthwatch run JOB` and
`berthwatch report JOB`. A run that was stopped, killed or cut off goes on with the same command.
""",
)


def _say_version(asked: bool) -> None:
    if asked:
        from jobs.domain.version import code_version

        typer.echo(code_version())
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_say_version,
            is_eager=True,
            help="Print the version of this code: the release, and a digest of what is here.",
        ),
    ] = False,
) -> None:
    # no docstring: what the program is for stands above, where --help takes it from
    pass


def main() -> None:
    """Entry point: a refusal is one line and exit code 2, never a traceback."""
    try:
        app()
    except (BerthwatchError, ValueError) as error:
        if not _is_refusal(error):
            raise
        err.print(f"berthwatch: {error}", style="red", markup=False, highlight=False)
        sys.exit(2)


def _is_refusal(error: Exception) -> bool:
    """Ours, or one of the models package's own errors, told by name to keep the start quick."""
    return isinstance(error, BerthwatchError) or type(error).__module__.startswith("models.")
