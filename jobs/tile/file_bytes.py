"""Ranges of bytes of a file, on this machine's disk or wherever GDAL reaches."""

from __future__ import annotations

import ctypes
import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from jobs.tile.gdal_c import gdal

HEAD_BYTES = 16 * 1024
"""Read at once when a file is opened, as GDAL does; the header of a COG of 100 km is shorter."""

GAP_BYTES = 16 * 1024
"""Ranges with less between them are read as one."""

_MOST_HEAD_READS = 64
_SEEK_END = 2

Range: TypeAlias = tuple[int, int]
"""Where a range begins, and its length."""


class FileBytes(ABC):
    """A file open for reading by ranges."""

    size: int
    """Of the file, in bytes."""

    def __init__(self, size: int, start: bytes | None = None) -> None:
        """``start``: its first bytes, where they are known."""
        self.size = size
        head: bytes | bytearray = b"" if start is None else start
        if start is None and size:
            head = self._read([(0, min(size, HEAD_BYTES))])[0]
        self._start = head
        self._head_reads = 0

    def head(self, start: int, length: int) -> bytes:
        """A range of the header, which lies within the file; OSError for too many of them."""
        if start + length <= len(self._start):
            return bytes(self._start[start : start + length])
        self._head_reads += 1
        if self._head_reads > _MOST_HEAD_READS:
            raise OSError(f"its header lies in more than {_MOST_HEAD_READS} places")
        return bytes(self._read([(start, length)])[0])

    def ranges(self, wanted: Sequence[Range]) -> list[memoryview]:
        """The bytes of ranges within the file; neighbours are read as one, all of them together.

        Raises OSError where any of them cannot be read whole.
        """
        read: dict[Range, bytes | bytearray] = {(0, len(self._start)): self._start}
        read |= self._kept()
        joined = _joined([one for one in wanted if not any(_within(one, it) for it in read)])
        if joined:
            read |= zip(joined, self._read(joined), strict=True)
        found = []
        for start, length in wanted:
            outer = next(it for it in read if _within((start, length), it))
            first = start - outer[0]
            found.append(memoryview(read[outer])[first : first + length])
        return found

    def _kept(self) -> Mapping[Range, bytes]:
        """Ranges that were read before and are kept."""
        return {}

    @abstractmethod
    def _read(self, wanted: Sequence[Range]) -> Sequence[bytes | bytearray]:
        """The bytes of each range; OSError where one is shorter."""

    @abstractmethod
    def close(self) -> None:
        """Release the file."""


def _within(one: Range, other: Range) -> bool:
    return other[0] <= one[0] and sum(one) <= sum(other)


def _joined(wanted: Sequence[Range]) -> list[Range]:
    """Ranges that cover the wanted ones, in order."""
    joined: list[Range] = []
    for start, length in sorted(wanted):
        if joined and start <= sum(joined[-1]) + GAP_BYTES:
            first, former = joined[-1]
            joined[-1] = first, max(former, start + length - first)
        else:
            joined.append((start, length))
    return joined


class DiskBytes(FileBytes):
    """A file on this machine. Raises OSError for one that is not there, or is no ordinary file."""

    def __init__(self, path: Path) -> None:
        if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait
            raise OSError(f"{path} is no ordinary file")
        self._number: int | None = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            super().__init__(os.fstat(self._number).st_size)
        except BaseException:
            self.close()
            raise

    def _read(self, wanted: Sequence[Range]) -> list[bytes]:
        assert self._number is not None
        found = []
        for start, length in wanted:
            content = os.pread(self._number, length, start)
            _check_length(content, length)
            found.append(content)
        return found

    def close(self) -> None:
        """Close the file."""
        number, self._number = self._number, None
        if number is not None:
            os.close(number)


class GdalBytes(FileBytes):
    """A file by its name in GDAL's file systems, such as ``/vsis3/bucket/key``.

    GDAL's own access has the credentials, retries, proxies and certificates that all other reads
    have; it is used within `settings_of`. rasterio offers no reading of bytes, so this calls
    GDAL's C interface, which has been stable for many years. Raises OSError with GDAL's message.
    """

    def __init__(self, name: str, start: bytes | None = None) -> None:
        """``start``: its first bytes, where they are known."""
        library = gdal()
        library.VSIErrorReset()
        self._handle = library.VSIFOpenExL(name.encode(), b"rb", 1)
        if not self._handle:
            raise OSError(_message(library.VSIGetLastErrorMsg) or f"{name} cannot be opened")
        try:
            library.VSIFSeekL(self._handle, 0, _SEEK_END)
            super().__init__(int(library.VSIFTellL(self._handle)), start)
        except BaseException:
            self.close()
            raise

    def _read(self, wanted: Sequence[Range]) -> list[bytearray]:
        found = [bytearray(length) for _, length in wanted]
        if len(wanted) > 1 and self._read_together(wanted, found):
            return found
        # One by one GDAL tries again where a server is busy; ranges that are read together it does
        # not. One is cached too, so that a header is read once where GDAL then opens the file.
        library = gdal()
        for (start, length), into in zip(wanted, found, strict=True):
            library.CPLErrorReset()
            library.VSIFSeekL(self._handle, start, 0)
            content = (ctypes.c_char * length).from_buffer(into)
            if library.VSIFReadL(content, 1, length, self._handle) != length:
                raise OSError(_message(library.CPLGetLastErrorMsg) or "fewer bytes than expected")
        return found

    def _read_together(self, wanted: Sequence[Range], found: Sequence[bytearray]) -> bool:
        """Whether all ranges were read, by one call."""
        library, number = gdal(), len(wanted)
        content = [(ctypes.c_char * len(one)).from_buffer(one) for one in found]
        library.CPLPushErrorHandler(ctypes.cast(library.CPLQuietErrorHandler, ctypes.c_void_p))
        try:
            failed = library.VSIFReadMultiRangeL(
                number,
                (ctypes.c_void_p * number)(*(ctypes.addressof(one) for one in content)),
                (ctypes.c_uint64 * number)(*(start for start, _ in wanted)),
                (ctypes.c_size_t * number)(*(length for _, length in wanted)),
                self._handle,
            )
        finally:
            library.CPLPopErrorHandler()
        return not failed

    def close(self) -> None:
        """Close the file."""
        handle, self._handle = self._handle, None
        if handle:
            gdal().VSIFCloseL(handle)


def _check_length(content: bytes, length: int) -> None:
    if len(content) != length:
        raise OSError(f"the file ends early: {len(content)} bytes where {length} were expected")


def _message(call: Any) -> str:
    text: bytes | None = call()
    return "" if text is None else text.decode("utf-8", "replace").strip()
