"""Icechunk's format of a stored repository, read from its files: 1 and 2 look unlike each other.

Format 1 has a file per branch and tag below ``refs/``. Format 2 has one file ``repo`` instead, and
an upgrade writes it and deletes ``refs/``, or leaves it to grow stale. Icechunk 1 looks at ``refs``
alone: it takes an upgraded repository for none, or goes on from its old state.
"""

from __future__ import annotations

from typing import Final

import icechunk

from jobs.errors import ArchiveError
from jobs.storage import Storage

MAGIC: Final = "ICE🧊CHUNK".encode()
VERSION_AT: Final = len(MAGIC) + 24
"""Each of Icechunk's files begins with the magic bytes, the writer's name, then the format."""

WRITTEN_BY_COMMITS: Final = ("chunks", "manifests", "transactions")
"""Folders in which the creation of a repository puts nothing."""


def newest_readable_format() -> int:
    """The newest format that the installed Icechunk reads."""
    versions = getattr(icechunk, "SpecVersion", None)  # since 2.0
    return 1 if versions is None else int(versions.current())


def check_format(root: Storage, name: str) -> None:
    """Raise ArchiveError where the installed Icechunk cannot read the repository's format."""
    found, newest = stored_format(root, name), newest_readable_format()
    if found > newest:
        raise ArchiveError(
            f"the repository {root.url_of(name)} has Icechunk's format {found}, but the installed "
            f"icechunk {icechunk.__version__} reads formats up to {newest}; nothing was read or "
            f"written: install icechunk {found} or newer (2 needs Python 3.12), or put back the "
            "copy from before the upgrade"
        )


def stored_format(root: Storage, name: str) -> int:
    """Format of the repository of that name; 1 also where there is none."""
    try:
        head = root.read(f"{name}/repo")
    except FileNotFoundError:
        return 1
    if not head.startswith(MAGIC) or len(head) <= VERSION_AT:
        raise ArchiveError(
            f"{root.url_of(f'{name}/repo')} is not the file that Icechunk keeps there from format "
            "2 on: not an archive, or a damaged one; put back a copy, or use another archive"
        )
    return head[VERSION_AT]


def check_really_none(root: Storage, name: str) -> None:
    """Raise ArchiveError where Icechunk finds no repository, but files of one are there.

    Without its branch all commits are out of reach; a run would begin a second history beside them.
    """
    for folder in WRITTEN_BY_COMMITS:
        if count := len(root.names(f"{name}/{folder}")):
            raise ArchiveError(
                f"{root.url_of(name)} holds {count} files in {folder}/ and no branch: it was "
                "copied or deleted in part; put back refs/ (Icechunk's format 1) or repo (2), or "
                "remove the rest to begin anew"
            )
