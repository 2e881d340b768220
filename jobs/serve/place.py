"""Where to serve: a host and a port."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.errors import InputError

MOST_PORT = 65_535


@dataclass(frozen=True)
class Place:
    """Where to serve."""

    host: str = "127.0.0.1"
    """An address of this machine, or its name; ``0.0.0.0`` is every one of its addresses."""
    port: int = 0
    """0 takes a free one."""

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that ``HOST:PORT`` names, such as ``127.0.0.1:8000`` or ``[::1]:0``."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > MOST_PORT:
            raise InputError(
                f"{text!r} names no place to serve; expected HOST:PORT, such as 127.0.0.1:8000 "
                "(port 0 takes a free one)"
            )
        return cls(host.removeprefix("[").removesuffix("]"), int(port))


THIS_MACHINE = Place()
"""To this machine alone, at a free port."""
