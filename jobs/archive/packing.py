"""Packed numbers opened as float32.

By CF's rules unpacked numbers have the type of ``scale_factor`` and ``add_offset``. The attributes
of Zarr are JSON, whose numbers are float64 to xarray, so that it makes eight bytes of a number of
two, and nothing that an archive could say tells it otherwise. Here the attributes get the type that
they are meant to have, before xarray decodes.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np
import xarray as xr
import zarr

from jobs.domain import Sensor

SCALES = ("scale_factor", "add_offset")


def single_scale(attributes: MutableMapping[Any, Any]) -> None:
    """Give scale and offset the type float32, in which they are exact enough for 16 bits."""
    for name in attributes.keys() & set(SCALES):
        attributes[name] = np.float32(attributes[name])


Chunks: TypeAlias = Mapping[str, int] | Literal["auto"] | None
"""As xarray takes them."""

STORED: Mapping[str, int] = MappingProxyType({})
"""One Dask chunk for each chunk of the archive."""


def open_tree(store: Any, chunks: Chunks = STORED) -> xr.DataTree:
    """The groups of an archive, or of a Zarr copy, decoded by CF's rules to float32 at most.

    ``store`` is an archive's, as ``PortArchive.store`` gives it, or the path of a copy; ``chunks``
    are xarray's, None opens without Dask. Lazy; steps are in order of arrival, as they lie.
    """
    wanted = dict(chunks) if isinstance(chunks, Mapping) else chunks
    families = sorted(zarr.open_group(store, mode="r").group_keys())
    return xr.DataTree.from_dict({name: _group(store, name, wanted) for name in ("/", *families)})


def _group(store: Any, name: str, chunks: Any) -> xr.Dataset:
    # group by group: xr.open_datatree of 2025.1 decodes although it is told not to
    raw = xr.open_zarr(store, group=name, consolidated=False, chunks=chunks, decode_cf=False)
    for variable in raw.variables.values():
        single_scale(variable.attrs)
    decoded: xr.Dataset = xr.decode_cf(raw, decode_coords="all")
    return decoded


def open_image(store: Any, sensor: Sensor) -> xr.DataArray:
    """The image of a sensor's family in physical values, float32, NaN where there is no data.

    Of archives of every version: true colour is 0..1, also where 8 bits without a scale are kept.
    Lazy, without Dask; its axes are time, band, y and x.
    """
    encoding = sensor.encoding
    raw = xr.open_zarr(store, group=sensor.family, consolidated=False, chunks=None, decode_cf=False)
    attributes = raw[encoding.variable].attrs
    attributes |= {"scale_factor": encoding.scale, "add_offset": encoding.offset, "_FillValue": 0}
    single_scale(attributes)
    decoded: xr.Dataset = xr.decode_cf(raw, decode_coords="all")
    return decoded[encoding.variable]
