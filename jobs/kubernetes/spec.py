"""A run on Kubernetes as a value: what is to be done, with what, and which name follows from it.

It is written into the archive when the run is submitted (``runs/<job>/<run>/run.json``) and read
there by the runner's pod, so that the pod needs to be told no more than where it lies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from jobs.domain import Period
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.settings import ClusterSettings, settings_from_json, settings_json

FORMAT = 1


@dataclass(frozen=True)
class Identity:
    """All that the results of a run depend on; equal identities give equal results."""

    plan: str
    """The plan's hash."""
    code: str
    """The code version that runs, as ``berthwatch --version`` says it."""
    model: str
    """Digest of the weights."""
    images: tuple[str, ...]
    """Of the runner, the scheduler and the workers; and of the GPU workers where there are any."""
    work: str
    """Digest of what is asked of the plan: the partitions, estimates, verification."""


@dataclass(frozen=True)
class Run:
    """One submission. ``id`` is derived from the job's name and the identity."""

    id: str
    job: str
    archive: str
    """URL of the archive; pods must reach it, so it lies in a bucket."""
    namespace: str
    identity: Identity
    settings: ClusterSettings
    partitions: tuple[Partition, ...]
    """At least one; they are the indexes of the Job, in order."""
    parallel: int
    """Partitions that run at once, each on a Dask cluster of its own."""
    workers: int
    """CPU workers of each partition's cluster."""
    verify: int | None = None
    """Recompute so many overpasses and compare, instead of running the plan."""
    retry_failed: bool = False
    """Try failed overpasses again: a resumed run does."""
    submitted: str = ""
    """When its Job was created (UTC, ISO 8601), and which Job: resumed, a run gets another. No part
    of the identity."""

    @property
    def submitted_at(self) -> str:
        """When its Job was created, UTC, ISO 8601; empty before that."""
        return self.submitted.partition(" ")[0]

    @property
    def folder(self) -> str:
        """Where the archive keeps everything about this run."""
        return run_folder(self.job, self.id)

    @property
    def plan_name(self) -> str:
        """The pinned plan, the run's lock file, in the archive."""
        return f"{self.folder}/plan.jsonl.gz"

    def cluster_name(self, index: int) -> str:
        """Of a partition's DaskCluster."""
        return f"{self.id}-{index}"


_PLAIN = ("parallel", "workers", "verify", "retry_failed", "submitted")


def run_folder(job: str, run_id: str) -> str:
    """Folder of a run's records in the archive."""
    return f"runs/{job}/{run_id}"


def run_to_json(run: Run) -> bytes:
    """As it lies in the archive."""
    values = {
        "format": FORMAT,
        **{name: getattr(run, name) for name in ("id", "job", "archive", "namespace")},
        "identity": asdict(run.identity),
        "settings": settings_json(run.settings),
        "partitions": [
            {
                "name": part.name,
                "start": part.period.start.isoformat() if part.period else None,
                "end": part.period.end.isoformat() if part.period else None,
            }
            for part in run.partitions
        ],
        **{name: getattr(run, name) for name in _PLAIN},
    }
    return json.dumps(values, indent=2).encode() + b"\n"


def run_from_json(content: bytes) -> Run:
    """The run that was written; InputError where a newer Berthwatch wrote it."""
    values = json.loads(content)
    if values["format"] != FORMAT:
        from jobs.errors import InputError

        raise InputError(
            f"the record of run {values.get('id')} has format {values['format']}, expected "
            f"{FORMAT}: a newer Berthwatch wrote it; use that one"
        )
    return Run(
        **{name: values[name] for name in ("id", "job", "archive", "namespace")},
        identity=_identity(values["identity"]),
        settings=settings_from_json(values["settings"]),
        partitions=tuple(_partition(part) for part in values["partitions"]),
        **{name: values[name] for name in _PLAIN},
    )


def _identity(values: Mapping[str, Any]) -> Identity:
    return Identity(**{**values, "images": tuple(values["images"])})


def _partition(values: Mapping[str, Any]) -> Partition:
    from datetime import date

    if values["start"] is None:
        return Partition(values["name"], None)
    period = Period(date.fromisoformat(values["start"]), date.fromisoformat(values["end"]))
    return Partition(values["name"], period)
