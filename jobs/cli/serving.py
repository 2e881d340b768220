"""A page that a command serves until Ctrl-C: what is said, and how it ends."""

from __future__ import annotations

import time
import webbrowser
from contextlib import suppress

import typer

from jobs.cli.output import say
from jobs.errors import InputError
from jobs.serve import PageApp, Place, is_everywhere, is_loopback, served


def serve_page(app: PageApp, place: Place, browser: bool, ended: str) -> None:
    """Serve until Ctrl-C. Standard output gets the address alone; ``ended`` is what then holds."""
    for line in _warnings(place.host):
        say(line)
    with served(app, place) as address, suppress(KeyboardInterrupt):
        say("serving until Ctrl-C; open")
        typer.echo(address)
        if browser and not webbrowser.open(address):
            raise InputError("no browser could be opened: leave out --browser, open the address")
        while True:
            time.sleep(3600)
    say(f"stopped serving; {ended}")


def _warnings(host: str) -> list[str]:
    """What to know of a place that others can reach."""
    if is_loopback(host):
        return []
    lines = [
        f"warning: whoever reaches {host} and has the address can do there what you can, and it is "
        "not encrypted; an ssh tunnel to this machine's loopback, with one port at both ends, is "
        "safer"
    ]
    if is_everywhere(host):
        lines.append("from other machines, write this one's address in place of the loopback's")
    return lines
