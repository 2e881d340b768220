"""Parts of Zarr arrays, such as the bands of ESA's EOPF products, as GeoTIFF files in memory.

Zarr takes a chunk that is not there for one without data. GDAL's driver for it (seen in 3.10.3)
takes a chunk that could not be read for the same, without a word: a busy server, or one that
refuses, would leave holes that look like no data. So zarr reads the arrays, through files that are
opened as all others are, and what failed is an error. What a grid needs of an array then becomes a
file for the readers of files.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import zarr
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.warp import transform_bounds
from rasterio.windows import Window, from_bounds
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, Store
from zarr.codecs import BloscCodec
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.core.metadata import ArrayV2Metadata

from jobs.domain import FileAccess, Grid, Source, is_zarr_array
from jobs.errors import SceneError, SetupError
from jobs.tile.access import without_query
from jobs.tile.encoding import Layer
from jobs.tile.geotiff import BLOCK_LIMIT_BYTES
from jobs.tile.mask_flags import FlagLayer
from jobs.tile.raster import Place, unreadable, whole_file

MARGIN_PX = 32
"""Of the array's pixels around the grid that are copied too: a warp reads beyond its edge."""
_BLOCK_PX = 256


@contextmanager
def arrays_as_files(
    layers: Iterable[Layer | FlagLayer], grid: Grid, access: FileAccess | None
) -> Iterator[list[Layer | FlagLayer]]:
    """The layers with files in place of arrays; one whose array lies nowhere under the grid is left
    out.

    Raises SceneError for an array that is not as its catalog declares or cannot be read, and
    UnreachableError where another attempt may succeed.
    """
    with ExitStack() as files:
        found = [_as_file(layer, grid, access, files) for layer in layers]
        yield [layer for layer in found if layer is not None]


def _as_file(
    layer: Layer | FlagLayer, grid: Grid, access: FileAccess | None, files: ExitStack
) -> Layer | FlagLayer | None:
    source = layer.source
    if not is_zarr_array(source.href):
        return layer
    part = _part(source, grid)
    if part is None:
        return None
    dtypes = layer.dtypes if isinstance(layer, Layer) else layer.mask.dtypes
    try:
        array = zarr.open_array(_Objects(Place(source.href, access)), mode="r")
        _check(array, source, dtypes)
        rows, columns = part.toslices()
        numbers = np.asarray(array[rows, columns])
    except SetupError:  # a ValueError, and no fault of the array
        raise
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise unreadable(source.href, error) from None
    copied = files.enter_context(_file_of(numbers, array.fill_value, source, part))
    if isinstance(layer, Layer):
        return replace(layer, source=copied, measured=frozenset({1} if layer.measured else ()))
    return replace(layer, source=copied)


@contextmanager
def _file_of(numbers: NDArray[Any], nodata: Any, source: Source, part: Window) -> Iterator[Source]:
    """A file in memory with a part of an array."""
    transform = Affine(*source.transform) @ Affine.translation(part.col_off, part.row_off)
    with MemoryFile(ext=".tif") as memory:
        with memory.open(
            driver="GTiff",
            count=1,
            height=numbers.shape[0],
            width=numbers.shape[1],
            dtype=numbers.dtype,
            crs=CRS.from_epsg(source.epsg),
            transform=transform,
            nodata=nodata,
            tiled=True,
            blockxsize=_BLOCK_PX,
            blockysize=_BLOCK_PX,
        ) as copy:
            copy.write(numbers, 1)
        a, b, c, d, e, f = tuple(transform)[:6]
        shape = (numbers.shape[0], numbers.shape[1])
        yield replace(source, href=memory.name, index=1, transform=(a, b, c, d, e, f), shape=shape)


def _part(source: Source, grid: Grid) -> Window | None:
    """The part of an array that a grid needs, with a margin; None where they lie apart."""
    bounds = grid.bounds
    if source.epsg != grid.epsg:
        bounds = transform_bounds(
            f"EPSG:{grid.epsg}", f"EPSG:{source.epsg}", *bounds, densify_pts=21
        )
    window = from_bounds(*bounds, transform=Affine(*source.transform))
    top, left = int(window.row_off) - MARGIN_PX, int(window.col_off) - MARGIN_PX
    bottom = int(np.ceil(window.row_off + window.height)) + MARGIN_PX
    right = int(np.ceil(window.col_off + window.width)) + MARGIN_PX
    rows = max(top, 0), min(bottom, source.shape[0])
    columns = max(left, 0), min(right, source.shape[1])
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        return None
    return Window.from_slices(rows, columns)


# --- checks against the catalog -----------------------------------------------------------------


def _check(array: zarr.Array[Any], source: Source, dtypes: Sequence[str]) -> None:
    """Raise SceneError for an array that differs from its declaration, or is of another kind."""
    name = without_query(source.href)
    if tuple(array.shape) != tuple(source.shape) or array.dtype.name not in dtypes:
        raise SceneError(
            f"{name} has shape {tuple(array.shape)} of {array.dtype.name}, expected "
            f"{tuple(source.shape)} of {' or '.join(dtypes)}: report it to the catalog's keeper"
        )
    size = int(np.prod(array.shards or array.chunks)) * array.dtype.itemsize
    if size > BLOCK_LIMIT_BYTES:
        raise SceneError(
            f"{name} has chunks of {size / 2**20:.0f} MB; expected at most "
            f"{BLOCK_LIMIT_BYTES / 2**20:.0f}"
        )
    if not _is_of_blosc(array):
        raise SceneError(
            f"{name} is compressed by something else than Blosc alone, which is what the products "
            "that are known here have: please report this"
        )
    _check_grid(array.attrs.asdict(), source)
    _check_scale(array.attrs.asdict(), source)


def _is_of_blosc(array: zarr.Array[Any]) -> bool:
    if isinstance(array.metadata, ArrayV2Metadata):
        return not array.filters and all(
            getattr(each, "codec_id", None) == "blosc" for each in array.compressors
        )
    return not array.filters and all(isinstance(each, BloscCodec) for each in array.compressors)


def _check_grid(attributes: Mapping[str, Any], source: Source) -> None:
    found = attributes.get("proj:epsg") or str(attributes.get("proj:code", "")).removeprefix(
        "EPSG:"
    )
    transform = tuple(attributes.get("proj:transform") or ())[:6]
    if str(found) != str(source.epsg) or not np.allclose(
        transform or np.nan, source.transform, rtol=0, atol=1e-3 * abs(source.transform[0])
    ):
        raise SceneError(
            f"{without_query(source.href)} names EPSG:{found or 'nothing'} and transform "
            f"{transform or 'nothing'} in its attributes, the catalog declares EPSG:{source.epsg} "
            f"and {source.transform}: report it to the catalog's keeper"
        )


def _check_scale(attributes: Mapping[str, Any], source: Source) -> None:
    """An offset that one of both does not know of would be applied twice, or not at all."""
    own = attributes.get("scale_factor"), attributes.get("add_offset")
    declared = source.scale, source.offset
    if any(o is not None and float(o) != d for o, d in zip(own, declared, strict=True)):
        raise SceneError(
            f"{without_query(source.href)} has scale {own[0]} and offset {own[1]} in its "
            f"attributes, the catalog declares {declared[0]:g} and {declared[1]:g}: which of them "
            "holds is unknown; report it to the catalog's keeper"
        )


# --- reading ------------------------------------------------------------------------------------


def _slice(size: int, part: ByteRequest | None) -> slice:
    """Of the bytes of an object."""
    if isinstance(part, RangeByteRequest):
        return slice(part.start, part.end)
    if isinstance(part, OffsetByteRequest):
        return slice(part.offset, None)
    return slice(None) if part is None else slice(size - part.suffix, None)


class _Objects(Store):
    """The objects under an address, to be read; one that is not there is None, as zarr wants it."""

    supports_writes = False
    supports_deletes = False
    supports_listing = False

    def __init__(self, place: Place) -> None:
        super().__init__(read_only=True)
        self._place = place

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Objects) and other._place == self._place

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """An object, or a part of it; None where it is not there. OSError where it cannot be read
        or is larger than a block may be.
        """
        content = whole_file(self._place_of(key), BLOCK_LIMIT_BYTES)
        if content is None:
            return None
        return prototype.buffer.from_bytes(content[_slice(len(content), byte_range)])

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Several of them."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether an object is there."""
        return whole_file(self._place_of(key), BLOCK_LIMIT_BYTES) is not None

    def _place_of(self, key: str) -> Place:
        return replace(self._place, href=f"{self._place.href.rstrip('/')}/{key}")

    async def set(self, key: str, value: Buffer) -> None:
        """Not possible."""
        raise NotImplementedError

    async def delete(self, key: str) -> None:
        """Not possible."""
        raise NotImplementedError

    def list(self) -> AsyncIterator[str]:
        """Not possible."""
        raise NotImplementedError

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Not possible."""
        raise NotImplementedError

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Not possible."""
        raise NotImplementedError
