"""The command that does the work: run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any

import typer

from jobs.cli.commands import GOES_ON
from jobs.cli.options import (
    AsJson,
    ClusterOption,
    JobOrPlan,
    Replan,
    WaitOption,
    WithoutReviews,
    WorkersOption,
    seconds,
)
from jobs.cli.output import err, out, say, show
from jobs.cli.plan import pinned
from jobs.cli.program import command_app
from jobs.cli.replan import keep_former_inputs
from jobs.domain import SENSORS, Engine, Period, StageName
from jobs.errors import InputError
from jobs.plan import Plan
from jobs.run import ExitCode, RunOptions, Summary
from jobs.storage import storage_at
from models.inference import EngineName, bfloat16_by, package_version

app = command_app()


@app.command()
def run(
    source: JobOrPlan,
    stage: Annotated[
        str | None,
        typer.Option(
            "--stage",
            help="Stop behind this stage: tile or segment.",
            autocompletion=lambda: list(StageName),
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Do at most N overpasses now.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Only overpasses acquired on this day (UTC) or later; the results are published "
            "when nothing of the plan is missing any more.",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--to",
            metavar="DATE",
            formats=["%Y-%m-%d"],
            help="Only overpasses acquired on this day (UTC) or earlier. Parts of a plan may run "
            "at the same time where the archive lies in a bucket.",
        ),
    ] = None,
    cluster: ClusterOption = "local",
    workers: WorkersOption = None,
    wait_for_workers: WaitOption = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the failed overpasses again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    replan: Replan = False,
    without_reviews: WithoutReviews = False,
    commit_every: Annotated[
        float, typer.Option("--commit-every", min=0, help="Seconds between commits.")
    ] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Do everything that is still missing: tile, segment, visits, estimates, publish.

    Live progress; Ctrl-C keeps what is finished; the same command goes on where it stopped.
    Exit code 0: all done; 1: some overpasses failed; 2: refused; 3: the cluster was lost;
    130: stopped by Ctrl-C, 143: by SIGTERM.
    """
    options = RunOptions(
        limit=limit,
        within=_within(since, until),
        retry_failed=retry_failed,
        last_stage=_stage(stage),
        commit_every_s=commit_every,
        use_reviews=not without_reviews,
    )
    wait_s = seconds(wait_for_workers)
    if wait_s is not None:
        options = replace(options, without_workers_s=wait_s)
    if replan and not dry_run:
        keep_former_inputs(source)
    found = pinned(source, replan, pin=not dry_run)
    _refuse_other_days(options.within, found.period)
    if dry_run:
        _dry_run(found, options, as_json)
        return
    raise typer.Exit(run_and_report(found, options, cluster, workers, as_json, wait_s))


def _within(since: datetime | None, until: datetime | None) -> Period | None:
    if since is None and until is None:
        return None
    start = date.min if since is None else since.date()
    end = date.max if until is None else until.date()
    if end < start:
        raise InputError(f"--to {end} lies before --from {start}; expected it on that day or later")
    return Period(start, end)


def _refuse_other_days(within: Period | None, period: Period) -> None:
    if within is not None and (within.end < period.start or within.start > period.end):
        raise InputError(
            f"--from and --to leave nothing of the plan, whose period is {period.start} to "
            f"{period.end}; expected days of it"
        )


def _stage(name: str | None) -> Any:
    if name is None:
        return StageName.SEGMENT
    try:
        return StageName(name)
    except ValueError:
        raise InputError(f"no stage {name!r}; expected one of {', '.join(StageName)}") from None


def _dry_run(found: Plan, options: RunOptions, as_json: bool) -> None:
    from jobs.run import dry_rows

    rows = dry_rows(found, storage_at(found.archive), options)
    show(rows, as_json, "nothing to do: every overpass is done")


def run_and_report(
    found: Plan,
    options: RunOptions,
    cluster: str,
    workers: int | None,
    as_json: bool,
    wait_s: float | None = None,
) -> ExitCode:
    """A whole run, and what it says at its end; returns the exit code."""
    from jobs.publish import published_doubts
    from jobs.review import use_lines
    from jobs.run import connect, run_plan, workers_needed  # with all that computes

    storage = storage_at(found.archive)
    workers = workers or workers_needed(found, options, storage)
    there = connect(cluster, workers, wait_for_workers_s=wait_s, tell=say)
    ended = run_plan(found, options, there, err)
    reviews = ended.reviews
    folder = None if ended.folder is None else storage.url_of(ended.folder)
    doubts = [] if ended.folder is None else published_doubts(storage, ended.folder)
    _report_run(ended.summary, folder, doubts, reviews, as_json)
    if as_json and ended.summary.interrupted:
        say(GOES_ON)
    faster = [faster_engine(found)] if cluster == "local" and ended.summary.worked else []
    for line in (*use_lines(reviews), *doubts, *filter(None, faster)):
        say(line)
    return ended.code


def faster_engine(found: Plan) -> str:
    """What another engine would bring on this processor, in words; empty for nothing."""
    first = next(iter(found.overpasses), None)
    is_optical = first is not None and not SENSORS[first.sensor].is_radar
    if found.engine is not Engine.TORCH or not is_optical or not bfloat16_by():
        return ""
    there = package_version(EngineName.OPENVINO_BF16) != "none"
    needs = "" if there else ' (after pip install "berthwatch[openvino]")'
    return (
        f"note: `engine: {Engine.OPENVINO_BF16}` in the job file{needs} makes probabilities from "
        "pixels in less than half of the CPU time on such a processor; it finds every vessel anew, "
        "and of a hundred it reports one otherwise"
    )


def _report_run(
    summary: Summary,
    folder: str | None,
    doubts: list[str],
    reviews: Mapping[str, Any] | None,
    as_json: bool,
) -> None:
    facts = {
        "done": summary.done,
        "failed": summary.failed,
        "pending": summary.pending,
        "unmerged": summary.unmerged,
        "copied_files": summary.copied_files,
        "ghosts": summary.ghosts,
        "published": folder,
        "doubts": doubts,
        "reviews": reviews,
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    out.print(f"{summary.done} done, {summary.failed} failed, {summary.pending} pending")
    for reason, count in summary.reasons.most_common(5):
        alike = "" if count == 1 else " (of one kind, the first is shown)"
        out.print(f"  {count} x {reason}{alike}", markup=False, highlight=False)
    if summary.interrupted:
        out.print(GOES_ON)
    elif summary.lost:
        out.print(summary.lost, markup=False, highlight=False)
    elif summary.pending:
        out.print("the same command does the rest")
    _report_copies(summary.copied_files)
    _report_ghosts(summary.ghosts)
    if summary.unmerged:
        out.print(f"{summary.unmerged} not merged: another run writes to this archive, see above")
    for overpass in summary.quarantined:
        out.print(f"quarantined {overpass}: it kills its worker", markup=False, highlight=False)
    if summary.failed:
        out.print("--retry-failed tries the failed ones again")
    if folder is not None:
        out.print(f"results {folder}", soft_wrap=True, highlight=False)
        out.print(f"report  {folder}/report.html", soft_wrap=True, highlight=False)


def _report_ghosts(count: int) -> None:
    if count:
        out.print(
            f"{count} radar detections were left out as ghosts of brighter ones, kilometres away "
            "along the flight; the journal says in which overpasses"
        )


def _report_copies(count: int) -> None:
    if count:
        out.print(
            f"{count} files were copied whole before they were read: their server ignores Range; "
            "one that sends parts of a file is faster"
        )
