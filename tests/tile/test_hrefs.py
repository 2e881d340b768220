"""Names with spaces, signs and letters of all kinds: the right file is read, wherever it lies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, unquote

import numpy as np
import pytest

from jobs.domain import Source
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError, UnreachableError
from jobs.tile import raster
from jobs.tile.raster import unreadable
from jobs.tile.stage import read_overpass
from tests.support.scenes import GRID, noise, scene, write_band
from tests.support.servers.faults import answers
from tests.support.servers.files import FileServer, file_server
from tests.support.servers.s3 import S3, environment, s3_server
from tests.support.servers.server import Answer, running

S2 = SENSORS["sentinel-2-l2a"]
NAMES = ["with space", "per%20cent", "100%", "a#b", "q?x", "ü", "a+b", "[x]", "x=1&y;z"]
RAW = [name for name in NAMES if not set("#?") & set(name) and "%20" not in name]
"""Names that an address may hold as they are: the others mean something else in a URI."""


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(raster.GDAL_SETTINGS, "GDAL_HTTP_MAX_RETRY", "0")


@pytest.fixture
def world(tmp_path: Path) -> Mapping[str, Source]:
    """A file in a folder of each name, and in what the name is decoded to, all different."""
    folders = sorted({*NAMES, *map(unquote, NAMES), "a", "q", "with%20space"})
    sources = {}
    for seed, name in enumerate(folders):
        (tmp_path / name).mkdir()
        sources[name] = write_band(tmp_path / name / "blue.tif", noise(seed=seed))
    return sources


@pytest.fixture(params=[True, False], ids=["ranges", "whole"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileServer]:
    with file_server(tmp_path, ranges=request.param) as made:
        yield made


def assert_reads(href: str, source: Source) -> None:
    found = read_overpass([scene({"blue": replace(source, href=href)})], S2, GRID).image
    expected = read_overpass([scene({"blue": source})], S2, GRID).image
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", NAMES)
def test_encoded_addresses(world: Mapping[str, Source], server: FileServer, name: str) -> None:
    assert_reads(f"{server.url}/{quote(name)}/blue.tif", world[name])


@pytest.mark.parametrize("name", RAW)
def test_addresses_as_they_are(world: Mapping[str, Source], server: FileServer, name: str) -> None:
    assert_reads(f"{server.url}/{name}/blue.tif", world[name])


@pytest.fixture
def bucket(tmp_path: Path, world: Mapping[str, Source]) -> Iterator[S3]:
    with s3_server() as made:
        made.put(tmp_path, "scenes")
        yield made


def test_keys_in_a_bucket_are_literal(
    world: Mapping[str, Source], bucket: S3, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environment(bucket.url).items():
        monkeypatch.setenv(variable, value)
    for name in NAMES:
        assert_reads(f"s3://{bucket.bucket}/scenes/{name}/blue.tif", world[name])


@pytest.mark.parametrize("name", NAMES)
def test_paths(world: Mapping[str, Source], name: str) -> None:
    assert_reads(world[name].href, world[name])


def test_a_fragment_never_leads_to_another_file(
    world: Mapping[str, Source], server: FileServer
) -> None:
    assert_reads(f"{server.url}/a/blue.tif#part", world["a"])
    with pytest.raises(SceneError, match="%23"):
        assert_reads(f"{server.url}/a#b/blue.tif", world["a#b"])


# --- faults that last ---------------------------------------------------------------------------


@pytest.mark.parametrize("href", ["htp://h/a.tif", "http:///a.tif", "http://h:port/a.tif"])
def test_an_address_that_cannot_be_is_no_passing_fault(href: str) -> None:
    source = Source(href, 1, GRID.epsg, GRID.transform, GRID.shape)
    with pytest.raises(SceneError) as caught:
        read_overpass([scene({"blue": source})], S2, GRID)
    assert not isinstance(caught.value, UnreachableError)


@pytest.mark.parametrize(
    ("status", "passes"),
    [(404, False), (410, False), (403, False), (500, True), (503, True), (429, True)],
)
@pytest.mark.parametrize("folder", ["a", "q", "404", "503"])
def test_an_answer_is_judged_by_its_status_and_not_by_the_name(
    tmp_path: Path, folder: str, status: int, passes: bool
) -> None:
    (tmp_path / folder).mkdir()
    source = write_band(tmp_path / folder / "403.tif", noise())
    with file_server(tmp_path) as server:
        server.faults.add(answers(status, times=None))
        there = replace(source, href=f"{server.url}/{folder}/403.tif")
        with pytest.raises(SceneError) as caught:
            read_overpass([scene({"blue": there})], S2, GRID)
    assert isinstance(caught.value, UnreachableError) is passes


@pytest.mark.parametrize(
    "words",
    [
        "CURL error: SSL certificate problem: self-signed certificate",
        "CURL error: URL rejected: Malformed input to a URL function",
        "HTTP response code: 410",
    ],
)
def test_what_another_attempt_cannot_mend(words: str) -> None:
    fault = unreadable("https://files.example/a.tif", OSError(words))
    assert isinstance(fault, SceneError)
    assert not isinstance(fault, UnreachableError)


class WithoutHead(FileServer):
    """A server that answers no HEAD."""

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        return Answer(405) if method == "HEAD" else super().answer(method, target, headers, body)


def test_a_server_that_answers_no_head(world: Mapping[str, Source], tmp_path: Path) -> None:
    with running(WithoutHead(tmp_path)) as server:
        assert_reads(f"{server.url}/a/blue.tif", world["a"])


def test_extensions_that_are_listed_for_other_programs_hide_no_file(
    world: Mapping[str, Source], server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPL_VSIL_CURL_ALLOWED_EXTENSIONS", ".xyz")
    assert_reads(f"{server.url}/a/blue.tif", world["a"])
