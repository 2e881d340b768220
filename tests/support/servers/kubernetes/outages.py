"""Times in which the API server is away, in several ways, at once or at a chosen request."""

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


@dataclass
class Outage:
    """One that begins with the first request that matches."""

    method: str
    path: str
    """Regular expression, searched in the request's path."""
    seconds: float
    account: str = ""
    """A part of the sender's token."""
    done: bool = False
    """The request is carried out, and its answer is lost."""
    how: Away = Away.UNAVAILABLE
    began: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def met_by(self, method: str, path: str, token: str) -> bool:
        """Whether it begins with this request."""
        return (
            not self.began.is_set()
            and method == self.method
            and self.account in token
            and re.search(self.path, path) is not None
        )


class Outages:
    """Whether a server is away, and when it will be."""

    def __init__(self) -> None:
        self.expected: list[Outage] = []
        self.now: Away | None = None
        self.retry_after_s = 2
        """Of an answer with 429."""
        self._back = threading.Event()
        self._back.set()
        self._lock = threading.Lock()

    def begin(self, how: Away) -> None:
        self.now = how
        self._back.clear()

    def end(self) -> None:
        self.now = None
        self._back.set()

    def wait(self) -> None:
        """Until the server is back."""
        self._back.wait()

    def met_by(self, method: str, path: str, token: str) -> Outage | None:
        """The outage that begins with this request, if any; once."""
        with self._lock:
            for one in self.expected:
                if one.met_by(method, path, token):
                    one.began.set()
                    return one
        return None
