"""The copy in netCDF: the archive's numbers in flat files that old readers open, by CF's rules."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr

from jobs.archive import CopyFormat, PortArchive, netcdf
from jobs.errors import InputError
from tests.archive.test_archive import LAND, archive, fill, passes, pixels
from tests.archive.test_export import forget_descriptions
from tests.support.scenes import GRID

pytest.importorskip("netCDF4", reason="needs the extra netcdf")

BANDS = ("blue", "green", "red", "nir")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> PortArchive:
    """Steps in another order than time's; two of three are done. As early versions left it."""
    made = archive(tmp_path_factory.mktemp("archive"))
    made.ensure(passes(5))
    made.ensure(passes(0, 9))
    fill(made, "pass-5", seed=5)
    fill(made, "pass-0", seed=3)
    forget_descriptions(made)
    return made


@pytest.fixture(scope="module")
def file(found: PortArchive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("copy") / "copy"
    found.export(target, form=CopyFormat.NETCDF)
    assert [path.name for path in target.iterdir()] == ["sentinel-2.nc"]
    return target / "sentinel-2.nc"


def test_numbers_are_the_archives_each_band_a_variable_in_order_of_time(file: Path) -> None:
    with xr.open_dataset(file, decode_cf=False) as packed:
        assert list(packed.overpass_id.values) == ["pass-0", "pass-5", "pass-9"]
        for index, band in enumerate(BANDS):
            stack = packed[f"reflectance_{band}"]
            assert stack.dims == ("time", "y", "x")
            assert stack.dtype == np.uint16
            np.testing.assert_array_equal(stack[0], pixels(3).image[index])
            np.testing.assert_array_equal(stack[1], pixels(5).image[index])
            assert not stack[2].any()
        np.testing.assert_array_equal(packed.quality[0], pixels(3).quality)
        np.testing.assert_array_equal(packed.land, LAND)
    with xr.open_dataset(file, decode_coords="all") as read:
        assert [str(moment)[:16] for moment in read.time.values] == [
            "2024-05-01T02:10",
            "2024-05-06T02:10",
            "2024-05-10T02:10",
        ]
        assert read.reflectance_blue.isel(time=2).isnull().all()
        assert read.land.rio.crs.to_epsg() == GRID.epsg
        assert float(read.vessel_length_m[0, 0]) == 85.5


def test_gdal_places_it_where_it_lies(file: Path) -> None:
    with rasterio.open(f"netcdf:{file}:reflectance_nir") as opened:
        assert opened.crs.to_epsg() == GRID.epsg
        assert (opened.count, opened.shape) == (3, GRID.shape)
        assert opened.transform.almost_equals(rasterio.Affine(*GRID.transform))
        np.testing.assert_array_equal(opened.read(1), pixels(3).image[3])
        assert opened.nodata == 0
        assert opened.scales[0] == np.float32(1e-4)  # so that xarray makes float32


def complaints(file: Path, report: Path) -> list[str]:
    """The errors that IOOS's compliance-checker finds by CF 1.11; its advice is left out."""
    program = str(Path(sys.executable).with_name("cchecker.py"))
    options = ("-t", "cf:1.11", "-f", "json", "-o", str(report))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", program, *options, str(file)],
        capture_output=True,
        text=True,
    )
    assert report.exists(), done.stdout + done.stderr
    (said,) = json.loads(report.read_text()).values()
    assert said["scored_points"] > 50
    return [message for rule in said["high_priorities"] for message in rule["msgs"]]


def test_an_independent_check_of_cf_finds_no_error(file: Path, tmp_path: Path) -> None:
    pytest.importorskip("compliance_checker")
    assert complaints(file, tmp_path / "report.json") == []


def test_nor_in_the_plain_zarr_copy_but_for_the_one_type_of_jsons_integers(
    found: PortArchive, tmp_path: Path
) -> None:
    """The checker reads no Zarr v3: plain xarray writes the group as it reads it."""
    pytest.importorskip("compliance_checker")
    found.export(tmp_path / "copy.zarr")
    group = xr.open_zarr(tmp_path / "copy.zarr", group="sentinel-2", decode_cf=False, chunks=None)
    plain = {name: {"_FillValue": None} for name in ("x", "y")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        group.to_netcdf(tmp_path / "group.nc", engine="netcdf4", encoding=plain)
    told = complaints(tmp_path / "group.nc", tmp_path / "report.json")
    assert all(message.startswith("flag_") and "data type" in message for message in told), told


def test_without_the_package_it_is_refused(
    found: PortArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netcdf, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'berthwatch\[netcdf\]'"):
        found.export(tmp_path / "copy", form=CopyFormat.NETCDF)
    assert list(tmp_path.iterdir()) == []


def test_gdal_opens_the_plain_zarr_copy_from_3_12(found: PortArchive, tmp_path: Path) -> None:
    found.export(tmp_path / "copy.zarr")
    name = f'ZARR:"{tmp_path / "copy.zarr"}":/land'
    if tuple(map(int, rasterio.__gdal_version__.split(".")[:2])) < (3, 12):
        with pytest.raises(rasterio.RasterioIOError):
            rasterio.open(name)
        return
    with rasterio.open(name) as opened:
        assert opened.crs.to_epsg() == GRID.epsg
        np.testing.assert_array_equal(opened.read(1), LAND)


def said_by(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed (Debian: gdal-bin, netcdf-bin, r-cran-stars)")
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_debians_gdal_reads_it(file: Path) -> None:
    said = said_by("gdalinfo", "-stats", f"NETCDF:{file}:reflectance_blue")
    assert f'ID["EPSG",{GRID.epsg}]' in said
    assert f"Origin = ({GRID.left:.15f},{GRID.top:.15f})" in said
    first = pixels(3).image[0]
    assert f"Minimum={first[first > 0].min()}.000, Maximum={first.max()}.000" in said


@pytest.mark.slow
def test_debians_ncdump_reads_it(file: Path) -> None:
    said = said_by("ncdump", "-t", "-v", "time,overpass_id", str(file))
    assert 'time = "2024-05-01 02:10"' in said
    assert 'overpass_id = "pass-0", "pass-5", "pass-9"' in said
    assert "ushort reflectance_blue(time, y, x)" in said


@pytest.mark.slow
def test_rs_stars_reads_it(file: Path) -> None:
    code = (
        "suppressMessages(library(stars)); "
        f'x <- read_stars("{file}", sub = "reflectance_blue", quiet = TRUE); '
        "t <- st_get_dimension_values(x, 'time'); "
        'cat(dim(x), st_crs(x)$epsg, format(t, tz = "UTC"), x[[1]][60, 50, 1], sep = "|")'
    )
    width, height, steps, epsg, *times, value = said_by("Rscript", "-e", code).split("|")
    assert (int(width), int(height), int(steps)) == (GRID.width, GRID.height, 3)
    assert int(epsg) == GRID.epsg
    assert [moment[:10] for moment in times] == ["2024-05-01", "2024-05-06", "2024-05-10"]
    assert float(value) == pytest.approx(pixels(3).image[0, 49, 59] * 1e-4 - 0.1)
