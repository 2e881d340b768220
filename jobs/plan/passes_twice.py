"""Passes of one satellite that a job reads as two products: what a plan says of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations

from jobs.domain import Overpass, Port
from jobs.plan.grouping import SAME_PASS


def passes_twice(port: Port, overpasses: Sequence[Overpass]) -> Iterator[str]:
    """A line for each two sensors of a port that are two products of the same passes.

    The estimates take looks of two sensors for two witnesses, whose errors are their own.
    """
    times: dict[tuple[str, str], list[datetime]] = {}
    for each in sorted(overpasses, key=lambda overpass: overpass.acquired):
        times.setdefault((each.sensor, each.platform), []).append(each.acquired)
    shared: dict[tuple[str, str], int] = {}
    for (one, platform), (other, second) in combinations(times, 2):
        if platform == second and one != other:
            both = _in_common(times[one, platform], times[other, platform])
            names = min(one, other), max(one, other)
            shared[names] = shared.get(names, 0) + both
    for (one, other), both in shared.items():
        if both:
            yield (
                f"{port.id}: {both} passes are read twice, as {one} and as {other}: one look would "
                "be taken for two, and what both miss for seen to be empty; name one of the two "
                "in the job"
            )


def _in_common(times: Sequence[datetime], others: Sequence[datetime]) -> int:
    """How many of the first, in order, are within a pass of one of the others, in order."""
    found = 0
    for moment in times:
        at = bisect_left(others, moment - SAME_PASS)
        found += at < len(others) and others[at] <= moment + SAME_PASS
    return found
