"""Bearing a Kubernetes API that does not answer, or does not accept the login, for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from jobs.errors import KubernetesError, KubernetesLostError, LoginError
from jobs.kubernetes.failures import UntrustedError

ABSENCE_LIMIT_S = 1800.0
"""Of one absence: rolling control planes take minutes."""
COMMAND_LIMIT_S = 300.0
"""The same for a command that a person waits for, and that may be called again."""
RETRY_S = 5.0
LONGEST_RETRY_S = 60.0
"""However long the API wants to be left alone."""
LONGEST_TRY_S = 120.0
"""What lies between two tries counts as this at most: a laptop sleeps, a process is stopped."""

Answer = TypeVar("Answer")


class Absence:
    """Repeats requests while the API is away; reports that it went and that it came back."""

    def __init__(
        self,
        say: Callable[[str], None],
        limit_s: float = ABSENCE_LIMIT_S,
        *,
        accepted: bool = False,
        whom: str = "",
    ) -> None:
        """``accepted``: the login has been before. ``whom``: who is not answered, if not the person
        who reads it.
        """
        self.say = say
        self.limit_s = limit_s
        self.accepted = accepted
        self.whom = f" {whom}" if whom else ""
        self._since: float | None = None
        self._tried_at = 0.0
        self._tried_s = 0.0
        """Seconds of the present absence that count towards the limit."""
        self._told: set[type[KubernetesLostError]] = set()
        """What was said of the present absence: an API that comes up may answer now so, now so."""
        self._before_s = 0.0
        """Seconds of the absences that are over."""

    @property
    def away_s(self) -> float:
        """Seconds that the API was away, all absences together, also one that just ends."""
        now_s = 0.0 if self._since is None else time.monotonic() - self._since
        return self._before_s + now_s

    def bear(self, request: Callable[[], Answer]) -> Answer:
        """The result of ``request``, repeated until the API answers.

        Raises KubernetesLostError for an absence longer than ``limit_s``, and at once LoginError
        for a login that was never accepted.
        """
        while True:
            asked_at = time.monotonic()
            try:
                found = request()
            except KubernetesLostError as error:
                self.wait(error, asked_at)
            except UntrustedError:
                raise
            except KubernetesError:  # a refusal is an answer too
                self.over()
                raise
            else:
                self.over()
                return found

    def wait(self, error: KubernetesLostError, asked_at: float | None = None) -> None:
        """Wait a little after ``error``; raises it where the absence is too long by now."""
        self.note(error, asked_at)
        time.sleep(min(max(RETRY_S, error.retry_after_s), LONGEST_RETRY_S))

    def note(self, error: KubernetesLostError, asked_at: float | None = None) -> None:
        """The API did not answer what was ``asked_at`` (monotonic); raises as ``bear`` does."""
        if isinstance(error, LoginError) and not self.accepted:
            raise error
        now = time.monotonic()
        if self._since is None:
            self._since = self._tried_at = now if asked_at is None else asked_at
            self._tried_s = 0.0
        self._tried_s += min(now - self._tried_at, LONGEST_TRY_S)
        self._tried_at = now
        if type(error) not in self._told:
            self._told.add(type(error))
            self.say(self._news(error))
        if self._tried_s > self.limit_s:
            raise error

    def _news(self, error: KubernetesLostError) -> str:
        limit = _duration(self.limit_s)
        if isinstance(error, LoginError):
            return (
                "Kubernetes no longer accepts the login, which has probably expired; what runs "
                f"there goes on. Log in again as for kubectl: it is tried again for {limit}"
            )
        return (
            f"the Kubernetes API does not answer{self.whom} ({error.cause}); what runs there goes "
            f"on, and it is asked again for {limit}"
        )

    def over(self) -> None:
        """The API has answered."""
        self.accepted = True
        if self._since is None:
            return
        lasted_s = time.monotonic() - self._since
        self.say(f"the Kubernetes API answers{self.whom} again, {lasted_s:.0f} s on")
        self._before_s += lasted_s
        self._since = None
        self._told.clear()


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
