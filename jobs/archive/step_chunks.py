"""The chunks of one step of a group's arrays, encoded and set together.

Assigned one by one, each of a step's dozen small arrays costs milliseconds: its metadata is read
and parsed again, and event loops and threads take turns. Here a snapshot's metadata is read once,
and the chunks go to the store in one call, with the bytes that Zarr would give them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any, TypeAlias

import icechunk
import numpy as np
import zarr
from numcodecs.blosc import BITSHUFFLE, NOSHUFFLE, SHUFFLE, Blosc
from numpy.typing import NDArray
from zarr.buffer import cpu
from zarr.codecs import BloscCodec
from zarr.core.sync import sync
from zarr.storage import StorePath

MOST_KNOWN = 64
"""Groups of snapshots whose metadata a process keeps, some kilobytes each."""

SHUFFLES = {"noshuffle": NOSHUFFLE, "shuffle": SHUFFLE, "bitshuffle": BITSHUFFLE}

Chunk: TypeAlias = tuple[str, bytes | None]
"""Key and encoded bytes of a chunk; None where it is all fill value, which is not stored."""

_known: dict[tuple[str, str], Mapping[str, Any]] = {}
"""Zarr's metadata by array, of a snapshot's group: what a snapshot says never changes."""


class StepArrays:
    """The arrays of a group as the snapshot has it that a session was forked from."""

    def __init__(self, session: icechunk.session.ForkSession, path: str) -> None:
        self.store = session.store
        self.path = path
        self._metadata = _metadata_of(session, path)

    def __contains__(self, name: str, /) -> bool:
        return name in self._metadata

    def __getitem__(self, name: str) -> zarr.Array[Any]:
        place = StorePath(self.store, f"{self.path}/{name}".lstrip("/"))
        return zarr.Array(zarr.AsyncArray(self._metadata[name], place))

    def write(self, step: int, values: Mapping[str, NDArray[Any]]) -> None:
        """Set every chunk of one step of the arrays of these names; ValueError for a value of
        another shape than a step has.
        """
        chunks: list[Chunk] = []
        for name, value in values.items():
            found = self[name]
            if value.shape != found.shape[1:]:
                raise ValueError(f"a step of {name} has shape {found.shape[1:]}, not {value.shape}")
            if (codec := _codec(found)) is None:
                found[step] = value  # of an archive that was not made by us
            else:
                chunks.extend(_encoded(found, codec, step, value))
        sync(_set(self.store, chunks))


def _metadata_of(session: icechunk.session.ForkSession, path: str) -> Mapping[str, Any]:
    key = (str(session.snapshot_id), path)
    if (known := _known.get(key)) is None:
        group = zarr.open_group(session.store, path=path, mode="r")
        known = {name: found.metadata for name, found in group.arrays()}
        if len(_known) >= MOST_KNOWN:
            _known.clear()
        _known[key] = known
    return known


def _codec(found: zarr.Array[Any]) -> Blosc | None:
    """The compressor of chunks of one step each; None where they are laid out in another way."""
    (*others, last) = (*found.filters, *found.compressors) or (None,)
    if found.chunks[0] != 1 or found.shards or others or not isinstance(last, BloscCodec):
        return None
    options: dict[str, Any] = last.to_dict()["configuration"]  # type: ignore[assignment]
    if options["typesize"] != found.dtype.itemsize or sys.byteorder != "little":
        return None
    return Blosc(
        options["cname"], options["clevel"], SHUFFLES[options["shuffle"]], options["blocksize"]
    )


def _encoded(
    found: zarr.Array[Any], codec: Blosc, step: int, value: NDArray[Any]
) -> Iterator[Chunk]:
    """Every chunk of a step, those at the far edges filled up."""
    value, edges = np.asarray(value, found.dtype), found.chunks[1:]
    counts = (range(-(-length // edge)) for length, edge in zip(value.shape, edges, strict=True))
    for index in product(*counts):
        part = value[tuple(slice(i * e, (i + 1) * e) for i, e in zip(index, edges, strict=True))]
        key = f"{found.path}/{found.metadata.encode_chunk_key((step, *index))}"
        if _is_fill(part, found.fill_value):
            yield key, None
        else:
            chunk = part if part.shape == edges else _filled_up(part, edges, found.fill_value)
            yield key, bytes(codec.encode(np.ascontiguousarray(chunk)))


def _is_fill(part: NDArray[Any], fill: Any) -> bool:
    first = part.flat[0]
    if not (first == fill or (first != first and fill != fill)):
        return False
    return bool(np.array_equal(part, np.broadcast_to(fill, part.shape), equal_nan=fill != fill))


def _filled_up(part: NDArray[Any], shape: tuple[int, ...], fill: Any) -> NDArray[Any]:
    chunk = np.full(shape, fill, part.dtype)
    chunk[tuple(map(slice, part.shape))] = part
    return chunk


async def _set(store: icechunk.IcechunkStore, chunks: Iterable[Chunk]) -> None:
    await asyncio.gather(
        *(
            store.delete(key) if data is None else store.set(key, cpu.Buffer.from_bytes(data))
            for key, data in chunks
        )
    )
