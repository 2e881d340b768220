"""The guard before a page that is served: who may ask, and what browsers may do with the answer.

A server on loopback can be reached by every page that the same browser has open, and by everyone
else on the machine. Refused is

- another name of the server than its own (``names``);
- what a browser says another site caused (``Sec-Fetch-Site``);
- an address without the token;
- a change that does not come from the page itself, by ``Origin`` or the browser's own word, or
  whose body is not JSON (which no plain form can send), or longer than a megabyte.

The token is the first part of the path, ``http://127.0.0.1:8000/TOKEN/``, and no cookie. Cookies
know no ports: whatever else is opened on 127.0.0.1, perhaps another person's server, would be sent
it, and could overwrite it. A path goes to nobody else, is carried along by the relative links of a
page without a line of code, needs no first visit that sets something, and lets two pages run
side by side; so the address that was printed is all one needs, also after a reload or in another
browser. What a path has against it: it lies in the history and in what is copied. It holds for one
start alone, no ``Referer`` carries it, and the pages link to no other site.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from jobs.serve.headers import with_headers
from jobs.serve.names import Names

READING = ("GET", "HEAD")
"""Methods that change nothing."""
JSON = "application/json"
LARGEST_BODY = 1_000_000
"""Bytes of a request."""

OTHER_NAME = (
    "it was called by a name or a port that is not its own: open the address that the command "
    "printed (a tunnel begins at the port at which it ends)"
)
OTHER_SITE = "another site asked for this: open the address by hand instead"
NO_TOKEN = (
    "the address lacks its token, or has that of an earlier start: open the whole address that the "
    "command printed"
)


@dataclass(frozen=True)
class PageApp:
    """What can be served: an app, and what its page may load."""

    asgi: ASGIApp
    """Its routes begin at ``/``; links in its page are relative."""
    sources: str = ""
    """For its Content-Security-Policy, such as ``script-src 'self'``; nothing else is loaded."""


@dataclass(frozen=True)
class Guard:
    """A page under ``/TOKEN/``, as an ASGI app of its own."""

    page: PageApp
    token: str
    names: Names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse; both with the headers that keep a page to itself."""
        if scope["type"] != "http":
            return
        answering = with_headers(send, self.page.sources)
        refused = self.refusal(scope["method"], scope["path"], Headers(scope=scope))
        if refused is not None:
            status, why = refused
            answer = PlainTextResponse(f"Refused: {why}.\n", status_code=status)
            await answer(scope, receive, answering)
            return
        root = scope.get("root_path", "")
        await self.page.asgi({**scope, "root_path": f"{root}/{self.token}"}, receive, answering)

    def refusal(self, method: str, path: str, headers: Headers) -> tuple[int, str] | None:
        """Status and reason where a request is refused; None where it is not."""
        if not self.names.hold(headers.get("host", "")):
            return 421, OTHER_NAME
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, OTHER_SITE
        if not self._has_token(path):
            return 403, NO_TOKEN
        return None if method in READING else _refused_change(headers)

    def _has_token(self, path: str) -> bool:
        first, slash, _ = path.removeprefix("/").partition("/")
        return secrets.compare_digest(first.encode(), self.token.encode()) and bool(slash)


def _refused_change(headers: Headers) -> tuple[int, str] | None:
    if not _is_from_the_page(headers):
        return 403, "a change must come from the page itself"
    if headers.get("content-type", "").split(";")[0].strip().lower() != JSON:
        return 415, f"expected a body of type {JSON}"
    length = headers.get("content-length", "")
    # a body in chunks would count whatever length is given beside it
    if "transfer-encoding" in headers or not length.isdecimal() or int(length) > LARGEST_BODY:
        return 413, f"expected a body of at most {LARGEST_BODY} bytes, and its length"
    return None


def _is_from_the_page(headers: Headers) -> bool:
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site not in (None, "same-origin"):
        return False
    if origin is None:
        return site == "same-origin"
    return origin.lower() == f"http://{headers['host'].lower()}"
