"""Small valid scenes for tests: files on disk and the domain values that refer to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine
from shapely.geometry import box

from jobs.domain import Berth, BerthKind, Grid, Overpass, Port, Scene, Source

NOON = datetime(2024, 5, 1, 2, 10, tzinfo=UTC)
GRID = Grid(epsg=32653, left=420_000.0, top=4_730_000.0, width=120, height=100)


def small_port(*, grid: Grid = GRID, id: str = "TESTP") -> Port:
    area = box(132.02, 42.71, 132.04, 42.73)
    berth = Berth(
        "oil", "Oil berth", BerthKind.OIL_TERMINAL, 1, box(132.025, 42.715, 132.03, 42.72)
    )
    return Port(id=id, name="Test", country="XX", area=area, berths=(berth,), grid=grid)


def write_band(
    path: Path,
    values: NDArray[np.generic],
    *,
    epsg: int = GRID.epsg,
    transform: tuple[float, ...] = GRID.transform,
    nodata: float | None = 0,
    block: int = 64,
    predictor: int = 1,
) -> Source:
    """A tiled GeoTIFF (band, y, x) or (y, x) and the Source of its first band."""
    stack = values if values.ndim == 3 else values[None]
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=stack.shape[0],
        height=stack.shape[1],
        width=stack.shape[2],
        dtype=stack.dtype,
        crs=f"EPSG:{epsg}",
        transform=Affine(*transform),
        nodata=nodata,
        tiled=True,
        blockxsize=block,
        blockysize=block,
        compress="deflate",
        predictor=predictor,
    ) as file:
        file.write(stack)
    return Source(
        href=str(path),
        index=1,
        epsg=epsg,
        transform=tuple(transform),
        shape=(stack.shape[1], stack.shape[2]),
        scale=1e-4,
        offset=-0.1,
        nodata=nodata,
    )


def scene(bands: Mapping[str, Source], *, id: str = "S2_A", mask: Source | None = None) -> Scene:
    return Scene(
        item_id=id,
        collection="sentinel-2-c1-l2a",
        catalog="test",
        sensor="sentinel-2-l2a",
        platform="sentinel-2a",
        acquired=NOON,
        bands=dict(bands),
        mask=mask,
    )


def overpass(*scenes: Scene, id: str = "TESTP-sentinel-2-1", acquired: datetime = NOON) -> Overpass:
    return Overpass(
        id=id,
        port="TESTP",
        sensor=scenes[0].sensor,
        platform=scenes[0].platform,
        acquired=acquired,
        scenes=scenes,
    )


def noise(*, shape: tuple[int, int] = GRID.shape, seed: int = 0) -> NDArray[np.uint16]:
    """Random digital numbers, so that neighbouring pixels differ; none of them is no-data."""
    return np.random.default_rng(seed).integers(1, 9000, shape).astype(np.uint16)
