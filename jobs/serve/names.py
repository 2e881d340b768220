"""By which names a server may be called: none that a stranger could make point here."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

LOOPBACK = ("localhost", "127.0.0.1", "::1")
HTTP_PORT = 80
"""Which browsers leave out."""
_HOST = re.compile(r"(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Names:
    """The names of one server, for Host headers.

    A page elsewhere can have its own name resolved to this machine (DNS rebinding), and its
    requests then carry that name. On loopback the server goes by the names of loopback; elsewhere
    by any address, as a number points where it points, and by the machine's own name.
    """

    given: str
    """As who started it calls the place: a name or an address."""
    bound: str
    """The address it listens on."""
    port: int

    def hold(self, header: str) -> bool:
        """Whether a Host header names this server, with its port."""
        found = _HOST.fullmatch(header)
        if found is None or int(found[3] or HTTP_PORT) != self.port:
            return False
        name = (found[1] or found[2]).lower()
        if name in {*LOOPBACK, self.given.lower(), self.bound}:
            return True
        return not is_loopback(self.bound) and (
            _address(name) is not None or name == socket.gethostname().lower()
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that host; a name that is no address counts as no."""
    found = _address(host)
    return host == "localhost" or (found is not None and found.is_loopback)


def is_everywhere(host: str) -> bool:
    """Whether it stands for every address of this machine, as ``0.0.0.0`` does."""
    found = _address(host)
    return found is not None and found.is_unspecified


def in_address(host: str) -> str:
    """A host as it stands in the address of a page."""
    return f"[{host}]" if ":" in host else host


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
