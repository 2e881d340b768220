"""A clock that a test moves, in place of the module ``time`` of whoever waits."""

from __future__ import annotations

from collections.abc import Callable


class Clock:
    """Sleeping moves it; once that has gone on for ``after_s``, ``then`` is called, once."""

    def __init__(
        self, after_s: float = float("inf"), then: Callable[[], None] = lambda: None
    ) -> None:
        self.now = 1000.0
        self._at = self.now + after_s
        self._then = then

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self._at:
            self._at = float("inf")
            self._then()
