"""What every answer tells the browser: keep this page to itself."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import Message, Send

HEADERS: Mapping[str, str] = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
"""The token leaves in no Referer, and no other site can frame or embed a page."""


def with_headers(send: Send, sources: str) -> Send:
    """``send`` with the headers; ``sources`` are what the page may load besides nothing.

    What an app says of caching stays; else nothing is kept, for the address ends with the server.
    """
    policy = content_policy(sources)

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.setdefault("cache-control", "no-store")
            headers["content-security-policy"] = policy
            for name, value in HEADERS.items():
                headers[name] = value
        await send(message)

    return sending


def content_policy(sources: str) -> str:
    """A Content-Security-Policy: nothing but these sources, no frames, no forms."""
    ours = ("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'")
    return "; ".join(each for each in ("default-src 'none'", sources, *ours) if each)
