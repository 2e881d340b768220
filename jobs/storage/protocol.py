"""The interface of a storage for archives. Names are relative, their parts joined by ``/``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """A root under which plans, journals, port archives and published results lie.

    Picklable: a worker reaches the same storage with the credentials of its own environment.
    """

    @property
    def url(self) -> str:
        """The root as written in a job file; never with credentials."""

    def url_of(self, name: str) -> str:
        """The path or address of a file or folder, for messages and other tools."""

    def exists(self, name: str) -> bool:
        """Whether a file of that name is there."""

    def read(self, name: str) -> bytes:
        """The content of a file; FileNotFoundError where it is missing."""

    def write(self, name: str, content: bytes) -> None:
        """Write a file atomically: readers see the old content or the new one."""

    def put(self, name: str, path: Path) -> None:
        """Put a finished local file of any size in place, atomically; it may be moved."""

    def delete(self, name: str) -> None:
        """Delete a file; nothing happens where it is missing."""

    def names(self, prefix: str) -> Sequence[str]:
        """All files below a folder, sorted, their names relative to the root."""

    def folders(self, prefix: str) -> Sequence[str]:
        """Names of the folders directly in a folder, sorted; hidden ones are left out."""

    def size_bytes(self, prefix: str) -> int:
        """Total size of all files below a folder."""

    def local(self, name: str) -> Path:
        """A file or folder as a local path to read: itself, or a temporary copy of this process.

        Raises FileNotFoundError where there is none.
        """

    def whole_folder(self, name: str, marker: str) -> AbstractContextManager[Path]:
        """A local folder to write into; at the end it is put in place, complete or not at all.

        ``marker`` is the file in it that is put in place last: where it exists, so do the others.
        An existing folder of that name is replaced.
        """

    def locked(self, part: str = "") -> AbstractContextManager[None]:
        """Lock the archive for writing; ArchiveInUseError where another run has locked it.

        Several parts of a backfill may lock it together, each under a name of its own, where the
        storage allows that. Without a name it is locked for one run alone.
        """

    def publishing(self) -> AbstractContextManager[None]:
        """Lock publishing, while ``locked``; waits until no other run publishes."""
