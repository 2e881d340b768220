"""The guard before a page that is served: who may ask, and what browsers may do with the answer.

The address holds a token, ``http://127.0.0.1:8000/TOKEN/``: relative links of a page carry it
along, and no other site can know it. Besides, requests are refused that name another host (DNS
rebinding), that a browser says another site caused, or that change something without coming from
the page.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READING = ("GET", "HEAD")
"""Methods that change nothing."""

NO_TOKEN = (
    "the address lacks its token, or has that of an earlier start: open the whole address that the "
    "command printed"
)

HEADERS: Mapping[str, str] = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""Of every answer: the token leaves in no Referer, and no other site can frame or embed a page."""


def guarded(app: ASGIApp, token: str, hosts: Iterable[str]) -> ASGIApp:
    """The app under ``/TOKEN/``; ``hosts`` are the ``name:port`` by which it may be called."""
    return _Guard(app, token, frozenset(host.lower() for host in hosts))


class _Guard:
    def __init__(self, app: ASGIApp, token: str, hosts: frozenset[str]) -> None:
        self.app = app
        self.token = token
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, _with_headers(send))
            return
        root = scope.get("root_path", "")
        inner = {**scope, "root_path": f"{root}/{self.token}"}
        await self.app(inner, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "").lower()
        if host not in self.hosts:
            return _refuse(421, f"this page is served as {', '.join(sorted(self.hosts))} only")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _refuse(403, "another site asked for this: open the address by hand instead")
        if scope["method"] not in READING and not _is_own(headers.get("origin"), host):
            return _refuse(403, "a change must come from the page itself")
        if not self._has_token(str(scope["path"])):
            return _refuse(403, NO_TOKEN)
        return None

    def _has_token(self, path: str) -> bool:
        first, slash, _ = path.removeprefix("/").partition("/")
        return secrets.compare_digest(first.encode(), self.token.encode()) and bool(slash)


def _is_own(origin: str | None, host: str) -> bool:
    return origin is not None and urlsplit(origin).netloc.lower() == host


def _refuse(status: int, why: str) -> PlainTextResponse:
    return PlainTextResponse(f"Refused: {why}.\n", status_code=status)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
