"""Doing the work: pin a plan, run what is missing of it, ask how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path

import pandas as pd
from distributed import Client
from rich.console import Console

from berthwatch.cards import card, lines
from berthwatch.results import Result, result_in
from berthwatch.workers import cluster_for
from jobs.domain import Overpass
from jobs.errors import ClusterLostError, InputError
from jobs.plan import Plan, estimate_plan, left_out_lines, pinned_plan, plan_without_search
from jobs.run import RunOptions, Summary, run_plan, status_rows
from jobs.storage import storage_at


class PlannedJob:
    """A job with every overpass pinned to its files: a run of it asks no catalog again.

    >>> planned = bw.plan("demo/job.yaml")
    >>> planned.name, sorted(planned.overpasses.port.unique())
    ('demo', ['KPCHO', 'RUVYP'])
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        """The same as the functions of ``jobs`` take it."""

    @property
    def name(self) -> str:
        """The job's name."""
        return self.plan.name

    @property
    def hash(self) -> str:
        """sha256 of what is to be done; equal work has equal hashes.

        >>> len(bw.plan("demo/job.yaml").hash)
        64
        """
        return self.plan.hash

    @property
    def overpasses(self) -> pd.DataFrame:
        """A row an overpass: port, time, sensor, platform, cloud_cover (per cent), items, id.

        >>> list(bw.plan("demo/job.yaml").overpasses)
        ['port', 'time', 'sensor', 'platform', 'cloud_cover', 'items', 'overpass_id']
        """
        rows = [_row(overpass) for overpass in self.plan.overpasses]
        return pd.DataFrame(rows)

    @property
    def left_out(self) -> list[str]:
        """What the catalogs offered and the plan does not use, with the reasons; a line each.

        >>> bw.plan("demo/job.yaml").left_out
        [...]
        """
        return list(left_out_lines(self.plan, None))

    @property
    def needs(self) -> dict[str, float]:
        """What a run of all of it will take: overpasses, files, megabytes in and out, memory.

        >>> bw.plan("demo/job.yaml").needs["overpasses"] == len(bw.plan("demo/job.yaml").overpasses)
        True
        """
        found = estimate_plan(self.plan)
        return {
            "overpasses": found.units,
            "files": found.files,
            "mb_read": round(found.bytes_in / 1e6, 1),
            "mb_written": round(found.bytes_out / 1e6, 1),
            "mb_memory_per_worker": round(found.peak_memory / 1e6),
        }

    def _facts(self) -> Mapping[str, object]:
        period = self.plan.period
        return {
            "hash": self.hash[:12],
            "period": f"{period.start} to {period.end}",
            "ports": ", ".join(port.id for port in self.plan.ports),
            "overpasses": len(self.plan.overpasses),
            "left out": f"{len(self.left_out)} lines in .left_out" if self.left_out else "nothing",
            "archive": self.plan.archive,
        }

    def __repr__(self) -> str:
        return lines(f"Plan of job {self.name!r}", self._facts())

    def _repr_html_(self) -> str:
        return card(f"Plan of job {self.name!r}", self._facts(), hint="bw.run(planned)")


def _row(overpass: Overpass) -> dict[str, object]:
    covers = [scene.cloud_cover for scene in overpass.scenes if scene.cloud_cover is not None]
    return {
        "port": overpass.port,
        "time": pd.Timestamp(overpass.acquired),
        "sensor": overpass.sensor,
        "platform": overpass.platform,
        "cloud_cover": max(covers) if covers else None,
        "items": " ".join(scene.item_id for scene in overpass.scenes),
        "overpass_id": overpass.id,
    }


@dataclass(frozen=True, repr=False)
class RunOutcome:
    """How a run ended: what is done, what failed and why, and the result where there is one.

    >>> from distributed import Client
    >>> with Client(processes=False, dashboard_address=":0") as client:
    ...     outcome = bw.run("demo/job.yaml", client, progress=False)
    >>> outcome.failures
    {}
    >>> outcome.result().ports
    ('KPCHO', 'RUVYP')
    """

    summary: Summary
    """Everything that was counted."""
    _plan: Plan
    _folder: str | None

    @property
    def complete(self) -> bool:
        """Whether every overpass of the plan is done."""
        return not self.summary.failed and not self.summary.pending

    @property
    def failures(self) -> dict[str, int]:
        """Overpasses that failed in this run, by reason."""
        return dict(self.summary.reasons)

    def result(self) -> Result:
        """What the run published; InputError where it published nothing."""
        if self._folder is None:
            raise InputError(
                f"the run of {self._plan.name!r} published nothing: no overpass is done"
            )
        tag = self._folder.rpartition("/")[2]
        return result_in(storage_at(self._plan.archive), self._plan.name, tag)

    def _facts(self) -> dict[str, object]:
        found = self.summary
        return {
            "done": found.done,
            "failed": found.failed,
            "pending": found.pending,
            "in this run": f"{found.worked} overpasses, {found.vessels} vessels",
            "published": self._folder or "nothing",
        }

    def _doubts(self) -> list[str]:
        return [f"{count} failed: {reason}" for reason, count in self.failures.items()]

    def __repr__(self) -> str:
        return lines(f"Run of job {self._plan.name!r}", self._facts(), self._doubts())

    def _repr_html_(self) -> str:
        return card(f"Run of job {self._plan.name!r}", self._facts(), self._doubts(), ".result()")


def plan(
    job: str | PathLike[str], replan: bool = False, pin: bool = True, progress: bool = True
) -> PlannedJob:
    """Ask the catalogs of a job file what they hold, and pin it in the archive.

    A job that was planned before keeps its plan, so that a result can be made again; ``replan``
    asks anew. ``pin=False`` only looks and writes nothing. ``progress`` prints what is asked. A
    plan file is read as it is.

    >>> planned = bw.plan("demo/job.yaml", progress=False)
    >>> planned.hash == bw.plan("demo/job.yaml", progress=False).hash
    True

    InputError for a job file that contradicts itself, with its line; CatalogError for a catalog
    that is down; PlanError where nothing is found, with the reason of each source.
    """
    say = print if progress else _silent
    return PlannedJob(
        pinned_plan(Path(fspath(job)), replan, progress=say, tell=print, pin=pin).plan
    )


def _silent(line: str) -> None:
    """For those who want no progress."""


def _planned(job: str | PathLike[str] | PlannedJob, progress: bool) -> Plan:
    return job.plan if isinstance(job, PlannedJob) else plan(job, progress=progress).plan


def run(
    job: str | PathLike[str] | PlannedJob,
    client: Client | None = None,
    workers: int | None = None,
    limit: int | None = None,
    retry_failed: bool = False,
    progress: bool = True,
    wait_for_workers: float | None = None,
) -> RunOutcome:
    """Do what is missing of a job, and publish the results: ``berthwatch run`` in a notebook.

    ``client`` is a Dask client of your own, of whatever cluster, whose workers need the same
    Berthwatch; without one, a cluster of ``workers`` processes is made for this run (one a core).
    ``wait_for_workers`` says how many seconds the cluster may be without any worker, where they
    wait in a queue (60 at the beginning, 300 later on). ``limit`` does at most so many overpasses:
    a first taste. Interrupt it when you like and run it again: what is finished stays.

    >>> from distributed import Client
    >>> client = Client(processes=False, dashboard_address=":0")
    >>> outcome = bw.run("demo/job.yaml", client, progress=False)  # all is done already
    >>> outcome.complete, outcome.summary.worked
    (True, 0)
    >>> outcome.result().tag == bw.open_result("demo/job.yaml").tag
    True
    >>> client.close()

    Failed overpasses are in the outcome. Raises ClusterLostError where the cluster is lost,
    ArchiveError where another run has locked the archive, KeyboardInterrupt where you stop it.
    """
    if client is not None and workers is not None:
        raise InputError("both a client and workers are given; expected one of them, or none")
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; expected 1 or more")
    if wait_for_workers is not None and wait_for_workers < 0:
        raise InputError(f"wait_for_workers is {wait_for_workers}; expected seconds, 0 or more")
    cluster = cluster_for(client, workers, wait_for_workers, print if progress else _silent)
    planned = _planned(job, progress)
    options = RunOptions(limit=limit, retry_failed=retry_failed)
    if wait_for_workers is not None:
        options = replace(options, without_workers_s=wait_for_workers)
    console = Console(stderr=True, quiet=not progress)
    ended = run_plan(planned, options, cluster, console)
    if ended.summary.lost:
        raise ClusterLostError(f"{ended.summary.lost}; what is finished stays: run it again")
    if ended.summary.interrupted:
        raise KeyboardInterrupt("the run was stopped; what is finished stays: run it again")
    return RunOutcome(ended.summary, planned, ended.folder)


def status(job: str | PathLike[str] | PlannedJob) -> pd.DataFrame:
    """How far a job is: overpasses done, pending, failed and stale by port, sensor and stage.

    Asks no catalog: InputError for a job that was not planned yet.

    >>> table = bw.status("demo/job.yaml")
    >>> int(table.failed.sum())
    0
    """
    found = job.plan if isinstance(job, PlannedJob) else plan_without_search(Path(fspath(job)))
    if found is None:
        raise InputError(f"{job} has no plan yet; make it: bw.plan({str(job)!r})")
    return pd.DataFrame(status_rows(found, storage_at(found.archive)))
