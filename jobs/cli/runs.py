"""Commands on runs on Kubernetes: which there are, what their pods write, and how to end one."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.app import app
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
from jobs.cli.plan import is_job
from jobs.cli.run_view import run_table, run_values
from jobs.errors import ClusterError, InputError

if TYPE_CHECKING:  # the real imports happen inside the commands, so that --help is quick
    from jobs.kubernetes.api import Api
    from jobs.kubernetes.cancel import Cancelled
    from jobs.kubernetes.logs import Chosen, Line, Log
    from jobs.kubernetes.spec import Run
    from jobs.kubernetes.status import RunStanding
    from jobs.storage import Storage

MOST_RUNS = 20
"""Listed unless all are asked for."""


class Component(StrEnum):
    """Which pods of a run."""

    RUNNER = "runner"
    SCHEDULER = "scheduler"
    WORKER = "worker"
    GPU_WORKER = "gpu-worker"
    ALL = "all"


@app.command()
def runs(
    source: JobOrPlan,
    every: Annotated[bool, typer.Option("--all", help="All of them, not the newest 20.")] = False,
    namespace: NamespaceOption = None,
    context: ContextOption = None,
    output: OutputForm = Form.TEXT,
) -> None:
    """A job's runs on Kubernetes, the newest first, and how they stand.

    `status JOB --run RUN-ID` tells more of one.
    """
    from jobs.kubernetes.records import runs_of

    storage, job = located(source)
    listed = runs_of(storage, job)
    wanted = listed if every else listed[:MOST_RUNS]
    clusters = Clusters(context, namespace)
    found = [standing_of(storage, run, clusters, units=False) for run in wanted]
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
        bool, typer.Option("--archived", help="As the archive keeps them; asks no Kubernetes.")
    ] = False,
    namespace: NamespaceOption = None,
    context: ContextOption = None,
    output: OutputForm = Form.TEXT,
) -> None:
    """What a run's pods wrote, also when they are gone: logs are kept in the archive."""
    from jobs.kubernetes.logs import texts

    if follow and archived:
        raise InputError("--follow and --archived exclude each other: what is kept does not grow")
    storage, run = chosen_run(source, run_id, context, namespace)
    chosen = _chosen(run, component, partition, pod)
    if follow:
        _follow(asked_api(run, context, namespace), run, chosen, output)
        return
    api = None if archived else Clusters(context, namespace).of(run)
    found = texts(api, storage, run, chosen)
    if output is Form.JSON:
        typer.echo(json.dumps([asdict(log) for log in found], indent=2))
        return
    if not sum(_print_log(run, log) for log in found):
        raise InputError(
            f"no logs of {chosen.pod or chosen.component or 'any pod'} in run {run.id}: no such "
            "pod has started, and the archive keeps none; see `berthwatch status`"
        )


def _chosen(
    run: Run, component: Component | None, partition: str | None, pod: str | None
) -> Chosen:
    from jobs.kubernetes.logs import Chosen

    names = [part.name for part in run.partitions]
    if partition is not None and partition not in names:
        raise InputError(f"no partition {partition!r} in run {run.id}: {', '.join(names)}")
    if component is None and pod is None:
        component = Component.RUNNER
    return Chosen(
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


def _follow(api: Api, run: Run, chosen: Chosen, output: Form) -> None:
    from jobs.kubernetes.logs import follow

    single = chosen.pod is not None or (
        chosen.component == "runner" and (chosen.index is not None or len(run.partitions) == 1)
    )
    for line in follow(api, run, chosen):
        typer.echo(_line(run, line, single, output))


def _line(run: Run, line: Line, single: bool, output: Form) -> str:
    if output is Form.JSON:
        return json.dumps(asdict(line))
    return line.text if single else f"{line.pod.removeprefix(f'{run.id}-')}: {line.text}"


@app.command()
def cancel(
    source: JobOrRun,
    run_id: RunOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
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
    from jobs.kubernetes import cancel as cancelling

    storage, run = chosen_run(source, run_id, context, namespace)
    api = asked_api(run, context, namespace)
    if not (yes or _agreed(run)):
        raise typer.Exit(1)
    with err.status(f"cancelling {run.id} ..."):
        done = cancelling.cancel(api, storage, run, wait, say)
    _print_cancelled(run, done, output)
    raise typer.Exit(int(bool(done.left)))


def _agreed(run: Run) -> bool:
    if not sys.stdin.isatty():
        raise InputError(f"cancelling {run.id} needs a yes: there is nobody to ask; add --yes")
    return typer.confirm(f"cancel {run.id} of job {run.job}?")


def _print_cancelled(run: Run, done: Cancelled, output: Form) -> None:
    from jobs.kubernetes.cancel import counted

    if output is Form.JSON:
        typer.echo(json.dumps({"run": run.id, **asdict(done)}, indent=2))
        return
    gone = counted(set(done.gone)) or "nothing was there"
    lines = [f"{run.id} cancelled" if done.recorded else f"{run.id} was over", f"gone: {gone}"]
    lines += [f"still there: {one}" for one in done.left]
    lines += list(done.notes)
    if done.recorded:
        lines.append("what was finished is in the archive; `berthwatch resume` does the rest")
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


# --- finding a run -------------------------------------------------------------------------------


def located(source: Path) -> tuple[Storage, str]:
    """The archive of a job file or plan, and the job's name."""
    from jobs.domain.job import read_job
    from jobs.plan import read_plan
    from jobs.storage import storage_at

    described = read_job(source) if is_job(source) else read_plan(source)
    return storage_at(described.archive), described.name


def chosen_run(
    source: str, run_id: str | None, context: str | None, namespace: str | None
) -> tuple[Storage, Run]:
    """The run that a person means, and the archive with its records."""
    if not is_file(source):
        return _run_by_id(source, context, namespace)
    from jobs.kubernetes.records import find_run, runs_of

    storage, job = located(Path(source))
    if run_id is not None:
        found = find_run(storage, job, run_id)
        if found is None:
            raise InputError(
                f"job {job!r} has no run {run_id!r} in {storage.url}: berthwatch runs {source}"
            )
        return storage, found
    newest = next(iter(runs_of(storage, job)), None)
    if newest is None:
        raise InputError(
            f"job {job!r} has no run on Kubernetes in {storage.url}: berthwatch submit {source}"
        )
    return storage, newest


def is_file(source: str) -> bool:
    """Whether a person means a job file or a plan, rather than the id of a run."""
    path = Path(source)
    return path.exists() or path.suffix in (".yaml", ".yml", ".jsonl", ".gz")


def _run_by_id(run_id: str, context: str | None, namespace: str | None) -> tuple[Storage, Run]:
    """By the notes on its Job, which lead to its records."""
    from jobs.kubernetes.api import JOBS, reach
    from jobs.kubernetes.names import ARCHIVE, JOB
    from jobs.kubernetes.records import find_run
    from jobs.storage import storage_at

    api = reach(context, namespace)
    job = api.find(JOBS, run_id)
    if job is None:
        raise InputError(
            f"{run_id!r} is neither a file nor a run in namespace {api.namespace}: give the job "
            "file (and --run RUN-ID), for the Job of a run that is over is deleted after a while"
        )
    archive = (job["metadata"].get("annotations") or {}).get(ARCHIVE)
    name = (job["metadata"].get("labels") or {}).get(JOB)
    if not archive or not name:
        raise InputError(
            f"Job {run_id} in namespace {api.namespace} is none of Berthwatch's: expected the "
            f"annotation {ARCHIVE} and the label {JOB}"
        )
    storage = storage_at(archive)
    found = find_run(storage, name, run_id)
    if found is None:
        raise InputError(f"{archive} holds no record of run {run_id} of job {name!r}")
    return storage, found


def asked_api(run: Run, context: str | None, namespace: str | None) -> Api:
    """The cluster of a run, once it has answered; ClusterError where none does."""
    from jobs.kubernetes.api import JOBS, reach

    api = reach(context, namespace or run.namespace)
    api.find(JOBS, run.id)
    return api


class Clusters:
    """The clusters of runs, as far as they answer: each is asked once, and a silence told once."""

    def __init__(self, context: str | None = None, namespace: str | None = None) -> None:
        self.context = context
        self.namespace = namespace
        self._found: dict[str, Api | None] = {}

    def of(self, run: Run) -> Api | None:
        """None where no cluster answers."""
        if run.namespace not in self._found:
            try:
                self._found[run.namespace] = asked_api(run, self.context, self.namespace)
            except ClusterError as error:
                say(f"from the archive alone: {error}")
                self._found[run.namespace] = None
        return self._found[run.namespace]


# --- how runs stand ------------------------------------------------------------------------------


def asked_standing(
    source: str, run_id: str | None, context: str | None, namespace: str | None
) -> RunStanding | None:
    """How the run stands that a person means; None for a job that was never submitted."""
    from jobs.kubernetes.records import runs_of

    clusters = Clusters(context, namespace)
    if run_id is None and is_file(source):
        storage, job = located(Path(source))
        newest = next(iter(runs_of(storage, job)), None)
        return None if newest is None else standing_of(storage, newest, clusters)
    return standing_of(*chosen_run(source, run_id, context, namespace), clusters)


def standing_of(storage: Storage, run: Run, clusters: Clusters, units: bool = True) -> RunStanding:
    """How a run stands. Kubernetes is asked only where the records leave something open."""
    from jobs.kubernetes.status import State, standing

    found = standing(None, storage, run, units=False)
    open_still = found.state in (State.UNKNOWN, State.CANCELLED)  # pods take a while to go
    api = clusters.of(run) if open_still else None
    if api is None:
        return standing(None, storage, run, units) if units else found
    try:
        return standing(api, storage, run, units)
    except ClusterError as error:
        say(f"from the archive alone: {error}")
        return standing(None, storage, run, units)
