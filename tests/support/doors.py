"""The command as a person calls it, in this process: what it prints, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any, get_args, get_type_hints
from unittest.mock import patch

from typer.models import ParameterInfo

from jobs import cli
from jobs.cli.commands import COMMANDS


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    code: int
    out: str
    err: str


def berthwatch(*arguments: str | Path) -> Outcome:
    """Call the program's entry point; what it does not catch is raised here too."""
    out, err = StringIO(), StringIO()
    argv = ["berthwatch", *map(str, arguments)]
    with patch.object(sys, "argv", argv), redirect_stdout(out), redirect_stderr(err):
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
    return Outcome(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class PathParameter:
    """A parameter of a command that takes a path."""

    command: str
    name: str
    info: ParameterInfo


def path_parameters() -> Iterator[PathParameter]:
    """Those of every command, read from the commands themselves."""
    for name, entry in COMMANDS.items():
        for command in import_module(f"jobs.cli.{entry.module}").app.registered_commands:
            if (command.name or command.callback.__name__) == name:
                yield from _paths_of(name, command.callback)


def _paths_of(command: str, callback: Any) -> Iterator[PathParameter]:
    for name, hint in get_type_hints(callback, include_extras=True).items():
        infos = [part for part in get_args(hint) if isinstance(part, ParameterInfo)]
        if infos and "Path" in str(get_args(hint)[0]):
            yield PathParameter(command, name, infos[0])
