"""Tiles from the archive through titiler-xarray: its reader, its tile scheme, its rendering hook.

titiler reads a window of one overpass from what xarray opens, and writes the image. Ours are the
tile scheme, which lies on the port's own grid so that no pixel is warped, and the rendering, which
is the report's. The library is an optional extra; this module alone cannot be imported without it.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
import xarray as xr
from attrs import define
from fastapi import FastAPI, HTTPException
from morecantile import TileMatrixSet, TileMatrixSets
from PIL import Image
from pyproj import CRS
from rio_tiler.io import XarrayReader
from rio_tiler.models import ImageData
from starlette.requests import Request
from starlette.responses import Response
from titiler.core.dependencies import DefaultDependency
from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
from titiler.xarray.factory import TilerFactory

from jobs.archive import Step, open_image
from jobs.domain import SENSORS, Port
from jobs.maps.pyramid import tiled
from jobs.maps.source import MapSource
from jobs.publish import visible_of

KEPT_S = 3600
"""How long a browser keeps a tile: as long as it likes, for the address of every start is new."""


@define(kw_only=True)
class _Tiles(TilerFactory):
    """Of titiler's routes only the tiles."""

    def register_routes(self) -> None:
        self.tile()  # type: ignore[no-untyped-call]


@dataclass
class _Average(DefaultDependency):
    """Coarse levels average pixels, so that no small ship drops out between two of them."""

    reproject_method: str = "average"


@dataclass(frozen=True)
class _Look:
    port: Port
    step: Step


def tile_app(source: MapSource) -> FastAPI:
    """An app with ``/{look}/tiles/{port}/{z}/{x}/{y}.png``, levels as those of ``tiled``.

    The pixels are those of the newest commits when it is made.
    """
    looks = {
        id: _Look(port, step) for port in source.ports for id, step in source.steps(port).items()
    }
    # functions where titiler's annotations want classes: it only calls them
    parts: dict[str, Any] = {
        "reader": _reader(source, looks),
        "path_dependency": _look_of_path(looks),
        "reader_dependency": DefaultDependency,
        "layer_dependency": DefaultDependency,
        "dataset_dependency": _average,
        "process_dependency": _rendering(source, looks),
        "colormap_dependency": _nothing,
        "render_dependency": DefaultDependency,
        "render_func": _png,
    }
    schemes = TileMatrixSets({port.id: tile_scheme(port) for port in source.ports})
    app = FastAPI(openapi_url=None)
    app.include_router(_Tiles(supported_tms=schemes, **parts).router, prefix="/{look}")
    app.middleware("http")(_keep)
    add_exception_handlers(app, DEFAULT_STATUS_CODES)
    return app


def tile_scheme(port: Port) -> TileMatrixSet:
    """The tiles of ``tiled(port.grid)`` as a tile matrix set on the port's grid."""
    grid, pyramid = port.grid, tiled(port.grid)
    coarsest = max(pyramid.tiles_at(0))
    side_m = coarsest * pyramid.tile_width * pyramid.shrink(0) * grid.resolution_m
    scheme: TileMatrixSet = TileMatrixSet.custom(
        extent=[grid.left, grid.top - side_m, grid.left + side_m, grid.top],
        crs=CRS.from_epsg(grid.epsg),
        tile_width=pyramid.tile_width,
        tile_height=pyramid.tile_height,
        minzoom=0,
        maxzoom=pyramid.levels - 1,
        matrix_scale=[coarsest, coarsest],
        id=port.id,
    )
    return scheme


def _look_of_path(looks: Mapping[str, _Look]) -> Callable[[str, str, int], str]:
    """What titiler calls with parts of the path: the look's id, if there is such a tile."""

    def look_of_path(look: str, tileMatrixSetId: str, z: int) -> str:
        found = looks.get(look)
        if found is None or found.port.id != tileMatrixSetId:
            raise HTTPException(404, f"no look {look!r} at {tileMatrixSetId!r} on this map")
        if z not in range(tiled(found.port.grid).levels):
            raise HTTPException(404, f"no level {z} of the pictures of {tileMatrixSetId!r}")
        return look

    return look_of_path


def _average() -> _Average:
    return _Average()


def _nothing() -> None:
    return None


def _reader(source: MapSource, looks: Mapping[str, _Look]) -> Callable[..., XarrayReader]:
    """What titiler calls with a look's id: a reader of its pixels, opened by xarray alone."""

    @cache
    def opened(port_id: str, sensor: str) -> xr.DataArray:
        return open_image(source.archives[port_id].store(), SENSORS[sensor])

    def reader(look: str, tms: TileMatrixSet) -> XarrayReader:
        step = looks[look].step
        steps = opened(looks[look].port.id, step.sensor)
        return XarrayReader(steps.isel(time=step.index), tms=tms)

    return reader


def _rendering(
    source: MapSource, looks: Mapping[str, _Look]
) -> Callable[[str], Callable[[ImageData], ImageData]]:
    """What titiler calls between reading and writing: the report's rendering."""
    lock = threading.Lock()

    def of_look(look: str) -> Callable[[ImageData], ImageData]:
        def render(image: ImageData) -> ImageData:
            step = looks[look].step
            with lock:  # results of before say no rendering: it is made of a dozen looks, once
                rendering = source.imagery.rendering(looks[look].port.id, step.sensor)
            values = np.ma.filled(image.array.astype(np.float32), np.nan)
            shown = rendering.show(visible_of(values, SENSORS[step.sensor].bands))
            bands = np.moveaxis(shown, -1, 0)
            hidden = np.broadcast_to(~bands.any(axis=0), bands.shape)
            return ImageData(np.ma.MaskedArray(bands, hidden), bounds=image.bounds, crs=image.crs)

        return render

    return of_look


def _png(image: ImageData, **options: Any) -> tuple[bytes, str]:
    """A PNG with transparency, compressed for speed: it goes no further than this machine."""
    pixels = np.concatenate([np.moveaxis(image.data, 0, -1), image.mask[..., None]], axis=-1)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "png", compress_level=1)
    return buffer.getvalue(), "image/png"


async def _keep(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    found = await answer(request)
    if found.status_code == 200:
        found.headers["cache-control"] = f"private, max-age={KEPT_S}, immutable"
    return found
