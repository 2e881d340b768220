"""Troubles said once, by whoever sees them first: the one who waits, or a runner in its log."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

Say = Callable[[str], None]


class SaidOnce:
    """Passes on lines of logs, and troubles that no line has had; safe for threads.

    Sentences that differ in times and numbers alone are the same; names such as node-7 count.
    """

    def __init__(self, say: Say) -> None:
        self.say = say
        self._lines: set[str] = set()
        self._troubles: set[str] = set()
        self._lock = threading.Lock()

    def line(self, text: str, prefix: str = "") -> None:
        """A line of a runner's log; ``prefix`` names its partition."""
        sentence = _without_numbers(text)
        with self._lock:
            self._lines.add(sentence)
            known = sentence in self._troubles
        if not known:
            self.say(f"{prefix}{text}")

    def trouble(self, what: str) -> None:
        """What the pods' status and events say."""
        sentence = _without_numbers(what)
        with self._lock:
            known = sentence in self._lines
            self._troubles.add(sentence)
        if not known:
            self.say(what)


def _without_numbers(text: str) -> str:
    return re.sub(r"(?<![\w-])\d[\d:]*", "", text)  # names keep theirs
