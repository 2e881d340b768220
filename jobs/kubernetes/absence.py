"""Bearing a Kubernetes API that does not answer for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from jobs.errors import KubernetesLostError

LIMIT_S = 1800.0
"""Of one absence: rolling control planes take minutes. Time that a laptop sleeps does not count."""
RETRY_S = 5.0

Answer = TypeVar("Answer")


class Absence:
    """Repeats requests while the API is away; reports that it went and that it came back."""

    def __init__(self, say: Callable[[str], None], limit_s: float = LIMIT_S) -> None:
        self.say = say
        self.limit_s = limit_s
        self._since: float | None = None
        self._before_s = 0.0
        """Seconds of the absences that are over."""

    @property
    def away_s(self) -> float:
        """Seconds that the API was away, all absences together, also one that just ends."""
        now_s = 0.0 if self._since is None else time.monotonic() - self._since
        return self._before_s + now_s

    def bear(self, request: Callable[[], Answer]) -> Answer:
        """The result of ``request``, repeated until the API answers.

        Raises KubernetesLostError for an absence longer than ``limit_s``.
        """
        while True:
            try:
                found = request()
            except KubernetesLostError as error:
                self.wait(error)
            else:
                self.over()
                return found

    def wait(self, error: KubernetesLostError) -> None:
        """Wait a little after ``error``; raises it where the absence is too long by now."""
        now = time.monotonic()
        if self._since is None:
            self._since = now
            self.say(
                "the Kubernetes API does not answer; what runs there goes on, and it is asked "
                f"again for {self.limit_s / 60:.0f} minutes"
            )
        if now - self._since > self.limit_s:
            raise error
        time.sleep(RETRY_S)

    def over(self) -> None:
        """The API has answered."""
        if self._since is None:
            return
        lasted_s = time.monotonic() - self._since
        self.say(f"the Kubernetes API answers again, {lasted_s:.0f} s on")
        self._before_s += lasted_s
        self._since = None
