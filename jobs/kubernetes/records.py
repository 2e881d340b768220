"""Records of runs in the archive, which outlast their pods and Jobs.

runs/<job>/<run>/run.json          the submitted run; written before its Job is unsuspended
runs/<job>/<run>/plan.jsonl.gz     its pinned plan
runs/<job>/<run>/ended-<i>.json    how partition i ended; written last by its runner
runs/<job>/<run>/cancelled.json    its cancellation by a person
runs/<job>/<run>/logs/<pod>.log    logs of its pods
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath

from jobs.kubernetes.spec import Run, run_folder, run_from_json, run_to_json
from jobs.storage import Storage


@dataclass(frozen=True)
class PartitionRecord:
    """The end of a partition of a run, as its runner records it."""

    index: int
    exit: int
    """Exit code, as of ``berthwatch run``."""
    done: int
    """Overpasses of the partition that are done afterwards."""
    failed: int
    """Overpasses that failed."""
    pending: int
    """Overpasses that are neither."""
    reason: str
    """Cause of an exit code other than 0; otherwise empty."""
    began: str
    """When its runner started, UTC, ISO 8601."""
    ended: str
    """When its runner ended, UTC, ISO 8601."""
    code: str
    """The code version that ran."""
    pod: str
    """Name of the runner's pod."""
    submitted: str
    """The submission it belongs to: ``submitted`` of run.json, so that no clocks are compared."""
    published: str | None = None
    """Folder of the results in the archive, where this partition completed the plan."""


def now() -> str:
    """The present time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_run(storage: Storage, run: Run) -> None:
    """Record the run as submitted; records of an earlier submission no longer count."""
    storage.write(f"{run.folder}/run.json", run_to_json(run))


def read_run(storage: Storage, job: str, run_id: str) -> Run | None:
    """The run of that id, or None where the archive has no record of it."""
    try:
        return run_from_json(storage.read(f"{run_folder(job, run_id)}/run.json"))
    except FileNotFoundError:
        return None


def list_runs(storage: Storage, job: str) -> list[Run]:
    """All runs of a job, the newest first."""
    names = storage.names(f"runs/{job}")
    ids = {PurePosixPath(name).parts[2] for name in names if name.endswith("/run.json")}
    found = (read_run(storage, job, run_id) for run_id in ids)
    return sorted(
        (run for run in found if run is not None), key=lambda run: run.submitted, reverse=True
    )


def write_partition_record(storage: Storage, run: Run, ended: PartitionRecord) -> None:
    """Record the end of a partition; the record of an earlier attempt is replaced."""
    content = json.dumps(asdict(ended), indent=2).encode() + b"\n"
    storage.write(f"{run.folder}/ended-{ended.index}.json", content)


def partition_records(storage: Storage, run: Run) -> dict[int, PartitionRecord]:
    """Records of the partitions that ended since the run was submitted, by index."""
    return {
        ended.index: ended
        for ended in _all_records(storage, run)
        if ended.submitted == run.submitted and ended.index < len(run.partitions)
    }


def _all_records(storage: Storage, run: Run) -> Iterator[PartitionRecord]:
    for name in storage.names(run.folder):
        if PurePosixPath(name).name.startswith("ended-"):
            yield PartitionRecord(**json.loads(storage.read(name)))


def write_cancellation(storage: Storage, run: Run) -> None:
    """Record the cancellation of the run's current submission."""
    content = json.dumps({"submitted": run.submitted, "cancelled": now()}).encode()
    storage.write(f"{run.folder}/cancelled.json", content)


def was_cancelled(storage: Storage, run: Run) -> bool:
    """Whether it was cancelled since it was last submitted or resumed."""
    try:
        record = json.loads(storage.read(f"{run.folder}/cancelled.json"))
    except FileNotFoundError:
        return False
    return bool(record["submitted"] == run.submitted)


def write_log(storage: Storage, run: Run, pod: str, text: str) -> None:
    """Write the log of a pod; an earlier one is replaced."""
    storage.write(f"{run.folder}/logs/{pod}.log", text.encode())


def log_names(storage: Storage, run: Run) -> list[str]:
    """Names of the pods whose logs are in the archive, sorted."""
    names = storage.names(f"{run.folder}/logs")
    return [PurePosixPath(name).stem for name in names if name.endswith(".log")]
