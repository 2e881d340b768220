"""What is served of a review: the page, its pictures, what was decided, and what is decided now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from jobs.domain import json_value
from jobs.errors import ArchiveError, BerthwatchError, InputError
from jobs.review.session import ReviewSession
from jobs.serve import PageApp

SOURCES = "script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'"
PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/review.css": ("review.css", "text/css; charset=utf-8"),
    "/review.js": ("review.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/hull.js": ("hull.js", "text/javascript; charset=utf-8"),
}
"""All files that are served, by path: nothing else on the disk can be asked for."""


def review_app(session: ReviewSession) -> PageApp:
    """The page of one session; who may ask is the server's to say (``jobs.serve``)."""

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

    app = Starlette(
        routes=[
            *(Route(path, _file(*file)) for path, file in PAGE.items()),
            Route("/picture", picture),
            Route("/overview", overview),
            Route("/state", state),
            Route("/decide", decide, methods=["POST"]),
            Route("/undo", undo, methods=["POST"]),
        ],
        exception_handlers={BerthwatchError: _refused},
    )
    return PageApp(app, SOURCES)


def _file(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of one file of the page."""
    content = files("jobs.review").joinpath("page", name).read_bytes()

    async def file(request: Request) -> Response:
        return Response(content, media_type=kind)

    return file


async def _refused(request: Request, error: Exception) -> Response:
    """What the person at the page is told."""
    status = 503 if isinstance(error, ArchiveError) else 422
    return JSONResponse({"error": str(error)}, status)


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise InputError(f"{text!r} is no whole number of pixels") from None
