"""Files in ground range and their tables on a server: read alike, and every failure of its kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jobs.domain import Access, Scene
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError, UnreachableError
from jobs.tile import access, raster
from jobs.tile.stage import read_overpass
from tests.support.ground_range import GRID, ground_range_scene
from tests.support.servers.faults import EVERY_FAULT
from tests.support.servers.files import Signatures, file_server
from tests.support.servers.sas import token_server

SENSOR = SENSORS["sentinel-1-grd"]
CONTAINER = "devaccount/container"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch):
    monkeypatch.setattr(access, "_tokens", access._Tokens())
    for name in ("GDAL_HTTP_MAX_RETRY", "GDAL_HTTP_CONNECTTIMEOUT", "GDAL_HTTP_LOW_SPEED_TIME"):
        monkeypatch.setitem(raster.GDAL_SETTINGS, name, "1")
    monkeypatch.setitem(raster.GDAL_SETTINGS, "GDAL_HTTP_RETRY_DELAY", "0.01")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("root")


@pytest.fixture(scope="module")
def local(root: Path) -> Scene:
    folder = root / CONTAINER
    folder.mkdir(parents=True)
    plane = np.random.default_rng(3).gamma(4, 0.01, GRID.shape)
    return ground_range_scene(folder, {"vv": plane, "vh": plane / 5})


def moved(scene: Scene, root: Path, base: str, how: Access | None = None) -> Scene:
    def there(path: str) -> str:
        return f"{base}/{Path(path).relative_to(root).as_posix()}"

    bands = {
        name: replace(
            band,
            href=there(band.href),
            calibration=there(band.calibration),
            noise=there(band.noise),
        )
        for name, band in scene.bands.items()
    }
    return replace(scene, bands=bands, access=how)


def test_what_comes_from_afar_is_what_lies_here(root, local):
    expected = read_overpass([local], SENSOR, GRID)
    with file_server(root) as server:
        found = read_overpass([moved(local, root, server.url)], SENSOR, GRID)
    assert np.array_equal(found.image, expected.image)


def test_tables_are_signed_and_signed_again_when_refused(root, local, monkeypatch):
    """A signature that is good for one request runs out at the first table."""
    expected = read_overpass([local], SENSOR, GRID)
    signatures = Signatures()
    with (
        token_server("devaccount", signatures=signatures) as tokens,
        file_server(root, signatures=signatures) as server,
    ):
        monkeypatch.setenv("PC_SDK_SAS_URL", tokens.token_url)
        there = moved(local, root, server.url, Access.PLANETARY_COMPUTER)
        assert np.array_equal(read_overpass([there], SENSOR, GRID).image, expected.image)
        assert len(tokens.requests) == 1
        signatures.revoke()
        assert np.array_equal(read_overpass([there], SENSOR, GRID).image, expected.image)
        assert len(tokens.requests) == 2
        assert signatures.refused >= 1


@pytest.mark.parametrize(
    ("fault", "kind"), [("404", SceneError), ("403", SceneError), ("503", UnreachableError)]
)
def test_a_table_that_cannot_be_had_costs_the_overpass(root, local, fault, kind):
    with file_server(root) as server:
        server.faults.add(replace(EVERY_FAULT[fault](times=None), path="*noise-vv.xml"))
        with pytest.raises(kind, match=r"noise-vv\.xml") as failure:
            read_overpass([moved(local, root, server.url)], SENSOR, GRID)
    assert type(failure.value) is kind
