"""Files on servers that want a login: the pixels that open files give, and no secret astray."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from jobs.domain import Login, OAuth, Pixels, Scene, Source, origin_of
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError, SetupError, UnreachableError
from jobs.login import token_request, tokens
from jobs.plan.serialise import overpass_from_json, overpass_to_json
from jobs.tile import access, by_gdal_alone, file_facts, raster, web_session
from jobs.tile.stage import read_overpass
from tests.support.eopf import NUMBERS, write_array
from tests.support.scenes import GRID, noise, overpass, scene, write_band
from tests.support.servers.faults import Fault, answers, truncates
from tests.support.servers.files import file_server
from tests.support.servers.login import SECRETS, VARIABLES, LoginFiles, OAuthServer
from tests.support.servers.server import running

S2 = SENSORS["sentinel-2-l2a"]
SHAPE = (300, 320)
KEY = "k3y-of-us"
KINDS = ("aligned", "warped", "jp2", "zarr")


@dataclass
class Place:
    """A server of files, the one that gives tokens for it, and the login for both."""

    files: LoginFiles
    tokens: OAuthServer
    login: Login

    def scene(self, kind: str) -> Scene:
        """A scene of these files."""
        return at(self.files.url, SCENES[kind], self.files.folder, self.login)


SCENES: dict[str, Scene] = {}
PIXELS: dict[str, Pixels] = {}


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_session, "RETRY", access.RETRY.new(total=0))
    monkeypatch.setattr(token_request, "RETRY", access.RETRY.new(total=0))
    monkeypatch.setattr(tokens, "YOUNG_S", 0.0)
    monkeypatch.setitem(raster.GDAL_SETTINGS, "GDAL_HTTP_MAX_RETRY", "0")
    for name, value in (VARIABLES | {"OUR_KEY": KEY}).items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("root")
    for kind in KINDS:
        (made / kind).mkdir()
        shift = 5.0 if kind == "warped" else 0.0
        transform = (10.0, 0.0, GRID.left - shift, 0.0, -10.0, GRID.top)
        bands: dict[str, Source] = {}
        for number, band in enumerate(S2.bands):
            values = noise(seed=number, shape=SHAPE)
            if kind == "jp2":
                bands[band] = write_jp2(made / kind / f"{band}.jp2", values, transform)
            elif kind == "zarr":
                store, name = made / kind / "S2.zarr", f"r10m/b0{number}"
                about: dict[str, Any] = {"transform": transform, **NUMBERS}
                bands[band] = write_array(store, name, values, **about)
            else:
                path = made / kind / f"{band}.tif"
                bands[band] = write_band(path, values, transform=transform)
        SCENES[kind] = scene(bands)
        PIXELS[kind] = read_overpass([SCENES[kind]], S2, GRID)
    return made


def write_jp2(path: Path, values: NDArray[np.uint16], transform: tuple[float, ...]) -> Source:
    """A lossless JPEG 2000 of several blocks, which GDAL reads in threads where it may."""
    with rasterio.open(
        path,
        "w",
        driver="JP2OpenJPEG",
        count=1,
        height=values.shape[0],
        width=values.shape[1],
        dtype=values.dtype,
        crs=f"EPSG:{GRID.epsg}",
        transform=Affine(*transform),
        QUALITY=100,
        REVERSIBLE="YES",
        BLOCKXSIZE=64,
        BLOCKYSIZE=64,
    ) as file:
        file.write(values, 1)
    shape = (values.shape[0], values.shape[1])
    of_file = write_band(path.with_suffix(".tif"), values, transform=transform)
    return replace(of_file, href=str(path), shape=shape)


@pytest.fixture
def place(folder: Path) -> Iterator[Place]:
    with running(OAuthServer()) as given, running(LoginFiles(folder, given, key=KEY)) as files:
        oauth = OAuth(given.token_url, "OUR_CLIENT", "OUR_SECRET")
        login = Login((origin_of(files.url),), (("X-Key", "OUR_KEY"),), oauth)
        yield Place(files, given, login)


def at(base: str, one: Scene, folder: Path, login: Login | None) -> Scene:
    """The scene at another address, with its login."""
    bands = {
        name: replace(source, href=source.href.replace(str(folder), base))
        for name, source in one.bands.items()
    }
    return replace(one, bands=bands, access=login)


def same(one: Pixels, other: Pixels) -> None:
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.quality, other.quality)


@pytest.mark.parametrize("threads", ["1", "ALL_CPUS"])
@pytest.mark.parametrize("kind", KINDS)
def test_they_give_the_pixels_of_open_files(
    kind: str, threads: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GDAL_NUM_THREADS", threads)
    same(read_overpass([place.scene(kind)], S2, GRID), PIXELS[kind])
    assert PIXELS[kind].image.any()
    assert {request.status for request in place.files.requests} <= {206, 404}
    assert len(place.tokens.requests) == 1


@pytest.mark.parametrize("kind", ["aligned", "warped"])
def test_and_so_does_gdal_alone_by_which_they_are_verified(kind: str, place: Place) -> None:
    with by_gdal_alone():
        same(read_overpass([place.scene(kind)], S2, GRID), PIXELS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_login_they_are_refused_with_what_to_write(kind: str, place: Place) -> None:
    with pytest.raises(SceneError, match=r"401.*`access` or `files` of the source"):
        read_overpass([replace(place.scene(kind), access=None)], S2, GRID)


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_that_end_in_between_are_renewed(kind: str, place: Place) -> None:
    place.tokens.life_s = 0.3
    place.files.link.latency_s = 0.05
    same(read_overpass([place.scene(kind)], S2, GRID), PIXELS[kind])
    assert len(place.tokens.requests) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_that_are_revoked_are_renewed(kind: str, place: Place) -> None:
    same(read_overpass([place.scene(kind)], S2, GRID), PIXELS[kind])
    place.tokens.revoke()
    same(read_overpass([place.scene(kind)], S2, GRID), PIXELS[kind])
    assert [request.status for request in place.files.requests].count(401) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_redirections_take_neither_header_nor_token_along(
    kind: str, place: Place, folder: Path
) -> None:
    with file_server(folder) as other:
        place.files.moved = other.url
        same(read_overpass([place.scene(kind)], S2, GRID), PIXELS[kind])
        assert other.requests
        for request in other.requests:
            assert not {"authorization", "x-key"} & set(request.headers)


@pytest.mark.parametrize("kind", KINDS)
def test_other_servers_get_nothing(kind: str, place: Place, folder: Path) -> None:
    with file_server(folder) as other:
        same(
            read_overpass([at(other.url, SCENES[kind], folder, place.login)], S2, GRID),
            PIXELS[kind],
        )
        for request in other.requests:
            assert not {"authorization", "x-key"} & set(request.headers)
    assert not place.tokens.requests


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_from_which_a_listed_one_redirects_gets_what_is_its_own(
    kind: str, place: Place, folder: Path
) -> None:
    with running(LoginFiles(folder, None)) as first:
        first.moved = place.files.url
        one = at(first.url, SCENES[kind], folder, place.login)
        same(read_overpass([one], S2, GRID), PIXELS[kind])


@pytest.mark.parametrize("fails", [answers(503), truncates()], ids=["503", "half"])
@pytest.mark.parametrize("skip", [0, 1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_failure_is_an_error_and_never_a_wrong_pixel(
    kind: str, skip: int, fails: Fault, place: Place
) -> None:
    chunks = "*[0-9]" if kind == "zarr" else "*"  # half of a 404 is one too
    place.files.faults.add(replace(fails, after=skip, path=chunks))
    with pytest.raises(UnreachableError, match="the server may do better later"):
        read_overpass([place.scene(kind)], S2, GRID)
    same(read_overpass([place.scene(kind)], S2, GRID), PIXELS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_token_server_that_is_away_is_waited_for(kind: str, place: Place) -> None:
    place.tokens.faults.add(answers(503))
    with pytest.raises(UnreachableError, match=r"token server .* answers 503"):
        read_overpass([place.scene(kind)], S2, GRID)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["OUR_KEY", "OUR_SECRET"])
def test_a_variable_that_a_worker_lacks_ends_the_run(
    kind: str, name: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(SetupError, match=f"{name}, which is not set in this process"):
        read_overpass([place.scene(kind)], S2, GRID)


def test_a_server_that_ignores_ranges_is_copied_from(folder: Path, place: Place) -> None:
    place.files.ranges = False
    same(read_overpass([place.scene("aligned")], S2, GRID), PIXELS["aligned"])


def test_checksums_and_sizes_are_asked_for_with_the_login(place: Place) -> None:
    source = place.scene("aligned").bands["red"]
    path = place.files.folder / "aligned" / "red.tif"
    stated = replace(source, size_bytes=path.stat().st_size)
    (fact,) = file_facts(stated, place.login)
    assert fact.agrees
    with pytest.raises(SceneError, match="answers 401"):
        file_facts(stated, None)


def test_a_plan_names_variables_and_no_secret(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    one = place.scene("jp2")
    read_overpass([one], S2, GRID)
    place.files.faults.add(answers(503))
    with pytest.raises(UnreachableError) as caught:
        read_overpass([one], S2, GRID)
    planned = overpass_to_json(overpass(one))
    assert overpass_from_json(planned) == overpass(one)
    assert "OUR_SECRET" in str(planned)
    shown = (
        f"{planned}{caplog.text}{caught.value}{pickle.dumps(caught.value)!r}{pickle.dumps(one)!r}"
    )
    for each in (*SECRETS, KEY):
        assert each not in shown
