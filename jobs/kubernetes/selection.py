from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jobs.cli.output import say
from jobs.errors import ClusterError, InputError
from jobs.plan.pinned import is_job

if TYPE_CHECKING:  # the real imports happen inside the commands, so that --help is quick
    from jobs.kubernetes.api import Api
    from jobs.kubernetes.spec import Run
    from jobs.kubernetes.status import RunStanding
    from jobs.storage import Storage


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
