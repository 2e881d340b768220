"""Writes a publication: plain files in one folder that appears whole or not at all.

No time, random number or path of a machine is in them, so that two publications of the same
content are the same bytes. CSV files have a point as ``lon`` and ``lat`` and a polygon as WKT.
"""

from __future__ import annotations

import json
from pathlib import Path

from jobs.domain import Json
from jobs.errors import InputError
from jobs.publish.provenance import PROVENANCE, provenance_json, units_json
from jobs.publish.publication import Publication
from jobs.publish.report import render
from jobs.publish.stac_collection import collection
from jobs.publish.table_files import HISTORIES, SERIES, as_csv, histories, whole_table, write_series
from jobs.storage import Storage
from jobs.visits import PUBLISHED

MARKER = "collection.json"
"""Holds the hashes of all others, and so is written last."""


def publish(publication: Publication, storage: Storage) -> str:
    """Write ``published/<job>/<tag>/`` and name it in ``latest.json``; returns the folder's name.

    An existing folder is left as it is. Raises InputError for a job or a tag that is
    no plain folder name.
    """
    home = f"published/{_folder_name(publication.job, 'job')}"
    folder = f"{home}/{_folder_name(publication.tag, 'tag')}"
    if not storage.exists(f"{folder}/{MARKER}"):
        with storage.whole_folder(folder, MARKER) as hidden:
            write_files(publication, hidden)
    storage.write(f"{home}/latest.json", _json(latest(publication)))
    return folder


def latest(publication: Publication) -> dict[str, Json]:
    """Content of ``latest.json``; the folder is relative to it."""
    return {
        "tag": publication.tag,
        "folder": publication.tag,
        "complete": publication.complete,
        "units": units_json(publication),
    }


def write_files(publication: Publication, folder: Path) -> None:
    """Write every file of a publication into a folder."""
    for name in PUBLISHED:
        rows = whole_table(publication, name)
        rows.to_parquet(folder / f"{name}.parquet", index=False)
        (folder / f"{name}.csv").write_bytes(as_csv(rows, points=name != "voyages").encode())
    histories(publication).to_parquet(folder / HISTORIES, index=False)
    write_series(publication, folder / SERIES)
    (folder / PROVENANCE).write_bytes(_json(provenance_json(publication)))
    (folder / "report.html").write_bytes(render(publication).encode())
    (folder / MARKER).write_bytes(_json(collection(publication, folder)))


def _folder_name(name: str, what: str) -> str:
    if not name or name.startswith(".") or name != Path(name).name or "\\" in name:
        raise InputError(
            f"{what} {name!r} cannot name a folder; use letters, digits, dots and dashes"
        )
    return name


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
