"""Memory that an archive's image takes in xarray: opened plainly, and with scales as float32.

    python -m tests.bench.bench_types demo/archive/ports/RUVYP [ANOTHER/archive/ports/PORT]

For every sensor family of each repository: type and bytes of the whole image as xarray decodes it,
and by how much the memory of a fresh process peaks above that of the packed image when it is
loaded. Ratios are those that matter; peaks include the decoder's own copies.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
from collections.abc import Callable
from pathlib import Path

import icechunk
import pytest
import xarray as xr

from jobs.archive import open_tree
from jobs.domain import SENSORS

pytestmark = pytest.mark.bench

KIB = 1024


def store_of(repository: Path) -> icechunk.IcechunkStore:
    """The newest commit."""
    icechunk.set_logs_filter("error")
    storage = icechunk.local_filesystem_storage(str(repository))
    return icechunk.Repository.open(storage).readonly_session("main").store


def packed(repository: Path) -> xr.DataTree:
    """The numbers as they lie."""
    return xr.open_datatree(
        store_of(repository), engine="zarr", consolidated=False, chunks=None, decode_cf=False
    )


def plain(repository: Path) -> xr.DataTree:
    """As the documentation opens it with xarray alone."""
    return xr.open_datatree(
        store_of(repository), engine="zarr", consolidated=False, chunks=None, decode_coords="all"
    )


def single(repository: Path) -> xr.DataTree:
    """As ``open_tree`` gives it."""
    return open_tree(store_of(repository), None)


WAYS: dict[str, Callable[[Path], xr.DataTree]] = {
    "packed": packed,
    "plain xarray": plain,
    "open_tree": single,
}


def measure(repository: Path, way: str, family: str, variable: str) -> tuple[str, int, int]:
    """Type, bytes, and peak of this process in bytes above what it was before loading."""
    image = WAYS[way](repository)[family][variable]
    image[:1].load()  # the libraries' own memory
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    loaded = image.copy().load()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return str(loaded.dtype), int(loaded.nbytes), peak * KIB


def main() -> None:
    """Print a line for every image and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repositories", nargs="+", type=Path, metavar="REPOSITORY")
    variables = {sensor.family: sensor.encoding.variable for sensor in SENSORS.values()}
    context = multiprocessing.get_context("spawn")
    for repository in parser.parse_args().repositories:
        for family in packed(repository).children:
            for way in WAYS:
                with context.Pool(1) as pool:
                    found = pool.apply(measure, (repository, way, family, variables[family]))
                dtype, size, peak = found
                print(
                    f"{repository.name:<12} {variables[family]:<12} {way:<13} {dtype:<8} "
                    f"{size / 1e6:8.1f} MB  peak +{peak / 1e6:.1f} MB"
                )


if __name__ == "__main__":
    main()
