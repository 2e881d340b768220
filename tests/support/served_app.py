"""A small app to serve, and how it is asked."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from jobs.serve import PageApp


async def hello(request: Request) -> PlainTextResponse:
    body = (await request.body()).decode()
    return PlainTextResponse(f"{request.method} {request.url_for('hello').path} {body}")


async def kept(request: Request) -> PlainTextResponse:
    return PlainTextResponse("kept", headers={"cache-control": "max-age=5"})


APP = PageApp(
    Starlette(routes=[Route("/hello", hello, methods=["GET", "POST"]), Route("/kept", kept)]),
    "img-src 'self'",
)


class Answer(NamedTuple):
    status: int
    text: str
    headers: Mapping[str, str]


def ask(
    address: str,
    path: str = "hello",
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """One request; a path that begins with a slash lies beside the token, others below it."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    where = path if path.startswith("/") else parts.path + path
    connection.request(method, where, body, dict(headers or {}))
    answer = connection.getresponse()
    text = answer.read().decode()
    found = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return Answer(answer.status, text, found)
