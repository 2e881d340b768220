"""Checksums as catalogs give them: multihashes in hex, which name their algorithm."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol


class Hash(Protocol):
    """A hash of hashlib."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def hexdigest(self) -> str:
        """The digest in hex."""


def _blake2b(size: int) -> Callable[[], Hash]:
    return lambda: hashlib.blake2b(digest_size=size)


ALGORITHMS: Mapping[int, tuple[str, int, Callable[[], Hash]]] = {
    0x11: ("sha1", 20, lambda: hashlib.sha1(usedforsecurity=False)),
    0x12: ("sha2-256", 32, hashlib.sha256),
    0x13: ("sha2-512", 64, hashlib.sha512),
    0x14: ("sha3-512", 64, hashlib.sha3_512),
    0x15: ("sha3-384", 48, hashlib.sha3_384),
    0x16: ("sha3-256", 32, hashlib.sha3_256),
    0x17: ("sha3-224", 28, hashlib.sha3_224),
    0x20: ("sha2-384", 48, hashlib.sha384),
    0xD5: ("md5", 16, lambda: hashlib.md5(usedforsecurity=False)),
    0xB220: ("blake2b-256", 32, _blake2b(32)),
    0xB240: ("blake2b-512", 64, _blake2b(64)),
}
"""Name, bytes and hash by code: the table of multiformats, as far as hashlib has them."""


@dataclass(frozen=True)
class Checksum:
    """One checksum; of no known algorithm where ``code`` is None."""

    code: int | None
    digest: str
    """Hex, lower case, without the prefix that names the algorithm."""

    @property
    def algorithm(self) -> str:
        """Name of the algorithm, in words where it is unknown."""
        return "unknown" if self.code is None else ALGORITHMS[self.code][0]

    def hash(self) -> Hash | None:
        """A new hash of its algorithm; None where that is unknown."""
        return None if self.code is None else ALGORITHMS[self.code][2]()

    def comparable(self, other: Checksum) -> bool:
        """Whether different digests say that the content differs."""
        return self.code == other.code and len(self.digest) == len(other.digest)


def read_checksum(text: str) -> Checksum:
    """The checksum that a catalog spells: a multihash in hex, with or without multibase's ``f``.

    Text that is no multihash is kept as it is: it can be compared with its like.
    """
    spelled = text.strip().lower()
    digits = spelled[1:] if re.fullmatch(r"f([0-9a-f]{2})+", spelled) else spelled
    if not re.fullmatch(r"([0-9a-f]{2})+", digits):
        return Checksum(None, text.strip())
    data = bytes.fromhex(digits)
    code, start = _varint(data, 0)
    size, start = _varint(data, start)
    known = ALGORITHMS.get(code)
    if known is None or size != known[1] or len(data) - start != size:
        return Checksum(None, spelled)
    return Checksum(code, data[start:].hex())


def _varint(data: bytes, start: int) -> tuple[int, int]:
    """An unsigned LEB128 number and the index behind it; (-1, start) where none is there."""
    value = 0
    for place, byte in enumerate(data[start : start + 9]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, start + place + 1
    return -1, start
