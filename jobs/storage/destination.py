"""Files and folders that a person asked for: checked before the work, complete or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from threading import get_ident
from typing import IO

from jobs.errors import InputError


def check_new_file(path: Path) -> None:
    """InputError where no file can be written to a path; nothing is left there."""
    with _explained(path):
        _look(path)
        if path.is_dir():
            raise InputError(f"{path} is a folder; expected the name of a file to write: add one")
        if not _is_device(path):
            folder = _real(path).parent
            if not folder.is_dir():
                raise InputError(f"{path} cannot be written: {_no_folder(folder)}")
            _try(folder)


def check_new_folder(path: Path) -> None:
    """InputError where no folder can be made or filled at a path; nothing is left there."""
    with _explained(path):
        _look(path)
        if path.exists() and not path.is_dir():
            raise InputError(
                f"{path} is a file; expected the name of a folder to make: name another"
            )
        there = next(place for place in (path, *path.absolute().parents) if place.exists())
        if not there.is_dir():
            raise InputError(f"{path} cannot be made: {_no_folder(there)}")
        _try(there)


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A new file that gets its name when it is complete and on disk; deleted on any error.

    A device or a pipe, such as /dev/stdout, is written to directly, and a link stays one. Raises
    InputError where the file cannot be written.
    """
    check_new_file(path)
    with _explained(path):
        if _is_device(path):
            with path.open("wb") as file:
                yield file
            return
        target = _real(path)
        hidden = target.with_name(f".berthwatch-{os.getpid()}-{get_ident()}.partial")
        try:
            with hidden.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            hidden.replace(target)
        finally:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)


def write_new_file(path: Path, content: bytes) -> None:
    """Write a file at once, as ``new_file`` does."""
    with new_file(path) as file:
        file.write(content)


def _look(path: Path) -> None:
    """OSError for a path that cannot be: too long a name, a circle of links, no right to look."""
    with suppress(FileNotFoundError, NotADirectoryError):
        path.stat()


def _is_device(path: Path) -> bool:
    """Whether a path names something to write to that must not be replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _real(path: Path) -> Path:
    return path.resolve() if path.is_symlink() else path


def _no_folder(folder: Path) -> str:
    if folder.exists():
        return f"{folder} is a file, not a folder; choose another place"
    return f"there is no folder {folder}; make it first, or choose another place"


def _try(folder: Path) -> None:
    """Make a nameless file in a folder, as rights alone do not tell whether it can be done."""
    with TemporaryFile(dir=folder):
        pass


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of a pipe has seen enough
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); choose another place, or mend "
            "its rights or space; nothing was left there"
        ) from error
