"""A local folder: files are put in place by renaming, and the lock ends with its process."""

from __future__ import annotations

import fcntl
import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import IO

from jobs.errors import ArchiveError, ArchiveInUseError


@dataclass(frozen=True)
class LocalFolder:
    """A folder of the local disk, or of one that all workers share."""

    path: Path

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self.path)

    def url_of(self, name: str) -> str:
        """The path of a file or folder."""
        return str(self.path / name)

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        return (self.path / name).is_file()

    def read(self, name: str) -> bytes:
        """The content of a file."""
        with _explained(self.path / name, "read", missing=False):
            return (self.path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Write to a hidden file beside, sync it to disk, rename it."""
        path = self.path / name
        with _in_place_of(path) as hidden:
            hidden.write_bytes(content)

    def put(self, name: str, path: Path) -> None:
        """Move a finished file into place."""
        with _in_place_of(self.path / name) as hidden:
            shutil.move(path, hidden)

    def delete(self, name: str) -> None:
        """Delete a file where it is there."""
        with _explained(self.path / name, "deleted"):
            (self.path / name).unlink(missing_ok=True)

    def names(self, prefix: str) -> Sequence[str]:
        """Files below a folder, hidden ones too."""
        below = (self.path / prefix).rglob("*")
        return sorted(path.relative_to(self.path).as_posix() for path in below if path.is_file())

    def folders(self, prefix: str) -> Sequence[str]:
        """Folders directly in a folder; none where it is missing."""
        place = self.path / prefix
        found = place.iterdir() if place.is_dir() else iter(())
        return sorted(p.name for p in found if p.is_dir() and not p.name.startswith("."))

    def size_bytes(self, prefix: str) -> int:
        """Total size of the files."""
        below = (self.path / prefix).rglob("*")
        return sum(path.stat().st_size for path in below if path.is_file())

    def local(self, name: str) -> Path:
        """The path itself."""
        path = self.path / name
        if not path.exists():
            raise FileNotFoundError(path)
        return path

    @contextmanager
    def whole_folder(self, name: str, marker: str) -> Iterator[Path]:
        """A hidden folder beside, renamed at the end; see the function ``whole_folder``."""
        with whole_folder(self.path / name) as hidden:
            yield hidden

    @contextmanager
    def locked(self, part: str = "") -> Iterator[None]:
        """Hold the system's lock on a file in the folder; parts too run one at a time: Icechunk
        cannot detect conflicts between commits to a local folder.

        Partial files and folders that killed writers left are deleted.
        """
        with self._lock_file() as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                handle.seek(0)
                refusal = archive_in_use(self.url, handle.read().strip())
                raise _no_parts(refusal) if part else refusal from None
            handle.truncate(0)
            handle.write(f"process {os.getpid()}")
            handle.flush()
            self._delete_partial()
            yield

    def _lock_file(self) -> IO[str]:
        with _explained(self.path, "written"):
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / ".lock").open("a+")

    def publishing(self) -> AbstractContextManager[None]:
        """No further lock: ``locked`` is exclusive."""
        return nullcontext()

    def _delete_partial(self) -> None:
        for pattern in ("*/.*.partial", "*/*/.*.partial"):  # plans and the like; published results
            for left in self.path.glob(pattern):
                shutil.rmtree(left) if left.is_dir() else left.unlink()


def archive_in_use(url: str, holder: str) -> ArchiveInUseError:
    """The error for a second run on the same archive."""
    return ArchiveInUseError(
        f"{url} is being written by another run ({holder or 'unknown'}); "
        "wait for it to end, or stop it, and try again",
        holder,
    )


def _no_parts(refusal: ArchiveError) -> ArchiveError:
    return ArchiveError(
        f"{refusal}; parts of a plan can only be run at the same time where the archive lies in a "
        "bucket (s3://...)"
    )


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder beside, to write into; renamed to ``folder`` once all of it is on the disk.

    An existing folder is replaced. Partial folders that killed writers left are deleted first.
    Raises ArchiveError where it cannot be made or written.
    """
    hidden, old = (
        folder.with_name(f".{folder.name}.{os.getpid()}{kind}.partial") for kind in ("", ".old")
    )
    with _explained(folder, "written"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        for left in folder.parent.glob(f".{escape(folder.name)}.*.partial"):
            shutil.rmtree(left)
        hidden.mkdir()
    try:
        with _explained(folder, "written", missing=False):
            yield hidden
        with _explained(folder, "written"):
            _put_in_place(hidden, folder, old)
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
    _sync(folder.parent)


def _put_in_place(hidden: Path, folder: Path, old: Path) -> None:
    """Rename a folder that is on the disk; what stands in its place goes to ``old``."""
    for path in [*hidden.rglob("*"), hidden]:
        _sync(path)
    if folder.exists():
        folder.rename(old)  # a folder with files cannot be replaced in one step
    hidden.rename(folder)


@contextmanager
def _in_place_of(path: Path) -> Iterator[Path]:
    """A hidden path beside, to write a file to; synced and renamed at the end, removed on error."""
    hidden = _hidden_path(path)
    with _explained(path, "written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield hidden
            _rename(hidden, path)
        finally:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path, what: str, missing: bool = True) -> Iterator[None]:
    """Raise what the system refuses as ArchiveError, something missing only with ``missing``."""
    try:
        yield
    except OSError as error:
        if not missing and isinstance(error, FileNotFoundError):
            raise
        raise ArchiveError(
            f"{path} cannot be {what} ({error.strerror or error}); mend the cause (rights, space, "
            "a file where a folder should be), or choose another place; what was there is safe"
        ) from error


def _hidden_path(path: Path) -> Path:
    """A hidden path beside, unique to this thread and process, to write a file to."""
    return path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.partial")


def _rename(hidden: Path, path: Path) -> None:
    """Rename a finished file to its place, synced to disk before and after."""
    _sync(hidden)
    hidden.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    """Sync a file, or a folder's list of names, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
