"""What can go wrong with an answer, when, and how often."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase


class Kind(StrEnum):
    """How an answer fails."""

    STATUS = "status"
    HANG = "hang"
    """Nothing comes, then the connection is closed."""
    TRUNCATE = "truncate"
    """Half of the body comes, then the connection is closed."""
    EMPTY = "empty"
    """The whole answer, with nothing for its body: its checksum is another's."""
    RESET = "reset"
    """The connection is broken off before an answer."""


@dataclass
class Fault:
    """One way to fail, for the requests it meets."""

    kind: Kind
    path: str = "*"
    """Shell pattern for the path without its query."""
    method: str = "*"
    times: int | None = 1
    """Requests that fail; None for every one."""
    after: int = 0
    """Requests let through first."""
    every: int = 1
    """From then on, every how many requests one fails."""
    late: bool = False
    """In a proxy: fail only after the server behind has done what was asked."""
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    """How long a hang lasts."""
    met: int = 0
    hits: int = 0

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request fails; counts it."""
        if not (fnmatchcase(path, self.path) and fnmatchcase(method, self.method)):
            return False
        if self.times is not None and self.hits >= self.times:
            return False
        self.met += 1
        if self.met <= self.after or (self.met - self.after - 1) % self.every:
            return False
        self.hits += 1
        return True


class Faults:
    """The faults a server has been told to make; the first that strikes is made."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> Fault:
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def next(self, method: str, path: str) -> Fault | None:
        with self._lock:
            return next((fault for fault in self._faults if fault.strikes(method, path)), None)


def answers(status: int, *, retry_after_s: int | None = None, **how: object) -> Fault:
    """An answer with a status, as S3 and Azure give them; `how` is any field of Fault."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return Fault(Kind.STATUS, status=status, headers=headers, **how)  # type: ignore[arg-type]


def hangs(seconds: float = 60.0, **how: object) -> Fault:
    """No answer for that long."""
    return Fault(Kind.HANG, seconds=seconds, **how)  # type: ignore[arg-type]


def truncates(**how: object) -> Fault:
    """Half a body."""
    return Fault(Kind.TRUNCATE, **how)  # type: ignore[arg-type]


def resets(**how: object) -> Fault:
    """A connection broken off."""
    return Fault(Kind.RESET, **how)  # type: ignore[arg-type]


EVERY_FAULT = {
    "403": lambda **how: answers(403, **how),
    "404": lambda **how: answers(404, **how),
    "429": lambda **how: answers(429, retry_after_s=1, **how),
    "500": lambda **how: answers(500, **how),
    "503": lambda **how: answers(503, **how),
    "hang": lambda **how: hangs(**how),
    "truncate": lambda **how: truncates(**how),
    "reset": lambda **how: resets(**how),
}
"""Name of each fault and how to make it."""
