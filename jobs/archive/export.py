"""Copies of one snapshot: plain Zarr v3, key by key, or netCDF for older readers."""

from __future__ import annotations

import asyncio
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

import icechunk
import zarr
from zarr.core.buffer import default_buffer_prototype

from jobs.archive.schema import describe
from jobs.errors import ArchiveError

AT_ONCE = 16
"""Keys read at the same time; a chunk has some megabytes."""


class CopyFormat(StrEnum):
    """Formats of a copy."""

    ZARR = "zarr"
    """The archive's own arrays in plain Zarr v3."""
    NETCDF = "netcdf"
    """A flat netCDF-4 file per sensor family."""


def copy_into(target: Path, store: icechunk.IcechunkStore, form: CopyFormat) -> None:
    """Write a copy of a read-only store as a new folder."""
    if form is CopyFormat.NETCDF:
        from jobs.archive.netcdf import copy_as_netcdf  # with xarray, which nothing else here needs

        copy_as_netcdf(store, target)
    else:
        copy_as_zarr(store, target)


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """A path beside the target to write to, renamed to it at the end; removed on any error.

    Raises ArchiveError where the target exists, or cannot be written.
    """
    if target.exists():
        raise ArchiveError(f"{target} exists already: remove it or choose another name")
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(partial)  # of an export that was killed
        yield partial
        partial.rename(target)
    except OSError as error:
        raise ArchiveError(
            f"{target} cannot be written: {error}; choose another place, or mend its rights or "
            "space; nothing was left there"
        ) from error
    finally:
        with suppress(OSError):  # where nothing can be written, nothing can be removed
            _remove(partial)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy_as_zarr(store: icechunk.IcechunkStore, target: Path) -> None:
    """Write every group, array and chunk of a read-only store into a folder, metadata consolidated.

    Bytes are copied as stored, never decoded. Every group keeps its own coordinates, so that each
    can be opened without the others.
    """
    asyncio.run(_copy_keys(store, lambda key: target / key))
    root = zarr.open_group(target, mode="r+", zarr_format=3)
    describe(root)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        for name in root.group_keys():
            zarr.consolidate_metadata(root.store, path=name, zarr_format=3)
        zarr.consolidate_metadata(root.store, zarr_format=3)


async def _copy_keys(store: icechunk.IcechunkStore, place: Callable[[str], Path]) -> None:
    prototype = default_buffer_prototype()

    async def copy(key: str) -> None:
        found = await store.get(key, prototype)
        if found is None:
            raise ArchiveError(f"{key} is listed in the archive and cannot be read: run `verify`")
        place(key).parent.mkdir(parents=True, exist_ok=True)
        place(key).write_bytes(found.to_bytes())

    waiting: list[str] = []
    async for key in store.list():
        waiting.append(key)
        if len(waiting) == AT_ONCE:
            await asyncio.gather(*map(copy, waiting))
            waiting.clear()
    await asyncio.gather(*map(copy, waiting))
