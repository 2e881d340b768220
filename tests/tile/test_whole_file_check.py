"""Whole files against the catalog's checksum, ETag and size: on disk, on the web, in a bucket."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jobs.domain import Source
from jobs.errors import SceneError, UnreachableError
from jobs.tile import file_facts
from tests.support.scenes import noise, write_band
from tests.support.servers.files import file_server
from tests.support.servers.s3 import environment, s3_server


@pytest.fixture(params=["disk", "web", "bucket"])
def source(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Source]:
    """A source without facts, and a file behind it that can be reached."""
    made = write_band(tmp_path / "a.tif", noise())
    if request.param == "disk":
        yield made
    elif request.param == "web":
        with file_server(tmp_path) as server:
            yield replace(made, href=f"{server.url}/a.tif")
    else:
        with s3_server() as server:
            for name, value in environment(server.url).items():
                monkeypatch.setenv(name, value)
            server.put(tmp_path, "cogs")
            yield replace(made, href=f"s3://{server.bucket}/cogs/a.tif")


def sha256(path: Path) -> str:
    return f"1220{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_a_checksum_is_that_of_the_whole_file(source: Source, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    stated = replace(source, checksum=sha256(path), size_bytes=path.stat().st_size)
    facts = file_facts(stated, None)
    assert [(fact.name, fact.agrees) for fact in facts] == [
        ("sha2-256 checksum", True),
        ("size", True),
    ]
    wrong = file_facts(replace(stated, checksum=f"1220{'0' * 64}", size_bytes=7), None)
    assert [(fact.name, fact.agrees) for fact in wrong] == [
        ("sha2-256 checksum", False),
        ("size", False),
    ]
    assert wrong[0].found == sha256(path)[4:]


def test_what_is_not_stated_or_cannot_be_computed_is_not_compared(source: Source) -> None:
    assert file_facts(source, None) == ()
    assert file_facts(replace(source, checksum="of no known algorithm"), None) == ()


def test_an_etag_and_a_size_are_asked_for_without_reading(tmp_path: Path) -> None:
    made = write_band(tmp_path / "a.tif", noise())
    size = (tmp_path / "a.tif").stat().st_size
    with file_server(tmp_path) as server:
        stated = replace(made, href=f"{server.url}/a.tif", etag="1", size_bytes=size)
        etag, length = file_facts(stated, None)
        assert (etag.name, etag.agrees) == ("ETag", False)
        assert (length.name, length.agrees) == ("size", True)
        assert [request.method for request in server.requests] == ["HEAD"]
        assert all(fact.agrees for fact in file_facts(replace(stated, etag=etag.found), None))


def test_a_missing_file_is_an_error_that_names_it(source: Source) -> None:
    gone = replace(
        source, href=source.href.replace("a.tif", "gone.tif"), checksum="1114" + "0" * 40
    )
    with pytest.raises(SceneError, match=r"gone\.tif"):
        file_facts(gone, None)


def test_a_server_that_is_down_may_come_back(tmp_path: Path) -> None:
    made = write_band(tmp_path / "a.tif", noise())
    with file_server(tmp_path) as server:
        url = f"{server.url}/a.tif?sig=secret"
    with pytest.raises(UnreachableError) as caught:
        file_facts(replace(made, href=url, size_bytes=7), None)
    assert "secret" not in str(caught.value)
