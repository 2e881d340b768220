"""Windows of tiled files, decoded here: the numbers that GDAL gives, or GDAL is asked."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import ColorInterp
from rasterio.transform import Affine
from rasterio.windows import Window

from jobs import tile
from jobs.domain import Source
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError
from jobs.tile import geotiff, raster
from jobs.tile.file_bytes import DiskBytes
from jobs.tile.geotiff import layout_of
from jobs.tile.stage import read_overpass
from jobs.tile.tiled_file import TiledFile
from tests.support.places import REAL_IMAGERY
from tests.support.scenes import GRID, noise, scene, write_band

S2, VISUAL = SENSORS["sentinel-2-l2a"], SENSORS["sentinel-2-visual"]
PLAIN = {"driver": "GTiff", "tiled": True, "blockxsize": 64, "blockysize": 64, "crs": "EPSG:32653"}


@contextmanager
def opened(path: Path) -> Iterator[TiledFile | None]:
    """The file by its bytes; None where its header does not prove enough."""
    with closing(DiskBytes(path)) as file:
        layout = layout_of(file)
        yield None if layout is None else TiledFile(layout, file)


def window_of(file: TiledFile, index: int, window: Window) -> NDArray[np.unsignedinteger]:
    out = np.zeros((window.height, window.width), file.layout.dtype)
    rows, columns = window.toranges()
    file.read([index], rows, columns, [out])
    return out


def write(path: Path, values: NDArray[Any], **options: Any) -> Path:
    """A GeoTIFF (band, y, x) on the port's grid."""
    stack = values if values.ndim == 3 else values[None]
    form = {**PLAIN, "compress": "deflate", "transform": Affine(*GRID.transform), **options}
    count, height, width = stack.shape
    with rasterio.open(
        path, "w", count=count, height=height, width=width, dtype=stack.dtype, **form
    ) as file:
        file.write(stack)
    return path


# --- equal to GDAL over the layouts there are ----------------------------------------------------


@dataclass(frozen=True)
class Form:
    """One way of writing a file."""

    shape: tuple[int, int]
    block: tuple[int, int]
    dtype: str
    bands: int
    compress: str
    predictor: int
    big_endian: bool
    big_tiff: bool
    sparse: bool
    nodata: int | None
    overviews: bool

    def options(self) -> dict[str, Any]:
        return {
            "blockxsize": self.block[1],
            "blockysize": self.block[0],
            "compress": self.compress,
            "predictor": self.predictor,
            "ENDIANNESS": "BIG" if self.big_endian else "LITTLE",
            "BIGTIFF": "YES" if self.big_tiff else "NO",
            "SPARSE_OK": str(self.sparse),
            "interleave": "pixel",
            "photometric": "RGB" if self.bands == 3 else "MINISBLACK",
            "nodata": self.nodata,
        }

    def values(self, seed: int) -> NDArray[Any]:
        """Smooth and noisy parts, and holes as large as blocks."""
        rng = np.random.default_rng(seed)
        top = np.iinfo(self.dtype).max
        values = rng.integers(0, top, (self.bands, *self.shape), endpoint=True).astype(self.dtype)
        values[:, ::2] = np.arange(self.shape[1]).astype(self.dtype)
        if self.sparse:
            values[:, : self.shape[0] // 2] = self.nodata or 0
        return values


def edges() -> st.SearchStrategy[int]:
    return st.sampled_from([16, 32, 48, 128])


FORMS = st.builds(
    Form,
    shape=st.tuples(st.integers(1, 150), st.integers(1, 150)),
    block=st.tuples(edges(), edges()),
    dtype=st.sampled_from(["uint8", "uint16"]),
    bands=st.sampled_from([1, 3]),
    compress=st.sampled_from(["deflate", "zstd"]),
    predictor=st.sampled_from([1, 2]),
    big_endian=st.booleans(),
    big_tiff=st.booleans(),
    sparse=st.booleans(),
    nodata=st.sampled_from([None, 0, 7]),
    overviews=st.booleans(),
)


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(form=FORMS, seed=st.integers(0, 99), data=st.data())
def test_every_window_is_as_gdal_reads_it(
    tmp_path_factory: pytest.TempPathFactory, form: Form, seed: int, data: st.DataObject
) -> None:
    path = write(tmp_path_factory.mktemp("form") / "a.tif", form.values(seed), **form.options())
    if form.overviews and min(form.shape) > 4:
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2, 4])
    height, width = form.shape
    top, left = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    window = Window(
        left,
        top,
        data.draw(st.integers(1, width - left)),
        data.draw(st.integers(1, height - top)),
    )
    index = data.draw(st.integers(1, form.bands))
    with opened(path) as ours, rasterio.open(path) as theirs:
        assert ours is not None
        np.testing.assert_array_equal(
            window_of(ours, index, window), theirs.read(index, window=window)
        )
        assert ours.layout.nodata == theirs.nodata
        assert ours.layout.transform == tuple(theirs.transform)[:6]
        assert CRS.from_epsg(ours.layout.epsg) == theirs.crs


@pytest.mark.parametrize("level", [0, 1, 9])
def test_a_cog_as_archives_have_them(tmp_path: Path, level: int) -> None:
    values = noise(shape=(700, 900))
    form = {"driver": "COG", "blocksize": 256, "level": level, "predictor": 2, "nodata": 0}
    path = write(tmp_path / "cog.tif", values, **form)
    with opened(path) as file:
        assert file is not None
        for window in (Window(0, 0, 900, 700), Window(255, 250, 300, 7), Window(899, 699, 1, 1)):
            rows, columns = window.toranges()
            expected = values[slice(*rows), slice(*columns)]
            np.testing.assert_array_equal(window_of(file, 1, window), expected)


@pytest.mark.slow
@pytest.mark.real_data
def test_every_recorded_file_is_as_gdal_reads_it() -> None:
    paths = [
        path
        for folder in (REAL_IMAGERY, REAL_IMAGERY.with_name("real-imagery-more"))
        for path in sorted(folder.rglob("*.tif"))
    ]
    if not paths:
        pytest.skip("no recorded imagery")
    proven = 0
    for path in paths:
        with opened(path) as ours, rasterio.open(path) as theirs:
            if ours is None:
                assert theirs.crs.to_epsg() == 4326, path  # in degrees: no port's grid
                continue
            proven += 1
            whole = Window(0, 0, theirs.width, theirs.height)
            part = Window(theirs.width // 3, theirs.height // 5, theirs.width // 2, 61)
            for index, window in ((theirs.count, whole), (1, part)):
                np.testing.assert_array_equal(
                    window_of(ours, index, window), theirs.read(index, window=window), str(path)
                )
    assert proven > 200


# --- what is not proven goes to GDAL -------------------------------------------------------------

SMALL = noise() % 200 + 1
OTHER_FORMS: dict[str, dict[str, Any]] = {
    "stripes": {"tiled": False, "blockysize": 16},
    "lzw": {"compress": "lzw"},
    "packbits": {"compress": "packbits"},
    "none": {"compress": "none"},
    "lerc": {"compress": "lerc"},
    "12 bits": {"nbits": 12},
    "pixels as points": {"AREA_OR_POINT": "Point"},
    "no projection": {"crs": None},
    "turned": {"transform": Affine(10, 1, GRID.left, 1, -10, GRID.top)},
    "degrees": {"crs": "EPSG:4326"},
    "a projection in words": {"crs": CRS.from_proj4("+proj=utm +zone=53 +ellps=intl +units=ft")},
    "a no-data value that is no number": {"nodata": float("nan")},
    "black is high": {"photometric": "MINISWHITE"},
    "LZMA": {"compress": "lzma"},
}


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_another_form_is_not_proven(tmp_path: Path, name: str) -> None:
    if OTHER_FORMS[name].get("compress") == "lzma" and not _writes(tmp_path, "lzma"):
        pytest.skip("this GDAL has no LZMA")
    values = SMALL.astype(np.float32) if "number" in name else SMALL
    options = dict(OTHER_FORMS[name])
    point = options.pop("AREA_OR_POINT", None)
    path = write(tmp_path / "a.tif", values, **options)
    if point:
        with rasterio.open(path, "r+") as file:
            file.update_tags(AREA_OR_POINT=point)
    with opened(path) as file:
        assert file is None


def _writes(folder: Path, compress: str) -> bool:
    try:
        write(folder / "trial.tif", SMALL, compress=compress)
    except rasterio.errors.RasterioError:
        return False
    return True


@pytest.mark.parametrize("dtype", ["int16", "uint32", "float32", "int8", "float64", "complex64"])
def test_other_samples_are_not_proven(tmp_path: Path, dtype: str) -> None:
    with opened(write(tmp_path / "a.tif", SMALL.astype(dtype))) as file:
        assert file is None


def test_other_bands_are_not_proven(tmp_path: Path) -> None:
    for count, form in (
        (2, {}),
        (3, {"photometric": "MINISBLACK", "interleave": "pixel"}),
        (3, {"photometric": "RGB", "interleave": "band"}),
        (4, {"photometric": "RGB", "interleave": "pixel", "ALPHA": "YES"}),
        (3, {"photometric": "YCBCR", "interleave": "pixel", "compress": "jpeg"}),
    ):
        values = np.stack([SMALL.astype(np.uint8)] * count)
        with opened(write(tmp_path / "a.tif", values, **form)) as file:
            assert file is None, form


def test_what_changes_the_meaning_of_numbers_is_not_proven(tmp_path: Path) -> None:
    def a_mask(file: Any) -> None:
        file.write_mask(SMALL > 100)

    def by_band(file: Any) -> None:
        file.update_tags(NODATA_VALUES="3")

    def alpha(file: Any) -> None:
        file.colorinterp = [ColorInterp.alpha]

    def colours(file: Any) -> None:
        file.write_colormap(1, {1: (255, 0, 0, 255)})

    for change in (a_mask, by_band, alpha, colours):
        path = write(tmp_path / f"{change.__name__}.tif", SMALL.astype(np.uint8))
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as file:
            change(file)
        with opened(path) as file:
            assert file is None, change.__name__


def test_scales_and_words_in_gdals_metadata_change_no_number(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", SMALL)
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets, file.units, file.descriptions = [1e-4], [-0.1], ["1"], ["red"]
        file.update_tags(OVR_RESAMPLING_ALG="AVERAGE")
        file.update_tags(1, STATISTICS_MAXIMUM="200")
    with opened(path) as ours, rasterio.open(path) as theirs:
        assert ours is not None
        assert theirs.scales == (1e-4,)
        found = window_of(ours, 1, Window(0, 0, *SMALL.shape[::-1]))
        np.testing.assert_array_equal(found, theirs.read(1))


@pytest.mark.parametrize(("item", "proven"), [("OVERVIEW_RESAMPLING", True), ("NBITS", False)])
def test_how_overviews_were_made_is_no_reason_to_ask_gdal(
    tmp_path: Path, item: str, proven: bool
) -> None:
    """As COGs of GDAL 3.12 say it, in a domain whose other items do change pixels."""
    path = write(tmp_path / "a.tif", SMALL)
    with rasterio.open(path, "r+") as file:
        file.update_tags(ns="IMAGE-STRUCTURE", **{item: "CUBIC"})  # GDAL writes no such domain
    content = path.read_bytes()
    assert content.count(b"IMAGE-STRUCTURE") == 1
    path.write_bytes(content.replace(b"IMAGE-STRUCTURE", b"IMAGE_STRUCTURE"))
    with opened(path) as file:
        assert (file is not None) is proven


def test_a_file_beside_it_is_not_overlooked(tmp_path: Path) -> None:
    source = write_band(tmp_path / "a.tif", noise())
    path = Path(source.href)
    for name in ("a.tif.msk", "a.tif.aux.xml", "a.aux"):
        beside = tmp_path / name
        with closing(raster._OpenFile(str(path))) as file:
            assert file.tiled() is not None
        beside.write_bytes(b"")
        with closing(raster._OpenFile(str(path))) as file:
            assert file.tiled() is None
        beside.unlink()


def test_what_no_disk_has_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    for name in ("pipe.tif", "none.tif", ""):
        with closing(raster._OpenFile(str(tmp_path / name))) as file:
            assert file.tiled() is None


# --- headers that lie ----------------------------------------------------------------------------


def fields(content: bytes) -> dict[int, int]:
    """Where each field of the first directory of a classic little-endian file lies, by its tag."""
    (start,) = struct.unpack_from("<I", content, 4)
    (number,) = struct.unpack_from("<H", content, start)
    places = range(start + 2, start + 2 + 12 * number, 12)
    return {struct.unpack_from("<H", content, place)[0]: place for place in places}


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        *((tag, value) for tag in (256, 257, 322, 323) for value in (0, 2**31, 2**32 - 1)),
        *((tag, value) for tag in (322, 323) for value in (8, 100, 2**20)),
        *((tag, 2**30) for tag in (324, 325)),
        (277, 60000),
        (258, 32),
        (317, 3),
        (262, 0),
        (266, 2),
        (274, 3),
    ],
)
def test_a_value_out_of_bounds_is_not_proven(tmp_path: Path, tag: int, value: int) -> None:
    path = write(tmp_path / "a.tif", noise(shape=(300, 300)))
    content = bytearray(path.read_bytes())
    if tag not in fields(content):
        content = with_field(content, tag, value)
    elif tag in (324, 325):  # the array lies elsewhere: how long it is said to be
        struct.pack_into("<I", content, fields(content)[tag] + 4, value)
    else:
        struct.pack_into("<HII", content, fields(content)[tag] + 2, 4, 1, value)
    path.write_bytes(content)
    with opened(path) as file:
        assert file is None


def with_field(content: bytearray, tag: int, value: int) -> bytearray:
    """The file with a field more in its first directory, which is written anew at its end."""
    (start,) = struct.unpack_from("<I", content, 4)
    (number,) = struct.unpack_from("<H", content, start)
    entries = [bytes(content[start + 2 + 12 * n :][:12]) for n in range(number)]
    entries.append(struct.pack("<HHII", tag, 4, 1, value))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    at = len(content) + len(content) % 2
    content = content.ljust(at, b"\0")
    content += struct.pack("<H", number + 1) + b"".join(entries) + struct.pack("<I", 0)
    struct.pack_into("<I", content, 4, at)
    return content


def test_directories_in_a_circle_and_without_end_are_not_proven(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise())
    content = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", content, 4)
    (number,) = struct.unpack_from("<H", content, start)
    for following in (start, start + 2, 8, len(content) - 1, 2**32 - 1):
        struct.pack_into("<I", content, start + 2 + 12 * number, following)
        path.write_bytes(content)
        with opened(path) as file:
            assert file is None


def test_blocks_beyond_the_end_of_the_file_are_gdals_to_refuse(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", noise(shape=(300, 300)))
    path.write_bytes(path.read_bytes()[:-1000])
    with opened(path) as file:
        assert file is None


def test_a_block_that_inflates_without_end_is_inflated_no_further_than_needed(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "a.tif", noise(shape=(64, 64)), predictor=1)
    bomb = zlib.compress(bytes(2**24), 9)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, fields(content)[324] + 8, len(content))
    struct.pack_into("<I", content, fields(content)[325] + 8, len(bomb))
    path.write_bytes(content + bomb)
    with opened(path) as file:
        assert file is not None
        assert not window_of(file, 1, Window(0, 0, 64, 64)).any()


MUTATIONS = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=6)


@settings(deadline=None, max_examples=120, suppress_health_check=list(HealthCheck))
@given(mutations=MUTATIONS, where=st.sampled_from(["head", "any", "cut"]), big=st.booleans())
def test_a_damaged_file_is_as_gdal_reads_it_or_an_error(
    tmp_path_factory: pytest.TempPathFactory,
    mutations: list[tuple[int, int]],
    where: str,
    big: bool,
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    values = noise(shape=(100, 100))
    path = write(folder / "a.tif", values, predictor=2, BIGTIFF="YES" if big else "NO", nodata=0)
    content = bytearray(path.read_bytes())
    length = len(content)
    if where == "cut":
        content = content[: mutations[0][0] % length]
    else:
        (start,) = struct.unpack_from("<Q" if big else "<I", content, 8 if big else 4)
        for place, value in mutations:
            content[start + place % 700 if where == "head" else place % length] = value
    path.write_bytes(content)
    window = Window(3, 5, 90, 80)
    with opened_or_none(path) as ours:
        if ours is None or (ours.layout.width, ours.layout.height) != (100, 100):
            return  # not as declared: GDAL is asked
        try:
            found = window_of(ours, 1, window)
        except OSError:
            return
    try:
        with rasterio.open(path) as theirs:
            expected = theirs.read(1, window=window)
    except rasterio.errors.RasterioError:
        return  # of what lies behind the window's last row, or of the checksum
    np.testing.assert_array_equal(found, expected)


@contextmanager
def opened_or_none(path: Path) -> Iterator[TiledFile | None]:
    try:
        file = DiskBytes(path)
    except OSError:
        yield None
        return
    with closing(file):
        layout = layout_of(file)
        yield None if layout is None else TiledFile(layout, file)


# --- in their place: overpasses ------------------------------------------------------------------


def read_both_ways(
    monkeypatch: pytest.MonkeyPatch, bands: dict[str, Source], sensor: Any = S2, **options: Any
) -> int:
    """How many files were read by their blocks; GDAL alone gives the same pixels and digests."""
    used: list[object] = []
    original = TiledFile.read

    def counted(self: TiledFile, *args: Any) -> None:
        used.append(self)
        original(self, *args)

    monkeypatch.setattr(TiledFile, "read", counted)
    ours: dict[str, str] = {}
    theirs: dict[str, str] = {}
    found = read_overpass([scene(bands, **options)], sensor, GRID, ours)
    count = len(used)
    with tile.by_gdal_alone():
        expected = read_overpass([scene(bands, **options)], sensor, GRID, theirs)
    assert len(used) == count
    np.testing.assert_array_equal(found.image, expected.image)
    np.testing.assert_array_equal(found.quality, expected.quality)
    assert ours == theirs
    return count


@pytest.mark.parametrize("shift", [(0, 0), (300, 410), (-370, 50), (-200, -560)])
def test_an_overpass_is_the_same_by_blocks_and_by_gdal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: tuple[int, int]
) -> None:
    left, top = GRID.left - 20 * (shift[0] // 20), GRID.top + 20 * (shift[1] // 20)
    fine, coarse = ((size, 0.0, left, 0.0, -size, top) for size in (10.0, 20.0))
    values = noise(shape=(180, 200))
    values[20:50] = 0
    bands = {
        band: write_band(tmp_path / f"{band}.tif", values + n, transform=fine)
        for n, band in enumerate(S2.bands)
    }
    bands["red"] = replace(bands["red"], scale=2.5e-4)  # through the table
    classes = (noise(shape=(90, 100)) % 12).astype(np.uint8)
    mask = write_band(tmp_path / "scl.tif", classes, transform=coarse)
    mask = replace(mask, scale=1.0, offset=0.0)
    assert read_both_ways(monkeypatch, bands, mask=mask) == 5


def test_true_colour_is_the_same_by_blocks_and_by_gdal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rgb = np.random.default_rng(3).integers(0, 255, (3, *GRID.shape)).astype(np.uint8)
    path = write(tmp_path / "tci.tif", rgb, photometric="RGB", interleave="pixel", predictor=2)
    red = replace(
        write_band(tmp_path / "one.tif", noise()), href=str(path), scale=1 / 255, offset=0.0
    )
    bands = {"red": red, "green": replace(red, index=2), "blue": replace(red, index=3)}
    assert read_both_ways(monkeypatch, bands, VISUAL) == 1


def test_declared_otherwise_it_is_refused_as_ever(tmp_path: Path) -> None:
    source = write_band(tmp_path / "a.tif", noise(shape=(150, 160)))
    a, b, c, d, e, f = source.transform
    for wrong, message in (
        ({"shape": (150, 170)}, "has shape"),
        ({"transform": (a, b, c + 10, d, e, f)}, "has shape"),
        ({"index": 2}, "has 1 bands"),
        ({"nodata": 5.0}, "no-data value 0 in its tag"),
    ):
        with pytest.raises(SceneError, match=message):
            read_overpass([scene({"blue": replace(source, **wrong)})], S2, GRID)


def test_a_wrong_checksum_is_seen_where_a_block_is_read_whole(tmp_path: Path) -> None:
    source = write_band(tmp_path / "a.tif", noise(shape=(128, 128)))
    path = Path(source.href)
    with rasterio.open(path) as file:
        start, size = (
            int(file.get_tag_item(f"BLOCK_{what}_0_1", "TIFF", bidx=1))
            for what in ("OFFSET", "SIZE")
        )
    content = bytearray(path.read_bytes())
    content[start + size - 1] ^= 255
    path.write_bytes(content)
    part = [scene({"blue": source})]  # 100 of 128 rows
    assert read_overpass(part, S2, GRID).image.any()
    with tile.by_gdal_alone(), pytest.raises(SceneError, match=r"cannot read .*a\.tif"):
        read_overpass(part, S2, GRID)
    whole = replace(GRID, height=128)
    with pytest.raises(SceneError, match=r"block \(1, 0\) cannot be decoded: .*checksum"):
        read_overpass(part, S2, whole)


def test_the_limit_of_a_block_is_the_same_for_both_readers() -> None:
    assert raster.BLOCK_LIMIT_BYTES is geotiff.BLOCK_LIMIT_BYTES
