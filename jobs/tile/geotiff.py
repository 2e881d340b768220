"""The header of a GeoTIFF, read far enough to prove that its blocks can be decoded here.

It proves: tiles of 8 or 16 bits, unsigned; one band, or red, green and blue together; DEFLATE or
ZSTD with no predictor or that of differences; north up, pixels as areas, a projection by its EPSG
code; no masks, no alpha band, nothing else that could change what numbers mean. A file that does
not prove all of this is no fault: GDAL reads it.

The bytes are foreign. Every offset and count is compared with the file's length before it is used,
and what is read of one header is limited.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from jobs.tile.file_bytes import FileBytes

Codec: TypeAlias = Literal["deflate", "zstd"]

BLOCK_LIMIT_BYTES = 256 * 2**20
"""Blocks are decoded whole, so larger ones could exhaust a worker's memory; COGs have 0.5-8 MB."""

_CODECS: dict[int, Codec] = {8: "deflate", 32946: "deflate", 50000: "zstd"}
_DTYPES = {8: "uint8", 16: "uint16"}

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 12: 8, 16: 8}
"""Bytes of a value, by the field types that are understood."""
_NUMPY = {3: "u2", 4: "u4", 12: "f8", 16: "u8"}
_ASCII = 2

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_FILL_ORDER, _ORIENTATION, _SAMPLES, _PLANAR, _PREDICTOR = 266, 274, 277, 284, 317
_TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS, _FORMAT = 322, 323, 324, 325, 339
_SCALE, _TIEPOINT, _KEYS, _KEY_DOUBLES, _KEY_TEXTS = 33550, 33922, 34735, 34736, 34737
_METADATA, _NODATA = 42112, 42113
_UNDERSTOOD = {
    *(_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC),
    *(_FILL_ORDER, _ORIENTATION, _SAMPLES, _PLANAR, _PREDICTOR),
    *(_TILE_WIDTH, _TILE_HEIGHT, _OFFSETS, _COUNTS, _FORMAT),
    *(_SCALE, _TIEPOINT, _KEYS, _KEY_DOUBLES, _KEY_TEXTS),
    *(_METADATA, _NODATA),
}
_IRRELEVANT = {269, 270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432}
"""Names, dates, makers, printed size: no pixel depends on them."""

_REDUCED = 1
"""The kind of an overview; a mask has another bit."""

_MOST_FIELDS, _MOST_PAGES = 64, 64
_MOST_BLOCKS = 2**20
_MOST_TEXT = 2**16

_NUMBER = re.compile(rb"-?\d{1,9}(\.0*)?")
_HARMLESS_ROLE = re.compile(rb'role="(scale|offset|unittype|description)"')
"""In GDAL's metadata, of items that no digital number depends on: the catalog says how to scale."""
_OF_OVERVIEWS = re.compile(rb'<Item name="OVERVIEW_RESAMPLING" domain="IMAGE_STRUCTURE">\w*</Item>')
"""How overviews were made, which are not read: GDAL 3.12 says it in every COG."""
_CHANGES_MEANING = re.compile(rb"role|domain|NODATA_VALUES|&", re.I)
"""Kinds of bands, other domains, no-data values by band."""

_GEO_TEXTS = (1026, 2049, 3073)
_GEO_FIXED = {1024: 1, 1025: 1, 2054: 9102, 3076: 9001}
"""Projected, pixels are areas, degrees, metres."""
_GEO_PROJECTION = 3072


@dataclass(frozen=True, eq=False)
class Layout:
    """What the header proves."""

    width: int
    height: int
    block_width: int
    block_height: int
    samples: int
    """Bands, interleaved by pixel."""
    dtype: str
    """``uint8`` or ``uint16``."""
    order: Literal["<", ">"]
    codec: Codec
    differences: bool
    """Whether samples are differences along the row."""
    nodata: float | None
    transform: tuple[float, float, float, float, float, float]
    epsg: int
    offsets: NDArray[np.uint64]
    """Where each block lies, (row, column) of blocks; 0 for one that is absent."""
    counts: NDArray[np.uint64]
    """Bytes of each block as stored; 0 for one that is absent."""


@dataclass(frozen=True)
class _Form:
    """How a directory is written: its number of fields, a field without and with its value."""

    number: str
    entry: str
    word: str
    inline: int
    """Bytes of values that lie in the field itself, in place of where they lie."""


_CLASSIC, _BIG = _Form("H", "HHI", "I", 4), _Form("Q", "HHQ", "Q", 8)


class _UnprovenError(Exception):
    """The header does not prove that the file is of the kind that is read here."""


def layout_of(file: FileBytes) -> Layout | None:
    """What the file's header proves; None where it does not prove enough.

    Raises OSError where the header cannot be read.
    """
    try:
        return _Header(file).layout()
    except _UnprovenError:
        return None


def _require(fact: bool) -> None:
    if not fact:
        raise _UnprovenError


@dataclass(frozen=True)
class _Field:
    """A field of a directory: its type, how many values, and where they lie."""

    kind: int
    count: int
    start: int


class _Header:
    """The directories of a file, classic or BigTIFF, of either byte order."""

    def __init__(self, file: FileBytes) -> None:
        self.file = file
        order = {b"II": "<", b"MM": ">"}.get(self._bytes(0, 2))
        _require(order is not None)
        self.order: Literal["<", ">"] = "<" if order == "<" else ">"
        (version,) = self._unpack("H", 2)
        _require(version in (42, 43))
        self.is_big = version == 43
        if self.is_big:
            _require(self._unpack("HH", 4) == (8, 0))

    def _bytes(self, start: int, length: int) -> bytes:
        _require(start >= 0 and length >= 0 and start + length <= self.file.size)
        return self.file.head(start, length)

    def _unpack(self, form: str, start: int) -> tuple[int, ...]:
        form = self.order + form
        return struct.unpack(form, self._bytes(start, struct.calcsize(form)))

    def layout(self) -> Layout:
        """What the first directory proves, once the others are known to be overviews."""
        pages = self._pages()
        fields = next(pages)
        for page in pages:
            _require(_SUBFILE in page and self._number(page[_SUBFILE]) == _REDUCED)
        _require(fields.keys() <= _UNDERSTOOD | _IRRELEVANT)
        return self._proven(fields)

    def _pages(self) -> Iterator[dict[int, _Field]]:
        """The directories, in the file's order."""
        (start,) = self._unpack("Q" if self.is_big else "I", 8 if self.is_big else 4)
        seen: set[int] = set()
        while start or not seen:
            _require(start not in seen and len(seen) < _MOST_PAGES)
            seen.add(start)
            fields, start = self._directory(start)
            yield fields

    def _directory(self, start: int) -> tuple[dict[int, _Field], int]:
        """The fields of one directory by their tags, and where the next one lies (0: nowhere)."""
        form = _BIG if self.is_big else _CLASSIC
        (number,) = self._unpack(form.number, start)
        _require(0 < number <= _MOST_FIELDS)
        at = start + struct.calcsize("<" + form.number)
        entry = struct.Struct(f"{self.order}{form.entry}{form.word}")
        end = at + number * entry.size
        fields: dict[int, _Field] = {}
        inline = entry.size - struct.calcsize("<" + form.word)
        entries = entry.iter_unpack(self._bytes(at, end - at))
        for place, (tag, kind, count, value) in zip(
            range(at, end, entry.size), entries, strict=True
        ):
            _require(tag not in fields)
            fits = _SIZES.get(kind, form.inline + 1) * count <= form.inline
            fields[tag] = _Field(kind, count, place + inline if fits else value)
        (following,) = self._unpack(form.word, end)
        return fields, following

    # --- values ---------------------------------------------------------------------------------

    def _values(self, field: _Field, most: int) -> NDArray[np.generic]:
        _require(field.kind in _NUMPY and 0 < field.count <= most)
        content = self._bytes(field.start, field.count * _SIZES[field.kind])
        return np.frombuffer(content, self.order + _NUMPY[field.kind])

    def _number(self, field: _Field | None, default: int | None = None) -> int:
        """The one integer of a field; the default where the field is absent."""
        if field is None:
            _require(default is not None)
            assert default is not None
            return default
        _require(field.kind in (3, 4, 16) and field.count == 1)
        return int(self._values(field, 1)[0])

    def _doubles(self, field: _Field | None, count: int) -> tuple[float, ...]:
        _require(field is not None)
        assert field is not None
        _require(field.kind == 12 and field.count == count)
        values = tuple(float(value) for value in self._values(field, count))
        _require(bool(np.isfinite(values).all()))
        return values

    def _text(self, field: _Field | None) -> bytes:
        """A text without what follows its end; empty where the field is absent."""
        if field is None:
            return b""
        _require(field.kind == _ASCII and field.count <= _MOST_TEXT)
        return self._bytes(field.start, field.count).split(b"\0")[0]

    # --- what they prove ------------------------------------------------------------------------

    def _proven(self, fields: dict[int, _Field]) -> Layout:
        _require(self._number(fields.get(_SUBFILE), 0) == 0)
        width, height = (self._number(fields.get(tag)) for tag in (_WIDTH, _HEIGHT))
        across, down = (self._number(fields.get(tag)) for tag in (_TILE_WIDTH, _TILE_HEIGHT))
        _require(0 < width < 2**31 and 0 < height < 2**31)
        _require(0 < across < 2**20 and 0 < down < 2**20 and across % 16 == 0 and down % 16 == 0)
        samples, dtype = self._samples(fields)
        block = across * down * samples * np.dtype(dtype).itemsize
        _require(block <= BLOCK_LIMIT_BYTES)
        codec = _CODECS.get(self._number(fields.get(_COMPRESSION)))
        predictor = self._number(fields.get(_PREDICTOR), 1)
        _require(codec is not None and predictor in (1, 2))
        assert codec is not None
        shape = -(-height // down), -(-width // across)
        nodata = self._nodata(fields)
        offsets, counts = self._blocks(fields, shape, block, nodata, dtype)
        return Layout(
            width=width,
            height=height,
            block_width=across,
            block_height=down,
            samples=samples,
            dtype=dtype,
            order=self.order,
            codec=codec,
            differences=predictor == 2,
            nodata=nodata,
            transform=self._transform(fields),
            epsg=self._projection(fields),
            offsets=offsets,
            counts=counts,
        )

    def _samples(self, fields: dict[int, _Field]) -> tuple[int, str]:
        """How many bands, and their type."""
        samples = self._number(fields.get(_SAMPLES), 1)
        photometric = self._number(fields.get(_PHOTOMETRIC))
        _require((samples, photometric) in ((1, 1), (3, 2)))
        for tag in (_PLANAR, _FILL_ORDER, _ORIENTATION):
            _require(self._number(fields.get(tag), 1) == 1)
        for tag in (_BITS, _FORMAT):
            field = fields.get(tag)
            _require(field is None or field.kind == 3)
            _require(field is None or field.count == samples)
        _require(_BITS in fields)
        bits = set(self._values(fields[_BITS], samples).tolist())
        _require(len(bits) == 1 and bits <= _DTYPES.keys())
        if _FORMAT in fields:
            _require(set(self._values(fields[_FORMAT], samples).tolist()) == {1})
        text = _OF_OVERVIEWS.sub(b"", self._text(fields.get(_METADATA)))
        text = _HARMLESS_ROLE.sub(b"", text)
        _require(_CHANGES_MEANING.search(text) is None)
        return samples, _DTYPES[bits.pop()]

    def _nodata(self, fields: dict[int, _Field]) -> float | None:
        if _NODATA not in fields:
            return None
        text = self._text(fields[_NODATA]).strip()
        _require(_NUMBER.fullmatch(text) is not None)
        return float(text)

    def _blocks(
        self,
        fields: dict[int, _Field],
        shape: tuple[int, int],
        block: int,
        nodata: float | None,
        dtype: str,
    ) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Offsets and counts by row and column of blocks, each within the file."""
        number = shape[0] * shape[1]
        _require(number <= _MOST_BLOCKS and {_OFFSETS, _COUNTS} <= fields.keys())
        found = []
        for tag in (_OFFSETS, _COUNTS):
            _require(fields[tag].kind in (3, 4, 16) and fields[tag].count == number)
            found.append(self._values(fields[tag], number).astype(np.uint64).reshape(shape))
        offsets, counts = found
        size = np.uint64(self.file.size)
        _require(bool((offsets <= size).all() and (counts <= size - offsets).all()))
        _require(bool(((offsets == 0) == (counts == 0)).all()))
        # What cannot be compressed grows by far less than this.
        _require(int(counts.max()) <= 2 * block + 2**16)
        absent = bool((counts == 0).any())
        whole = nodata is None or (
            nodata.is_integer() and 0 <= nodata <= np.iinfo(np.dtype(dtype)).max
        )
        _require(whole or not absent)
        return offsets, counts

    def _transform(
        self, fields: dict[int, _Field]
    ) -> tuple[float, float, float, float, float, float]:
        across, down, _ = self._doubles(fields.get(_SCALE), 3)
        column, row, _, left, top, _ = self._doubles(fields.get(_TIEPOINT), 6)
        _require(across > 0 and down > 0 and column == row == 0)
        return across, 0.0, left, 0.0, -down, top

    def _projection(self, fields: dict[int, _Field]) -> int:
        """The EPSG code of the projection, which all other keys only repeat."""
        field = fields.get(_KEYS)
        _require(field is not None and field.kind == 3 and field.count % 4 == 0)
        assert field is not None
        keys = self._values(field, 4 * _MOST_FIELDS).astype(int).reshape(-1, 4).tolist()
        version, revision, _, number = keys[0]
        _require((version, revision, number) == (1, 1, len(keys) - 1))
        texts = self._text(fields.get(_KEY_TEXTS))
        _require(b"=" not in texts)  # a projection in words, in place of its code
        found: dict[int, int] = {}
        for key, where, count, value in keys[1:]:
            _require(key not in found)
            is_text = key in _GEO_TEXTS
            _require((where, count) == (0, 1) or (is_text and where == _KEY_TEXTS))
            _require(is_text or key == _GEO_PROJECTION or _GEO_FIXED.get(key) == value)
            found[key] = value
        _require({1024, 1025, _GEO_PROJECTION} <= found.keys())
        return found[_GEO_PROJECTION]
