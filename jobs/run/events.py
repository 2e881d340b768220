from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias


class EventName(StrEnum):
    """What can happen in a run."""

    STARTED = "started"
    """A run begins."""
    PORT = "port"
    """A port is begun: how its overpasses stand and how many are to do."""
    RETRIED = "retried"
    """An attempt at a stage of a unit was given up and another one made."""
    UNIT = "unit"
    """A unit ended in a stage: done or failed, with the reason."""
    QUARANTINED = "quarantined"
    """A unit killed every worker that took it up and is left out."""
    COMMITTED = "committed"
    """Units became part of a port's archive."""
    WARNING = "warning"
    """Something went wrong that the run can do without, or tries again."""
    LOST = "lost"
    """The cluster was lost; the run ends early."""
    REFUSED = "refused"
    """The archive could not be written; the run ends early."""
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
"""What a run tells its events to."""


def warner(observe: Observer) -> Callable[[str], None]:
    """What tells an observer of trouble that the run can do without, or tries again."""
    return lambda reason: observe(Event(EventName.WARNING, {"reason": reason}))
