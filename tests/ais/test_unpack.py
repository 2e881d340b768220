"""Packed AIS files: what a file is stands in its bytes, whatever its name or system."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from jobs.ais import read_ais
from jobs.errors import InputError

TABLE = """mmsi;time;lon;lat;name
273000001;2024-03-05T00:00:00Z;133.0;42.7;BÆLT
273000001;2024-03-05T00:01:00Z;133.1;42.7;BÆLT
"""
RESOURCE_FORK = b"\0\5\x16\7\0\2\0\0Mac OS X" + b" " * 8


def zipped(**members: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def zstd(content: bytes) -> bytes:
    packed = pa.BufferOutputStream()
    with pa.CompressedOutputStream(packed, "zstd") as stream:
        stream.write(content)
    return packed.getvalue().to_pybytes()


def parquet(folder: Path) -> bytes:
    path = folder / "made.parquet"
    frame = pd.read_csv(io.StringIO(TABLE), sep=";")
    frame.to_parquet(path)
    return path.read_bytes()


def read(folder: Path, name: str, content: bytes) -> list[int]:
    """Minutes of the messages in the file."""
    path = folder / name
    path.write_bytes(content)
    return [time.minute for time in read_ais([path])[0]["time"]]


PLAIN = TABLE.encode()


def no_bytes(value: object) -> str | None:
    """The part of a test's name for a parameter: packed bytes hold the time and would change it."""
    return "content" if isinstance(value, bytes) else None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.CSV", PLAIN),
        ("x", PLAIN),
        ("x.csv.gz", gzip.compress(PLAIN)),
        ("x.CSV.GZ", gzip.compress(PLAIN)),
        ("x.csv", gzip.compress(PLAIN)),
        ("x.csv.zst", zstd(PLAIN)),
        ("x.ZST", zstd(PLAIN)),
        ("x.ZIP", zipped(**{"X.CSV": PLAIN})),
        ("x.zip", zipped(**{"folder/deep/x.csv": PLAIN})),
        ("x.zip", zipped(**{"x.csv.gz": gzip.compress(PLAIN)})),
        ("x.zip", zipped(**{"x.csv.zst": zstd(PLAIN)})),
        ("x.zip", zipped(**{"day.zip": zipped(**{"x.csv": PLAIN})})),
        ("x.zip", zipped(**{"x.txt": PLAIN, "table": b"no table"})),
        ("x.zip", zipped(**{"x.csv": PLAIN, "__MACOSX/._x.csv": RESOURCE_FORK})),
        ("x.zip", zipped(**{"x.csv": PLAIN, ".DS_Store": b"\0\0\0\1Bud1"})),
        ("x.zip", zipped(**{"a/x.csv": PLAIN, "a/._x.csv": RESOURCE_FORK, "readme.txt": b"read"})),
    ],
    ids=no_bytes,
)
def test_a_file_is_read_as_what_it_is(tmp_path: Path, name: str, content: bytes) -> None:
    assert read(tmp_path, name, content) == [0, 1]


@pytest.mark.parametrize("name", ["x.parquet", "x.PARQUET", "x", "x.zip"])
def test_parquet_too(tmp_path: Path, name: str) -> None:
    content = parquet(tmp_path)
    assert read(tmp_path, name, zipped(**{"x.parquet": content}) if "zip" in name else content) == [
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (b"", "utf-16-le"),
        (b"", "cp1252"),
    ],
    ids=no_bytes,
)
def test_texts_of_other_encodings_are_read(tmp_path: Path, mark: bytes, encoding: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(mark + TABLE.encode(encoding))
    found, summary = read_ais([path])
    assert list(found["name"]) == ["BÆLT", "BÆLT"]
    assert (summary.rows, summary.unreadable) == (2, 0)


def test_every_table_of_a_zip_is_counted_and_what_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    later = TABLE.replace("T00:", "T01:").encode()
    path.write_bytes(zipped(**{"a.csv": PLAIN, "b.csv": later, "readme.txt": b"tables of a day"}))
    found, summary = read_ais([path])
    assert len(found) == 4
    rows = {one.name: one.rows for one in summary.files}
    assert rows == {"x.zip/a.csv": 2, "x.zip/b.csv": 2}
    assert summary.not_tables == ("x.zip/readme.txt",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (zipped(), "holds no file"),
        (zipped(**{"readme.txt": b"x"}), r"holds readme\.txt; expected a table"),
        (zipped(**{"__MACOSX/._x.csv": RESOURCE_FORK}), "expected a table"),
        (zipped(**{"x.csv": RESOURCE_FORK}), r"x\.zip/x\.csv: columns"),
        (zipped(**{"x.csv": b""}), r"x\.zip/x\.csv: is empty"),
        (zipped(**{"x.csv": PLAIN})[:60], "cannot be read"),
        (zipped(**{"x.csv": gzip.compress(PLAIN)[:40]}), "cannot be read"),
    ],
    ids=no_bytes,
)
def test_a_zip_without_a_table_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, "x.zip", content)


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    locked = bytearray(zipped(**{"x.csv": PLAIN}))
    locked[6] |= 1  # of the member
    locked[locked.index(b"PK\1\2") + 8] |= 1  # of the list of members
    with pytest.raises(InputError, match=r"x\.zip/x\.csv: is locked with a password"):
        read(tmp_path, "x.zip", bytes(locked))


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; expected a file"):
        read_ais([tmp_path])


def test_a_file_packed_again_and_again_is_refused(tmp_path: Path) -> None:
    content = PLAIN
    for _ in range(5):
        content = zipped(**{"x.zip": content})
    with pytest.raises(InputError, match="packed more than 4 times"):
        read(tmp_path, "x.zip", content)
