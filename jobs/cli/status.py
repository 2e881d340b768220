"""The status command: state of a job's run on Kubernetes, and unit states in the archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from jobs.cli.options import (
    AsJson,
    ContextOption,
    Form,
    JobOrRun,
    NamespaceOption,
    OutputForm,
    RunOption,
)
from jobs.cli.output import out, say, show
from jobs.cli.plan import pinned
from jobs.cli.program import command_app
from jobs.kubernetes import find_status, is_file
from jobs.plan import Plan, plan_without_search
from jobs.publish import newest_folder, published_doubts
from jobs.run import review_lines, stale_rows, status_rows
from jobs.storage import storage_at

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
        plan = pinned(Path(source))
        show(_rows(plan), True, "")
        _tell_doubts(plan)
        return
    from jobs.cli.run_view import run_tree, run_values  # with Kubernetes, which most jobs never saw

    run_status = find_status(source, run_id, context, namespace, say)
    found = _plan(source, submitted=run_status is not None)
    if output is Form.JSON:
        run = None if run_status is None else run_values(run_status)
        units = [] if found is None else _rows(found)
        doubts = [] if found is None else _doubts(found)
        typer.echo(json.dumps({"run": run, "units": units, "doubts": doubts}, indent=2))
        return
    if run_status is not None:
        out.print(run_tree(run_status))
    if found is not None:
        _show_units(found)
        _tell_doubts(found)


def _plan(source: str, submitted: bool) -> Plan | None:
    """The plan whose units are counted; None for a run id.

    A submitted job's catalogs are not searched: None where it has no pinned plan here.
    """
    if not is_file(source):
        return None
    return plan_without_search(Path(source)) if submitted else pinned(Path(source))


def _rows(found: Plan) -> list[dict[str, Any]]:
    return [dict(row) for row in status_rows(found, storage_at(found.archive))]


def _doubts(found: Plan) -> list[str]:
    """What the newest results say against the port files, and what reviewers decided; none where
    there are no results.
    """
    storage = storage_at(found.archive)
    folder = newest_folder(storage, found.name)
    if folder is None:
        return []
    return [*review_lines(found, storage), *published_doubts(storage, folder)]


def _tell_doubts(found: Plan) -> None:
    for line in _doubts(found):
        say(line)


def _show_units(found: Plan) -> None:
    rows = _rows(found)
    show(rows, False, "the plan has no overpass")
    if any(row["stale"] for row in rows):
        out.print()
        show(stale_rows(found, storage_at(found.archive)), False, "")
