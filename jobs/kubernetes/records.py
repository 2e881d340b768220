"""What the archive keeps of runs on Kubernetes, for when their pods and Jobs are long gone.

runs/<job>/<run>/run.json          what was submitted; written before anything is created
runs/<job>/<run>/plan.jsonl.gz     its lock file
runs/<job>/<run>/ended-<i>.json    how partition i ended; written last by its runner
runs/<job>/<run>/cancelled.json    that a person cancelled it
runs/<job>/<run>/logs/<pod>.log    what its pods wrote
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
    """How a partition of a run ended."""

    index: int
    exit: int
    """As of ``berthwatch run``."""
    done: int
    failed: int
    pending: int
    """Overpasses of the partition afterwards."""
    reason: str
    """Why it did not end well; empty where it did."""
    began: str
    ended: str
    """UTC, ISO 8601."""
    code: str
    """The code version that ran."""
    pod: str
    submitted: str
    """The submission it belongs to, as its run.json says: no clocks are compared."""
    published: str | None = None
    """Folder of the results in the archive, where this partition was the last one missing."""


def now() -> str:
    """The present time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_run(storage: Storage, run: Run) -> None:
    """Write down what is submitted; records of an earlier submission no longer count."""
    storage.write(f"{run.folder}/run.json", run_to_json(run))


def read_run(storage: Storage, job: str, run_id: str) -> Run | None:
    """The run of that id, or None where the archive knows none."""
    try:
        return run_from_json(storage.read(f"{run_folder(job, run_id)}/run.json"))
    except FileNotFoundError:
        return None


def list_runs(storage: Storage, job: str) -> list[Run]:
    """Every run of a job, the newest first."""
    names = storage.names(f"runs/{job}")
    ids = {PurePosixPath(name).parts[2] for name in names if name.endswith("/run.json")}
    found = (read_run(storage, job, run_id) for run_id in ids)
    return sorted(
        (run for run in found if run is not None), key=lambda run: run.submitted, reverse=True
    )


def write_partition_record(storage: Storage, run: Run, ended: PartitionRecord) -> None:
    """Write down how a partition ended; an earlier attempt's record is replaced."""
    content = json.dumps(asdict(ended), indent=2).encode() + b"\n"
    storage.write(f"{run.folder}/ended-{ended.index}.json", content)


def partition_records(storage: Storage, run: Run) -> dict[int, PartitionRecord]:
    """How the partitions that ended since the run was submitted ended, by index."""
    return {
        ended.index: ended
        for ended in _all_ended(storage, run)
        if ended.submitted == run.submitted and ended.index < len(run.partitions)
    }


def _all_ended(storage: Storage, run: Run) -> Iterator[PartitionRecord]:
    for name in storage.names(run.folder):
        if PurePosixPath(name).name.startswith("ended-"):
            yield PartitionRecord(**json.loads(storage.read(name)))


def write_cancellation(storage: Storage, run: Run) -> None:
    """Write down that a person cancelled the run as it was submitted."""
    content = json.dumps({"submitted": run.submitted, "cancelled": now()}).encode()
    storage.write(f"{run.folder}/cancelled.json", content)


def was_cancelled(storage: Storage, run: Run) -> bool:
    """Whether it was cancelled since it was submitted, or resumed, for the last time."""
    try:
        record = json.loads(storage.read(f"{run.folder}/cancelled.json"))
    except FileNotFoundError:
        return False
    return bool(record["submitted"] == run.submitted)


def write_log(storage: Storage, run: Run, pod: str, text: str) -> None:
    """Keep what a pod wrote; what was kept of it before is replaced."""
    storage.write(f"{run.folder}/logs/{pod}.log", text.encode())


def log_names(storage: Storage, run: Run) -> list[str]:
    """Pods whose logs are kept, sorted."""
    names = storage.names(f"{run.folder}/logs")
    return [PurePosixPath(name).stem for name in names if name.endswith(".log")]
