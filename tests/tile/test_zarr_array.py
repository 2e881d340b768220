"""Zarr arrays give the pixels that files of the same numbers do; what fails is an error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from pyproj import Transformer

from jobs.domain import Grid, Scene, Source
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError, UnreachableError
from jobs.tile import raster, zarr_array
from jobs.tile.stage import read_overpass
from tests.support.eopf import NUMBERS, write_array
from tests.support.scenes import GRID, noise, scene, write_band
from tests.support.servers.faults import Fault, Kind
from tests.support.servers.files import file_server
from tests.support.servers.s3 import s3_server

S2 = SENSORS["sentinel-2-l2a"]
SHAPE = (160, 180)
FINE = (10.0, 0.0, GRID.left - 200, 0.0, -10.0, GRID.top + 300)
COARSE = (20.0, 0.0, GRID.left - 200, 0.0, -20.0, GRID.top + 300)
BAND = "measurements/reflectance/r10m/b0{}"
MASK = "conditions/mask/l2a_classification/r20m/scl"


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"GDAL_HTTP_MAX_RETRY": "1", "GDAL_HTTP_RETRY_DELAY": "0.01"}.items():
        monkeypatch.setitem(raster.GDAL_SETTINGS, name, value)


def both(folder: Path, shift_m: float = 0.0, **place: Any) -> tuple[Scene, Scene]:
    """A scene of Zarr arrays, and one of files with the same numbers."""
    arrays, files = {}, {}
    fine, coarse = ((*t[:2], t[2] - shift_m, *t[3:]) for t in (FINE, COARSE))
    for number, band in enumerate(S2.bands):
        values = noise(seed=number, shape=SHAPE)
        values[:70, :70] = 0  # whole chunks that are not there, and parts of others
        name = BAND.format(number)
        arrays[band] = write_array(
            folder / "S2A.zarr", name, values, transform=fine, **NUMBERS, **place
        )
        files[band] = write_band(folder / f"{band}.tif", values, transform=fine, **place)
    classes = (noise(shape=(80, 90)) % 12).astype(np.uint8)
    mask = write_array(folder / "S2A.zarr", MASK, classes, transform=coarse, **place)
    of_file = write_band(folder / "scl.tif", classes, transform=coarse, **place)
    return scene(arrays, mask=mask), scene(files, mask=replace(of_file, scale=1.0, offset=0.0))


def at(base: str, one: Scene, folder: Path) -> Scene:
    """The scene at another address than its folder."""

    def moved(source: Source) -> Source:
        return replace(source, href=source.href.replace(str(folder), base))

    assert one.mask is not None
    bands = {name: moved(source) for name, source in one.bands.items()}
    return replace(one, bands=bands, mask=moved(one.mask))


@pytest.mark.parametrize("shift_m", [0.0, 5.0], ids=["aligned", "warped"])
def test_arrays_give_the_pixels_and_the_digests_of_files(tmp_path: Path, shift_m: float) -> None:
    arrays, files = both(tmp_path, shift_m)
    read: list[dict[str, str]] = [{}, {}]
    one = read_overpass([arrays], S2, GRID, read[0])
    other = read_overpass([files], S2, GRID, read[1])
    assert one.image.any()
    assert not one.image.all()
    np.testing.assert_array_equal(one.image, other.image)
    np.testing.assert_array_equal(one.quality, other.quality)
    assert read[0] == read[1]


def test_an_array_of_the_neighbouring_zone_lands_where_its_file_does(tmp_path: Path) -> None:
    to_other = Transformer.from_crs(GRID.epsg, 32652, always_xy=True)
    x, y = to_other.transform(GRID.left + 600, GRID.top - 400)
    grid = Grid(32652, left=round(x, -1) - 300, top=round(y, -1) + 300, width=60, height=50)
    arrays, files = both(tmp_path)
    one, other = (read_overpass([each], S2, grid) for each in (arrays, files))
    assert one.image.any()
    np.testing.assert_array_equal(one.image, other.image)


def test_only_what_the_grid_needs_is_fetched(tmp_path: Path) -> None:
    arrays, _ = both(tmp_path)
    small = replace(GRID, left=GRID.left + 800, top=GRID.top - 500, width=20, height=20)
    with file_server(tmp_path) as server:
        read_overpass([at(server.url, arrays, tmp_path)], S2, small)
        asked = {path.rpartition("/") for path in server.counts()}
    chunks = {name for folder, _, name in asked if folder.endswith(BAND.format(0))}
    # rows 80 to 100 and columns 100 to 120 of chunks of 32, with a margin of 32
    assert chunks - {"zarr.json", ".zarray", ".zattrs"} == {
        f"{y}.{x}" for y in (1, 2, 3, 4) for x in (2, 3, 4)
    }


@pytest.mark.parametrize("kind", [Kind.STATUS, Kind.TRUNCATE, Kind.RESET])
def test_a_chunk_that_cannot_be_read_is_no_hole(tmp_path: Path, kind: Kind) -> None:
    arrays, files = both(tmp_path)
    with file_server(tmp_path) as server:
        remote = at(server.url, arrays, tmp_path)
        server.faults.add(Fault(kind, path="*b01/3.3", times=None))
        with pytest.raises(UnreachableError, match="b01"):
            read_overpass([remote], S2, GRID)
        server.faults.clear()
        found = read_overpass([remote], S2, GRID)
    np.testing.assert_array_equal(found.image, read_overpass([files], S2, GRID).image)


def test_a_chunk_that_is_refused_is_no_hole(tmp_path: Path) -> None:
    arrays, _ = both(tmp_path)
    with file_server(tmp_path) as server:
        server.faults.add(Fault(Kind.STATUS, path="*b01/3.3", times=None, status=403))
        with pytest.raises(SceneError, match="credentials") as caught:
            read_overpass([at(server.url, arrays, tmp_path)], S2, GRID)
    assert not isinstance(caught.value, UnreachableError)


def test_arrays_in_a_bucket_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays, files = both(tmp_path)
    with s3_server() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        s3.put(tmp_path, "eopf")
        found = read_overpass([at(f"s3://{s3.bucket}/eopf", arrays, tmp_path)], S2, GRID)
    np.testing.assert_array_equal(found.image, read_overpass([files], S2, GRID).image)


def test_an_array_that_is_not_there_is_said(tmp_path: Path) -> None:
    arrays, _ = both(tmp_path)
    gone = replace(arrays.bands["blue"], href=arrays.bands["blue"].href + "x")
    with pytest.raises(SceneError, match="b00x"):
        read_overpass([replace(arrays, bands={**arrays.bands, "blue": gone})], S2, GRID)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"add_offset": 0.0}, "offset 0.0 in its attributes, the catalog declares 0.0001 and -0.1"),
        ({"proj:epsg": 32652}, "names EPSG:32652"),
        ({"proj:transform": [10.0, 0, 0, 0, -10.0, 0, 0, 0, 1]}, "report it"),
        ({"proj:epsg": None, "proj:transform": None}, "names EPSG:nothing"),
    ],
)
def test_an_array_that_contradicts_its_catalog_is_refused(
    tmp_path: Path, attributes: dict[str, Any], said: str
) -> None:
    about = NUMBERS | attributes
    source = write_array(tmp_path / "a.zarr", "b02", noise(shape=SHAPE), transform=FINE, **about)
    source = replace(source, scale=1e-4, offset=-0.1)
    with pytest.raises(SceneError, match=said):
        read_overpass([scene(dict.fromkeys(S2.bands, source))], S2, GRID)


@pytest.mark.parametrize(
    ("kind", "said"),
    [("shape", "has shape"), ("type", "of float32"), ("chunks", "chunks of"), ("codec", "Blosc")],
)
def test_an_array_of_another_kind_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    values = noise(shape=SHAPE)
    source = write_array(
        tmp_path / "a.zarr",
        "b02",
        values.astype(np.float32) if kind == "type" else values,
        transform=FINE,
        compressor=numcodecs.Zlib() if kind == "codec" else None,
        **NUMBERS,
    )
    if kind == "shape":
        source = replace(source, shape=(161, 180))
    if kind == "chunks":
        monkeypatch.setattr(zarr_array, "BLOCK_LIMIT_BYTES", 2000)
    with pytest.raises(SceneError, match=said):
        read_overpass([scene(dict.fromkeys(S2.bands, source))], S2, GRID)
