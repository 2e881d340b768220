"""Commands on submitted runs on Kubernetes: list them, read their logs, cancel one."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from jobs.cli.options import (
    ContextOption,
    Form,
    JobOrPlan,
    JobOrRun,
    NamespaceOption,
    OutputForm,
    RunOption,
)
from jobs.cli.output import err, out, say
from jobs.cli.program import command_app
from jobs.cli.run_view import run_table, run_values
from jobs.errors import ClusterLostError, InputError, KubernetesLostError, LoginError
from jobs.kubernetes import (
    ABSENCE_LIMIT_S,
    Api,
    Cancellation,
    Line,
    Log,
    PodFilter,
    Run,
    RunApis,
    api_of_run,
    archive_of,
    cancel_run,
    count_by_kind,
    find_run,
    follow,
    list_runs,
    poll_status,
    read_logs,
)
from jobs.run import ExitCode

MAX_RUNS = 20
"""Runs listed without ``--all``."""


class Component(StrEnum):
    """Components of a run that have pods; the values of ``--component``."""

    RUNNER = "runner"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    GPU_WORKER = "gpu-worker"
    ALL = "all"


app = command_app()


@app.command()
def runs(
    source: JobOrPlan,
    every: Annotated[bool, typer.Option("--all", help="All of them, not the newest 20.")] = False,
    namespace: NamespaceOption = None,
    context: ContextOption = None,
    output: OutputForm = Form.TEXT,
) -> None:
    """A job's runs on Kubernetes, the newest first, with their states.

    `status JOB --run RUN-ID` shows one in detail.
    """
    storage, job = archive_of(source)
    listed = list_runs(storage, job)
    wanted = listed if every else listed[:MAX_RUNS]
    apis = RunApis(context, namespace, say)
    found = [poll_status(storage, run, apis, units=False) for run in wanted]
    if output is Form.JSON:
        typer.echo(json.dumps([run_values(one) for one in found], indent=2))
        return
    if not found:
        out.print(f"job {job!r} has no run on Kubernetes: berthwatch submit {source}")
        return
    out.print(run_table(found))
    if len(listed) > len(wanted):
        out.print(f"... and {len(listed) - len(wanted)} older ones; --all lists them", style="dim")


@app.command()
def logs(
    source: JobOrRun,
    run_id: RunOption = None,
    component: Annotated[
        Component | None, typer.Option("--component", help="Of these pods; the runner's alone.")
    ] = None,
    partition: Annotated[
        str | None, typer.Option("--partition", metavar="NAME", help="Of this partition alone.")
    ] = None,
    pod: Annotated[str | None, typer.Option("--pod", help="Of this pod alone.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the run is over.")
    ] = False,
    archived: Annotated[
        bool, typer.Option("--archived", help="As the archive keeps them; without Kubernetes.")
    ] = False,
    namespace: NamespaceOption = None,
    context: ContextOption = None,
    output: OutputForm = Form.TEXT,
) -> None:
    """What a run's pods wrote, also when they are gone: logs are kept in the archive."""
    if follow and archived:
        raise InputError("--follow and --archived exclude each other: what is kept does not grow")
    if follow:
        with _borne_at_first():
            _, run = find_run(source, run_id, context, namespace, say, ABSENCE_LIMIT_S)
            followed = api_of_run(run, context, namespace, say, ABSENCE_LIMIT_S)
        _follow(followed, run, _chosen(run, component, partition, pod), output)
        return
    storage, run = find_run(source, run_id, context, namespace, say)
    chosen = _chosen(run, component, partition, pod)
    api = None if archived else RunApis(context, namespace, say).of(run)
    found = read_logs(api, storage, run, chosen)
    if output is Form.JSON:
        typer.echo(json.dumps([asdict(log) for log in found], indent=2))
        return
    if not sum(_print_log(run, log) for log in found):
        whose = f"no logs of {chosen.pod or chosen.component or 'any pod'} in run {run.id}"
        raise InputError(f"{whose}: {_why_none(archived, api is not None)}")


def _why_none(archived: bool, answered: bool) -> str:
    if archived:
        return "the archive keeps none; without --archived Kubernetes is asked as well"
    if not answered:
        return "the archive keeps none yet, and Kubernetes does not answer; ask again once it does"
    return "no such pod has started, and the archive keeps none; see `berthwatch status`"


def _chosen(
    run: Run, component: Component | None, partition: str | None, pod: str | None
) -> PodFilter:
    names = [part.name for part in run.partitions]
    if partition is not None and partition not in names:
        raise InputError(f"no partition {partition!r} in run {run.id}: {', '.join(names)}")
    if component is None and pod is None:
        component = Component.RUNNER
    return PodFilter(
        None if component in (None, Component.ALL) else str(component),
        None if partition is None else names.index(partition),
        pod,
    )


def _print_log(run: Run, log: Log) -> bool:
    name = "?" if log.index is None else run.partitions[log.index].name
    kept = "" if log.live else ", as the archive keeps it"
    say(f"==== {log.pod} ({log.component} of partition {name}{kept})")
    typer.echo(log.text, nl=not log.text.endswith("\n"))
    return True


@contextmanager
def _borne_at_first() -> Iterator[None]:
    """Requests before the first line; a login that was never accepted is refused."""
    try:
        yield
    except LoginError:
        raise
    except KubernetesLostError as error:
        raise _stopped_following(error) from error


def _stopped_following(error: KubernetesLostError) -> typer.Exit:
    """The end of a wait, not of the run."""
    say(f"stopped following: {error}; the run goes on, and the same command follows it again")
    return typer.Exit(ExitCode.INTERRUPTED)


def _follow(api: Api, run: Run, chosen: PodFilter, output: Form) -> None:
    single = chosen.pod is not None or (
        chosen.component == "runner" and (chosen.index is not None or len(run.partitions) == 1)
    )
    try:
        for line in follow(api, run, chosen, say=say):
            typer.echo(_line(run, line, single, output))
    except KubernetesLostError as error:
        raise _stopped_following(error) from error


def _line(run: Run, line: Line, single: bool, output: Form) -> str:
    if output is Form.JSON:
        return json.dumps(asdict(line))
    return line.text if single else f"{line.pod.removeprefix(f'{run.id}-')}: {line.text}"


@app.command()
def cancel(
    source: JobOrRun,
    run_id: RunOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="S", help="Seconds until all is gone.")
    ] = 180.0,
    namespace: NamespaceOption = None,
    context: ContextOption = None,
    output: OutputForm = Form.TEXT,
) -> None:
    """End a run; nothing of it stays in Kubernetes, what it finished stays in the archive.

    Exit code 0: all is gone; 1: something is still there.
    """
    storage, run = find_run(source, run_id, context, namespace, say)
    api = api_of_run(run, context, namespace, say)
    if not (yes or _confirmed(run)):
        raise typer.Exit(ExitCode.FAILED)
    with err.status(f"cancelling {run.id} ..."):
        try:
            done = cancel_run(api.patient(say), storage, run, wait, say)
        except KubernetesLostError as error:
            raise ClusterLostError(
                f"{error}; the run may go on: the same command cancels it"
            ) from error
    _print_cancelled(run, done, output)
    raise typer.Exit(ExitCode.FAILED if done.left else ExitCode.DONE)


def _confirmed(run: Run) -> bool:
    if not sys.stdin.isatty():
        raise InputError(
            f"cancelling {run.id} needs confirmation, and standard input is no terminal; add --yes"
        )
    return typer.confirm(f"cancel {run.id} of job {run.job}?")


def _print_cancelled(run: Run, done: Cancellation, output: Form) -> None:
    if output is Form.JSON:
        typer.echo(json.dumps({"run": run.id, **asdict(done)}, indent=2))
        return
    gone = count_by_kind(set(done.gone)) or "nothing was there"
    lines = [f"{run.id} cancelled" if done.recorded else f"{run.id} was over", f"gone: {gone}"]
    lines += [f"still there: {one}" for one in done.left]
    lines += list(done.notes)
    if done.recorded:
        lines.append("what was finished is in the archive; `berthwatch resume` does the rest")
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
