"""The command line: one sub-command per step, each a call of what a notebook could call as well."""

from jobs.cli.app import app, main

__all__ = ["app", "main"]
