"""A plan with two runs in its archive, and an in-memory API that has the newer one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from jobs.domain import Period
from jobs.errors import KubernetesError
from jobs.kubernetes.partitions import Partition
from jobs.kubernetes.records import PartitionRecord, write_partition_record, write_run
from jobs.kubernetes.spec import Run
from jobs.plan import write_plan
from jobs.storage import LocalFolder
from tests.support.kubernetes.objects import Objects, job, pod, run
from tests.support.small_runs import a_plan

API_FOR = "jobs.kubernetes.selection.api_for"
"""Name that a test replaces, so that runs are found without a Kubernetes server."""

YEARS = tuple(
    Partition(str(year), Period(date(year, 1, 1), date(year, 12, 31))) for year in (2023, 2024)
)


@dataclass
class RecordedRuns:
    """A plan file, its archive with an older and a newer run, and an API with the newer one."""

    plan: Path
    storage: LocalFolder
    older: Run
    """Ended: partition 0 with exit code 0, partition 1 with 1."""
    newer: Run
    """Partition 0 has ended, partition 1 has a runner, a scheduler and a worker."""
    api: Objects


def recorded_runs(folder: Path) -> RecordedRuns:
    plan = a_plan(folder, 1, 3)
    path = folder / "plan.jsonl"
    write_plan(plan, path)
    storage = LocalFolder(Path(plan.archive))
    older = run(
        id="bw-test-00000001",
        job="test",
        archive=storage.url,
        partitions=YEARS,
        submitted="2026-11-20T02:00:00Z",
    )
    newer = replace(older, id="bw-test-00000002", submitted="2026-11-24T02:00:00Z")
    for each in (older, newer):
        write_run(storage, each)
        write_plan(plan, folder / "pinned.jsonl.gz")  # put moves the file
        storage.put(each.plan_name, folder / "pinned.jsonl.gz")
    write_partition_record(storage, older, record(older, 0))
    write_partition_record(storage, older, record(older, 1, exit=1, reason="1 x cut off"))
    write_partition_record(storage, newer, record(newer, 0))
    pods = [pod(newer, "runner", 1), pod(newer, "scheduler", 1), pod(newer, "worker", 1)]
    api = Objects(job(newer, active=1, completedIndexes="0"), *pods)
    api.logs = {each["metadata"]["name"]: f"words of {i}\n" for i, each in enumerate(pods)}
    return RecordedRuns(path, storage, older, newer, api)


def record(of: Run, index: int, exit: int = 0, reason: str = "") -> PartitionRecord:
    made = of.submitted
    return PartitionRecord(index, exit, 3, exit, 0, reason, made, made, "0.1.0+abc", "p", made)


def no_cluster(*_: object) -> Objects:
    """An ``api_for`` of a machine without a kubeconfig."""
    raise KubernetesError("no Kubernetes cluster to talk to: no configuration; set KUBECONFIG")
