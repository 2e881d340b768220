"""Upload and download of the local files that a plan names by path.

These are the network's weights and the analysts' cargo entries. Pods do not have the paths of the
submitting machine: files are uploaded to the archive and downloaded to other paths; the plan keeps
its hash.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from distributed import WorkerPlugin

from jobs.errors import ArchiveError
from jobs.plan import Plan
from jobs.storage import Storage

INDEX = "files/index.json"
"""Names of the uploaded files by their field in the plan; written after all of them."""


def upload(plan: Plan, storage: Storage, folder: str) -> None:
    """Upload a plan's local files below a folder of the archive; idempotent.

    Raises ArchiveError where one of them cannot be read.
    """
    names = {what: _upload(Path(path), storage, folder) for what, path in _paths(plan).items()}
    storage.write(f"{folder}/{INDEX}", json.dumps(names, indent=2).encode() + b"\n")


def with_downloaded_files(plan: Plan, storage: Storage, folder: str, target: Path) -> Plan:
    """The plan with its files downloaded to ``target``; ArchiveError where they are not uploaded.

    Its hash is unchanged: it covers the paths of the plan as it was made.
    """
    names = uploaded_names(plan, storage, folder)
    paths = {what: str(_download(storage, name, target)) for what, name in names.items()}
    if not paths:
        return plan
    return replace(
        plan,
        model=paths.get("model"),
        estimates=replace(plan.estimates, cargo=paths.get("cargo")),
        original_paths={path: _paths(plan)[what] for what, path in paths.items()},
    )


def uploaded_names(plan: Plan, storage: Storage, folder: str) -> dict[str, str]:
    """Names in the archive of the plan's ``model`` and ``cargo`` files, where it names any."""
    wanted = _paths(plan)
    if not wanted:
        return {}
    try:
        found = json.loads(storage.read(f"{folder}/{INDEX}"))
        return {what: f"{folder}/{found[what]}" for what in wanted}
    except (FileNotFoundError, KeyError):
        raise ArchiveError(
            f"{storage.url_of(folder)} lacks the plan's own files ({', '.join(wanted.values())}); "
            "submit the job again"
        ) from None


def _paths(plan: Plan) -> dict[str, str]:
    paths = {"model": plan.model, "cargo": plan.estimates.cargo}
    return {what: path for what, path in paths.items() if path is not None}


def _upload(path: Path, storage: Storage, folder: str) -> str:
    """Upload a file; returns its name, which has 16 hex characters of the content's SHA-256."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"cannot upload {path}, which the plan names: {error}") from error
    name = f"files/{hashlib.sha256(content).hexdigest()[:16]}-{path.name}"
    if not storage.exists(f"{folder}/{name}"):
        storage.write(f"{folder}/{name}", content)
    return name


def _download(storage: Storage, name: str, target: Path) -> Path:
    path = target / name.rpartition("/")[2]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name(f".{path.name}.{os.getpid()}.partial")
        hidden.write_bytes(storage.read(name))
        hidden.replace(path)  # two workers of one machine may fetch it at once
    return path


class Weights(WorkerPlugin):
    """Worker plugin that downloads the run's weights before the worker starts any task.

    ``path`` is the plan's ``model`` after ``with_downloaded_files``. A worker that cannot download
    the file closes, so that no overpass fails for want of it.
    """

    def __init__(self, storage: Storage, name: str, path: str) -> None:
        self.storage = storage
        self.file = name
        self.path = path
        self.name = f"weights-{Path(path).name}"

    def setup(self, worker: Any) -> None:
        """Download the file, or close the worker and raise."""
        try:
            _download(self.storage, self.file, Path(self.path).parent)
        except (OSError, ArchiveError):
            worker.loop.add_callback(worker.close, reason="the run's weights cannot be downloaded")
            raise
