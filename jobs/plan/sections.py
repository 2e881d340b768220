"""Sections of a plan file: groups of lines that are found, read and checked one by one.

Each section is stored plain, or as one gzip member, so that ``zcat`` gives the lines of the whole
file. The last section has a fixed size and holds the offset of the index.
"""

from __future__ import annotations

import gzip
import os
import weakref
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, TypeVar

from jobs.domain import Json
from jobs.errors import PlanError
from jobs.plan.lines import Digest, digest_of, line, parsed

T = TypeVar("T")

LEVEL = 6
"""Of gzip: an overpass of two scenes takes 566 bytes, against 666 at level 3 and 5,336 plain;
compression takes a fifth of the time of serialisation."""

_GZIP = b"\x1f\x8b"
_TAIL = 128
"""Bytes of the last line."""


@dataclass(frozen=True)
class Section:
    """Place and digest of a section, as the index has them."""

    name: str
    at: int
    """Offset of the first byte."""
    size: int
    """Bytes in the file."""
    digest: Digest
    note: Mapping[str, Json] = field(default_factory=dict)
    """Further facts, such as a port's estimate."""

    def to_json(self) -> dict[str, Json]:
        """The section as an entry of the index."""
        return {
            "of": self.name,
            "at": self.at,
            "bytes": self.size,
            "lines": self.digest.lines,
            "sha256": self.digest.sha256,
            "note": dict(self.note),
        }

    @classmethod
    def from_json(cls, entry: Any) -> Section:
        """The section of an entry of the index."""
        digest = Digest(int(entry["lines"]), str(entry["sha256"]))
        return cls(
            str(entry["of"]), int(entry["at"]), int(entry["bytes"]), digest, dict(entry["note"])
        )


class SectionWriter:
    """Appends sections to a file, one in memory at a time."""

    def __init__(self, file: IO[bytes], packed: bool) -> None:
        self.file = file
        self.packed = packed
        self.at = 0

    def add(self, name: str, lines: Iterable[str]) -> Section:
        """Append a section; all its lines are in memory while it is written."""
        held = list(lines)
        return self._write(name, digest_of(held), _pack("".join(held).encode(), self.packed))

    def end(self, index: str) -> None:
        """Append the index, and after it the line with the index's offset."""
        section = self.add("index", [index])
        content: dict[str, Json] = {"index_at": section.at, "index_sha256": section.digest.sha256}
        tail = line(content).rstrip().ljust(_TAIL - 1) + "\n"
        self.file.write(_pack(tail.encode(), self.packed, level=0))

    def _write(self, name: str, digest: Digest, content: bytes) -> Section:
        section = Section(name, self.at, len(content), digest)
        self.file.write(content)
        self.at += len(content)
        return section


class SectionFile:
    """A plan file open for reading; stays readable when another file takes its name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._descriptor)
            self.packed = os.pread(self._descriptor, 2, 0) == _GZIP
        except OSError as error:
            raise unreadable(path, error) from error

    def first_line(self) -> bytes:
        """The header's line; it is readable in files of any format."""
        try:
            with (gzip.open if self.packed else open)(self.path, "rb") as file:
                first: bytes = file.readline()
                return first
        except (OSError, EOFError, zlib.error) as error:
            raise unreadable(self.path, error) from error

    def index(self, make: Callable[[Any], T]) -> T:
        """The value that ``make`` builds from the index; PlanError where the file lacks one."""
        tail = len(_pack(bytes(_TAIL), self.packed, level=0))
        end = os.fstat(self._descriptor).st_size - tail
        try:
            last = parsed(self.path, 0, self._content(end, tail), dict)
            at = int(last["index_at"])
            text = self._content(at, end - at)
            if sha256(text).hexdigest() != last["index_sha256"]:
                raise PlanError("the index is not the one that was written")
            return parsed(self.path, 0, text, make)
        except (PlanError, KeyError, ValueError, OSError, EOFError, zlib.error) as error:
            raise PlanError(
                f"{self.path} has no index at its end: it was cut short or changed since it was "
                "written; make it again with `berthwatch plan`"
            ) from error

    def read(self, section: Section, first: int, make: Callable[[Any], T]) -> Sequence[T]:
        """The values of a section's lines; ``first`` is the file's number of the first of them.

        Raises PlanError for lines that were changed, naming the line where it can be identified.
        """
        lines = self._lines(section)
        if lines is None:
            raise self._changed(section, first)
        if digest_of(text.decode("utf-8", "replace") for text in lines) != section.digest:
            for number, text in enumerate(lines, start=first):
                parsed(self.path, number, text, make)
            raise self._changed(section, first)
        return tuple(parsed(self.path, n, text, make) for n, text in enumerate(lines, start=first))

    def _lines(self, section: Section) -> list[bytes] | None:
        """The section's lines in the file; None where it cannot be read or decompressed."""
        try:
            return self._content(section.at, section.size).splitlines(keepends=True)
        except (OSError, EOFError, zlib.error):
            return None

    def _content(self, at: int, size: int) -> bytes:
        parts, missing = [], size
        while missing > 0 and (part := os.pread(self._descriptor, missing, at + size - missing)):
            parts.append(part)
            missing -= len(part)
        return gzip.decompress(b"".join(parts)) if self.packed else b"".join(parts)

    def _changed(self, section: Section, first: int) -> PlanError:
        last = first + section.digest.lines - 1
        return PlanError(
            f"{self.path}, lines {first} to {last} ({section.name}): the file has been changed "
            "since it was written; make it again with `berthwatch plan`"
        )


def unreadable(path: Path, error: BaseException) -> PlanError:
    """The error of a plan file that cannot be read."""
    return PlanError(f"cannot read the plan {path}: {error}; make it with `berthwatch plan`")


def _pack(content: bytes, packed: bool, level: int = LEVEL) -> bytes:
    return gzip.compress(content, level, mtime=0) if packed else content
