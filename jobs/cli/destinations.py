"""Options that name a file or folder to write: refused before the work, not after it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import BerthwatchError, InputError
from jobs.storage import check_new_file, check_new_folder


class DestinationError(BerthwatchError):
    """Nothing can be written to the place that an option names.

    No ValueError like InputError: of that, the reader of options would make a message of its own.
    """


def file_to_write(text: str | Path) -> Path:
    """The path of a file that can be written; DestinationError else. For ``typer.Option``."""
    path = _path(text, "a file to write")
    try:
        check_new_file(path)
    except InputError as error:
        raise DestinationError(str(error)) from error
    return path


def folder_to_make(text: str | Path) -> Path:
    """The path of a folder that is there or can be made; DestinationError else."""
    path = _path(text, "a folder to make")
    try:
        check_new_folder(path)
    except InputError as error:
        raise DestinationError(str(error)) from error
    return path


@dataclass(frozen=True)
class FileOrFolder:
    """A place to write that its name tells to be a file or a folder."""

    path: Path
    is_folder: bool


def file_or_folder(text: str | Path) -> FileOrFolder:
    """A folder to make where the name ends in a slash or names a folder, else a file to write;
    DestinationError where it cannot be, or holds files. For ``typer.Option``.
    """
    if not str(text).endswith(os.sep) and not _is_folder(Path(text)):
        return FileOrFolder(file_to_write(text), is_folder=False)
    return FileOrFolder(empty_folder(text), is_folder=True)


def empty_folder(text: str | Path) -> Path:
    """The path of a folder that holds nothing or can be made; DestinationError else."""
    path = folder_to_make(text)
    if path.exists() and any(path.iterdir()):
        raise DestinationError(
            f"{path} holds files already; expected a folder to make, or an empty one: name another"
        )
    return path


def _is_folder(path: Path) -> bool:
    with suppress(OSError, ValueError):
        return path.is_dir()
    return False


def _path(text: str | Path, expected: str) -> Path:
    if not str(text).strip() or "\0" in str(text):
        raise DestinationError(
            f"{str(text)!r} is no name; expected the path of {expected}: is a variable of the "
            "shell empty?"
        )
    return Path(text)
