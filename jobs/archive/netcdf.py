"""A copy in netCDF-4 for readers that know no Zarr v3: flat files, one per sensor family.

Each band is a variable of its own, (time, y, x), time is in seconds and in order, attributes have
the type of their variable: what GDAL 3.6, ncdump and R's stars need. Numbers are packed as in the
archive.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import xarray as xr
import zarr

from jobs.archive.packing import single_scale
from jobs.archive.schema import LAND, descriptions_of
from jobs.domain import code_version
from jobs.errors import InputError

PACKED = ("_FillValue", "flag_masks", "flag_values", "valid_min", "valid_max")
"""Attributes that CF wants in the type of the variable; JSON, where they come from, has one type of
integers."""


def copy_as_netcdf(store: icechunk.IcechunkStore, target: Path) -> None:
    """Write FAMILY.nc for every sensor family into a folder, a few chunks in memory at a time.

    Raises InputError where netCDF4 is not installed.
    """
    _need_netcdf4()
    target.mkdir()
    root = zarr.open_group(store, mode="r")
    for family in sorted(root.group_keys()):
        flat = _flat(store, root, family)
        flat.to_netcdf(
            target / f"{family}.nc", engine="netcdf4", format="NETCDF4", encoding=_encoding(flat)
        )


def _need_netcdf4() -> None:
    if find_spec("netCDF4") is None:
        raise InputError(
            "a copy in netCDF needs the package netCDF4, which is not installed: pip install "
            "'berthwatch[netcdf]', or leave --format out for a plain Zarr copy"
        )


def _open(store: Any, group: str | None) -> xr.Dataset:
    found: xr.Dataset = xr.open_zarr(store, group=group, consolidated=False, decode_cf=False)
    return found.drop_encoding()


def _flat(store: icechunk.IcechunkStore, root: zarr.Group, family: str) -> xr.Dataset:
    """One family as flat CF: the land mask beside, a variable per band, steps in order of time."""
    found = _open(store, family)
    found = found.assign(land=_open(store, None)["land"].assign_attrs(LAND))
    for name, attributes in descriptions_of(family).items():
        if name in found:
            found[name].attrs.update(attributes)
    found = _by_band(found).sortby("time")
    seconds = found["time"].astype("float64") / 1000
    units = {"units": "seconds since 1970-01-01T00:00:00"}
    found = found.assign_coords(time=seconds.assign_attrs({**found["time"].attrs, **units}))
    for variable in found.variables:
        _type_attributes(found[variable])
    snapshot = store.session.snapshot_id
    return found.assign_attrs(
        title=str(root.attrs["title"]),
        history=f"commit {snapshot} of the archive, copied by berthwatch {code_version()}",
    )


def _type_attributes(variable: xr.DataArray) -> None:
    for name in variable.attrs.keys() & set(PACKED):
        variable.attrs[name] = np.asarray(variable.attrs[name]).astype(variable.dtype)
    single_scale(variable.attrs)


def _by_band(found: xr.Dataset) -> xr.Dataset:
    """NAME(time, band, y, x) as NAME_BAND(time, y, x)."""
    bands = found["band"].values.tolist()
    stacks = [name for name, variable in found.data_vars.items() if "band" in variable.dims]
    split = {
        f"{name}_{band}": found[name]
        .isel(band=index, drop=True)
        .assign_attrs(long_name=f"{found[name].attrs['long_name']}, {band}")
        for name in stacks
        for index, band in enumerate(bands)
    }
    return found.drop_vars([*stacks, "band"]).assign(split)


def _encoding(flat: xr.Dataset) -> dict[str, dict[str, Any]]:
    return {str(name): dict(_encoding_of(variable)) for name, variable in flat.variables.items()}


def _encoding_of(variable: xr.Variable) -> Iterator[tuple[str, Any]]:
    if "_FillValue" not in variable.attrs:
        yield "_FillValue", None
    if variable.ndim > 1:
        yield "zlib", True
        yield "complevel", 1
    if variable.chunks is not None and variable.ndim > 1:
        yield "chunksizes", tuple(sizes[0] for sizes in variable.chunks)
