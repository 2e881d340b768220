"""Files on the web by ranges, without a request for their size."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import rasterio

from jobs.tile import http_bytes
from jobs.tile.file_bytes import HEAD_BYTES
from jobs.tile.http_bytes import HttpBytes
from tests.support.servers.faults import EVERY_FAULT, answers
from tests.support.servers.files import FileServer, file_server

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "a.tif").write_bytes(CONTENT)
    (tmp_path / "short.tif").write_bytes(b"abc")
    (tmp_path / "empty.tif").write_bytes(b"")
    with (
        file_server(tmp_path) as made,
        rasterio.Env(GDAL_HTTP_MAX_RETRY=0, CPL_VSIL_CURL_NON_CACHED="/vsicurl/"),
    ):
        yield made


def opened(server: FileServer, name: str = "a.tif") -> HttpBytes:
    found = HttpBytes.open(f"/vsicurl/{server.url}/{name}#1.tif")
    assert found is not None
    return found


def test_the_first_range_tells_the_size(server: FileServer) -> None:
    file = opened(server)
    assert file.size == len(CONTENT)
    assert file.head(100, 5) == CONTENT[100:105]
    found = file.ranges([(20_000, 100), (100_000, 50), (50, 10)])
    assert [bytes(each) for each in found] == [
        CONTENT[20_000:20_100],
        CONTENT[100_000:100_050],
        CONTENT[50:60],
    ]
    asked = [(each.method, each.headers.get("range")) for each in server.requests]
    assert asked == [
        ("GET", f"bytes=0-{HEAD_BYTES - 1}"),
        ("GET", "bytes=20000-20099"),
        ("GET", "bytes=100000-100049"),
    ]
    assert server.connections == 1
    file.close()


def test_what_was_read_is_kept_within_a_bound_until_the_file_is_closed(
    server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_bytes, "KEPT_BYTES", 1000)
    file = opened(server)
    file.ranges([(20_000, 600)])
    assert bytes(file.ranges([(20_100, 50)])[0]) == CONTENT[20_100:20_150]
    assert len(server.requests) == 2
    file.ranges([(60_000, 600)])  # the older one has no room
    assert http_bytes._kept.of(file._name).keys() == {(60_000, 600)}
    assert bytes(file.ranges([(20_100, 50)])[0]) == CONTENT[20_100:20_150]
    assert len(server.requests) == 4
    file.close()
    assert not http_bytes._kept._parts
    assert http_bytes._kept._size == 0


def test_a_file_shorter_than_its_header_could_be(server: FileServer) -> None:
    file = opened(server, "short.tif")
    assert (file.size, file.head(0, 3)) == (3, b"abc")
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", ["empty.tif", "missing.tif"])
def test_what_is_no_part_is_left_to_gdal(server: FileServer, name: str) -> None:
    assert HttpBytes.open(f"/vsicurl/{server.url}/{name}#1.tif") is None


@pytest.mark.parametrize("name", sorted(EVERY_FAULT.keys() - {"hang"}))
def test_an_answer_that_fails_is_left_to_gdal(server: FileServer, name: str) -> None:
    server.faults.add(EVERY_FAULT[name](times=1))
    assert HttpBytes.open(f"/vsicurl/{server.url}/a.tif#1.tif") is None


def test_an_answer_that_does_not_come_is_not_asked_for_twice(server: FileServer) -> None:
    server.faults.add(EVERY_FAULT["hang"](times=1))
    with rasterio.Env(GDAL_HTTP_TIMEOUT=1), pytest.raises(OSError, match="timed out"):
        HttpBytes.open(f"/vsicurl/{server.url}/a.tif#1.tif")


def test_a_part_that_fails_later_is_gdals(server: FileServer) -> None:
    file = opened(server)
    server.faults.add(answers(503, times=1))
    (found,) = file.ranges([(20_000, 100)])
    assert bytes(found) == CONTENT[20_000:20_100]
    assert [each.status for each in server.requests] == [206, 503, 200, 206]
    (found,) = file.ranges([(30_000, 100)])  # by then GDAL has it open
    assert bytes(found) == CONTENT[30_000:30_100]
    file.close()


def test_a_file_that_has_changed_meanwhile_is_an_error(server: FileServer, tmp_path: Path) -> None:
    file = opened(server)
    (tmp_path / "a.tif").write_bytes(CONTENT + b"more")
    with pytest.raises(OSError, match="it had 256000 bytes when it was opened, now 256004"):
        file.ranges([(20_000, 100)])
    file.close()


def test_a_server_that_sends_the_file_whole_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(CONTENT)
    with (
        file_server(tmp_path, ranges=False) as server,
        rasterio.Env(),
        pytest.raises(OSError, match="Range downloading not supported"),
    ):
        HttpBytes.open(f"/vsicurl/{server.url}/a.tif#1.tif")


@pytest.mark.parametrize("option", ["GDAL_HTTP_HEADERS", "GDAL_HTTP_HEADER_FILE"])
def test_with_headers_of_the_users_gdal_opens_the_file(server: FileServer, option: str) -> None:
    with rasterio.Env(**{option: "X-Own: 1"}):
        assert HttpBytes.open(f"/vsicurl/{server.url}/a.tif#1.tif") is None
    assert not server.requests


def test_threads_have_connections_of_their_own(server: FileServer) -> None:
    found: list[bytes] = []

    def read() -> None:
        with rasterio.Env():
            for start in range(20_000, 20_200, 10):
                found.append(bytes(opened(server).ranges([(start, 10)])[0]))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(found) == sorted(4 * [CONTENT[n : n + 10] for n in range(20_000, 20_200, 10)])


def test_other_file_systems_are_gdals() -> None:
    assert HttpBytes.open("/vsis3/bucket/key.tif") is None
    assert http_bytes._PREFIX == "/vsicurl/"
