"""Files of a person's own that a plan names by path, sent along into the archive and fetched again.

They are the network's weights and the analysts' entries on cargo. Other machines do not have these
paths; what they fetch lies elsewhere, and yet it is the same plan, with the same hash.
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
"""Which file is which; written last, and so only where all are there."""


def upload(plan: Plan, storage: Storage, folder: str) -> None:
    """Put a plan's own files below a folder of the archive; twice does no harm.

    Raises ArchiveError where one of them is not here.
    """
    names = {what: _put(Path(path), storage, folder) for what, path in _paths(plan).items()}
    storage.write(f"{folder}/{INDEX}", json.dumps(names, indent=2).encode() + b"\n")


def with_downloaded_files(plan: Plan, storage: Storage, folder: str, target: Path) -> Plan:
    """The plan with its own files fetched into a local folder; ArchiveError where they are missing.

    It keeps its hash, which covers the paths of whoever made it.
    """
    names = uploaded_names(plan, storage, folder)
    paths = {what: str(_fetch(storage, name, target)) for what, name in names.items()}
    if not paths:
        return plan
    moved = replace(
        plan,
        model=paths.get("model"),
        estimates=replace(plan.estimates, cargo=paths.get("cargo")),
    )
    vars(moved)["hash"] = plan.hash
    return moved


def uploaded_names(plan: Plan, storage: Storage, folder: str) -> dict[str, str]:
    """Names in the archive of the plan's ``model`` and ``cargo``, as far as it has them."""
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


def _put(path: Path, storage: Storage, folder: str) -> str:
    """The file's name below the folder, which tells its content from another's."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArchiveError(f"cannot send {path} along: {error}; the plan names it") from error
    name = f"files/{hashlib.sha256(content).hexdigest()[:16]}-{path.name}"
    if not storage.exists(f"{folder}/{name}"):
        storage.write(f"{folder}/{name}", content)
    return name


def _fetch(storage: Storage, name: str, target: Path) -> Path:
    path = target / name.rpartition("/")[2]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        hidden = path.with_name(f".{path.name}.{os.getpid()}.partial")
        hidden.write_bytes(storage.read(name))
        hidden.replace(path)  # two workers of one machine may fetch it at once
    return path


class Weights(WorkerPlugin):
    """Has every worker fetch the run's weights before it takes up any task.

    ``path`` is where the plan says that they are: that of ``unpacked``. A worker that cannot fetch
    them closes, so that no overpass fails for it.
    """

    def __init__(self, storage: Storage, name: str, path: str) -> None:
        self.storage = storage
        self.file = name
        self.path = path
        self.name = f"weights-{Path(path).name}"

    def setup(self, worker: Any) -> None:
        """Fetch the file; where it cannot be, close the worker."""
        try:
            _fetch(self.storage, self.file, Path(self.path).parent)
        except (OSError, ArchiveError):
            worker.loop.add_callback(worker.close, reason="the run's weights cannot be fetched")
            raise
