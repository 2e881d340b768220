"""Commands that do the work, or say how far it is: run and status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.entry import app
from jobs.cli.options import AsJson, ClusterOption, JobOrPlan, Replan, WorkersOption
from jobs.cli.planning import pinned
from jobs.cli.printing import err, out, show
from jobs.errors import InputError

if TYPE_CHECKING:  # the real imports happen inside the commands, so that --help is quick
    from jobs.plan import Plan
    from jobs.run import Options, Summary


@app.command()
def run(
    source: JobOrPlan,
    stage: Annotated[
        str | None, typer.Option("--stage", help="Stop behind this stage: tile or segment.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Do at most N overpasses now.")
    ] = None,
    cluster: ClusterOption = "local",
    workers: WorkersOption = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the failed overpasses again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    replan: Replan = False,
    commit_every: Annotated[
        float, typer.Option("--commit-every", min=0, help="Seconds between commits.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Do everything that is still missing: tile, segment, visits, estimates, publish.

    Live progress; Ctrl-C keeps what is finished; the same command goes on where it stopped.
    Exit code 0: all done; 1: some overpasses failed; 2: refused; 3: the cluster was lost;
    130: stopped by Ctrl-C.
    """
    from jobs.run import Options

    found = pinned(source, replan)
    options = Options(
        limit=limit,
        retry_failed=retry_failed,
        last_stage=_stage(stage),
        commit_every_s=commit_every,
    )
    if dry_run:
        _dry_run(found, options, as_json)
        return
    raise typer.Exit(run_plan(found, options, cluster, workers, as_json))


def _stage(name: str | None) -> Any:
    from jobs.domain import StageName

    if name is None:
        return StageName.SEGMENT
    try:
        return StageName(name)
    except ValueError:
        raise InputError(f"no stage {name!r}; expected one of {', '.join(StageName)}") from None


def _dry_run(found: Plan, options: Options, as_json: bool) -> None:
    from jobs.archives import Archives
    from jobs.run import preview, settings_for
    from jobs.storage import storage_at

    archives = Archives(found, storage_at(found.archive))
    rows = [
        {"overpass": item.unit.overpass.id, "why": item.why, "stages": " ".join(item.stages)}
        for item in preview(found, archives, settings_for(found), options)
    ]
    show(rows, as_json, "nothing to do: every overpass is done")


def run_plan(
    found: Plan, options: Options, cluster: str, workers: int | None, as_json: bool
) -> int:
    """A whole run with its journal and display; returns the exit code."""
    from jobs.archives import Archives
    from jobs.cluster import connect
    from jobs.domain import StageName
    from jobs.journal import Event, EventName
    from jobs.logbook import kept_performance, logbook
    from jobs.metrics import metrics
    from jobs.progress import display
    from jobs.results import collect, publish_run
    from jobs.run import run_units, settings_for
    from jobs.storage import storage_at

    storage = storage_at(found.archive)
    settings = settings_for(found)
    with (
        storage.locked(),
        logbook(storage, found.name) as write,
        connect(cluster, workers) as client,
    ):
        archives = Archives(found, storage)
        err.print(f"dashboard {client.dashboard_link}", highlight=False)
        with display(err) as watch, metrics(client, found.name) as measure:

            def observe(event: Event) -> None:
                write(event)
                watch(event)
                measure(event)

            with kept_performance(client, storage, found.name, observe):
                summary = run_units(found, archives, settings, options, client, observe)
        folder = None
        whole = not (summary.interrupted or summary.lost)
        if summary.done and whole and options.last_stage is StageName.SEGMENT:
            err.print("counting visits and estimating those that nobody saw")
            publication = collect(found, archives, settings, storage, client)
            folder = publish_run(publication, archives, storage)
            write(Event(EventName.PUBLISHED, {"folder": folder}))
        code = exit_code(summary)
        write(Event(EventName.ENDED, {"exit": code, "done": summary.done}))
    _report_run(summary, None if folder is None else storage.url_of(folder), as_json)
    return code


def exit_code(summary: Summary) -> int:
    """0 nothing failed, 1 something failed, 3 cluster lost, 130 stopped by Ctrl-C."""
    if summary.interrupted:
        return 130
    if summary.lost:
        return 3
    return 1 if summary.failed else 0


def _report_run(summary: Summary, folder: str | None, as_json: bool) -> None:
    facts = {
        "done": summary.done,
        "failed": summary.failed,
        "pending": summary.pending,
        "published": folder,
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    out.print(f"{summary.done} done, {summary.failed} failed, {summary.pending} pending")
    for reason, count in summary.reasons.most_common(5):
        out.print(f"  {count} x {reason}", markup=False, highlight=False)
    if summary.interrupted:
        out.print("stopped; what was finished is committed: the same command goes on from here")
    elif summary.lost:
        out.print(summary.lost, markup=False, highlight=False)
    elif summary.pending:
        out.print("the same command does the rest")
    for overpass in summary.quarantined:
        out.print(f"quarantined {overpass}: it kills its worker", markup=False, highlight=False)
    if summary.failed:
        out.print("--retry-failed tries the failed ones again")
    if folder is not None:
        out.print(f"results {folder}", soft_wrap=True, highlight=False)
        out.print(f"report  {folder}/report.html", soft_wrap=True, highlight=False)


@app.command()
def status(source: JobOrPlan, as_json: AsJson = False) -> None:
    """Per port, sensor and stage: done, pending, failed, stale."""
    from jobs.run import status_rows
    from jobs.storage import storage_at

    found = pinned(source)
    rows = status_rows(found, storage_at(found.archive))
    show(rows, as_json, "the plan has no overpass")
