"""Grace period of fatal troubles while a run or a cluster is waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from jobs.kubernetes.diagnosis import Trouble

FATAL_S = 60.0
"""Grace period: what a fatal trouble lacks, such as a Secret, may still be created."""


class GracePeriod:
    """Reports each trouble once, and identifies a fatal one that outlasts FATAL_S."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self._reported: set[str] = set()
        self._fatal_since: dict[str, float] = {}

    def observe(self, found: Iterable[Trouble]) -> str:
        """Update with the troubles of one poll; returns a fatal one older than FATAL_S, or ''."""
        now = time.monotonic()
        fatal: dict[str, float] = {}
        for trouble in found:
            if trouble.what not in self._reported:
                self.report(trouble.what)
                self._reported.add(trouble.what)
            if trouble.fatal:
                fatal[trouble.what] = self._fatal_since.get(trouble.what, now)
        self._fatal_since = fatal
        return next((what for what, since in fatal.items() if now - since > FATAL_S), "")


def summarise(found: Iterable[Trouble]) -> str:
    """The troubles joined into one line."""
    return "; ".join(trouble.what for trouble in found) or "no cause is known"
