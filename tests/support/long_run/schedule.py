"""What befalls the run, and when: so many of each kind, spread evenly and shifted by chance."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Mishap(StrEnum):
    """What can happen."""

    WORKER_LOST = "worker lost"
    """Its node is deleted: no signal, no notice."""
    WORKER_EVICTED = "worker evicted"
    """With notice: SIGTERM, the grace period, SIGKILL."""
    RUNNER_EVICTED = "runner evicted"
    SCHEDULER_LOST = "scheduler lost"
    API_AWAY = "API away"
    OPERATOR_RESTARTED = "operator restarted"
    S3_REFUSES = "S3 says slow down"
    """503 to one request in four."""
    S3_SLOW = "S3 slow"
    """Every answer late."""


IN_A_DAY = {
    Mishap.WORKER_LOST: 30,
    Mishap.WORKER_EVICTED: 18,
    Mishap.RUNNER_EVICTED: 6,
    Mishap.SCHEDULER_LOST: 4,
    Mishap.API_AWAY: 8,
    Mishap.OPERATOR_RESTARTED: 2,
    Mishap.S3_REFUSES: 12,
    Mishap.S3_SLOW: 12,
}
"""How often in 24 hours: a worker goes every half an hour."""

LASTING_S = {Mishap.API_AWAY: (5.0, 40.0), Mishap.S3_REFUSES: (5.0, 15.0), Mishap.S3_SLOW: (10, 30)}
"""Least and most seconds of what has an end; not compressed, for timeouts are not either."""


@dataclass(frozen=True)
class Entry:
    """One mishap."""

    at_s: float
    what: Mishap
    lasts_s: float
    chance: float
    """In [0, 1): which of those it can meet."""


def schedule(seed: int, day_s: float) -> tuple[Entry, ...]:
    """The mishaps of 24 hours that are compressed into ``day_s``, in their order."""
    chance = random.Random(seed)
    found = [
        Entry(
            at_s=(number + chance.random()) / count * day_s,
            what=what,
            lasts_s=chance.uniform(*LASTING_S.get(what, (0.0, 0.0))),
            chance=chance.random(),
        )
        for what, count in IN_A_DAY.items()
        for number in range(count)
    ]
    return tuple(sorted(found, key=lambda entry: entry.at_s))
