"""A server that ignores Range: its files are copied up to a limit, or refused for good."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs import tile
from jobs.domain import Access, Scene
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError, SetupError, UnreachableError
from jobs.tile import access, raster, web_session, whole_file
from jobs.tile.pixel_size import is_aligned
from jobs.tile.stage import read_overpass
from tests.support.scenes import GRID, noise, scene, write_band
from tests.support.servers.faults import EVERY_FAULT
from tests.support.servers.files import FileServer, Signatures, file_server
from tests.support.servers.sas import token_server

S2 = SENSORS["sentinel-2-l2a"]
SHAPE = (500, 520)
FOLDER = "devaccount/container/scenes"


@pytest.fixture(params=["aligned", "warped"])
def local(request: pytest.FixtureRequest, tmp_path: Path) -> Scene:
    """A scene on disk, each file larger than what GDAL takes of an answer in full."""
    shift = 5.0 if request.param == "warped" else 0.0
    folder = tmp_path / "root" / FOLDER
    folder.mkdir(parents=True)
    bands = {
        band: write_band(
            folder / f"{band}.tif",
            noise(shape=SHAPE, seed=i),
            transform=(10.0, 0.0, GRID.left - shift, 0.0, -10.0, GRID.top),
        )
        for i, band in enumerate(S2.bands)
    }
    return scene(bands)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    with file_server(tmp_path / "root", ranges=False) as made:
        yield made


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this process, empty."""
    monkeypatch.setattr(web_session, "RETRY", web_session.RETRY.new(total=0))
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def there(local: Scene, url: str, how: Access | None = None) -> Scene:
    """The scene as it lies on a server."""
    bands = {
        name: replace(source, href=f"{url}/{FOLDER}/{Path(source.href).name}")
        for name, source in local.bands.items()
    }
    return replace(local, bands=bands, access=how)


def test_whole_files_give_the_same_pixels_and_leave_nothing_behind(
    local: Scene, server: FileServer, temporary: Path
) -> None:
    before = raster.copies_made()
    remote = read_overpass([there(local, server.url)], S2, GRID)
    np.testing.assert_array_equal(remote.image, read_overpass([local], S2, GRID).image)
    assert raster.copies_made() - before == len(S2.bands)
    assert not list(temporary.iterdir())


def test_a_file_shared_by_several_overpasses_is_copied_once(
    local: Scene, server: FileServer
) -> None:
    before = raster.copies_made()
    with tile.sharing_files():
        for _ in range(3):
            read_overpass([there(local, server.url)], S2, GRID)
    assert raster.copies_made() - before == len(S2.bands)


def test_signed_addresses_of_such_a_server(
    local: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_tokens", access._Tokens())
    signatures = Signatures()
    with (
        token_server("devaccount", signatures=signatures) as tokens,
        file_server(tmp_path / "root", signatures=signatures, ranges=False) as server,
    ):
        monkeypatch.setenv("PC_SDK_SAS_URL", tokens.token_url)
        remote = there(local, server.url, Access.PLANETARY_COMPUTER)
        found = read_overpass([remote], S2, GRID)
    np.testing.assert_array_equal(found.image, read_overpass([local], S2, GRID).image)


def test_a_file_above_the_limit_is_refused_for_good(
    local: Scene, server: FileServer, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_file, "LIMIT_BYTES", 100_000)
    with pytest.raises(SceneError, match="ignores Range and sends whole files only") as caught:
        read_overpass([there(local, server.url)], S2, GRID)
    assert not isinstance(caught.value, UnreachableError)
    assert "try again" not in str(caught.value)
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(("fault", "passing"), [("503", True), ("truncate", True), ("404", False)])
def test_a_copy_that_fails(
    local: Scene, server: FileServer, temporary: Path, fault: str, passing: bool
) -> None:
    """What comes before (a part; by GDAL the size as well) comes through, the copy does not."""
    before = 1 if is_aligned(local.bands["blue"], GRID) else 2
    server.faults.add(EVERY_FAULT[fault](times=None, after=before))
    with pytest.raises(SceneError) as caught:
        read_overpass([there(local, server.url)], S2, GRID)
    assert isinstance(caught.value, UnreachableError) is passing
    assert not list(temporary.iterdir())


def test_no_room_for_a_copy_is_not_the_scenes_fault(
    local: Scene, server: FileServer, temporary: Path
) -> None:
    temporary.rmdir()
    with pytest.raises(SetupError, match="set TMPDIR to a folder with room"):
        read_overpass([there(local, server.url)], S2, GRID)
