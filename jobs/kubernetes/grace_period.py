"""How long a trouble is borne before a wait is given up, and that each is told once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from jobs.kubernetes.diagnosis import Trouble

FATAL_S = 60.0
"""A trouble that does not pass by itself must have lasted this long: a Secret may be on its way."""


class GracePeriod:
    """Hears of the troubles at each look; says the new ones, and which is past bearing."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self.report = report
        self._reported: set[str] = set()
        self._fatal_since: dict[str, float] = {}

    def observe(self, found: Iterable[Trouble]) -> str:
        """The trouble for which waiting on makes no sense; empty while there is hope."""
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
    """All of them in one sentence."""
    return "; ".join(trouble.what for trouble in found) or "nothing tells why"
