"""Files of items that say nothing of their version are asked; others, and dead servers, are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.catalog import SilentFiles
from jobs.domain import Access, Login, Scene
from tests.support.plans import scene, source
from tests.support.servers.files import FileServer, file_server
from tests.support.servers.login import LoginFiles
from tests.support.servers.server import Answer, running


def at(place: str, **facts: Any) -> Scene:
    """A scene whose bands lie in two files there, ``a`` and ``b``, and that says these facts."""
    made = scene(facts=facts)
    hrefs = {"blue": "a", "green": "a", "red": "b", "nir": "b"}
    bands = {name: source(f"{place}/{file}.tif") for name, file in hrefs.items()}
    return replace(made, bands=bands)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "a.tif").write_bytes(b"12345")
    (tmp_path / "b.tif").write_bytes(b"1234567")
    return tmp_path


def test_local_files_tell_their_sizes(files: Path) -> None:
    (found,) = SilentFiles().asked([at(str(files))])
    sizes = {name: (band.size_bytes, band.etag) for name, band in found.bands.items()}
    assert sizes == {"blue": (5, None), "green": (5, None), "red": (7, None), "nir": (7, None)}


def test_files_on_the_web_tell_sizes_and_strong_etags_once(files: Path) -> None:
    with file_server(files) as server:
        asked = SilentFiles()
        (found,) = asked.asked([at(server.url)])
        again = asked.asked([at(server.url)])
        assert [request.method for request in server.requests] == ["HEAD", "HEAD"]
        assert again == [found]
        before = found.bands["blue"]
        assert before.size_bytes == 5
        assert before.etag
        (files / "a.tif").write_bytes(b"54321")
        (found,) = SilentFiles().asked([at(server.url)])
        assert found.bands["blue"].etag != before.etag
        assert found.bands["red"].etag is not None


def test_zarr_arrays_are_no_files_and_not_asked(files: Path) -> None:
    (files / "s.zarr" / "b02").mkdir(parents=True)
    with file_server(files) as server:
        for place in (str(files), server.url):
            made = at(place)
            bands = made.bands | {"blue": source(f"{place}/s.zarr/b02")}
            (found,) = SilentFiles().asked([replace(made, bands=bands)])
            assert (found.bands["blue"].size_bytes, found.bands["blue"].etag) == (None, None)
            assert found.bands["red"].size_bytes == 7
        assert not [path for path in server.counts() if "zarr" in path]


def test_a_weak_etag_is_passed_over(files: Path) -> None:
    class Weak(FileServer):
        def answer(
            self, method: str, target: str, headers: Mapping[str, str], body: bytes
        ) -> Answer:
            made = super().answer(method, target, headers, body)
            return replace(made, headers={**made.headers, "ETag": 'W/"1"'})

    with running(Weak(files)) as server:
        (found,) = SilentFiles().asked([at(server.url)])
    assert (found.bands["blue"].size_bytes, found.bands["blue"].etag) == (5, None)


def test_what_says_its_version_is_not_asked(files: Path) -> None:
    with file_server(files) as server:
        silent = at(server.url)
        loud = [
            at(server.url, produced="2024-03-07T05:00:00+00:00"),
            replace(silent, access=Access.PLANETARY_COMPUTER),
            replace(silent, bands={**silent.bands, "red": source("/b.tif", checksum="12")}),
        ]
        assert SilentFiles().asked(loud) == loud
        assert server.requests == []


def test_private_files_are_asked_with_their_login(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(LoginFiles(files, None, key="k3y")) as server:
        login = Login((server.url,), (("X-Key", "OUR_KEY"),))
        one = replace(at(server.url), access=login)
        monkeypatch.delenv("OUR_KEY", raising=False)
        assert SilentFiles().asked([one]) == [one]  # the variable may be the workers' alone
        assert not server.requests
        monkeypatch.setenv("OUR_KEY", "k3y")
        (found,) = SilentFiles().asked([one])
    assert (found.bands["blue"].size_bytes, found.bands["red"].size_bytes) == (5, 7)
    assert found.bands["blue"].etag


def test_what_cannot_be_had_stays_unknown(files: Path) -> None:
    with file_server(files) as server:
        gone = server.url
    many = [replace(at(f"{gone}/{number}"), item_id=f"{number}") for number in range(40)]
    elsewhere = [at("s3://bucket/d"), at("/nowhere"), at("/vsizip/a.zip")]
    assert SilentFiles().asked([*many, *elsewhere]) == [*many, *elsewhere]
