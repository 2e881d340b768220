"""The command line: one sub-command per step, each a call of what a notebook could call as well."""

# ruff: noqa: F401, I001 - importing a module adds its commands, and in this order --help lists them
from jobs.cli import places
from jobs.cli import planning
from jobs.cli import running
from jobs.cli import status
from jobs.cli import submitting
from jobs.cli import following
from jobs.cli import reading
from jobs.cli import hearing
from jobs.cli import linking
from jobs.cli import keeping
from jobs.cli import training
from jobs.cli import evaluating
from jobs.cli import synthetic
from jobs.cli.entry import app, main
from jobs.codes import exit_code

__all__ = ["app", "exit_code", "main"]
