"""Packed numbers opened as float32.

By CF's rules unpacked numbers have the type of ``scale_factor`` and ``add_offset``. The attributes
of Zarr are JSON, whose numbers are float64 to xarray, so that it makes eight bytes of a number of
two, and nothing that an archive could say tells it otherwise. Here the attributes get the type that
they are meant to have, before xarray decodes.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

SCALES = ("scale_factor", "add_offset")


def single_scale(attributes: MutableMapping[Any, Any]) -> None:
    """Give scale and offset the type float32, in which they are exact enough for 16 bits."""
    for name in attributes.keys() & set(SCALES):
        attributes[name] = np.float32(attributes[name])


STORED: Mapping[str, int] = MappingProxyType({})
"""One Dask chunk for each chunk of the archive."""


def open_tree(store: Any, chunks: Mapping[str, int] | str | None = STORED) -> xr.DataTree:
    """The groups of an archive, or of a Zarr copy, decoded by CF's rules to float32 at most.

    ``store`` is an archive's, as ``PortArchive.store`` gives it, or the path of a copy; ``chunks``
    are xarray's, None opens without Dask. Lazy; steps are in order of arrival, as they lie.
    """
    tree = xr.open_datatree(
        store,
        engine="zarr",
        consolidated=False,
        chunks=dict(chunks) if isinstance(chunks, Mapping) else chunks,
        decode_cf=False,
    )
    found = {node.path: _decoded(node.to_dataset(inherit=False)) for node in tree.subtree}
    return xr.DataTree.from_dict(found)


def _decoded(dataset: xr.Dataset) -> xr.Dataset:
    for variable in dataset.variables.values():
        single_scale(variable.attrs)
    decoded: xr.Dataset = xr.decode_cf(dataset, decode_coords="all")
    return decoded
