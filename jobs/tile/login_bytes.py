"""Files on servers that want a login, read here by requests of our own, also for GDAL.

GDAL would send headers of one's own along wherever a server redirects: libcurl holds back
Authorization and Cookie alone (CURLOPT_HTTPHEADER), and no option of ``/vsicurl/`` changes that. So
GDAL reads these files through Python.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import requests

from jobs.domain import Login
from jobs.errors import BerthwatchError
from jobs.tile.file_bytes import HEAD_BYTES, FileBytes, Range
from jobs.tile.web_session import web_session

_TIMEOUT_S = (20.0, 30.0)
_PART = re.compile(r"bytes (\d+)-(\d+)/(\d+)", re.I)
BUFFER_BYTES = 64 * 1024
"""Read at least, where GDAL reads on from one place."""


class LoginBytes(FileBytes):
    """A file by its address. Raises OSError where its server does not give the part asked for."""

    def __init__(self, href: str, login: Login) -> None:
        self._href, self._login = href, login
        start, size = self._fetch((0, HEAD_BYTES))
        super().__init__(size, start)

    def _read(self, wanted: Sequence[Range]) -> list[bytes]:
        found = []
        for one in wanted:
            part, size = self._fetch(one)
            if size != self.size:
                raise OSError(f"it had {self.size} bytes when it was opened, now {size}")
            if len(part) != one[1]:
                raise OSError(f"{len(part)} bytes came where {one[1]} were asked for")
            found.append(part)
        return found

    def _fetch(self, wanted: Range) -> tuple[bytes, int]:
        """The bytes of a range, fewer at the file's end, and the file's size."""
        start, length = wanted
        headers = {
            "Range": f"bytes={start}-{start + length - 1}",
            "Accept-Encoding": "identity",
        }
        try:
            with (
                web_session(self._login) as session,
                session.get(self._href, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer,
            ):
                size = _size(answer, wanted)
                return answer.content, size
        except requests.RequestException as error:
            failure = type(error).__name__
        # Raised here, it has no other error as its context, which holds the request.
        raise OSError(f"no whole answer ({failure})")

    def close(self) -> None:
        """Nothing is kept open."""


def _size(answer: requests.Response, wanted: Range) -> int:
    """The file's size, of an answer that is the part that was asked for; OSError for any other."""
    if answer.status_code == 200:
        raise OSError("Range downloading not supported by this server: it sends the whole file")
    if answer.status_code != 206:
        raise OSError(f"HTTP response code: {answer.status_code}")
    stated = answer.headers.get("Content-Range", "")
    part = _PART.fullmatch(stated.strip())
    if part is None:
        raise OSError(f"it sends a part of which it says {stated[:80]!r}, expected bytes A-B/SIZE")
    first, last, size = map(int, part.groups())
    given = answer.headers.get("Content-Length")
    if (
        first != wanted[0]
        or last != min(sum(wanted), size) - 1
        or given not in (None, str(last + 1 - first))
    ):
        raise OSError(
            f"it sends {stated!r} where {wanted[1]} bytes from {wanted[0]} were asked for"
        )
    return size


class GdalReads:
    """What GDAL reads of a file, through Python file objects.

    GDAL takes a failure of theirs for the file's end, and some drivers then go on without a word:
    so the first failure is kept, and raised by ``raise_failure``.
    """

    def __init__(self, file: FileBytes, name: str) -> None:
        """``name``: the only one under which the file is there."""
        self._file, self._name = file, name
        self._failure: Exception | None = None

    def open(self, name: str, mode: str = "rb") -> io.BufferedReader:
        """The file, as rasterio's ``opener`` wants it."""
        if name != self._name or not mode.startswith("r"):
            raise FileNotFoundError(name)
        return io.BufferedReader(_Reader(self), BUFFER_BYTES)

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the file; none beyond its end, and after a failure."""
        length = min(length, self._file.size - start)
        if length <= 0 or self._failure is not None:
            return b""
        try:
            return bytes(self._file.ranges([(start, length)])[0])
        except (OSError, BerthwatchError) as error:
            self._failure = error
            return b""

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self._file.size

    def raise_failure(self) -> None:
        """Raise what failed."""
        if self._failure is not None:
            raise self._failure


class _Reader(io.RawIOBase):
    """A place in the file from which GDAL reads on."""

    def __init__(self, reads: GdalReads) -> None:
        super().__init__()
        self._reads = reads
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._reads.size}[whence]
        self._at = base + offset
        return self._at

    def readinto(self, into: memoryview) -> int:  # type: ignore[override]
        part = self._reads.read(self._at, len(into))
        into[: len(part)] = part
        self._at += len(part)
        return len(part)
