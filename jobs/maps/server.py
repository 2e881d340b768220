"""A map served from the archive: the page, what it knows of each port, and the tiles."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from jobs.errors import InputError
from jobs.maps.page import page_html, page_sources, port_script
from jobs.maps.port_facts import Pictures, port_facts
from jobs.maps.pyramid import tiled
from jobs.maps.source import MapSource
from jobs.serve import PageApp

MADE = "Pictures: read from the archive as you look, by titiler-xarray"


def map_app(source: MapSource) -> PageApp:
    """The page of a map; InputError where the tile server is not installed."""
    tiles = _tile_app(source)
    ports = {port.id: port for port in source.ports}
    page = page_html(source.result, source.ports, MADE)
    lock = threading.Lock()

    @cache
    def script(port_id: str) -> str:
        port = ports[port_id]
        pictures = Pictures(
            pyramid=tiled(port.grid),
            address=f"pictures/{{look}}/tiles/{port.id}/{{z}}/{{x}}/{{y}}.png",
            missing=source.without_picture(port),
        )
        return port_script(port_facts(source.result, port, source.looks(port), pictures))

    def index(request: Request) -> Response:
        return HTMLResponse(page)

    def data(request: Request) -> Response:
        port_id = request.path_params["port"]
        if port_id not in ports:
            return PlainTextResponse("no such port on this map\n", status_code=404)
        with lock:  # requests come in several threads
            return Response(script(port_id), media_type="text/javascript")

    app = Starlette(
        routes=[
            Route("/", index),
            Route("/data/{port}.js", data),
            Mount("/pictures", tiles),
        ]
    )
    return PageApp(app, page_sources())


def _tile_app(source: MapSource) -> Any:
    try:
        from jobs.maps.tiles import tile_app
    except ImportError as error:
        raise InputError(
            f"serving the map needs titiler-xarray, which is not installed ({error}): "
            "pip install 'berthwatch[map]', or write the map into a folder with -o, which needs "
            "nothing more"
        ) from error
    return tile_app(source)
