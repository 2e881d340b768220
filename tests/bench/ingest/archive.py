"""A local archive like Sentinel-2's: COGs of 1024 blocks, deflate with predictor, overviews, SCL.

A scene is 30 km wide (a cut of the 100 km that a real one has: opening and reading a window cost
the same). Its texture is the recorded imagery of ../shared where that is there, mirrored and
shifted anew for every scene, else a fractal with sensor noise; both compress about as the real
files do. `UNIQUE` scenes are made; later dates are hard links to them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.shutil import copy as copy_raster
from rasterio.transform import Affine
from rasterio.warp import transform_bounds
from shapely.geometry import box, mapping

from jobs.domain import Grid

BANDS = {"blue": "B02", "green": "B03", "red": "B04", "nir": "B08"}
EDGE_PX = 3072
UNIQUE = 24
FIRST = datetime(2021, 1, 3, 2, 10, tzinfo=UTC)
REAL = Path(__file__).parents[4] / "shared" / "data" / "real-imagery" / "s2-ports"

HOME = Grid(epsg=32653, left=409_800.0, top=4_740_000.0, width=EDGE_PX, height=EDGE_PX)
NEIGHBOUR = Grid(epsg=32652, left=900_000.0, top=4_752_000.0, width=EDGE_PX, height=EDGE_PX)
"""The same ground seen from the zone to the west."""


@dataclass(frozen=True)
class MadeArchive:
    """Where the scenes lie and the items that describe them, oldest first."""

    folder: Path
    grid: Grid
    items: tuple[dict[str, Any], ...]
    port: Grid


Offset: TypeAlias = tuple[int, int]
"""Rows and columns of a block before the port's first pixel."""

WORST: Offset = (1000, 1020)
"""The port ends where its blocks end, so that nearly all of each must be decoded."""


def offsets(seed: int, count: int) -> list[Offset]:
    """Offsets within a block of 1024, drawn at random; even, as pixels of 20 m are shared."""
    drawn = np.random.default_rng(seed).integers(0, 512, (count, 2)) * 2
    return [(int(row), int(column)) for row, column in drawn]


def port_grid(offset: Offset = WORST, edge_px: int = 1024) -> Grid:
    """A port amid the scenes."""
    left, top = HOME.left + 10.0 * offset[1], HOME.top - 10.0 * offset[0]
    return Grid(epsg=HOME.epsg, left=left, top=top, width=edge_px, height=edge_px)


def make(
    folder: Path, overpasses: int, *, warped: bool = False, offset: Offset = WORST
) -> MadeArchive:
    """The archive with that many dates; what a former call made in the folder is used again."""
    grid = NEIGHBOUR if warped else HOME
    home = folder / f"epsg{grid.epsg}"
    for number in range(min(UNIQUE, overpasses)):
        _scene_files(home / f"scene{number:02}", grid, number)
    items = []
    for number in range(overpasses):
        made = home / f"scene{number % UNIQUE:02}"
        items.append(_item(_linked(made, home / "dates" / f"{number:04}"), grid, number))
    return MadeArchive(home, grid, tuple(items), port_grid(offset))


def _linked(made: Path, date: Path) -> Path:
    """The scene's files under the date's own name: every reader opens files of its own."""
    date.mkdir(parents=True, exist_ok=True)
    for path in made.glob("*.tif"):
        if not (date / path.name).exists():
            os.link(path, date / path.name)
    return date


# --- pixels -------------------------------------------------------------------------------------


def _scene_files(folder: Path, grid: Grid, number: int) -> None:
    if (folder / "SCL.tif").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    bands = _pixels(number)
    for name, values in zip(BANDS.values(), bands, strict=True):
        write_cog(folder / f"{name}.tif", values, grid.epsg, grid.transform)
    coarse = (20.0, 0.0, grid.left, 0.0, -20.0, grid.top)
    write_cog(folder / "SCL.tif", _classes(number), grid.epsg, coarse, block=512)


def _pixels(number: int) -> NDArray[np.uint16]:
    """Digital numbers (band, y, x) as Collection 1 has them: reflectance * 10000 + 1000."""
    sources = recorded()
    rng = np.random.default_rng(number)
    if not sources:
        return _fractal(rng)
    texture = sources[number % len(sources)]
    reach = [(0, max(0, EDGE_PX - n)) for n in texture.shape[1:]]
    whole = np.pad(texture, [(0, 0), *reach], mode="symmetric")[:, :EDGE_PX, :EDGE_PX]
    shift = rng.integers(0, EDGE_PX, 2)
    return np.ascontiguousarray(np.roll(whole, shift, axis=(1, 2)))


@cache
def recorded() -> tuple[NDArray[np.uint16], ...]:
    """The recorded ports as Sentinel-2 digital numbers; empty where they are absent."""
    found = []
    for folder in sorted(REAL.glob("S2_*")):
        bands = []
        for name in BANDS:
            with rasterio.open(folder / f"{name}.tif") as file:
                bands.append(np.rint(file.read(1) / 6.5535 + 1000).astype(np.uint16))
        found.append(np.stack(bands))
    return tuple(t for t in found if min(t.shape[1:]) >= 512)


def _fractal(rng: np.random.Generator) -> NDArray[np.uint16]:
    """A field with a 1/f spectrum, alike in all bands, under sensor noise of 20 numbers."""
    frequency = np.hypot(
        *np.meshgrid(np.fft.fftfreq(EDGE_PX), np.fft.rfftfreq(EDGE_PX), indexing="ij")
    )
    frequency[0, 0] = 1
    white = np.fft.rfft2(rng.standard_normal((EDGE_PX, EDGE_PX)))
    field = np.fft.irfft2(white / frequency**1.2, s=(EDGE_PX, EDGE_PX))
    field /= field.std()
    noise = rng.standard_normal((len(BANDS), EDGE_PX, EDGE_PX)) * 20
    gains = np.array([1.0, 1.1, 1.3, 1.8])[:, None, None]
    return np.clip(1500 + 150 * gains * field + noise, 1, 20_000).astype(np.uint16)


def _classes(number: int) -> NDArray[np.uint8]:
    """Water and bare ground with clouds in every third scene."""
    rng = np.random.default_rng(1000 + number)
    half = EDGE_PX // 2
    classes = np.full((half, half), 6, np.uint8)
    classes[:, : half // 3] = 5
    for y, x, size in rng.integers((0, 0, 4), (half, half, 90), (40 * (number % 3 == 0), 3)):
        classes[y : y + size, x : x + size] = rng.choice([8, 9, 10])
    return classes


def write_cog(
    path: Path,
    values: NDArray[np.generic],
    epsg: int,
    transform: Sequence[float],
    *,
    block: int = 1024,
    overviews: bool = True,
) -> None:
    """One band as Element 84 writes them: deflate, predictor 2, overviews, nodata 0."""
    profile = {
        "driver": "GTiff",
        "count": 1,
        "height": values.shape[0],
        "width": values.shape[1],
        "dtype": values.dtype,
        "crs": f"EPSG:{epsg}",
        "transform": Affine(*transform),
        "nodata": 0,
    }
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as file:
            file.write(values, 1)
        with memory.open() as file:
            copy_raster(
                file,
                path,
                driver="COG",
                BLOCKSIZE=block,
                COMPRESS="DEFLATE",
                PREDICTOR="YES",
                OVERVIEWS="AUTO" if overviews else "NONE",
                RESAMPLING="AVERAGE",
            )


# --- items --------------------------------------------------------------------------------------


def _item(folder: Path, grid: Grid, number: int) -> dict[str, Any]:
    """A STAC item in Earth Search's Collection 1 flavour, with ``proj:epsg`` for stackstac."""
    west, south, east, north = transform_bounds(f"EPSG:{grid.epsg}", "EPSG:4326", *grid.bounds)
    acquired = FIRST + timedelta(days=number * 2.5)
    assets = {band: _asset(folder / f"{file}.tif", grid, 10.0) for band, file in BANDS.items()}
    assets["scl"] = _asset(folder / "SCL.tif", grid, 20.0)
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"S2A_T52TXX_{number:04}",
        "collection": "sentinel-2-c1-l2a",
        "bbox": [west, south, east, north],
        "geometry": mapping(box(west, south, east, north)),
        "links": [],
        "stac_extensions": [
            "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
            "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
        ],
        "properties": {
            "datetime": acquired.isoformat().replace("+00:00", "Z"),
            "platform": "sentinel-2a",
            "proj:epsg": grid.epsg,
        },
        "assets": assets,
    }


def _asset(path: Path, grid: Grid, resolution_m: float) -> dict[str, Any]:
    cells = round(EDGE_PX * 10 / resolution_m)
    asset: dict[str, Any] = {
        "href": str(path),
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": ["data"],
        "proj:shape": [cells, cells],
        "proj:transform": [resolution_m, 0, grid.left, 0, -resolution_m, grid.top],
    }
    fine = resolution_m == 10
    asset["raster:bands"] = [
        {"nodata": 0, "data_type": "uint16", "scale": 1e-4, "offset": -0.1}
        if fine
        else {"nodata": 0, "data_type": "uint8"}
    ]
    return asset
