"""A file on the web, read by ranges without asking for its size first.

GDAL's ``/vsicurl/`` begins with a HEAD for the size. Here the first range tells it, in the answer's
Content-Range: one request less for each file. The requests are made by GDAL as well, with the same
settings, proxies, certificates and credentials. Where an answer is not the part that was asked for,
``/vsicurl/`` reads the file instead: it retries, and says what is wrong in words that are known.
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from jobs.tile.file_bytes import HEAD_BYTES, FileBytes, GdalBytes, Range
from jobs.tile.gdal_c import Answer, gdal

_PREFIX = "/vsicurl/"
_OWN_HEADERS = (b"GDAL_HTTP_HEADERS", b"GDAL_HTTP_HEADER_FILE")
"""With these GDAL would send either the user's headers or ours."""
_TIMED_OUT, _TOO_LARGE = 28, 63
"""curl's numbers for an answer that does not come, or stalls; and for a larger one than asked for.
"""
_PART = re.compile(rb"content-range\s*[=:]\s*bytes (\d+)-(\d+)/(\d+)\s*", re.I)


KEPT_BYTES = 32 * 2**20
"""Of the ranges read last, of all files, for neighbouring ports share blocks."""


class _Kept:
    """The ranges read last, by the name under which their file was opened, which is never used
    again.
    """

    def __init__(self) -> None:
        self._parts: OrderedDict[tuple[str, Range], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def add(self, name: str, one: Range, content: bytes) -> None:
        with self._lock:
            self._parts[name, one] = content
            self._size += len(content)
            while self._size > KEPT_BYTES:
                self._size -= len(self._parts.popitem(last=False)[1])

    def of(self, name: str) -> dict[Range, bytes]:
        with self._lock:
            return {one: part for (file, one), part in self._parts.items() if file == name}

    def drop(self, name: str) -> None:
        with self._lock:
            for key in [key for key in self._parts if key[0] == name]:
                self._size -= len(self._parts.pop(key))


_kept = _Kept()


class HttpBytes(FileBytes):
    """A file by its name in GDAL's ``/vsicurl/``."""

    def __init__(self, name: str, size: int, start: bytes) -> None:
        """``start``: its first bytes."""
        self._name = name
        self._by_gdal: GdalBytes | None = None
        super().__init__(size, start)

    @classmethod
    def open(cls, name: str) -> HttpBytes | None:
        """The file; None where its server does not answer with the part that is asked for.

        Raises OSError where it does not answer in time, or ignores what is asked for.
        """
        if not name.startswith(f"{_PREFIX}http") or _has_own_headers():
            return None
        found = _fetch(name, (0, HEAD_BYTES))
        return None if found is None else cls(name, found[1], found[0])

    def _read(self, wanted: Sequence[Range]) -> Sequence[bytes | bytearray]:
        found: list[bytes] = []
        for one in wanted:
            part = None if self._by_gdal else _fetch(self._name, one)
            if part is None or part[1] != self.size or len(part[0]) != one[1]:
                return self._all_by_gdal(wanted)
            found.append(part[0])
        for one, content in zip(wanted, found, strict=True):
            _kept.add(self._name, one, content)
        return found

    def _kept(self) -> Mapping[Range, bytes]:
        return _kept.of(self._name)

    def _all_by_gdal(self, wanted: Sequence[Range]) -> Sequence[bytes | bytearray]:
        if self._by_gdal is None:
            self._by_gdal = GdalBytes(self._name, bytes(self._start))
        if self._by_gdal.size != self.size:
            raise OSError(f"it had {self.size} bytes when it was opened, now {self._by_gdal.size}")
        return self._by_gdal._read(wanted)

    def close(self) -> None:
        """Close what is open of it."""
        _kept.drop(self._name)
        if self._by_gdal is not None:
            self._by_gdal.close()


def _has_own_headers() -> bool:
    return any(gdal().CPLGetConfigOption(name, None) for name in _OWN_HEADERS)


def _fetch(name: str, wanted: Range) -> tuple[bytes, int] | None:
    """The bytes of a range, fewer at the file's end, and the file's size; None for any other answer
    than that part of the file.
    """
    start, length = wanted
    url = name.removeprefix(_PREFIX).partition("#")[0]
    options = (
        f"HEADERS=Range: bytes={start}-{start + length - 1}\r\nAccept-Encoding: identity",
        f"MAX_FILE_SIZE={length}",  # a server that ignores the range does not send the whole file
        "MAX_RETRY=0",
        f"PERSISTENT=berthwatch-{threading.get_ident()}",  # a connection is one thread's
    )
    with _answer(url, options) as answer:
        if answer.status == _TIMED_OUT:
            raise OSError((answer.error or b"no answer in time").decode("utf-8", "replace"))
        if answer.status == _TOO_LARGE:
            raise OSError("Range downloading not supported by this server: it sends more")
        if answer.status or answer.error:
            return None
        part = next(filter(None, map(_PART.fullmatch, _headers(answer))), None)
        if part is None:
            return None
        first, last, size = map(int, part.groups())
        if (first, last + 1 - first) != (start, answer.length) or last >= size:
            return None
        return ctypes.string_at(answer.content, answer.length), size


@contextmanager
def _answer(url: str, options: Sequence[str]) -> Iterator[Answer]:
    library = gdal()
    words = (ctypes.c_char_p * (len(options) + 1))(*(each.encode() for each in options), None)
    library.CPLPushErrorHandler(ctypes.cast(library.CPLQuietErrorHandler, ctypes.c_void_p))
    try:
        found = library.CPLHTTPFetch(url.encode(), words)
    finally:
        library.CPLPopErrorHandler()
        library.CPLErrorReset()
    if not found:
        raise OSError("GDAL cannot make requests")
    try:
        yield found.contents
    finally:
        library.CPLHTTPDestroyResult(found)


def _headers(answer: Any) -> Iterator[bytes]:
    number = 0
    while answer.headers and answer.headers[number]:
        yield answer.headers[number]
        number += 1
