"""Files that are not what they should be: each is refused by name, with what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

from jobs import tile
from jobs.domain import Grid, Source
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError, UnreachableError
from jobs.tile import raster
from jobs.tile.raster import unreadable
from jobs.tile.stage import read_overpass
from tests.support.scenes import GRID, noise, scene, write_band

S2 = SENSORS["sentinel-2-l2a"]
ASKEW = (10.0, 0.0, GRID.left - 105.0, 0.0, -10.0, GRID.top + 105.0)
"""Half a pixel off the port's grid: goes through stackstac."""

both_ways = pytest.mark.parametrize("transform", [GRID.transform, ASKEW], ids=["window", "warp"])


def read(source: Source, mask: Source | None = None) -> NDArray[np.uint16]:
    return read_overpass([scene({"blue": source}, mask=mask)], S2, GRID).image


def block(path: Path, row: int, column: int) -> tuple[int, int]:
    """Where one block of the first band lies in its file: (start, length) in bytes."""
    with rasterio.open(path) as file:
        number = f"{column}_{row}"
        start = file.get_tag_item(f"BLOCK_OFFSET_{number}", "TIFF", bidx=1)
        size = file.get_tag_item(f"BLOCK_SIZE_{number}", "TIFF", bidx=1)
    return int(start), int(size)


@both_ways
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5])
def test_a_truncated_file(tmp_path: Path, transform: tuple[float, ...], share: float) -> None:
    source = write_band(tmp_path / "cut.tif", noise(shape=(150, 160)), transform=transform)
    path = Path(source.href)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(SceneError, match=r"cannot read .*cut\.tif.*; expected a whole, readable"):
        read(source)


@both_ways
def test_one_corrupt_block(tmp_path: Path, transform: tuple[float, ...]) -> None:
    source = write_band(tmp_path / "spot.tif", noise(shape=(150, 160)), transform=transform)
    path = Path(source.href)
    start, size = block(path, 1, 1)
    content = bytearray(path.read_bytes())
    content[start : start + size] = bytes(255 - byte for byte in content[start : start + size])
    path.write_bytes(content)
    with pytest.raises(SceneError, match=r"cannot read .*spot\.tif"):
        read(source)


def test_a_corrupt_block_beside_the_port_is_not_read(tmp_path: Path) -> None:
    source = write_band(tmp_path / "spot.tif", noise(shape=(300, 320)))
    path = Path(source.href)
    start, size = block(path, 4, 4)
    content = bytearray(path.read_bytes())
    content[start : start + size] = bytes(size)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(source)[0], noise(shape=(300, 320))[:100, :120])


def test_an_empty_file_and_one_that_is_no_raster(tmp_path: Path) -> None:
    source = write_band(tmp_path / "page.tif", noise())
    for content in (b"", b"<html>503 Slow down</html>"):
        Path(source.href).write_bytes(content)
        with pytest.raises(SceneError, match=r"cannot read .*page\.tif"):
            read(source)


@both_ways
@pytest.mark.parametrize("dtype", ["float32", "int16", "uint8", "uint32"])
def test_samples_of_another_type(tmp_path: Path, transform: tuple[float, ...], dtype: str) -> None:
    values = (noise(shape=(150, 160)) % 200).astype(dtype)
    source = write_band(tmp_path / "other.tif", values, transform=transform)
    with pytest.raises(SceneError, match=rf"other\.tif holds {dtype} samples, expected uint16:"):
        read(source)


def test_classes_of_another_type(tmp_path: Path) -> None:
    source = write_band(tmp_path / "blue.tif", noise())
    mask = write_band(tmp_path / "scl.tif", noise().astype(np.float32))
    with pytest.raises(SceneError, match=r"scl\.tif holds float32 samples, expected uint8 or"):
        read(source, replace(mask, scale=1.0, offset=0.0))


@both_ways
def test_another_projection_than_declared(tmp_path: Path, transform: tuple[float, ...]) -> None:
    values = noise(shape=(150, 160))
    source = write_band(tmp_path / "zone.tif", values, epsg=32652, transform=transform)
    with pytest.raises(
        SceneError, match=r"zone\.tif has the projection EPSG:32652, .*declares EPSG:32653"
    ):
        read(replace(source, epsg=32653))


@both_ways
@pytest.mark.parametrize("wrong", ["shape", "transform"])
def test_another_raster_than_declared(
    tmp_path: Path, transform: tuple[float, ...], wrong: str
) -> None:
    source = write_band(tmp_path / "raster.tif", noise(shape=(150, 160)), transform=transform)
    a, b, c, d, e, f = transform
    moved = (a, b, c + 10, d, e, f)
    declared = {
        "shape": replace(source, shape=(150, 170)),
        "transform": replace(source, transform=moved),
    }
    with pytest.raises(SceneError, match=r"raster\.tif has shape \(150, 160\) and transform"):
        read(declared[wrong])


def test_a_file_with_fewer_bands_than_declared(tmp_path: Path) -> None:
    source = write_band(tmp_path / "one.tif", noise())
    with pytest.raises(SceneError, match=r"one\.tif has 1 bands, expected at least 3"):
        read(replace(source, index=3))


@both_ways
def test_a_decompression_bomb_is_refused_before_it_is_read(
    tmp_path: Path, transform: tuple[float, ...]
) -> None:
    """A file of 40 kB, almost empty, in one block that decodes to 300 MB."""
    path, edge = tmp_path / "bomb.tif", 12_544
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=1,
        height=edge,
        width=edge,
        dtype="uint16",
        crs=f"EPSG:{GRID.epsg}",
        transform=Affine(*transform),
        tiled=True,
        blockxsize=edge,
        blockysize=edge,
        compress="deflate",
        sparse_ok=True,
    ):
        pass
    assert path.stat().st_size < 2**20
    source = Source(str(path), 1, GRID.epsg, transform, (edge, edge))  # type: ignore[arg-type]
    with pytest.raises(SceneError, match=r"bomb\.tif has blocks of 12544 x 12544 pixels, 300 MB"):
        read(source)


def test_the_file_at_fault_is_named_among_many(tmp_path: Path) -> None:
    sources = {
        band: write_band(tmp_path / f"{band}.tif", noise(shape=(150, 160)), transform=ASKEW)
        for band in S2.bands
    }
    path = Path(sources["red"].href)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(SceneError, match=r"cannot read .*red\.tif"):
        read_overpass([scene(sources)], S2, GRID)


def test_a_file_that_failed_is_opened_anew_by_the_next_unit_that_shares_it(tmp_path: Path) -> None:
    source = write_band(tmp_path / "mended.tif", noise())
    path = Path(source.href)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with tile.sharing_files():
        with pytest.raises(SceneError, match=r"mended\.tif"):
            read(source)
        assert not raster._shared.files
        path.write_bytes(whole)
        np.testing.assert_array_equal(read(source)[0], noise())


# --- what may pass ------------------------------------------------------------------------------

REMOTE = (
    "https://x/y.tif",
    "http://x/y.tif",
    "s3://b/y.tif",
    "/vsicurl/http://x/y.tif",
    "/vsis3/b/y",
)
PASSING = (
    "HTTP response code: 503",
    "HTTP response code: 429",
    "Operation timed out",
    "reset by peer",
)
LASTING = (
    "HTTP response code: 401",
    "HTTP response code: 403",
    "HTTP response code: 404",
    "AccessDenied",
)


@pytest.mark.parametrize("href", REMOTE)
def test_from_afar_all_but_refusals_and_missing_files_may_pass(href: str) -> None:
    for text in PASSING:
        assert isinstance(unreadable(href, OSError(text)), UnreachableError)
    for text in LASTING:
        assert not isinstance(unreadable(href, OSError(text)), UnreachableError)


def test_on_a_disk_nothing_passes_by_itself() -> None:
    for text in (*PASSING, *LASTING):
        assert not isinstance(unreadable("/data/y.tif", OSError(text)), UnreachableError)


def test_the_cause_is_told_without_its_query() -> None:
    try:
        try:
            raise OSError("https://x/y.tif?sig=secret timed out")
        except OSError as cause:
            raise OSError("Read failed. See previous exception for details.") from cause
    except OSError as error:
        said = str(unreadable("https://x/y.tif?sig=secret", error))
    assert "timed out" in said
    assert "secret" not in said


def test_a_port_far_from_the_file_finds_nothing(tmp_path: Path) -> None:
    source = write_band(tmp_path / "far.tif", noise(), epsg=32652)
    away = Grid(epsg=32653, left=300_000.0, top=1_000_000.0, width=50, height=40)
    with pytest.raises(SceneError, match="no pixel of the port has data"):
        read_overpass([scene({"blue": source})], S2, away)
