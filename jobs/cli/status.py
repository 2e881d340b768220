"""The command that says how far a job is: its run on Kubernetes, and the archive's own account."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from jobs.cli.app import command_app
from jobs.cli.options import (
    AsJson,
    ContextOption,
    Form,
    JobOrRun,
    NamespaceOption,
    OutputForm,
    RunOption,
)
from jobs.cli.output import out, show
from jobs.cli.plan import pinned
from jobs.kubernetes.selection import asked_standing, is_file
from jobs.cli.run_view import run_tree, run_values
from jobs.plan.pinned import plan_without_search

if TYPE_CHECKING:  # the real imports happen inside the commands, so that --help is quick
    from jobs.plan import Plan


app = command_app()


@app.command()
def status(
    source: JobOrRun,
    run_id: RunOption = None,
    namespace: NamespaceOption = None,
    context: ContextOption = None,
    as_json: AsJson = False,
    output: OutputForm = Form.TEXT,
) -> None:
    """How far a job is: per port, sensor and stage what is done, pending, failed, stale.

    Where it runs, or ran, on Kubernetes, its newest run comes first, as a tree: partitions, pods,
    ports, stages. A last table says why something is stale. --json has the rows of the first table
    alone; --output json has everything.
    """
    if as_json:
        show(_rows(pinned(Path(source))), True, "")
        return
    standing = asked_standing(source, run_id, context, namespace)
    found = _plan(source, submitted=standing is not None)
    if output is Form.JSON:
        run = None if standing is None else run_values(standing)
        units = [] if found is None else _rows(found)
        typer.echo(json.dumps({"run": run, "units": units}, indent=2))
        return
    if standing is not None:
        out.print(run_tree(standing))
    if found is not None:
        _show_units(found)


def _plan(source: str, submitted: bool) -> Plan | None:
    """The plan that the archive is held against. A job that was only submitted needs no search."""
    if not is_file(source):
        return None
    return plan_without_search(Path(source)) if submitted else pinned(Path(source))


def _rows(found: Plan) -> list[dict[str, Any]]:
    from jobs.run.status import status_rows
    from jobs.storage import storage_at

    return [dict(row) for row in status_rows(found, storage_at(found.archive))]


def _show_units(found: Plan) -> None:
    from jobs.run.status import stale_rows
    from jobs.storage import storage_at

    rows = _rows(found)
    show(rows, False, "the plan has no overpass")
    if any(row["stale"] for row in rows):
        out.print()
        show(stale_rows(found, storage_at(found.archive)), False, "")
