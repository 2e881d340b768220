"""Files of a web server that ignores Range: GDAL cannot read a part of one, so it is copied here.

Such a server answers every request with the whole file, whatever part is asked for, and will never
do otherwise. Files up to a limit are copied to the temporary folder and read there.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import requests

from jobs.domain import FileAccess
from jobs.errors import SceneError, SetupError, UnreachableError
from jobs.tile.access import without_query
from jobs.tile.web_session import web_session

LIMIT_BYTES = 512 * 2**20
"""Larger files are refused; a band of Sentinel-2 at 10 m has 100 to 250 MB."""

_IGNORES_RANGE = re.compile(r"range downloading not supported", re.I)
_PIECE_BYTES = 2**20
_TIMEOUT_S = (20.0, 30.0)
_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)


def ignores_range(message: str) -> bool:
    """Whether GDAL's message says that a server sends whole files only."""
    return _IGNORES_RANGE.search(message) is not None


@contextmanager
def copied(address: str, access: FileAccess | None = None) -> Iterator[Path]:
    """A copy of a file on the web, in the temporary folder for as long as the context lasts.

    Raises SceneError for a file above the limit or one that the server does not give,
    UnreachableError where another attempt may succeed, SetupError where the folder has no room.
    """
    path = _empty_file(PurePosixPath(urlsplit(address).path).suffix)
    try:
        _copy(address, access, path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _empty_file(suffix: str) -> Path:
    try:
        handle, name = tempfile.mkstemp(suffix, "berthwatch-")
    except OSError as error:
        raise _no_room(error) from error
    os.close(handle)
    return Path(name)


def _copy(address: str, access: FileAccess | None, path: Path) -> None:
    name = without_query(address)
    with web_session(access) as session:
        try:
            with session.get(address, stream=True, timeout=_TIMEOUT_S) as answer:
                _check_status(answer.status_code, name)
                _check_size(int(answer.headers.get("Content-Length") or 0), name)
                _write(answer, path, name)
            return
        except requests.RequestException as error:
            failure = type(error).__name__
    # Raised here, it has no other error as its context, which quotes the whole address.
    raise UnreachableError(f"cannot copy {name}: {failure}; the server may do better later")


def _write(answer: requests.Response, path: Path, name: str) -> None:
    size = 0
    try:
        with path.open("wb") as file:
            for piece in answer.iter_content(_PIECE_BYTES):
                size += len(piece)
                _check_size(size, name)
                file.write(piece)
    except OSError as error:
        if error.errno in _ROOM:
            raise _no_room(error) from error
        raise


def _check_status(status: int, name: str) -> None:
    if status == 200:
        return
    if status == 429 or status >= 500:
        raise UnreachableError(f"{name} answers {status}; the server may do better later")
    raise SceneError(f"{name} answers {status}; expected the file the catalog names: plan again")


def _check_size(size: int, name: str) -> None:
    if size > LIMIT_BYTES:
        raise SceneError(
            f"the server of {name} ignores Range and sends whole files only, this one of more than "
            f"{LIMIT_BYTES // 2**20} MiB; expected a server that sends parts of a file: copy the "
            "files to one, or to a disk, and name that in the catalog"
        )


def _no_room(error: OSError) -> SetupError:
    return SetupError(
        f"the temporary folder {tempfile.gettempdir()} takes no copy of a file ({error.strerror}); "
        "set TMPDIR to a folder with room for files of up to "
        f"{LIMIT_BYTES // 2**20} MiB each: their server sends whole files only"
    )
