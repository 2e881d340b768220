"""Where decisions lie: ``reviews/<port>/`` in the archive, one small file for what was decided at
once.

Files are written whole under names of their own and never again, so that any number of reviewers
may decide at the same time, on a disk as in a bucket, beside a run that writes pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from jobs.domain import json_value
from jobs.errors import ArchiveError, InputError
from jobs.review.decision import Decision, as_json, from_json, identified
from jobs.storage import Storage

READERS = 16
"""Files read at once: in a bucket each costs a request."""
EXPECTED = "decisions as `berthwatch review` writes them: put the file back, or move it away"


def folder_of(port_id: str) -> str:
    """Name of the folder with the decisions about one port."""
    return f"reviews/{port_id}"


def read_decisions(
    root: Storage, port_id: str, known: dict[str, Sequence[Decision]] | None = None
) -> tuple[Decision, ...]:
    """All decisions about a port, in the order in which they were made.

    ``known`` holds the files that were read before, by name, and gains those read now: files never
    change, so that who asks often reads each once. InputError for a file that is not as it was
    written.
    """
    held = {} if known is None else known
    names = [name for name in root.names(folder_of(port_id)) if _is_batch(name)]
    new = [name for name in names if name not in held]
    with ThreadPoolExecutor(READERS) as pool:
        held |= zip(new, pool.map(lambda name: _read(root, name), new), strict=True)
    found = {decision.id: decision for name in names for decision in held[name]}
    return tuple(sorted(found.values(), key=lambda decision: (decision.when, decision.id)))


def write_decisions(root: Storage, decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Append what was decided at once about one port; returns it with ids.

    Once this returns, all of it is in the archive; on an error, none of it.
    """
    batch = tuple(identified(decision) for decision in decisions)
    (port_id,) = {decision.port for decision in batch}
    moment = datetime.fromisoformat(batch[0].when)
    name = f"{folder_of(port_id)}/{moment:%Y%m%dT%H%M%S%fZ}-{batch[0].id}.json"
    content = json.dumps([as_json(each) for each in batch], indent=1, ensure_ascii=False)
    try:
        root.write(name, f"{content}\n".encode())
    except ArchiveError:
        # a run that begins just now deletes half-written files, ours too
        root.write(name, f"{content}\n".encode())
    return batch


def _is_batch(name: str) -> bool:
    return name.endswith(".json") and not name.rpartition("/")[2].startswith(".")


def _read(root: Storage, name: str) -> Sequence[Decision]:
    where = root.url_of(name)
    rows = json_value(root.read(name), where, EXPECTED)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{where}: holds no list of decisions; expected {EXPECTED}")
    return [from_json(row, where) for row in rows]
