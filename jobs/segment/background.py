"""The background of a port: what is left when everything that moves is taken away.

Of every band and pixel the background is a low quantile over many looks, in the network's own
planes, where water is about 0 and hulls stand out. A place that shows its water in more than a
tenth of its looks shows it here, however many ships lie there the rest of the time; quays and
jetties, which never move, stay. A higher quantile would be steadier and would keep the ships of
busy berths: at .2 a quay of English Bay that is occupied on nearly all of ten dates loses its ships
(tests/bench/bench_background.py).

What errs, errs towards water: an unseen shadow, or a jetty that no two looks put into the same
pixel, takes structure out of the background, and what is not in it is nobody's fault.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MOST_LOOKS = 30
"""More looks sharpen little and cost some tenths of a second each for a million pixels."""

LEAST_LOOKS = 6
"""Clear looks at a pixel below which its background is unknown: two ships that stay for a week
fill all looks of a fortnight."""

LOW_SHARE = 0.1
"""The quantile: with 10 looks or fewer the lowest of them, with 20 the second, with 30 the
third."""

HALF_AS_CLEAR = 0.5
"""A look is used that is at least this share as clear as the clearest: of a small hole in the
clouds neither water nor contrast can be told."""

_STEP = 1 / 2048
"""Of the numbers that planes are kept as; planes reach from about -7 to 7."""
_NONE = np.int16(np.iinfo(np.int16).max)

Planes = NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A look that the background may be made from."""

    overpass_id: str
    clear_fraction: float
    """Of the port's grid, imaged and not under cloud."""


def chosen(candidates: Sequence[Candidate], most: int = MOST_LOOKS) -> tuple[str, ...]:
    """Ids of the looks to take, in time order as given: the clearest of each stretch of time.

    The usable looks are parted into ``most`` stretches of about equal numbers, so that no ship that
    stayed for a month fills them all. The same candidates give the same choice.
    """
    best = max((each.clear_fraction for each in candidates), default=0.0)
    usable = [c for c in candidates if best and c.clear_fraction >= HALF_AS_CLEAR * best]
    ends = np.linspace(0, len(usable), min(most, len(usable)) + 1).astype(int).tolist()
    return tuple(max(usable[a:b], key=_preference).overpass_id for a, b in pairwise(ends))


def _preference(candidate: Candidate) -> tuple[float, str]:
    return candidate.clear_fraction, candidate.overpass_id


def background(looks: Iterable[Planes], share: float = LOW_SHARE) -> Planes | None:
    """The background of normalised looks (band, y, x), in their unit; None of too few looks.

    NaN where a look has no data or cloud, and in the result where a band has fewer than LEAST_LOOKS
    values. Looks are taken one at a time: memory is 28 bytes a pixel beside one look, whatever
    their number. Their order does not matter. Raises ValueError for more than MOST_LOOKS.
    """
    lowest: _Lowest | None = None
    for planes in looks:
        lowest = lowest or _Lowest(planes.shape, share)
        lowest.add(planes)
    if lowest is None or lowest.added < LEAST_LOOKS:
        return None
    return lowest.quantile()


class _Lowest:
    """The lowest few values of every pixel among images that come one after another."""

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
