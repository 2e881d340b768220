"""The type and the memory of what xarray makes of an archive's numbers."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

from jobs.archive import CopyFormat, PortArchive, open_image, open_tree
from jobs.archive import schema as archive_schema
from jobs.domain import SENSORS, Overpass, Pixels, Sensor
from tests.archive.test_archive import archive, fill, passes, pixels
from tests.support.places import ROOT
from tests.support.scenes import GRID, noise

VISUAL = SENSORS["sentinel-2-visual"]
FAMILIES = {"sentinel-2": "reflectance", "sentinel-2-visual": "true_colour"}


def visual_passes(*days: int) -> list[Overpass]:
    return [replace(o, id=f"visual-{o.id}", sensor=VISUAL.name) for o in passes(*days)]


def picture() -> Pixels:
    """True colour with every number from 0, no data, to 255."""
    image = np.stack([noise(seed=band) % 256 for band in range(3)]).astype(np.uint16)
    image[:, 0, :50] = np.arange(50)
    return Pixels(image, np.zeros(GRID.shape, np.uint8))


def with_true_colour(found: PortArchive) -> PortArchive:
    """An archive of both families, a step of each filled."""
    found.ensure([*passes(0), *visual_passes(0)])
    fill(found, "pass-0", seed=4)
    fork = found.fork()
    fork.write_pixels(VISUAL.name, 0, picture())
    np.testing.assert_array_equal(fork.read_pixels(VISUAL.name, 0).image, picture().image)
    session = found.repository.writable_session("main")
    session.merge(fork.session)
    session.commit("true colour")
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> PortArchive:
    return with_true_colour(archive(tmp_path_factory.mktemp("new")))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> PortArchive:
    """As early versions made it: true colour in 16 bits, with a scale."""

    def as_it_was(root: zarr.Group, sensor: Sensor, grid: object) -> None:
        encoding = replace(sensor.encoding, dtype="uint16")
        made(root, replace(sensor, encoding=encoding), GRID)

    made = archive_schema.create_family
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.archive.repository.create_family", as_it_was)
        return with_true_colour(archive(tmp_path_factory.mktemp("old")))


def plain(store: object, family: str) -> xr.Dataset:
    """What plain xarray makes of a family."""
    found: xr.Dataset = xr.open_zarr(store, group=family, consolidated=False, chunks=None)
    return found


def test_true_colour_is_eight_bits_in_the_archive_and_in_xarray(found: PortArchive) -> None:
    image = plain(found.store(), "sentinel-2-visual").true_colour
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image[0], picture().image)
    assert (image.attrs["valid_min"], image.attrs["valid_max"]) == (1, 255)
    assert image.nbytes == found.image(found.steps()["visual-pass-0"]).image.nbytes // 2


def test_xarray_alone_makes_float64_of_reflectance_whatever_is_written(found: PortArchive) -> None:
    """Where this fails, xarray has learned it, and the docs can say so."""
    assert plain(found.store(), "sentinel-2").reflectance.dtype == np.float64


def test_opened_by_us_all_that_is_scaled_is_float32(found: PortArchive) -> None:
    tree = open_tree(found.store())
    assert tree["sentinel-2"].reflectance.dtype == np.float32
    assert tree["sentinel-2"].ship_probability.dtype == np.float32
    assert tree["sentinel-2-visual"].true_colour.dtype == np.uint8
    assert tree["sentinel-2"].vessel_x.dtype == np.float64  # metres of UTM, to less than one
    assert tree["sentinel-2"].quality.dtype == np.uint8
    assert set(tree["sentinel-2"].coords) >= {"x", "y", "time", "band", "spatial_ref"}


def test_the_float32_are_the_numbers_that_the_network_sees(found: PortArchive) -> None:
    image = pixels(4).image.copy()
    expected = SENSORS["sentinel-2-l2a"].encoding.decode(image)
    opened = open_tree(found.store())["sentinel-2"].reflectance[0].values
    np.testing.assert_array_equal(opened, expected)
    # exact enough that no number is lost
    every = np.arange(1, 65_536, dtype=np.uint16)
    encoding = SENSORS["sentinel-2-l2a"].encoding
    np.testing.assert_array_equal(encoding.encode(encoding.decode(every)), every)


def test_memory_is_half_and_an_eighth(found: PortArchive, old: PortArchive) -> None:
    before = {name: plain(old.store(), name)[image].nbytes for name, image in FAMILIES.items()}
    tree = open_tree(found.store())
    after = {name: tree[name][image].nbytes for name, image in FAMILIES.items()}
    assert before["sentinel-2"] == 2 * after["sentinel-2"]
    assert before["sentinel-2-visual"] == 8 * after["sentinel-2-visual"]


def test_an_early_archive_is_read_and_filled_as_it_lies(old: PortArchive) -> None:
    image = zarr.open_group(old.store(), mode="r")["sentinel-2-visual/true_colour"]
    assert isinstance(image, zarr.Array)
    assert image.dtype == np.uint16
    np.testing.assert_array_equal(old.image(old.steps()["visual-pass-0"]).image, picture().image)
    opened = open_tree(old.store())["sentinel-2-visual"].true_colour[0]
    assert opened.dtype == np.float32
    np.testing.assert_allclose(opened, VISUAL.encoding.decode(picture().image))


def test_copies_have_the_types_of_the_archive(found: PortArchive, tmp_path: Path) -> None:
    found.export(tmp_path / "copy.zarr")
    tree = open_tree(tmp_path / "copy.zarr")
    assert tree["sentinel-2"].reflectance.dtype == np.float32
    assert plain(tmp_path / "copy.zarr", "sentinel-2-visual").true_colour.dtype == np.uint8


def test_netcdf_says_float32_itself(found: PortArchive, tmp_path: Path) -> None:
    found.export(tmp_path / "nc", form=CopyFormat.NETCDF)
    with xr.open_dataset(tmp_path / "nc" / "sentinel-2.nc") as copy:
        assert copy.reflectance_nir.dtype == np.float32
        assert copy.ship_probability.dtype == np.float32
        expected = SENSORS["sentinel-2-l2a"].encoding.decode(pixels(4).image[3])
        np.testing.assert_array_equal(copy.reflectance_nir[0], expected)
    with xr.open_dataset(tmp_path / "nc" / "sentinel-2-visual.nc") as copy:
        assert copy.true_colour_red.dtype == np.uint8
        assert copy.true_colour_red.attrs["valid_min"].dtype == np.uint8


def test_the_lines_in_the_docs_do_it_without_our_code(found: PortArchive) -> None:
    page = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(import numpy.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"store": found.store()}
    exec(code, names)
    assert names["scenes"].reflectance.dtype == np.float32
    assert names["scenes"].ship_probability.dtype == np.float32
    xr.testing.assert_equal(
        names["scenes"].reflectance, open_tree(found.store())["sentinel-2"].reflectance
    )


@pytest.mark.parametrize("version", ["found", "old"])
def test_physical_values_are_the_same_from_archives_of_every_version(
    version: str, request: pytest.FixtureRequest
) -> None:
    store = request.getfixturevalue(version).store()
    image = open_image(store, VISUAL)
    assert (image.dtype, image.dims) == (np.float32, ("time", "band", "y", "x"))
    np.testing.assert_array_equal(image[0], VISUAL.encoding.decode(picture().image))
    assert float(image[0].max()) == 1
    assert np.isnan(image[0, 0, 0, 0])
    sensor = SENSORS["sentinel-2-l2a"]
    reflectance = open_image(store, sensor)
    assert reflectance.dtype == np.float32
    np.testing.assert_array_equal(reflectance[0], sensor.encoding.decode(pixels(4).image))


def test_a_tree_opens_lazily_and_without_a_warning(found: PortArchive) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree = open_tree(found.store(), {"time": 1})
    assert tree["sentinel-2"].reflectance.chunks is not None
    assert open_tree(found.store(), None)["sentinel-2"].reflectance.chunks is None
    assert tree.attrs["port"] == "TESTP"
    assert tree["sentinel-2"].attrs["sensor_family"] == "sentinel-2"
    assert tree["land"].dtype == np.uint8
