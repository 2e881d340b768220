"""Who may ask the review server what: only the page that it sent itself, in one browser.

A server on loopback can be reached by every page that the same browser has open. Four guards stand
before every answer: the Host header must be an address of this server, so that no foreign name was
made to point here (DNS rebinding); the token of this session must come along, as a cookie that
other sites' requests never carry; a write must come from the page itself, by its Origin or the
browser's own word for it; and its body must be JSON, which no plain form can send.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOOPBACK = ("127.0.0.1", "::1", "localhost")
SAFE_METHODS = ("GET", "HEAD")
LARGEST_BODY = 1_000_000
"""Bytes of a request."""

Next = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Guards:
    """The guards of one server, and its secret."""

    host: str
    """The address it listens on."""
    port: int
    token: str

    @property
    def cookie(self) -> str:
        """Name of the cookie: cookies know no ports, and two sessions may run beside each other."""
        return f"berthwatch-review-{self.port}"

    async def __call__(self, request: Request, call_next: Next) -> Response:
        """The answer, or the refusal; both with the headers that keep a page to itself."""
        refused = self.refusal(request)
        answer = refused if refused is not None else await call_next(request)
        for name, value in HEADERS.items():
            answer.headers.setdefault(name, value)
        return answer

    def refusal(self, request: Request) -> Response | None:
        """Why the request is refused; None where it is not."""
        if not self.is_own_host(request.headers.get("host", "")):
            return _no(421, "this address is not the review server's; open the one it printed")
        if not self.has_token(request):
            return _no(403, "open the address that `berthwatch review` printed, with its token")
        if request.method in SAFE_METHODS:
            return None
        if not self._from_own_page(request):
            return _no(403, "refused: the request came from another site")
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return _no(415, "expected JSON")
        length = request.headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return _no(413, f"expected a body of at most {LARGEST_BODY} bytes, and its length")
        return None

    def is_own_host(self, header: str) -> bool:
        """Whether a Host header names this server; a name that could point anywhere does not."""
        name, _, port = header.rpartition(":")
        name = name.strip("[]").lower()
        if port != str(self.port):
            return False
        if self.host in LOOPBACK:
            return name in LOOPBACK
        return _is_address(name) or name in {
            "localhost",
            self.host.lower(),
            socket.gethostname().lower(),
        }

    def has_token(self, request: Request) -> bool:
        """Whether the token came along: in the address of the page, or as the cookie."""
        given = [request.cookies.get(self.cookie, "")]
        if request.url.path == "/" and request.method in SAFE_METHODS:
            given.append(request.query_params.get("token", ""))
        return any(secrets.compare_digest(each.encode(), self.token.encode()) for each in given)

    def _from_own_page(self, request: Request) -> bool:
        site = request.headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            return False
        origin = request.headers.get("origin")
        if origin is None:
            return site == "same-origin"
        return origin == f"http://{request.headers['host']}"


def _is_address(name: str) -> bool:
    """Whether it is an IP address: no foreign name server has a say in that."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _no(status: int, why: str) -> Response:
    return PlainTextResponse(f"{why}\n", status)
