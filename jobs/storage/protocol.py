"""What every place for an archive can do. Names are relative, with ``/`` between their parts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


class Storage(Protocol):
    """A root under which plans, journals, port archives and published results lie.

    Picklable: a worker reaches the same place with the credentials of its own environment.
    """

    @property
    def url(self) -> str:
        """The root as a person writes it in a job file; never with credentials."""

    def url_of(self, name: str) -> str:
        """A file or folder as a person would look for it."""

    def exists(self, name: str) -> bool:
        """Whether a file of that name is there."""

    def read(self, name: str) -> bytes:
        """The content of a file; FileNotFoundError where it is missing."""

    def write(self, name: str, content: bytes) -> None:
        """Put a file in place, at once: readers see the old content or the new one."""

    def put(self, name: str, path: Path) -> None:
        """The same for a finished local file of any size, which may be gone afterwards."""

    def names(self, prefix: str) -> Sequence[str]:
        """All files below a folder, sorted, their names relative to the root."""

    def size_bytes(self, prefix: str) -> int:
        """Of all files below a folder together."""

    def local(self, name: str) -> Path:
        """A file or folder as a local path to read: itself, or a copy that goes with the process.

        FileNotFoundError where there is none.
        """

    def whole_folder(self, name: str, marker: str) -> AbstractContextManager[Path]:
        """A local folder to write into; at the end it takes its place, whole or not at all.

        ``marker`` is the file in it that stands for all of them: where it exists, so do they. A
        folder of that name is replaced.
        """

    def locked(self, part: bool = False) -> AbstractContextManager[None]:
        """Hold the archive for writing; ArchiveError where another run holds it.

        Several parts of a backfill may hold it together, where the place allows for that.
        """

    def publishing(self) -> AbstractContextManager[None]:
        """Held beside ``locked`` while results are published; waits for whoever holds it."""
