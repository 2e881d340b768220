"""What is installed here of all that results depend on, to be compared between two machines."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata

import rasterio
import shapely

from jobs.domain import code_version

PACKAGES = (
    # what travels between client, scheduler and workers is read on the other side
    "dask",
    "distributed",
    "cloudpickle",
    "msgpack",
    # what makes, or stores, numbers
    "icechunk",
    "zarr",
    "numcodecs",
    "isal",
    "backports-zstd",
    "numpy",
    "scipy",
    "pandas",
    "xarray",
    "rasterio",
    "rioxarray",
    "stackstac",
    "pyproj",
    "shapely",
    "geopandas",
    "scikit-image",
    "numba",
    "torch",
    "roaring-landmask",
)
MOST_SHOWN = 5

Versions = tuple[tuple[str, str], ...]
"""Names and versions, in the order of PACKAGES behind Berthwatch and Python."""


@cache
def installed() -> Versions:
    """The versions here; local parts such as ``+cpu`` are left out, a package not there is 'none'.

    Libraries inside of wheels are named where packages of one version come with several of them.
    """
    return (
        ("Berthwatch", code_version()),
        ("Python", f"{sys.version_info.major}.{sys.version_info.minor}"),
        *((name, _version(name)) for name in PACKAGES),
        ("GDAL", str(rasterio.__gdal_version__)),
        ("PROJ", str(rasterio.__proj_version__)),
        ("GEOS", ".".join(map(str, shapely.geos_version))),
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package).partition("+")[0]
    except metadata.PackageNotFoundError:
        return "none"


def difference(theirs: object, mine: Versions) -> str:
    """What another machine has otherwise, in words; empty where that is nothing.

    ``theirs`` is what ``installed`` returned there, or the error that it ended in.
    """
    if isinstance(theirs, Exception):
        return f"no Berthwatch ({theirs})"
    there = dict(theirs) if isinstance(theirs, tuple) else {}
    different = {name: (there.get(name, "none"), here) for name, here in mine}
    told = [
        f"{name} {other}, not {here}" for name, (other, here) in different.items() if other != here
    ]
    more = len(told) - MOST_SHOWN
    return ", ".join(told[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def differences(found: Mapping[str, object]) -> dict[str, str]:
    """What is installed otherwise than here, by machine; those that are as here are left out."""
    mine = installed()
    told = {machine: difference(theirs, mine) for machine, theirs in found.items()}
    return {machine: what for machine, what in told.items() if what}
