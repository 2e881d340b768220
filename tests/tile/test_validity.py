"""Pixels that do not exist are no data, whatever says so: tag, item, mask, sidecar or alpha band,
alone and together, on the port's own grid and warped alike.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from jobs.domain import Quality, Source
from jobs.domain.sensors import SENSORS
from jobs.errors import SceneError, UnreachableError
from jobs.tile import raster
from jobs.tile.stage import read_overpass
from tests.support.places import ROOT
from tests.support.scenes import GRID, noise, scene, write_band

S2, VISUAL = SENSORS["sentinel-2-l2a"], SENSORS["sentinel-2-visual"]
ASKEW = (10.0, 0.0, GRID.left - 103.0, 0.0, -10.0, GRID.top + 103.0)
WAYS = {"aligned": GRID.transform, "warped": ASKEW}
SHAPE = (140, 150)
HOLE = 7777
"""A no-data value that is not the usual one."""

Existing = NDArray[np.bool_]


@dataclass(frozen=True)
class Said:
    """What the item and the file say of pixels that do not exist."""

    item: str
    """``declares`` HOLE, ``silent`` (0 is assumed), or ``none``: it describes a band without."""
    tag: int | None
    mask: str
    """``no``, ``internal`` or ``sidecar``."""
    alpha: bool

    @property
    def contradicts(self) -> bool:
        return self.item == "declares" and self.tag not in (None, HOLE)

    @property
    def nodata(self) -> int | None:
        """The value that holds."""
        if self.item == "declares":
            return HOLE
        return self.tag if self.tag is not None else {"silent": 0, "none": None}[self.item]

    def source(self, source: Source) -> Source:
        """The source as the plan holds it for such an item."""
        nodata = {"declares": HOLE, "silent": 0, "none": None}[self.item]
        return replace(source, nodata=nodata, nodata_assumed=self.item == "silent")


EVERY_WAY_TO_SAY_IT = [
    Said(*each)
    for each in product(
        ("declares", "silent", "none"),
        (None, 0, HOLE),
        ("no", "internal", "sidecar"),
        (False, True),
    )
]


def numbers(seed: int) -> NDArray[np.uint16]:
    """Numbers with zeros and HOLEs among them, in blocks and alone."""
    values = noise(shape=SHAPE, seed=seed)
    values[values == HOLE] = 1
    values[20:40, 30:60] = HOLE
    values[50:70, 10:50] = 0
    values[::17, ::13] = HOLE
    values[::19, ::11] = 0
    return values


def some(seed: int) -> Existing:
    """True but for a corner, a strip and scattered pixels."""
    chosen = np.random.default_rng(seed).random(SHAPE) > 0.03
    chosen[60:, 80:] = False
    chosen[:, 25:28] = False
    return chosen


def write(
    path: Path,
    values: NDArray[np.generic],
    transform: tuple[float, ...],
    *,
    tag: float | None = None,
    mask: str = "no",
    valid: Existing | None = None,
    alpha: NDArray[np.generic] | None = None,
) -> Source:
    """A file with a mask and an alpha band behind its bands."""
    stack = values if values.ndim == 3 else values[None]
    bands = stack if alpha is None else np.concatenate([stack, alpha[None].astype(stack.dtype)])
    path.parent.mkdir(exist_ok=True)
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=mask == "internal"),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            count=len(bands),
            height=SHAPE[0],
            width=SHAPE[1],
            dtype=bands.dtype,
            crs=f"EPSG:{GRID.epsg}",
            transform=Affine(*transform),
            nodata=tag,
            tiled=True,
            blockxsize=64,
            blockysize=64,
            photometric="MINISBLACK",
        ) as file,
    ):
        if alpha is not None:
            file.colorinterp = [ColorInterp.gray] * len(stack) + [ColorInterp.alpha]
        file.write(bands)
        if mask != "no":
            assert valid is not None
            file.write_mask(valid)
    assert path.with_name(path.name + ".msk").exists() is (mask == "sidecar")
    a, b, c, d, e, f = transform
    return Source(str(path), 1, GRID.epsg, (a, b, c, d, e, f), SHAPE, 1e-4, -0.1, tag)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("said", EVERY_WAY_TO_SAY_IT, ids=str)
def test_what_does_not_exist_is_no_data_in_every_way(tmp_path: Path, way: str, said: Said) -> None:
    """The same as a plain file in which numpy has burnt 0 where no pixel exists."""
    values, valid, alpha = numbers(1), some(2), some(3) * np.uint16(40_000)
    alpha[10, :] = 1  # hardly opaque is opaque
    source = write(
        tmp_path / "file.tif",
        values,
        WAYS[way],
        tag=said.tag,
        mask=said.mask,
        valid=valid,
        alpha=alpha if said.alpha else None,
    )
    if said.contradicts:
        with pytest.raises(SceneError, match="which pixels were not measured is unknown"):
            read_overpass([scene({"blue": said.source(source)})], S2, GRID)
        return
    exists = np.full(SHAPE, True)
    if said.nodata is not None:
        exists &= values != said.nodata
    if said.mask != "no":
        exists &= valid
    if said.alpha:
        exists &= alpha > 0
    found = read_overpass([scene({"blue": said.source(source)})], S2, GRID)

    # A number of 0 that was measured is kept as 1: burnt in, it would be taken for no data.
    burnt = np.where(exists, np.maximum(values, 1), 0).astype(np.uint16)
    plain = write_band(tmp_path / "plain.tif", burnt, transform=WAYS[way])
    expected = read_overpass([scene({"blue": plain})], S2, GRID).image[0]
    if way == "aligned":
        np.testing.assert_array_equal(expected, burnt[: GRID.height, : GRID.width])
        np.testing.assert_array_equal(found.image[0], expected)
    else:  # a measured 0 is another number than 1, where it is interpolated with its neighbours
        np.testing.assert_array_equal(found.image[0] == 0, expected == 0)
        np.testing.assert_allclose(found.image[0], expected, atol=1)
    nodata = (found.quality & Quality.NODATA) > 0
    np.testing.assert_array_equal(nodata, found.image[0] == 0)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mask", ["internal", "sidecar"])
def test_a_file_that_is_masked_all_over_is_no_look(tmp_path: Path, way: str, mask: str) -> None:
    nothing = np.full(SHAPE, False)
    source = write(tmp_path / "b.tif", noise(shape=SHAPE), WAYS[way], mask=mask, valid=nothing)
    with pytest.raises(SceneError, match="no pixel of the port has data"):
        read_overpass([scene({"blue": source})], S2, GRID)


@pytest.mark.parametrize("way", WAYS)
def test_a_later_scene_fills_what_is_masked_in_the_first(tmp_path: Path, way: str) -> None:
    first = write(
        tmp_path / "first.tif", numbers(1), WAYS[way], tag=0, mask="internal", valid=some(2)
    )
    second = write_band(tmp_path / "second.tif", noise(shape=SHAPE), transform=WAYS[way])
    found = read_overpass([scene({"blue": first}), scene({"blue": second}, id="S2_B")], S2, GRID)
    assert found.image[0].all()


@pytest.mark.parametrize("way", WAYS)
def test_masked_classes_are_no_data(tmp_path: Path, way: str) -> None:
    band = write_band(tmp_path / "blue.tif", noise(shape=SHAPE), transform=WAYS[way])
    valid = np.full(SHAPE, True)
    valid[:, 60:] = False
    water = np.full(SHAPE, 6, np.uint8)
    classes = write(tmp_path / "scl.tif", water, WAYS[way], mask="internal", valid=valid)
    classes = replace(classes, scale=1.0, offset=0.0)
    quality = read_overpass([scene({"blue": band}, mask=classes)], S2, GRID).quality
    assert (quality[:, :45] == 0).all()
    assert (quality[:, 75:] != 0).all()


@pytest.mark.parametrize("way", WAYS)
def test_a_band_called_alpha_that_the_item_reads_is_a_measurement(tmp_path: Path, way: str) -> None:
    """Four bands in one file, the fourth marked as alpha by the program that wrote it."""
    bands = np.stack([noise(shape=SHAPE, seed=n) for n in range(3)])
    infrared = noise(shape=SHAPE, seed=9)
    infrared[30:50, 30:50] = 0
    first = write(tmp_path / "all.tif", bands, WAYS[way], tag=0, alpha=infrared)
    sources = {name: replace(first, index=n + 1) for n, name in enumerate(S2.bands)}
    image = read_overpass([scene(sources)], S2, GRID).image
    assert image[:3].all()
    assert not image[3].all()


@pytest.mark.parametrize("way", WAYS)
def test_the_alpha_band_of_true_colour(tmp_path: Path, way: str) -> None:
    colours = (np.stack([noise(shape=SHAPE, seed=n) for n in range(3)]) % 250 + 5).astype(np.uint8)
    opaque = np.full(SHAPE, 255, np.uint8)
    opaque[:, 60:] = 0
    first = write(tmp_path / "tci.tif", colours, WAYS[way], alpha=opaque)
    first = replace(first, scale=1 / 255, offset=0.0, nodata=None)
    sources = {name: replace(first, index=n + 1) for n, name in enumerate(VISUAL.bands)}
    seen = replace(scene(sources), sensor=VISUAL.name)
    image = read_overpass([seen], VISUAL, GRID).image
    assert image[:, :, :45].all()
    assert not image[:, :, 75:].any()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("stands", "becomes"), [(65_535, "-9999"), (100, "nan")])
@pytest.mark.parametrize("item", ["silent", "none", "declares"])
def test_a_tag_that_no_sample_can_have_says_nothing(
    tmp_path: Path, way: str, stands: int, becomes: str, item: str
) -> None:
    values = numbers(1)
    source = write(tmp_path / "b.tif", values, WAYS[way], tag=stands)
    content = (tmp_path / "b.tif").read_bytes()
    assert content.count(f"{stands}\0".encode()) == 1
    (tmp_path / "b.tif").write_bytes(
        content.replace(f"{stands}\0".encode(), f"{becomes}\0".encode())
    )
    said = Said(item, None, "no", False)
    plain = write(tmp_path / "plain.tif", values, WAYS[way])
    found, expected = (
        read_overpass([scene({"blue": said.source(each)})], S2, GRID).image
        for each in (source, plain)
    )
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("way", WAYS)
def test_a_declared_value_that_no_sample_can_have_is_refused(tmp_path: Path, way: str) -> None:
    source = write(tmp_path / "b.tif", numbers(1), WAYS[way])
    with pytest.raises(SceneError, match="none of which can be the no-data value -9999"):
        read_overpass([scene({"blue": replace(source, nodata=-9999)})], S2, GRID)


@pytest.mark.parametrize("way", WAYS)
def test_a_pixel_that_lacks_one_of_the_bands_was_not_seen(tmp_path: Path, way: str) -> None:
    """A band that is missing altogether is another matter: there are products without it."""
    valid = np.full(SHAPE, True)
    valid[:, 60:] = False
    blue = write(tmp_path / "blue.tif", noise(shape=SHAPE), WAYS[way], mask="internal", valid=valid)
    red = write(tmp_path / "red.tif", noise(shape=SHAPE, seed=1), WAYS[way])
    quality = read_overpass([scene({"blue": blue, "red": red})], S2, GRID).quality
    assert (quality[:, 75:] == Quality.NODATA).all()
    assert (quality[:, :45] != Quality.NODATA).all()


SERVER = """
import sys
from pathlib import Path
from tests.support.servers.faults import EVERY_FAULT
from tests.support.servers.files import FileServer
server = FileServer(Path(sys.argv[1]))
if sys.argv[2] != "0":
    server.faults.add(EVERY_FAULT["503"](times=1, after=int(sys.argv[2])))
print(server.url, flush=True)
server.serve_forever()
"""


@contextmanager
def server_apart(folder: Path, failing: int) -> Iterator[str]:
    """The address of a server in a process of its own, whose answer after so many is 503, once.

    GDAL reads where masks lie with Python's lock held: a server in this process could not answer.
    """
    command = [sys.executable, "-c", SERVER, str(folder), str(failing)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.parametrize("failing", range(6))
@pytest.mark.parametrize("way", WAYS)
def test_a_mask_on_the_web_is_read_or_the_attempt_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, failing: int
) -> None:
    """The mask lies at the file's end: its place is read when the file is open already."""
    monkeypatch.setitem(raster.GDAL_SETTINGS, "GDAL_HTTP_MAX_RETRY", "0")
    here = write(
        tmp_path / "b.tif", noise(shape=SHAPE), WAYS[way], tag=0, mask="internal", valid=some(2)
    )
    expected = read_overpass([scene({"blue": here})], S2, GRID).image
    assert not expected[0].all()
    with server_apart(tmp_path, failing) as url:
        there = scene({"blue": replace(here, href=f"{url}/b.tif")})
        try:
            found = read_overpass([there], S2, GRID).image
        except UnreachableError:
            assert failing
            found = read_overpass([there], S2, GRID).image
    np.testing.assert_array_equal(found, expected)
