"""The storage that a job file's ``archive:`` names."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from jobs.errors import InputError
from jobs.storage.local import LocalFolder
from jobs.storage.protocol import Storage
from jobs.storage.s3 import Bucket


def storage_at(archive: str) -> Storage:
    """The storage at a job's ``archive:``, an absolute path or s3://bucket/prefix.

    Nothing is made yet. Raises InputError for any other kind of address, and for a path that is a
    file or lies below one.
    """
    if "://" not in archive:
        return LocalFolder(_no_file(Path(archive)))
    parts = urlsplit(archive)
    if parts.scheme != "s3" or not parts.netloc or parts.query or "@" in parts.netloc:
        raise InputError(
            f"archive {_without_secrets(archive)!r}: expected a path or s3://bucket/prefix; "
            "credentials come from the environment, never from a job file"
        )
    return Bucket(parts.netloc, parts.path.strip("/"))


def _no_file(folder: Path) -> Path:
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            folder.stat()  # ValueError or OSError for what can be no path
        there = next((place for place in (folder, *folder.parents) if place.exists()), None)
        wrong = there if there is not None and not there.is_dir() else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"archive {folder}: cannot be used ({reason}); name another") from error
    if wrong is not None:
        where = "is a file" if wrong == folder else f"lies below {wrong}, which is a file"
        raise InputError(
            f"archive {folder}: {where}; expected a folder, there or to be made: name another"
        )
    return folder


def _without_secrets(archive: str) -> str:
    parts = urlsplit(archive)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()
