"""`berthwatch report`: the HTML report of the newest results, where it lies or as a copy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress

from jobs.cli.destinations import FileOrFolder, file_or_folder
from jobs.cli.options import JobOrPlan
from jobs.cli.output import err, say
from jobs.cli.program import command_app
from jobs.publish import newest_results, published_contributions, published_doubts
from jobs.storage import Storage, write_new_file

app = command_app()


@app.command()
def report(
    source: JobOrPlan,
    output: Annotated[
        FileOrFolder | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|FOLDER/",
            parser=file_or_folder,
            help="FILE: a copy that needs nothing else, with the tables in it, for sending. "
            "FOLDER/ (with a slash): the page with every file of the result and a picture of every "
            "clear look, for a web server or a USB stick.",
        ),
    ] = None,
) -> None:
    """Where the HTML report of the newest results lies, or a copy of it elsewhere.

    Where several sensors looked, says of every place how many visits there would be without each.

    berthwatch report job.yaml -o report.html
    """
    storage, folder = newest_results(source)
    for line in published_doubts(storage, folder):
        say(line)
    for line in published_contributions(storage, folder):
        say(line)
    page = storage.url_of(f"{folder}/report.html")
    if output is not None and output.is_folder:
        page = str(_folder(storage, folder, output.path))
    elif output is not None:
        from jobs.publish import one_page  # with tables, where the address alone asks for none

        write_new_file(output.path, one_page(storage, folder))
        page = str(output.path)
    typer.echo(page)


def _folder(storage: Storage, folder: str, target: Path) -> Path:
    """Write the report as a folder, with a bar, and say how many pictures it has."""
    from jobs.archive import Archives
    from jobs.publish import read_results, report_folder

    archives = Archives(read_results(storage, folder).ports, storage)
    with Progress(console=err, transient=True) as bar:
        tasks = {}

        def progress(port_id: str, done: int, wanted: int) -> None:
            if port_id not in tasks:
                tasks[port_id] = bar.add_task(f"pictures of {port_id}", total=wanted)
            bar.update(tasks[port_id], completed=done)

        written = report_folder(storage, folder, archives, target, progress)
    for port_id, pictures in written.items():
        newest = "" if pictures.tagged else ", pixels of the newest commit: the result has no tag"
        count = f"{pictures.number} of {pictures.clear_looks} looks with a clear berth"
        say(f"{port_id}: pictures of {count}{newest}")
    return target / "index.html"
