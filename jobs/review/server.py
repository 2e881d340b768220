"""The server of the review page: starlette on uvicorn, one process, on loopback."""

from __future__ import annotations

import secrets
import socket
from importlib.resources import files

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from jobs.domain import json_value
from jobs.errors import ArchiveError, BerthwatchError, InputError
from jobs.review.guards import LOOPBACK, Guards
from jobs.review.session import ReviewSession

PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/review.css": ("review.css", "text/css; charset=utf-8"),
    "/review.js": ("review.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/hull.js": ("hull.js", "text/javascript; charset=utf-8"),
}
"""All files that are served, by path: nothing else on the disk can be asked for."""


class ReviewServer:
    """One review session, served on one address until it is stopped."""

    def __init__(self, session: ReviewSession, host: str = "127.0.0.1", port: int = 0) -> None:
        self.session = session
        self._socket = _listening(host, port)
        self.host = host
        self.port = int(self._socket.getsockname()[1])
        self.guards = Guards(host, self.port, secrets.token_urlsafe(32))
        config = uvicorn.Config(
            application(session, self.guards), log_level="error", lifespan="off", access_log=False
        )
        self._server = uvicorn.Server(config)

    @property
    def address(self) -> str:
        """The address to open, with the token; it lets in whoever has it."""
        name = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        shown = f"[{name}]" if ":" in name else name
        return f"http://{shown}:{self.port}/?token={self.guards.token}"

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK

    def serve(self) -> None:
        """Answer until Ctrl-C, or until ``stop`` from another thread."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End ``serve`` once what is being answered is answered."""
        self._server.should_exit = True


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen()  # who opens the address at once waits until it is served
    except OSError as error:
        found.close()
        raise InputError(
            f"cannot listen on {host}, port {port} ({error.strerror or error}); choose another "
            "with --listen-port, or leave it out for a free one"
        ) from error
    return found


def application(session: ReviewSession, guards: Guards) -> Starlette:
    """The application: the page, its pictures, what was decided, and what is decided now."""

    async def page(request: Request) -> Response:
        name, kind = PAGE[request.url.path]
        content = files("jobs.review").joinpath("page", name).read_bytes()
        answer = Response(content, media_type=kind)
        if request.url.path == "/":
            answer.set_cookie(guards.cookie, guards.token, httponly=True, samesite="strict")
        return answer

    async def picture(request: Request) -> Response:
        asked = request.query_params
        row, column, side = (_whole(asked.get(name, "")) for name in ("row", "column", "side"))
        found = await run_in_threadpool(
            session.picture, asked.get("port", ""), asked.get("overpass", ""), (row, column, side)
        )
        if found is None:
            return PlainTextResponse("no picture of that overpass\n", 404)
        return Response(
            found, media_type="image/png", headers={"Cache-Control": "private, max-age=600"}
        )

    async def overview(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(session.overview))

    async def state(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(session.state))

    async def decide(request: Request) -> Response:
        said = json_value(await request.body(), "the request", "a list of decisions")
        if not isinstance(said, list):
            raise InputError("expected a list of decisions")
        await run_in_threadpool(session.decide, said)
        return JSONResponse(await run_in_threadpool(session.state))

    async def undo(request: Request) -> Response:
        await run_in_threadpool(session.undo)
        return JSONResponse(await run_in_threadpool(session.state))

    return Starlette(
        routes=[
            *(Route(path, page) for path in PAGE),
            Route("/picture", picture),
            Route("/overview", overview),
            Route("/state", state),
            Route("/decide", decide, methods=["POST"]),
            Route("/undo", undo, methods=["POST"]),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=guards)],
        exception_handlers={BerthwatchError: _refused},
    )


async def _refused(request: Request, error: Exception) -> Response:
    """What the person at the page is told."""
    status = 503 if isinstance(error, ArchiveError) else 422
    return JSONResponse({"error": str(error)}, status)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{text!r} is no whole number of pixels") from None
