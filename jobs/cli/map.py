"""`berthwatch map`: the looks at a port in motion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.destinations import folder_to_make
from jobs.cli.options import LISTEN, BrowserOption, JobOrPlan, ListenOption
from jobs.cli.output import err, say
from jobs.cli.program import command_app
from jobs.cli.serving import serve_page
from jobs.maps import PictureFormat
from jobs.serve import Place

if TYPE_CHECKING:
    from jobs.maps import MapFolder, MapSource

app = command_app()


@app.command(name="map")
def map_command(
    source: JobOrPlan,
    port: Annotated[
        list[str] | None,
        typer.Option("--port", metavar="ID", help="This port only; may be given several times."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            parser=folder_to_make,
            help="Write the map into a folder instead of serving it; open its index.html.",
        ),
    ] = None,
    pictures: Annotated[
        PictureFormat,
        typer.Option(
            "--pictures",
            help="In a folder: `webp` is small, `png` keeps every pixel's colour exactly.",
        ),
    ] = PictureFormat.WEBP,
    listen: ListenOption = LISTEN,
    browser: BrowserOption = False,
) -> None:
    """The looks at each port in motion: a slider over time with vessels, berths and visits.

    Without `-o` it is served from the archive on this machine until Ctrl-C (needs
    `pip install 'berthwatch[map]'`). With `-o` it becomes a folder that works from any web server,
    and from a USB stick without one.
    """
    from jobs.maps import check_replaceable, map_app, map_source

    if output is not None:
        check_replaceable(output)
    place = Place.parse(listen)
    found = map_source(source, port or ())
    if output is None:
        serve_page(map_app(found), place, browser, "nothing was changed")
    else:
        _say_written(_write(found, output, pictures))


def _write(source: MapSource, folder: Path, form: PictureFormat) -> MapFolder:
    from jobs.maps import write_map

    with err.status("pictures") as line:
        return write_map(
            source,
            folder,
            form,
            lambda done, total: line.update(f"pictures: {done} of {total} looks"),
        )


def _say_written(written: MapFolder) -> None:
    size = f"{written.size_bytes / 1e6:,.1f} MB"
    say(f"{written.looks:,} looks in {written.files:,} files, {size}")
    if written.without_picture:
        count = written.without_picture
        say(f"looks without a picture, as the archive has no pixels of them: {count}")
    typer.echo(written.page)
