"""Patience with a start: limits that await what Kubernetes tries again by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from jobs.kubernetes.diagnosis import Trouble

FATAL_S = 60.0
"""Grace period: what a fatal trouble lacks, such as a Secret, may still be created."""
NOTICED_S = 20.0
"""Until a try of Kubernetes, and what came of it, has been seen."""


class StartLimit:
    """A limit of time that awaits the next try of a controller that was refused before it.

    Controllers pause for as long as they were refused, also once the cause has gone. What the try
    makes gets ``then_s``; where it is refused again, the limit is over.
    """

    def __init__(self, limit_s: float, then_s: float) -> None:
        self.limit_s = limit_s
        self.then_s = then_s
        self._began = time.monotonic()
        self._awaited_until = self._began
        self._seen: set[tuple[tuple[str, ...], str]] = set()

    def over(self, found: Iterable[Trouble], away_s: float = 0.0) -> bool:
        """Whether it is over, with the troubles of one poll; ``away_s``: time that does not count,
        for the API was away.
        """
        now = time.monotonic()
        passed = now > self._began + self.limit_s + away_s
        for one in found:
            refusal = (one.key, one.time)
            if one.pause_s is None or refusal in self._seen:
                continue
            self._seen.add(refusal)
            if passed:
                return True
            self._awaited_until = max(self._awaited_until, now + one.pause_s + self.then_s)
        return passed and now > self._awaited_until


class GracePeriod:
    """Reports each trouble once, and identifies a fatal one that outlasts FATAL_S."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self._reported: set[tuple[str, ...]] = set()
        self._limits: dict[tuple[str, ...], StartLimit] = {}

    def observe(self, found: Iterable[Trouble], away_s: float = 0.0) -> str:
        """Update with the troubles of one poll; returns a fatal one older than FATAL_S, or ''.

        ``away_s``: time in which the API was away until now, and nobody could mend anything.
        """
        limits: dict[tuple[str, ...], StartLimit] = {}
        lasting = ""
        for trouble in found:
            if trouble.key not in self._reported:
                self.report(trouble.sentence)
                self._reported.add(trouble.key)
            if trouble.fatal:
                limit = self._limits.get(trouble.key) or StartLimit(FATAL_S - away_s, NOTICED_S)
                limits[trouble.key] = limit
                lasting = lasting or (trouble.what if limit.over([trouble], away_s) else "")
        self._limits = limits
        return lasting


def summarise(found: Iterable[Trouble]) -> str:
    """The troubles joined into one line."""
    return "; ".join(trouble.what for trouble in found) or "no cause is known"
