"""Finding a submitted run by job file, plan or run id, and polling its status.

Used by the commands and by notebooks::

    storage, run = find_run("job.yaml")
    status = find_status("job.yaml")
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from jobs.domain import read_job
from jobs.errors import ClusterError, InputError
from jobs.kubernetes.absence import COMMAND_LIMIT_S
from jobs.kubernetes.api import JOBS, Api, api_for
from jobs.kubernetes.names import ARCHIVE, JOB
from jobs.kubernetes.records import list_runs, read_run
from jobs.kubernetes.spec import Run
from jobs.kubernetes.status import RunState, RunStatus, run_status
from jobs.plan import is_job, read_plan
from jobs.storage import Storage, storage_at

Warn = Callable[[str], None]


class RunApis:
    """The Kubernetes APIs of runs, one per namespace.

    Each is tried once. ``warn`` gets one message for each that does not answer.
    """

    def __init__(
        self,
        context: str | None = None,
        namespace: str | None = None,
        warn: Warn = warnings.warn,
    ) -> None:
        self.context = context
        self.namespace = namespace
        self.warn = warn
        self._apis: dict[str, Api | None] = {}

    def of(self, run: Run) -> Api | None:
        """The API of the run's namespace; None where it does not answer."""
        if run.namespace not in self._apis:
            try:
                self._apis[run.namespace] = api_of_run(run, self.context, self.namespace)
            except ClusterError as error:
                self.warn_unreachable(error)
                self._apis[run.namespace] = None
        return self._apis[run.namespace]

    def warn_unreachable(self, error: ClusterError) -> None:
        """Report that a status rests on the records in the archive."""
        self.warn(f"from the archive alone: {error}")


def find_run(
    source: str | Path,
    run_id: str | None = None,
    context: str | None = None,
    namespace: str | None = None,
    say: Warn = warnings.warn,
    limit_s: float = COMMAND_LIMIT_S,
) -> tuple[Storage, Run]:
    """A run and the archive with its records.

    ``source`` is a job file or a plan, of which the run ``run_id`` or else the newest run is meant;
    or the id of a run whose Job Kubernetes still has; ``say`` hears where that is away for minutes,
    which is borne for ``limit_s``. Raises InputError where there is no such run.
    """
    if not is_file(source):
        return _find_by_id(str(source), api_for(context, namespace).patient(say, limit_s))
    storage, job = archive_of(Path(source))
    if run_id is not None:
        found = read_run(storage, job, run_id)
        if found is None:
            raise InputError(
                f"job {job!r} has no run {run_id!r} in {storage.url}: berthwatch runs {source}"
            )
        return storage, found
    newest = next(iter(list_runs(storage, job)), None)
    if newest is None:
        raise InputError(
            f"job {job!r} has no run on Kubernetes in {storage.url}: berthwatch submit {source}"
        )
    return storage, newest


def find_status(
    source: str | Path,
    run_id: str | None = None,
    context: str | None = None,
    namespace: str | None = None,
    warn: Warn = warnings.warn,
) -> RunStatus | None:
    """Status of the run that ``find_run`` returns; None for a job that was never submitted."""
    apis = RunApis(context, namespace, warn)
    if run_id is None and is_file(source):
        storage, job = archive_of(Path(source))
        newest = next(iter(list_runs(storage, job)), None)
        return None if newest is None else poll_status(storage, newest, apis)
    return poll_status(*find_run(source, run_id, context, namespace, warn), apis)


def poll_status(storage: Storage, run: Run, apis: RunApis, units: bool = True) -> RunStatus:
    """Status of a run; Kubernetes is polled only where the records do not settle the state.

    ``units``: with the counts of overpasses and the throughput.
    """
    recorded = run_status(None, storage, run, units=False)
    # pods of a cancelled run may still be ending
    unsettled = recorded.state in (RunState.UNKNOWN, RunState.CANCELLED)
    api = apis.of(run) if unsettled else None
    if api is None:
        return run_status(None, storage, run, units) if units else recorded
    try:
        return run_status(api, storage, run, units)
    except ClusterError as error:
        apis.warn_unreachable(error)
        return run_status(None, storage, run, units)


def is_file(source: str | Path) -> bool:
    """Whether a source is a job file or a plan, rather than the id of a run."""
    path = Path(source)
    return path.exists() or path.suffix in (".yaml", ".yml", ".jsonl", ".gz")


def archive_of(source: Path) -> tuple[Storage, str]:
    """The archive of a job file or plan, and the job's name."""
    described = read_job(source) if is_job(source) else read_plan(source)
    return storage_at(described.archive), described.name


def api_of_run(
    run: Run,
    context: str | None,
    namespace: str | None,
    say: Warn | None = None,
    limit_s: float = COMMAND_LIMIT_S,
) -> Api:
    """The API of a run's namespace, after one request; ClusterError where it does not answer.

    With ``say``, which hears of it, an absence of ``limit_s`` is borne first.
    """
    api = api_for(context, namespace or run.namespace)
    (api if say is None else api.patient(say, limit_s)).find(JOBS, run.id)
    return api


def _find_by_id(run_id: str, api: Api) -> tuple[Storage, Run]:
    """By the annotation and label on the run's Job, which name the archive and the job."""
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
            f"Job {run_id} in namespace {api.namespace} was not made by Berthwatch: expected the "
            f"annotation {ARCHIVE} and the label {JOB}"
        )
    storage = storage_at(archive)
    found = read_run(storage, name, run_id)
    if found is None:
        raise InputError(f"{archive} holds no record of run {run_id} of job {name!r}")
    return storage, found
