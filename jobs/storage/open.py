"""The storage that a job file's ``archive:`` names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from jobs.errors import InputError
from jobs.storage.local import LocalFolder
from jobs.storage.protocol import Storage
from jobs.storage.s3 import Bucket


def storage_at(archive: str) -> Storage:
    """The storage at a job's ``archive:``, an absolute path or s3://bucket/prefix; no access yet.

    Raises InputError for any other kind of address.
    """
    if "://" not in archive:
        return LocalFolder(Path(archive))
    parts = urlsplit(archive)
    if parts.scheme != "s3" or not parts.netloc or parts.query or "@" in parts.netloc:
        raise InputError(
            f"archive {_without_secrets(archive)!r}: expected a path or s3://bucket/prefix; "
            "credentials come from the environment, never from a job file"
        )
    return Bucket(parts.netloc, parts.path.strip("/"))


def _without_secrets(archive: str) -> str:
    parts = urlsplit(archive)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()
