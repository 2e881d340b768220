"""Berths that overlap: what lies at two of them would count at one, and the other stay empty."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from jobs.domain.types import Berth

MOST_OVERLAP = 0.1
"""Largest share of the smaller of two berths that may lie in the other: neighbours drawn by hand
overlap by a few metres; more is one place drawn twice."""

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Overlap:
    """Two berths, and the share (0..1) of the smaller one that lies in the other."""

    first: Berth
    second: Berth
    share: float


def overlaps(berths: Sequence[Berth]) -> Iterator[Overlap]:
    """Pairs of berths that overlap by more than a tenth of the smaller one."""
    outlines = np.array([berth.polygon for berth in berths], dtype=object)
    tree = shapely.STRtree(outlines)
    left, right = tree.query(outlines, predicate="intersects")
    for first, second in zip(left, right, strict=True):
        if first < second:
            share = shared(berths[first], berths[second])
            if share > MOST_OVERLAP + _ROUNDING:
                yield Overlap(berths[first], berths[second], share)


def shared(first: Berth, second: Berth) -> float:
    """The share (0..1) of the smaller of two berths that lies in the other."""
    common = first.polygon.intersection(second.polygon).area
    return float(common / min(first.polygon.area, second.polygon.area))


def overlap_text(pair: Overlap) -> str:
    """What is wrong with a pair, and what to do."""
    return (
        f"berths {pair.first.id!r} and {pair.second.id!r} overlap: {pair.share:.0%} of the smaller "
        "one lies in the other, and a ship there would count at one of them only, while visits "
        "that never were are estimated at the other; leave one out, or redraw them side by side "
        f"(a hole in the larger one will do; at most {MOST_OVERLAP:.0%} may overlap)"
    )
