"""`berthwatch map`: the looks at a port in motion."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.destinations import folder_to_make
from jobs.cli.options import JobOrPlan
from jobs.cli.output import err, say
from jobs.cli.program import command_app
from jobs.errors import InputError
from jobs.maps import (
    MapFolder,
    MapSource,
    PictureFormat,
    check_replaceable,
    map_app,
    map_source,
    write_map,
)
from jobs.serve import Place, is_loopback, served

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
    listen: Annotated[
        str,
        typer.Option(
            "--listen",
            metavar="HOST:PORT",
            help="Where to serve; port 0 takes a free one. Any other host than this machine's "
            "loopback lets others in who have the address.",
        ),
    ] = "127.0.0.1:0",
    browser: Annotated[
        bool, typer.Option("--browser", help="Open the page in the browser at once.")
    ] = False,
) -> None:
    """The looks at each port in motion: a slider over time with vessels, berths and visits.

    Without `-o` it is served from the archive on this machine until Ctrl-C (needs
    `pip install 'berthwatch[map]'`). With `-o` it becomes a folder that works from any web server,
    and from a USB stick without one.
    """
    if output is not None:
        check_replaceable(output)
    place = Place.parse(listen)
    found = map_source(source, port or ())
    if output is None:
        _serve(found, place, browser)
    else:
        _say_written(_write(found, output, pictures))


def _write(source: MapSource, folder: Path, form: PictureFormat) -> MapFolder:
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


def _serve(source: MapSource, place: Place, browser: bool) -> None:
    application = map_app(source)
    if not is_loopback(place.host):
        say(
            f"anyone who reaches {place.host} and has the address can see the map; it is not "
            "encrypted"
        )
    with served(application, place) as address:
        typer.echo(address)
        say("serving until Ctrl-C")
        if browser and not webbrowser.open(address):
            raise InputError("no browser could be opened: leave out --browser, open the address")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            say("stopped serving; nothing was changed")
