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

from jobs.errors import InputError

Opener = Callable[[], AbstractContextManager[BinaryIO]]

ZIP, GZIP, ZSTD, PARQUET = b"PK\x03\x04", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
EMPTY_ZIP = b"PK\x05\x06"
TABLE_SUFFIXES = (".csv", ".tsv", ".gz", ".zst", ".zip", ".parquet", ".geoparquet")
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
    return _tables(path.name, lambda: cast(AbstractContextManager[BinaryIO], path.open("rb")))


def _tables(name: str, opener: Opener) -> tuple[list[Table], list[str]]:
    with opener() as stream:
        first = stream.read(4)
    if first == PARQUET:
        return [Table(name, opener, parquet=True)], []
    if first in (ZIP, EMPTY_ZIP):
        return _members(name, opener)
    if first[:2] == GZIP:
        return _tables(name, lambda: _gunzipped(opener))
    if first == ZSTD:
        return _tables(name, lambda: _unzstd(opener))
    return [Table(name, opener, parquet=False)], []


def _members(name: str, opener: Opener) -> tuple[list[Table], list[str]]:
    found: list[Table] = []
    others: list[str] = []
    with opener() as stream, zipfile.ZipFile(stream) as archive:
        members = [info for info in archive.infolist() if not info.is_dir()]
    for info in members:
        inner = f"{name}/{info.filename}"
        if info.flag_bits & 1 and not is_litter(info.filename):
            raise InputError(f"{inner}: is locked with a password; expected a table: unpack it")
        if is_litter(info.filename) or not info.filename.lower().endswith(TABLE_SUFFIXES):
            others.append(inner)
            continue
        inside, more = _tables(inner, partial(_member, opener, info))
        found += inside
        others += more
    if not found:
        listed = ", ".join(info.filename for info in members[:10]) or "no file"
        raise InputError(
            f"{name}: holds {listed}; expected a table with one of the suffixes "
            f"{', '.join(TABLE_SUFFIXES)}: name the table itself, or pack it again"
        )
    return found, others


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
