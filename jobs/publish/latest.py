"""The newest published results of a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jobs.domain import read_job
from jobs.errors import InputError
from jobs.plan import is_job, read_plan
from jobs.publish.newest_tag import LATEST, tag_of
from jobs.storage import Storage, storage_at

if TYPE_CHECKING:
    from jobs.publish.read import PublishedResult


def newest_results(source: Path) -> tuple[Storage, str]:
    """The archive of a job or plan file, and the name of its newest published folder in it.

    InputError for a job without results.
    """
    described = read_job(source) if is_job(source) else read_plan(source)
    storage = storage_at(described.archive)
    folder = newest_folder(storage, described.name)
    if folder is None:
        raise InputError(f"job {described.name!r} has no results yet: berthwatch run {source}")
    return storage, folder


def newest_folder(storage: Storage, job: str) -> str | None:
    """Name of the folder of a job's newest results in its archive; None where there are none."""
    home = f"published/{job}"
    try:
        found = storage.read(f"{home}/{LATEST}")
    except FileNotFoundError:
        return None
    return f"{home}/{tag_of(found, storage.url_of(f'{home}/{LATEST}'))}"


def read_newest(source: Path) -> PublishedResult:
    """The newest published result of a job or plan file; InputError for a job without results."""
    storage, folder = newest_results(source)
    return read_results(storage, folder)


def read_results(storage: Storage, folder: str) -> PublishedResult:
    """The result in a folder of ``newest_results``; InputError where it is not whole."""
    from jobs.publish.read import read_published  # naming the results needs no table

    try:
        return read_published(storage.local(folder))
    except FileNotFoundError:
        raise InputError(
            f"{storage.url_of(folder)}: the newest results are not there, though "
            f"{LATEST} names them; put the folder back, or run the job again"
        ) from None
