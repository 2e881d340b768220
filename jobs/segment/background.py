"""The static background of a port: the image without anything that moves.

For every band and pixel the background is a low quantile over many looks, of the network's
normalised planes, where water is about 0 and hulls are higher. A pixel that is water in more than a
tenth of its looks is water here, however many ships lie there the rest of the time; quays and
jetties stay. A higher quantile would be less noisy and would keep the ships of busy berths: at .2 a
quay of English Bay that is occupied on nearly all of ten dates loses its ships
(tests/bench/bench_background.py).

Errors are towards water: an undetected shadow, or a jetty that no two looks put into the same
pixel, removes structure from the background, and vessels there are then kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MOST_LOOKS = 30
"""More looks improve little and cost some tenths of a second each for a million pixels."""

LEAST_LOOKS = 6
"""Clear looks at a pixel below which its background is unknown: two ships that each stay for a week
fill all looks of a fortnight."""

LOW_SHARE = 0.1
"""The quantile: with 10 looks or fewer the lowest of them, with 20 the second, with 30 the
third."""

LEAST_CLEAR_SHARE = 0.5
"""Looks are used whose clear fraction is at least this share of the clearest look's: from a small
hole in the clouds neither water nor contrast can be estimated."""

_STEP = 1 / 2048
"""Resolution of the int16 numbers that planes are kept as; planes are between about -7 and 7."""
_NONE = np.int16(np.iinfo(np.int16).max)

Planes = NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A look that the background may be made from."""

    overpass_id: str
    clear_fraction: float
    """Share of the port's grid that is imaged and not under cloud."""


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

    NaN marks no data and cloud in a look, and in the result fewer than LEAST_LOOKS values of a
    band. Looks are read one at a time: memory is 28 bytes a pixel besides one look, whatever their
    number. Their order does not matter. Raises ValueError for more than MOST_LOOKS.
    """
    lowest: _Lowest | None = None
    for planes in looks:
        lowest = lowest or _Lowest(planes.shape, share)
        lowest.add(planes)
    if lowest is None or lowest.added < LEAST_LOOKS:
        return None
    return lowest.quantile()


class _Lowest:
    """The lowest few values of every pixel over images that are added one by one."""

    def __init__(self, shape: tuple[int, ...], share: float) -> None:
        self.added = 0
        self._share = share
        kept = 1 + int(share * (MOST_LOOKS - 1))
        self._kept = np.full((kept, *shape), _NONE)
        """(rank, band, y, x), ascending."""
        self._count = np.zeros(shape, np.uint8)

    def add(self, planes: Planes) -> None:
        if self.added == MOST_LOOKS:
            raise ValueError(f"a background is made from at most {MOST_LOOKS} looks")
        known = np.isfinite(planes)
        coded = np.clip(np.rint(np.where(known, planes, 0) / _STEP), -_NONE, _NONE - 1)
        rest = np.where(known, coded.astype(np.int16), _NONE)
        for kept in self._kept:
            higher = np.maximum(kept, rest)
            np.minimum(kept, rest, out=kept)
            rest = higher
        self._count += known
        self.added += 1

    def quantile(self) -> Planes:
        rank = (self._share * np.maximum(self._count.astype(np.float32) - 1, 0)).astype(np.intp)
        coded = np.take_along_axis(self._kept, rank[None], axis=0)[0]
        enough = self._count >= LEAST_LOOKS
        return np.where(enough, coded * np.float32(_STEP), np.float32(np.nan))
