"""The command line: one sub-command per step, each a call of what a notebook could call as well."""

# ruff: noqa: F401, I001 - importing a module adds its commands, and in this order --help lists them
from jobs.cli import ports
from jobs.cli import plan
from jobs.cli import run
from jobs.cli import status
from jobs.cli import submit
from jobs.cli import runs
from jobs.cli import report
from jobs.cli import ais
from jobs.cli import voyages
from jobs.cli import archive
from jobs.cli import train
from jobs.cli import evaluate
from jobs.cli import simulate
from jobs.cli.app import app, main
from jobs.run.exit_codes import exit_code

__all__ = ["app", "exit_code", "main"]
