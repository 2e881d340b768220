"""Spoilt AIS files of every kind: refused, or every row accounted for; never a crash."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.ais import read_ais
from jobs.errors import InputError
from tests.ais.test_reader import DANISH, US, US_2025
from tests.ais.test_unpack import PLAIN, parquet, zipped, zstd

TOKENS = [
    *b"\",;\n\r\0\t |.-'", b'""', b",,,", b"nan", b"inf", b"1e400", b"9" * 30,
    b"\xff\xfe", b"\xef\xbb\xbf", b"MMSI", b"mmsi,time,lon,lat\n", b"99/99/2024 00:00", b"sep=;\n",
    b"LAT,LAT", b"\xe2\x80\xa8", b"PK\3\4", b"\x1f\x8b",
]  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["put in", "cut out", "repeat", "cut off"]),
        st.one_of(st.sampled_from(TOKENS), st.integers(0, 255)),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=6,
)


@cache
def files(folder: Path) -> list[bytes]:
    """A sound file of every kind."""
    packed = parquet(folder)
    return [
        US.encode(),
        US_2025.encode("utf-16"),
        DANISH.encode(),
        PLAIN,
        gzip.compress(PLAIN),
        zstd(PLAIN),
        zipped(**{"a.csv": US.encode(), "b/c.csv": DANISH.encode()}),
        zipped(**{"a.parquet": packed}),
    ]


def spoilt(content: bytes, edits: list[tuple[float, str, bytes | int, int]]) -> bytes:
    for place, kind, token, length in edits:
        at = int(place * (len(content) + 1))
        put = token if isinstance(token, bytes) else bytes([token])
        if kind == "put in":
            content = content[:at] + put + content[at:]
        elif kind == "cut out":
            content = content[:at] + content[at + length :]
        elif kind == "repeat":
            content = content[:at] + content[at - length : at] + content[at:]
        elif length > 30:  # seldom: little is left to read
            content = content[:at]
    return content


def check(folder: Path, kind: int, edits: list[tuple[float, str, bytes | int, int]]) -> None:
    path = folder / "spoilt"
    path.write_bytes(spoilt(files(folder)[kind], edits))
    try:
        found, summary = read_ais([path])
    except InputError:
        return
    assert len(found) == summary.kept
    for one in summary.files:
        # a second place in one second is used too: conflicts are among those kept
        others = one.outside + one.stations + one.duplicates
        assert one.rows == one.kept + others + one.unreadable
        assert one.unreadable == sum(one.reasons.values())
        assert one.rows == 0 or one.unreadable < one.rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoilt")


SPOILT = given(kind=st.integers(0, 7), edits=EDITS)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@settings(PATIENT, max_examples=200)
@SPOILT
def test_a_spoilt_file_is_refused_or_counted(folder: Path, kind: int, edits: list) -> None:
    check(folder, kind, edits)


@pytest.mark.slow
@settings(PATIENT, max_examples=3000)
@SPOILT
def test_thousands_of_spoilt_files_are_refused_or_counted(
    folder: Path, kind: int, edits: list
) -> None:
    check(folder, kind, edits)
