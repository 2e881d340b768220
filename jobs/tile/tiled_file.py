"""Windows of a tiled GeoTIFF, whose blocks are decoded here and only as far as a window reaches.

For files whose header proves that they are of the common kind (see `geotiff`). The numbers are
those that GDAL gives; GDAL decodes blocks whole, and undoes their differences also where no window
is. What is not decoded is not checked: the checksum of a block is at its end, and is compared only
where a block is decoded to its end.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from jobs.tile.file_bytes import FileBytes
from jobs.tile.geotiff import Codec, Layout

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BATCH_BYTES = 64 * 2**20
"""As many bytes of blocks are fetched at once, if no more than a block has more."""

Span: TypeAlias = tuple[int, int]
"""A range of rows or columns, from 0."""

Numbers: TypeAlias = NDArray[np.unsignedinteger]


class _Decoder(Protocol):
    def decompress(self, data: Any, max_length: int) -> bytes:
        """The first bytes, at most so many."""


_DECODERS: dict[Codec, Any] = {"deflate": isal_zlib.decompressobj, "zstd": zstd.ZstdDecompressor}
_FAULTS: tuple[type[Exception], ...] = (
    cast(type[Exception], isal_zlib.error),  # by its stub it is an instance
    zstd.ZstdError,
    EOFError,
    ValueError,
)


@dataclass(frozen=True)
class _Block:
    """A block under a window: its place among the blocks, and where it lies in the file."""

    row: int
    column: int
    start: int
    length: int


class TiledFile:
    """An open file of that kind."""

    def __init__(self, layout: Layout, file: FileBytes) -> None:
        self.layout = layout
        self._file = file

    def read(
        self, indexes: Sequence[int], rows: Span, columns: Span, outs: Sequence[Numbers]
    ) -> None:
        """Fill the outs, (rows, columns) in the file's type, from bands (from 1) of a window.

        Raises OSError where a block cannot be read or decoded.
        """
        for batch in self._batches(rows, columns):
            stored = [block for block in batch if block.length]
            ranges = self._file.ranges([(block.start, block.length) for block in stored])
            content = dict(zip(stored, ranges, strict=True))
            for block in batch:
                self._fill(block, content.get(block), indexes, rows, columns, outs)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _batches(self, rows: Span, columns: Span) -> Iterator[list[_Block]]:
        """The blocks under a window, as many at once as are fetched together."""
        batch: list[_Block] = []
        size = 0
        for block in self._blocks(rows, columns):
            if batch and size + block.length > BATCH_BYTES:
                yield batch
                batch, size = [], 0
            batch.append(block)
            size += block.length
        yield batch

    def _blocks(self, rows: Span, columns: Span) -> Iterator[_Block]:
        layout = self.layout
        down, across = layout.block_height, layout.block_width
        for row in range(rows[0] // down, -(-rows[1] // down)):
            for column in range(columns[0] // across, -(-columns[1] // across)):
                start, length = layout.offsets[row, column], layout.counts[row, column]
                yield _Block(row, column, int(start), int(length))

    def _fill(
        self,
        block: _Block,
        content: memoryview | None,
        indexes: Sequence[int],
        rows: Span,
        columns: Span,
        outs: Sequence[Numbers],
    ) -> None:
        """Fill the part of the outs that a block covers."""
        here_rows, there_rows = _common(block.row, self.layout.block_height, rows)
        here_columns, there_columns = _common(block.column, self.layout.block_width, columns)
        targets = [out[slice(*there_rows), slice(*there_columns)] for out in outs]
        if content is None:
            for target in targets:
                target[...] = self.layout.nodata or 0
            return
        numbers = self._decoded(block, content, here_rows)
        for index, target in zip(indexes, targets, strict=True):
            self._undo(numbers[..., index - 1], here_columns, target)

    def _decoded(self, block: _Block, content: memoryview, rows: Span) -> Numbers:
        """Rows of a block as stored, (row, column, sample)."""
        layout = self.layout
        dtype = np.dtype(layout.dtype).newbyteorder(layout.order)
        row_bytes = layout.block_width * layout.samples * dtype.itemsize
        decoder: _Decoder = _DECODERS[layout.codec]()
        try:
            found = decoder.decompress(content, rows[1] * row_bytes)
        except _FAULTS as error:
            raise _undecodable(block, str(error)) from error
        if len(found) < rows[1] * row_bytes:
            raise _undecodable(block, "it ends early")
        shape = (rows[1] - rows[0], layout.block_width, layout.samples)
        return np.frombuffer(
            found, dtype, count=shape[0] * shape[1] * shape[2], offset=rows[0] * row_bytes
        ).reshape(shape)

    def _undo(self, stored: Numbers, columns: Span, out: Numbers) -> None:
        """Write the numbers of some columns: sums of differences, where those are stored.

        ``stored``: (row, column) of one sample, from the block's first column on.
        """
        part = stored[:, slice(*columns)]
        if not self.layout.differences:
            out[...] = part
            return
        np.add.accumulate(part, axis=1, dtype=out.dtype, out=out)
        if columns[0]:
            out += np.add.reduce(stored[:, : columns[0]], axis=1, dtype=out.dtype)[:, None]


def _common(number: int, length: int, wanted: Span) -> tuple[Span, Span]:
    """What a block and a window have in common along an axis: from the block's start, and from the
    window's.
    """
    start = number * length
    low, high = max(start, wanted[0]), min(start + length, wanted[1])
    return (low - start, high - start), (low - wanted[0], high - wanted[0])


def _undecodable(block: _Block, why: str) -> OSError:
    return OSError(f"block ({block.row}, {block.column}) cannot be decoded: {why}")
