"""Back-off of controllers whose requests are refused, as that of client-go's work queues."""

from __future__ import annotations

import time

REPLICA_SET = (0.005, 1000.0)
"""Seconds of the first pause and of the longest: the default of controllers."""
JOB = (1.0, 60.0)


class Backoff:
    """Pauses by key, each twice as long as the one before, until something succeeds.

    A change of the quota wakes no controller: what was refused for 100 s idles for 64 s more.
    """

    def __init__(self, first_s: float, longest_s: float) -> None:
        self.first_s = first_s
        self.longest_s = longest_s
        self._refusals: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def due(self, key: str) -> bool:
        """Whether no pause is on."""
        return time.monotonic() >= self._not_before.get(key, 0.0)

    def refused(self, key: str) -> None:
        """Begin the next pause."""
        number = self._refusals.get(key, 0)
        self._refusals[key] = number + 1
        pause_s = min(self.first_s * 2**number, self.longest_s)
        self._not_before[key] = time.monotonic() + pause_s

    def succeeded(self, key: str) -> None:
        """Forget the refusals."""
        self._refusals.pop(key, None)
        self._not_before.pop(key, None)
