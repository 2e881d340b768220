"""The berths of a port together: their points pooled, and histories drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, TypeVar

from jobs.domain import EstimateSettings
from jobs.visits.berth_models import Fit, PlacePosterior, seed_of
from jobs.visits.occupancy.partial_pooling import pooled

T = TypeVar("T")
Tell: TypeAlias = Callable[[str, int, int], None] | None
"""Called with a step, how many of its parts are done, and of how many."""


def pooled_histories(
    fits: Sequence[Fit], settings: EstimateSettings, step: str, tell: Tell = None
) -> list[PlacePosterior]:
    """Histories of the berths of one port, each berth borrowing from the others; draw i of all of
    them is one history of the port.
    """
    if not fits:
        return []
    seed = seed_of(settings, fits[0].panel.port)
    chosen = pooled([one.member for one in fits], settings.draws, seed)
    return [
        one.posterior(points, seed_of(settings, one.panel.port, one.panel.berth))
        for one, points in told(step, list(zip(fits, chosen, strict=True)), tell)
    ]


def told(step: str, items: Sequence[T], tell: Tell) -> Iterator[T]:
    """The items of a step, whose beginning and end are told."""
    for number, item in enumerate(items):
        if tell is not None:
            tell(step, number, len(items))
        yield item
    if tell is not None:
        tell(step, len(items), len(items))
