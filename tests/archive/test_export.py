"""The plain Zarr copy: the same arrays and bytes as the archive, each group whole by itself."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401  registers .rio
import xarray as xr
import zarr

from jobs.archive import PortArchive
from jobs.archive import export as export_module
from jobs.archive.schema import DESCRIPTIONS
from jobs.archive.schema import LAND as LAND_ATTRIBUTES
from jobs.errors import ArchiveError
from jobs.storage import LocalFolder
from tests.archive.test_archive import LAND, archive, fill, passes, pixels
from tests.support.scenes import GRID, small_port


def filled(tmp_path: Path) -> PortArchive:
    found = archive(tmp_path)
    found.ensure(passes(0, 3))
    fill(found, "pass-0", seed=4)
    return found


def forget_descriptions(found: PortArchive) -> None:
    """What archives of early versions look like."""
    session = found.repository.writable_session("main")
    root = zarr.open_group(session.store, mode="r+")
    for name in set(LAND_ATTRIBUTES) - {"long_name"}:
        del root["land"].attrs[name]
    group = root["sentinel-2"]
    assert isinstance(group, zarr.Group)
    for name, each in group.arrays():
        for attribute in DESCRIPTIONS.get(name, {}):
            del each.attrs[attribute]
    session.commit("as it was")


def every_array(root: zarr.Group) -> dict[str, zarr.Array]:
    return {
        name: node for name, node in root.members(max_depth=None) if isinstance(node, zarr.Array)
    }


def test_the_copy_has_every_array_of_every_group_with_the_same_values(tmp_path: Path) -> None:
    found = filled(tmp_path)
    target = tmp_path / "copy.zarr"
    found.export(target)
    before = every_array(zarr.open_group(found.store(), mode="r"))
    after = every_array(zarr.open_group(target, mode="r", use_consolidated=False))
    assert sorted(before) == sorted(after)
    for name, was in before.items():
        assert dict(was.attrs) == dict(after[name].attrs), name
        assert was.metadata.dimension_names == after[name].metadata.dimension_names
        np.testing.assert_array_equal(was[...], after[name][...], err_msg=name)
    tree = xr.open_datatree(target, engine="zarr", decode_cf=False)
    np.testing.assert_array_equal(tree["sentinel-2"].reflectance[0], pixels(4).image)
    np.testing.assert_array_equal(tree.land, LAND)


def test_a_part_cut_from_a_group_of_the_copy_lies_where_the_archives_does(tmp_path: Path) -> None:
    found = filled(tmp_path)
    target = tmp_path / "copy.zarr"
    found.export(target)
    places = []
    for number, opened in enumerate((found.store(), target)):
        whole = xr.open_zarr(
            opened,
            group="sentinel-2",
            consolidated=opened is target,
            decode_coords="all",
            chunks=None,
        )
        part = whole.reflectance.isel(time=0, x=slice(20, 40), y=slice(10, 50))
        part.rio.to_raster(tmp_path / f"{number}.tif")
        with rasterio.open(tmp_path / f"{number}.tif") as file:
            places.append((file.crs, file.transform))
    assert places[0] == places[1]
    crs, transform = places[1]
    assert crs.to_epsg() == GRID.epsg
    assert transform.c == GRID.left + 20 * GRID.resolution_m
    assert transform.f == GRID.top - 10 * GRID.resolution_m


def test_land_has_its_crs_in_new_archives_and_in_copies_of_old_ones(tmp_path: Path) -> None:
    found = filled(tmp_path)
    new = xr.open_zarr(found.store(), consolidated=False, decode_coords="all", chunks=None)
    assert new.land.rio.crs.to_epsg() == GRID.epsg
    forget_descriptions(found)
    old = xr.open_zarr(found.store(), consolidated=False, decode_coords="all", chunks=None)
    assert old.land.encoding.get("grid_mapping") is None
    found.export(tmp_path / "copy.zarr")
    copied = xr.open_zarr(tmp_path / "copy.zarr", decode_coords="all", chunks=None)
    assert copied.land.encoding["grid_mapping"] == "spatial_ref"
    assert copied.land.rio.crs.to_epsg() == GRID.epsg
    group = xr.open_zarr(tmp_path / "copy.zarr", group="sentinel-2", chunks=None)
    assert group.tile_status.attrs["long_name"] == DESCRIPTIONS["tile_status"]["long_name"]


def test_each_group_opens_with_consolidated_metadata_and_without_a_warning(tmp_path: Path) -> None:
    filled(tmp_path).export(tmp_path / "copy.zarr")
    for group in (None, "sentinel-2"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = xr.open_zarr(tmp_path / "copy.zarr", group=group, chunks=None)
        assert {"x", "y"} <= set(found.coords)


def test_an_export_that_breaks_off_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = filled(tmp_path)
    target = tmp_path / "out" / "copy.zarr"

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(export_module.zarr, "consolidate_metadata", full)
        with pytest.raises(ArchiveError, match=r"cannot be written.*No space left"):
            found.export(target)
    assert list((tmp_path / "out").iterdir()) == []
    found.export(target)
    with pytest.raises(ArchiveError, match="exists already"):
        found.export(target)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["copy.zarr"]


def test_an_export_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    found = filled(tmp_path)
    (tmp_path / ".copy.zarr.partial" / "stale").mkdir(parents=True)
    found.export(tmp_path / "copy.zarr")
    assert not (tmp_path / "copy.zarr" / "stale").exists()
    assert not (tmp_path / ".copy.zarr.partial").exists()


@pytest.mark.parametrize("below", ["file/copy.zarr", "file/deeper/copy.zarr"])
def test_an_export_below_a_file_is_refused(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    found = PortArchive.create_or_open(LocalFolder(tmp_path / "archive"), small_port(), LAND)
    with pytest.raises(ArchiveError, match="cannot be written"):
        found.export(tmp_path / below)
