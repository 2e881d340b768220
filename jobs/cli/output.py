"""What a person or a program gets to see: tables, JSON, lines, and the two consoles."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

WIDE = 200
"""Columns of what goes into a file or a pipe, where ids must not be cut off at 80."""


def _width(terminal: bool) -> int | None:
    return None if terminal or "COLUMNS" in os.environ else WIDE


class _Console(Console):
    """A console that leaves a closed pipe to its caller."""

    def on_broken_pipe(self) -> None:
        """Called while BrokenPipeError is handled; rich would end the program with code 1."""
        raise


out = _Console(width=_width(sys.stdout.isatty()))
err = _Console(stderr=True, width=_width(sys.stderr.isatty()))


def show(rows: Sequence[Mapping[str, Any]], as_json: bool, empty: str) -> None:
    """Rows as a table, or as JSON; ``empty`` is said where there are none."""
    if as_json:
        typer.echo(json.dumps(list(rows), indent=2, default=str))
        return
    if not rows:
        out.print(empty)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in rows[0]:
        numeric = all(isinstance(row[name], int | float) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    out.print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}" if isinstance(value, float) else str(value)


def print_lines(lines: list[str]) -> None:
    """Text for the standard output, as it is: neither wrapped nor coloured."""
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)


def interval(row: Mapping[str, Any], name: str, form: str = ".1f") -> str:
    """A number with its interval, as 12.3 (8.0-17.0)."""
    if row[name] is None or row[name] != row[name]:
        return "-"
    value, low, high = (format(row[f"{name}{end}"], form) for end in ("", "_low", "_high"))
    return f"{value} ({low}-{high})"


def say(message: str) -> None:
    """A word to the person, on standard error."""
    err.print(message, highlight=False, markup=False, soft_wrap=True)


SAY_EVERY_S = 10.0
"""Between lines on work that goes on, where there is no terminal."""


@contextmanager
def working(first: str) -> Iterator[Callable[[str], None]]:
    """Show what goes on meanwhile; gives a function that takes what goes on next.

    On a terminal as a line that moves; elsewhere as a plain line every SAY_EVERY_S seconds, so that
    short work says nothing.
    """
    if err.is_terminal:
        with err.status(first) as status:
            yield status.update
        return
    now, over = [first], Event()

    def go_on() -> None:
        while not over.wait(SAY_EVERY_S):
            say(now[-1])

    def tell(text: str) -> None:
        now[:] = [text]

    thread = Thread(target=go_on, name="working", daemon=True)
    thread.start()
    try:
        yield tell
    finally:
        over.set()
        thread.join()
