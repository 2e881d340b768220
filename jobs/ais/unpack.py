"""The tables inside a file: plain, packed with gzip or Zstandard, or in a zip, by their content."""

from __future__ import annotations

import gzip
import io
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, cast

import pyarrow as pa

from jobs.ais.lines import decoded, text_table
from jobs.errors import InputError

Opener = Callable[[], AbstractContextManager[BinaryIO]]

ZIP, GZIP, ZSTD, PARQUET = b"PK\x03\x04", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
EMPTY_ZIP = b"PK\x05\x06"
TABLE_SUFFIXES = (".csv", ".tsv", ".gz", ".zst", ".zip", ".parquet", ".geoparquet")
DEEPEST = 4
"""Zips in zips and the like; a file can be packed so that it holds itself."""
IN_MEMORY = 64 << 20
"""Bytes of a zip's or Parquet file's content held in memory where it lies inside another zip."""


@dataclass(frozen=True)
class Table:
    """One table of a file; ``open`` gives its bytes from the start, as often as it is called."""

    name: str
    """The file's name; for a member of a zip, file/member."""
    open: Opener
    parquet: bool


def tables(path: Path) -> tuple[list[Table], list[str]]:
    """The tables of a file, and the members of a zip that are none (a Mac's, texts, pictures).

    What a file is stands in its first bytes, whatever its name. InputError for a zip without a
    table, or with a password.
    """
    return _tables(path.name, lambda: cast(AbstractContextManager[BinaryIO], path.open("rb")), 0)


def _tables(name: str, opener: Opener, depth: int) -> tuple[list[Table], list[str]]:
    """``depth`` is how often the file is packed already."""
    with opener() as stream:
        first = stream.read(4)
    if first == PARQUET:
        return [Table(name, opener, parquet=True)], []
    if not (first in (ZIP, EMPTY_ZIP, ZSTD) or first[:2] == GZIP):
        return [Table(name, opener, parquet=False)], []
    if depth == DEEPEST:
        raise InputError(
            f"{name}: is packed more than {DEEPEST} times; expected a table: unpack it"
        )
    if first in (ZIP, EMPTY_ZIP):
        return _members(name, opener, depth + 1)
    unpacked = partial(_unzstd if first == ZSTD else _gunzipped, opener)
    return _tables(name, unpacked, depth + 1)


def _members(name: str, opener: Opener, depth: int) -> tuple[list[Table], list[str]]:
    found: list[Table] = []
    others: list[str] = []
    with opener() as stream, zipfile.ZipFile(stream) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
    for info in members:
        inner, content = f"{name}/{info.filename}", partial(_member, opener, info)
        if not _may_be_table(inner, info, content):
            others.append(inner)
            continue
        inside, more = _tables(inner, content, depth)
        found += inside
        others += more
    if not found:
        listed = ", ".join(info.filename for info in members[:10]) or "no file"
        raise InputError(
            f"{name}: holds {listed}; expected a table of AIS positions with one of the suffixes "
            f"{', '.join(TABLE_SUFFIXES)}: name the table itself, or pack it again"
        )
    return found, others


def _may_be_table(name: str, info: zipfile.ZipInfo, content: Opener) -> bool:
    """True for members with a table's suffix, and for those that begin with its column names."""
    if is_litter(info.filename):
        return False
    suffixed = info.filename.lower().endswith(TABLE_SUFFIXES)
    if info.flag_bits & 1:
        if suffixed:
            raise InputError(f"{name}: is locked with a password; expected a table: unpack it")
        return False
    return suffixed or _begins_as_table(name, content)


def _begins_as_table(name: str, content: Opener) -> bool:
    with content() as stream, decoded(stream) as text:
        try:
            text_table(name, text)
        except InputError:
            return False
    return True


def is_litter(member: str) -> bool:
    """True for what operating systems add to zips: a Mac's resource forks, Windows' thumbnails."""
    path = PurePosixPath(member.replace("\\", "/"))
    return (
        "__MACOSX" in path.parts
        or path.name.startswith(".")
        or path.name.casefold() in ("thumbs.db", "desktop.ini")
    )


@contextmanager
def _member(opener: Opener, info: zipfile.ZipInfo) -> Iterator[BinaryIO]:
    with opener() as stream, zipfile.ZipFile(stream) as archive, archive.open(info) as packed:
        first = packed.read(4)
        packed.seek(0)
        if first in (ZIP, EMPTY_ZIP, PARQUET):
            # these are read from their end: packed bytes would be unpacked again at every step
            with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as whole:
                shutil.copyfileobj(packed, cast(IO[bytes], whole))
                whole.seek(0)
                yield cast(BinaryIO, whole)
        else:
            yield cast(BinaryIO, packed)


@contextmanager
def _gunzipped(opener: Opener) -> Iterator[BinaryIO]:
    with opener() as stream, gzip.open(stream, "rb") as unpacked:
        yield cast(BinaryIO, unpacked)


@contextmanager
def _unzstd(opener: Opener) -> Iterator[BinaryIO]:
    with opener() as stream, pa.input_stream(stream, compression="zstd") as unpacked:
        yield io.BufferedReader(unpacked)
