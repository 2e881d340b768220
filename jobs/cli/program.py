"""The program itself: what --help opens with, and how a refusal ends."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from jobs.cli.commands import BEGINS_AGAIN, COMMANDS
from jobs.cli.output import err, say
from jobs.domain import code_version
from jobs.errors import BerthwatchError
from jobs.run import ExitCode

MARKUP: Final = "markdown"
CLOSED_PIPE: Final = 128 + signal.SIGPIPE


def command_app() -> typer.Typer:
    """What a module of this package adds its commands to, under the name ``app``."""
    return typer.Typer(rich_markup_mode=MARKUP, pretty_exceptions_enable=False)


class LazyGroup(TyperGroup):
    """The commands of ``COMMANDS``; a module is imported when a command of it is called.

    Importing all of them takes seconds (torch, numba, distributed), which ``--help`` and the
    completion of names can do without.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            self.add_command(
                TyperCommand(
                    name,
                    help=entry.summary,
                    hidden=entry.hidden,
                    rich_help_panel=str(entry.group),
                )
            )

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The called command, from its module, in the place of the one that --help lists."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_command(str(name)), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C ends it in one line, a closed pipe without a word."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            entry = COMMANDS.get(str(ctx.invoked_subcommand))
            say(f"berthwatch: {BEGINS_AGAIN if entry is None else entry.stopped}")
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except BrokenPipeError:
            _close_quietly()
            raise typer.Exit(CLOSED_PIPE) from None


def _close_quietly() -> None:
    """Send what is still to be printed nowhere: its reader is gone."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())


def load_command(name: str) -> Any:
    """The command of that name, imported; KeyError where there is none."""
    module = import_module(f"jobs.cli.{COMMANDS[name].module}")
    command = get_group(module.app).commands[name]
    command.epilog = examples_text(name)
    for part, below in getattr(command, "commands", {}).items():
        below.epilog = examples_text(name, f"{name} {part} ")
    return command


def examples_text(name: str, beginning: str = "") -> str:
    """The examples of a command that begin so, as Markdown, for the end of its help."""
    shown = [one for one in COMMANDS[name].examples if one[0].startswith(beginning)]
    lines = (f"- `berthwatch {call}`  \n  {what}" for call, what in shown)
    return "\n".join(["Examples:", "", *lines])


app = typer.Typer(
    cls=LazyGroup,
    name="berthwatch",
    no_args_is_help=True,
    rich_markup_mode=MARKUP,
    pretty_exceptions_enable=False,
    help="""From satellite catalogs to port-visit time series, on a Dask cluster.

A first result: `berthwatch demo`. On real imagery: write a job file (ports, period, catalogs,
archive), look with `berthwatch search JOB`, then `berthwatch run JOB` and
`berthwatch report JOB`. A run that was stopped, killed or cut off goes on with the same command.
""",
)


def _say_version(asked: bool) -> None:
    if asked:
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


def run_program() -> int:
    """Run the command that the shell gave; returns the exit code. A refusal is one line."""
    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (BerthwatchError, ValueError) as error:
        if not _is_refusal(error):
            raise
        return _refuse(str(error))
    except OSError as error:
        return _refuse(_of_the_system(error))
    return ExitCode.DONE


def _refuse(message: str) -> int:
    line = f"berthwatch: {one_line(message)}"
    with suppress(BrokenPipeError):
        err.print(line, style="red", markup=False, highlight=False, soft_wrap=True)
    return ExitCode.REFUSED


def one_line(message: str) -> str:
    """A message as one line that a terminal can show, whatever an input brought into it."""
    joined = " ".join(line.strip() for line in message.splitlines())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in joined)


def _of_the_system(error: OSError) -> str:
    """What the operating system refused, where nothing nearer to it had a word of its own."""
    place = "" if error.filename is None else f"{error.filename}: "
    return (
        f"{place}the system refused to read or write ({error.strerror or error}); mend the cause "
        "(rights, space, a file where a folder should be) and run the same command again; what "
        "was committed is safe"
    )


def _is_refusal(error: Exception) -> bool:
    """Ours, or an error of the models package, which is matched by name to spare its import."""
    return isinstance(error, BerthwatchError) or type(error).__module__.startswith("models.")
