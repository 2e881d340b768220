"""Writes a publication: plain files in one folder that appears whole or not at all.

No time, random number or path of a machine is in them, so that two publications of the same
content are the same bytes. CSV files have a point as ``lon`` and ``lat`` and a polygon as WKT.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from jobs.domain import Json
from jobs.errors import InputError
from jobs.publish.checksums import damage, write_checksums
from jobs.publish.dictionary import (
    CSV_FILE,
    JSON_FILE,
    data_dictionary,
    dictionary_csv,
    dictionary_json,
)
from jobs.publish.geopackage import GEOPACKAGE, write_geopackage
from jobs.publish.newest_tag import LATEST
from jobs.publish.parquet_files import write_parquet
from jobs.publish.provenance import PROVENANCE, provenance_json, units_json
from jobs.publish.publication import Publication, UnitCounts
from jobs.publish.readme_text import README, readme_text
from jobs.publish.report import render
from jobs.publish.source_items import ITEMS, items_json
from jobs.publish.stac_collection import collection
from jobs.publish.table_files import (
    HISTORIES,
    SERIES,
    SHAPES,
    as_csv,
    histories,
    whole_table,
    write_series,
)
from jobs.storage import Storage
from jobs.visits import HISTORIES_TABLE, PUBLISHED

MARKER = "collection.json"
"""Holds the hashes of all others, and so is written last."""


def publish(publication: Publication, storage: Storage) -> str:
    """Write ``published/<job>/<tag>/`` and name it in ``latest.json``; returns the folder's name.

    An existing folder is left as it is, but for one that is damaged, which is made again. Raises
    InputError for a job or a tag that is no plain folder name.
    """
    folder = folder_of(publication.job, publication.tag)
    if not storage.exists(f"{folder}/{MARKER}") or damage(storage, folder, MARKER):
        with storage.whole_folder(folder, MARKER) as hidden:
            write_files(publication, hidden)
    return name_newest(storage, publication.job, publication.tag, publication.units)


def folder_of(job: str, tag: str) -> str:
    """Name of the folder of published results; InputError where job or tag cannot name one."""
    return f"published/{_folder_name(job, 'job')}/{_folder_name(tag, 'tag')}"


def is_published(storage: Storage, job: str, tag: str, tell: Callable[[str], object]) -> bool:
    """Whether results are there, whole and unharmed; ``tell`` hears of damage."""
    folder = folder_of(job, tag)
    fault = damage(storage, folder, MARKER)
    if fault is not None:
        tell(f"{storage.url_of(folder)} is damaged and is made again: {fault}")
    return fault is None and storage.exists(f"{folder}/{MARKER}")


def published_units(storage: Storage, job: str) -> UnitCounts | None:
    """The counts of a job's newest results; None where there are none, or cannot be read."""
    try:
        units = json.loads(storage.read(f"published/{job}/{LATEST}"))["units"]
        return UnitCounts(int(units["done"]), int(units["failed"]), int(units["pending"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def name_newest(storage: Storage, job: str, tag: str, units: UnitCounts) -> str:
    """Have ``latest.json`` name these results; returns their folder's name."""
    name = f"published/{job}/{LATEST}"
    content = _json(latest(tag, units))
    if not storage.exists(name) or storage.read(name) != content:
        storage.write(name, content)
    return folder_of(job, tag)


def latest(tag: str, units: UnitCounts) -> dict[str, Json]:
    """Content of ``latest.json``; the folder is relative to it."""
    return {
        "tag": tag,
        "folder": tag,
        "complete": units.complete,
        "units": units_json(units),
    }


def write_files(publication: Publication, folder: Path) -> None:
    """Write every file of a publication into a folder."""
    for name, published in PUBLISHED.items():
        rows = whole_table(publication, name)
        write_parquet(rows, published, folder / f"{name}.parquet")
        (folder / f"{name}.csv").write_bytes(as_csv(rows, points=name not in SHAPES).encode())
    write_parquet(histories(publication), HISTORIES_TABLE, folder / HISTORIES)
    write_geopackage(publication, folder / GEOPACKAGE)
    write_series(publication, folder / SERIES)
    _write_texts(publication, folder)
    write_checksums(folder)
    (folder / MARKER).write_bytes(_json(collection(publication, folder)))


def _write_texts(publication: Publication, folder: Path) -> None:
    """Write the files that people read, and those about the others."""
    known = data_dictionary()
    (folder / CSV_FILE).write_bytes(dictionary_csv(known).encode())
    (folder / JSON_FILE).write_bytes(_json(dictionary_json(known)))
    (folder / ITEMS).write_bytes(_json(items_json(publication)))
    (folder / PROVENANCE).write_bytes(_json(provenance_json(publication)))
    (folder / README).write_bytes(readme_text(publication).encode())
    (folder / "report.html").write_bytes(render(publication).encode())


def _folder_name(name: str, what: str) -> str:
    if not name or name.startswith(".") or name != Path(name).name or "\\" in name:
        raise InputError(
            f"{what} {name!r} cannot name a folder; use letters, digits, dots and dashes"
        )
    return name


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()
