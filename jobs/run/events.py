"""The events of a run: what the journal, the progress display and the metrics are made from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class EventName(StrEnum):
    """What happens in a run; the names are part of the journal's format."""

    STARTED = "started"
    """A run begins."""
    PORT = "port"
    """A port is begun: its overpasses by state, and how many are to do."""
    STALE = "stale"
    """Overpasses of a port are tiled again, and why."""
    RETRIED = "retried"
    """An attempt at a stage of a unit was given up and another one made."""
    UNIT = "unit"
    """A unit ended in a stage: done or failed, with the reason."""
    QUARANTINED = "quarantined"
    """A unit killed every worker that ran it and counts as failed."""
    COMMITTED = "committed"
    """Units became part of a port's archive."""
    WARNING = "warning"
    """Something failed that the run can do without, or retries."""
    LOST = "lost"
    """The cluster was lost; the run ends early."""
    REFUSED = "refused"
    """The archive could not be written; the run ends early."""
    STAGE = "stage"
    """What comes after the overpasses begins: counting visits, linking voyages, writing results."""
    COUNTING = "counting"
    """How far the count of a port's visits is; shown, and not part of the journal."""
    COUNTED = "counted"
    """The visits of a port were counted."""
    PUBLISHED = "published"
    """The results were published under a tag."""
    ENDED = "ended"
    """The run is over: counts and exit code."""


Facts: TypeAlias = dict[str, str | int | float | bool]


@dataclass(frozen=True)
class Event:
    """One line of the journal."""

    name: EventName
    facts: Facts = field(default_factory=dict)


Observer = Callable[[Event], None]
"""Called with each event of a run."""


def unobserved(event: Event) -> None:
    """Where nobody observes."""


def warner(observe: Observer) -> Callable[[str], None]:
    """A function that reports a reason to the observer as a warning event."""
    return lambda reason: observe(Event(EventName.WARNING, {"reason": reason}))
