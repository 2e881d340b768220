"""The static background of a port: the image without anything that moves.

Of every pixel the background shows one whole look: all bands of it, in the network's normalised
planes, where water is about 0. The looks are ordered by how much the pixel stands out in them, by
its largest contrast with the water, dark or bright, in any band; a low quantile of them is taken. A
pixel that is water in more than a tenth of its looks is water here, however many ships lie there
the rest of the time; quays and jetties stay. A higher quantile would be less noisy and would keep
the ships of busy berths (tests/bench/bench_background.py).

The bands are never taken from different looks. The lowest value of each band alone is no pixel that
anybody saw: a red hull is darker than water in blue and green, so one look in which it lay there
was enough to leave it in the background.

Errors are towards water: an undetected shadow, or a jetty that no two looks put into the same
pixel, removes structure from the background, and vessels there are then kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from jobs.segment.protocol import Candidate

MOST_LOOKS = 30
"""More looks improve little and cost some tenths of a second each for a million pixels."""

LEAST_LOOKS = 6
"""Clear looks at a pixel below which its background is unknown: two ships that each stay for a week
fill all looks of a fortnight."""

LOW_SHARE = 0.1
"""The quantile: with 10 looks or fewer the calmest of them, with 20 the second, with 30 the
third."""

LEAST_CLEAR_SHARE = 0.5
"""Looks are used whose clear fraction is at least this share of the clearest look's: from a small
hole in the clouds neither water nor contrast can be estimated."""

_STEP = 1 / 256
"""Resolution that planes are kept at; they are between about -7 and 7."""
_BITS = 12
"""Of each band in the number that a pixel of a look is packed into, and of its contrast, which
comes first: so the smaller number is the calmer look. Four bands fit into 64 bits."""
_MIDDLE = 1 << (_BITS - 1)
_MASK = np.uint64((1 << _BITS) - 1)
_NONE = np.iinfo(np.uint64).max

Planes = NDArray[np.float32]


def choose_looks(candidates: Sequence[Candidate], most: int = MOST_LOOKS) -> tuple[str, ...]:
    """Ids of the looks to use, in the order given, which is by time: the clearest of each stretch.

    The usable looks are divided into ``most`` stretches of about equal numbers, so that no ship
    that stayed for a month is in all of them. The choice is deterministic.
    """
    best = max((each.clear_fraction for each in candidates), default=0.0)
    usable = [c for c in candidates if best and c.clear_fraction >= LEAST_CLEAR_SHARE * best]
    ends = np.linspace(0, len(usable), min(most, len(usable)) + 1).astype(int).tolist()
    return tuple(max(usable[a:b], key=_preference).overpass_id for a, b in pairwise(ends))


def _preference(candidate: Candidate) -> tuple[float, str]:
    return candidate.clear_fraction, candidate.overpass_id


def background(looks: Iterable[Planes], share: float = LOW_SHARE) -> Planes | None:
    """The background of normalised looks (band, y, x), in their unit; None for too few looks.

    NaN marks no data and cloud in a look, and in the result pixels with fewer than LEAST_LOOKS
    looks; a pixel of a look that lacks one of the look's bands is not used. Looks are read one at a
    time: memory is 25 bytes a pixel besides one look, whatever their number. Their order does not
    matter. Raises ValueError for more than MOST_LOOKS, or more than four bands.
    """
    calmest: _Calmest | None = None
    for planes in looks:
        calmest = calmest or _Calmest(planes.shape, share)
        calmest.add(planes)
    if calmest is None or calmest.added < LEAST_LOOKS:
        return None
    return calmest.quantile()


class _Calmest:
    """The calmest few looks of every pixel over images that are added one by one."""

    def __init__(self, shape: tuple[int, ...], share: float) -> None:
        bands, *size = shape
        if (bands + 1) * _BITS > 64:
            raise ValueError(f"a look of {bands} bands: a background is made of at most 4")
        self.added = 0
        self._bands = bands
        self._share = share
        kept = 1 + int(share * (MOST_LOOKS - 1))
        self._kept = np.full((kept, *size), _NONE, np.uint64)
        """(rank, y, x), ascending."""
        self._count = np.zeros(size, np.uint8)

    def add(self, planes: Planes) -> None:
        if self.added == MOST_LOOKS:
            raise ValueError(f"a background is made from at most {MOST_LOOKS} looks")
        rest, known = _packed(planes)
        for kept in self._kept:
            higher = np.maximum(kept, rest)
            np.minimum(kept, rest, out=kept)
            rest = higher
        self._count += known
        self.added += 1

    def quantile(self) -> Planes:
        rank = (self._share * np.maximum(self._count.astype(np.float32) - 1, 0)).astype(np.intp)
        packed = np.take_along_axis(self._kept, rank[None], axis=0)[0]
        packed[self._count < LEAST_LOOKS] = 0
        found = np.empty((self._bands, *packed.shape), np.float32)
        for plane in found[::-1]:
            code = (packed & _MASK).astype(np.int16)
            plane[:] = np.where(code, (code - _MIDDLE) * np.float32(_STEP), np.float32(np.nan))
            packed >>= np.uint64(_BITS)
        return found


def _packed(planes: Planes) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """One number for each pixel of a look (y, x), smaller where it is calmer; and where it is
    known. A band without data is 0 in it.
    """
    there = [plane for plane in planes if np.isfinite(plane).any()]
    known: NDArray[np.bool_] = np.zeros(planes.shape[1:], bool)
    if not there:
        return np.full(known.shape, _NONE, np.uint64), known
    known = np.logical_and.reduce([np.isfinite(plane) for plane in there])
    contrast = np.zeros(known.shape, np.int16)
    packed = np.zeros(known.shape, np.uint64)
    for plane in planes:
        finite = known & np.isfinite(plane)
        steps = np.where(finite, plane, np.float32(0)) / np.float32(_STEP)
        code = np.clip(np.rint(steps), 1 - _MIDDLE, _MIDDLE - 1).astype(np.int16)
        np.maximum(contrast, np.abs(code), out=contrast)
        packed <<= np.uint64(_BITS)
        packed |= np.where(finite, code + np.int16(_MIDDLE), np.int16(0)).astype(np.uint64)
    packed |= contrast.astype(np.uint64) << np.uint64(_BITS * len(planes))
    packed[~known] = _NONE
    return packed, known
