"""Specification of a run on Kubernetes, and its record in the archive.

Submission writes ``runs/<job>/<run>/run.json``, which the runner's pod reads: the pod's arguments
are the archive, the job and the run's id alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from jobs.domain import Period
from jobs.errors import InputError
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.settings import ClusterSettings, settings_from_json, settings_json

FORMAT = 1


@dataclass(frozen=True)
class Identity:
    """All that the results of a run depend on: equal identities give equal results."""

    plan: str
    """The plan's hash."""
    code: str
    """The code version, as printed by ``berthwatch --version``."""
    model: str
    """Digest of the network's weights."""
    images: tuple[str, ...]
    """Image of the runner, the scheduler and the CPU workers; then that of any GPU workers."""
    work: str
    """Digest of the partitions, the cargo entries, the size of the verification, and whether
    decisions of reviewers are left out."""


@dataclass(frozen=True)
class Run:
    """One submission. ``id`` is derived from the job's name, the identity and the archive."""

    id: str
    job: str
    archive: str
    """URL of the archive; in a bucket, which pods can reach."""
    namespace: str
    identity: Identity
    settings: ClusterSettings
    partitions: tuple[Partition, ...]
    """At least one; position = index of the Job."""
    parallel: int
    """Partitions that run at once, each on its own Dask cluster."""
    workers: int
    """CPU workers of each partition's cluster."""
    verify: int | None = None
    """Number of overpasses to recompute and compare, instead of running the plan; or None."""
    retry_failed: bool = False
    """Whether failed overpasses are tried again: in a resumed run."""
    use_reviews: bool = True
    """Whether decisions of reviewers count in what is published."""
    submitted: str = ""
    """Creation time of its Job (UTC, ISO 8601), a space and 8 characters of the Job's uid.

    A resumed run has another Job. No part of the identity."""

    @property
    def submitted_at(self) -> str:
        """Creation time of its Job, UTC, ISO 8601; empty before that."""
        return self.submitted.partition(" ")[0]

    @property
    def folder(self) -> str:
        """Folder of its records in the archive."""
        return run_folder(self.job, self.id)

    @property
    def plan_name(self) -> str:
        """Name of its pinned plan in the archive."""
        return f"{self.folder}/plan.jsonl.gz"

    def cluster_name(self, index: int) -> str:
        """Name of a partition's DaskCluster."""
        return f"{self.id}-{index}"


_PLAIN = ("parallel", "workers", "verify", "retry_failed", "use_reviews", "submitted")


def run_folder(job: str, run_id: str) -> str:
    """Folder of a run's records in the archive."""
    return f"runs/{job}/{run_id}"


def run_to_json(run: Run) -> bytes:
    """The content of ``run.json``."""
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
    """The inverse of ``run_to_json``; InputError for the format of a newer version."""
    values = json.loads(content)
    if values["format"] != FORMAT:
        raise InputError(
            f"the record of run {values.get('id')} has format {values['format']}, expected "
            f"{FORMAT}: a newer Berthwatch wrote it; use that one"
        )
    return Run(
        **{name: values[name] for name in ("id", "job", "archive", "namespace")},
        identity=_identity(values["identity"]),
        settings=settings_from_json(values["settings"]),
        partitions=tuple(_partition(part) for part in values["partitions"]),
        # records made before --without-reviews lack use_reviews
        **{name: values[name] for name in _PLAIN if name in values},
    )


def _identity(values: Mapping[str, Any]) -> Identity:
    return Identity(**{**values, "images": tuple(values["images"])})


def _partition(values: Mapping[str, Any]) -> Partition:
    if values["start"] is None:
        return Partition(values["name"], None)
    period = Period(date.fromisoformat(values["start"]), date.fromisoformat(values["end"]))
    return Partition(values["name"], period)
