"""Times in which the API server is away, in several ways, at once or at a chosen request.

Several clients can be held, each at a request of its own, so that one absence meets all of them.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field
from enum import StrEnum


class Away(StrEnum):
    """How an API server is away."""

    UNAVAILABLE = "503"
    BUSY = "429, Retry-After"
    """As API priority and fairness refuses."""
    REFUSED = "connections are refused"
    UNENCRYPTED = "no TLS handshake"
    """Connections are accepted, as by a load balancer without a server behind it."""
    SILENT = "no answer"
    CUT = "answers break off"
    EXPIRED = "401"
    """The server answers, and accepts no login any more."""


@dataclass(frozen=True)
class Request:
    """What a client sends."""

    method: str
    path: str
    token: str


@dataclass
class Phase:
    """The first request that matches."""

    method: str
    path: str
    """Regular expression, searched in the request's path."""
    account: str = ""
    """A part of the sender's token."""
    done: bool = False
    """The request is carried out, and its answer is lost."""

    def met_by(self, request: Request) -> bool:
        """Whether a request is of this kind."""
        return (
            request.method == self.method
            and self.account in request.token
            and re.search(self.path, request.path) is not None
        )


@dataclass
class Outage:
    """One that begins with the first request of a phase."""

    phase: Phase
    seconds: float
    how: Away = Away.UNAVAILABLE
    began: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


@dataclass
class Hold:
    """The first request of a phase is without an answer until the server goes away.

    Whoever sends it repeats it once its time is up; that is held too. Clients are told from each
    other by the issues of their tokens.
    """

    phase: Phase
    came: threading.Event = field(default_factory=threading.Event)
    _held: Request | None = None

    def met_by(self, request: Request) -> bool:
        """Whether a request is the one, or is it again."""
        if self._held is None and self.phase.met_by(request):
            self._held = request
        return self._held == request


class Outages:
    """Whether a server is away, and when it will be."""

    def __init__(self) -> None:
        self.expected: list[Outage] = []
        self.holds: list[Hold] = []
        self.now: Away | None = None
        self.retry_after_s = 2
        """Of an answer with 429."""
        self._gone = threading.Event()
        self._back = threading.Event()
        self._back.set()
        self._lock = threading.Lock()

    def begin(self, how: Away) -> None:
        self.now = how
        self.holds = []
        self._back.clear()
        self._gone.set()

    def end(self) -> None:
        self.now = None
        self._gone.clear()
        self._back.set()

    def let_go(self) -> None:
        """Release who is held, without an absence."""
        self.holds = []
        self._gone.set()

    def wait(self) -> None:
        """Until the server is back."""
        self._back.wait()

    def hold(self) -> None:
        """Until the server goes away."""
        self._gone.wait()

    def met_by(self, request: Request) -> Outage | None:
        """The outage that begins with this request, if any; once."""
        with self._lock:
            for one in self.expected:
                if not one.began.is_set() and one.phase.met_by(request):
                    one.began.set()
                    return one
        return None

    def held_by(self, request: Request) -> Hold | None:
        """What holds this request, if anything."""
        with self._lock:
            return next((one for one in self.holds if one.met_by(request)), None)
