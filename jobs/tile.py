"""Tile: one overpass from its files onto the port's own grid, as encoded numbers and a quality.

Pixels come in two ways behind one function, `read_band`. Scenes that lie on the port's own grid are
read as one window per file (rioxarray); whatever must be warped or mosaicked goes through
stackstac, on that overpass alone. Where both apply they agree to the last digit.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import rasterio
import rioxarray
import stackstac
import xarray as xr
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from scipy import ndimage
from skimage.measure import label, regionprops

from jobs.domain import (
    Grid,
    OverpassStore,
    Pixels,
    Quality,
    Scene,
    Settings,
    Source,
    StageName,
    Unit,
    UnitResult,
    UnitState,
    content_id,
)
from jobs.errors import SceneError
from jobs.sensors import SENSORS, Sensor

VERSION = 1
"""Raise it when the same inputs give other numbers: what is in the archive becomes stale."""

SHIP_WIDTH_M = 80.0
SHIP_LENGTH_M = 450.0
SHIP_ELONGATION = 2.0
ALONE_M = 500.0
"""Scene classifications take white ships for cloud, and the ship is what we are here for. So a
patch of "cloud" that could be one is taken back: narrower than SHIP_WIDTH_M (beam up to 60 m, and a
20 m pixel), shorter than SHIP_LENGTH_M, at least SHIP_ELONGATION times as long as wide, and with no
wider cloud within ALONE_M. Small clouds are round and come in flocks."""

CLOUD_BUFFER_M = 40.0
"""Cloud reaches this far beyond what the classification says: its thin edge looks like a hull."""

GDAL_SETTINGS = {
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",  # no listing of the folder beside each file
    "GDAL_HTTP_MAX_RETRY": "4",
    "GDAL_HTTP_RETRY_DELAY": "1",
    "GDAL_HTTP_CONNECTTIMEOUT": "20",
    "GDAL_HTTP_TIMEOUT": "120",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "VSI_CACHE": "TRUE",
}


def key(unit: Unit, settings: Settings) -> str:
    """Digest of all that the stage's output depends on; the overpass id covers grid and inputs."""
    return content_id(["tile", VERSION, unit.overpass.id])


def run(unit: Unit, settings: Settings, store: OverpassStore) -> UnitResult:
    """Read, scale, mosaic and mask one overpass, and write it to its step.

    Raises SceneError where a file is missing, unreadable or not what the catalog declared.
    """
    started = time.perf_counter()
    sensor = SENSORS[unit.overpass.sensor]
    with rasterio.Env(**GDAL_SETTINGS):
        pixels = read_overpass(unit.overpass.scenes, sensor, unit.port.grid)
    store.write_pixels(unit.overpass.sensor, unit.step, pixels)
    return UnitResult(
        overpass_id=unit.overpass.id,
        stage=StageName.TILE,
        state=UnitState.DONE,
        seconds=time.perf_counter() - started,
        bytes_read=pixels.image.nbytes + pixels.quality.nbytes,
    )


def read_overpass(scenes: Sequence[Scene], sensor: Sensor, grid: Grid) -> Pixels:
    """All bands of one overpass on the grid; a band no scene has stays without data."""
    image = np.zeros((len(sensor.bands), *grid.shape), np.uint16)
    for layer, band in zip(image, sensor.bands, strict=True):
        layer[...] = _first_with_data(
            sensor.encoding.encode(values)
            for values in read_band([s.bands[band] for s in scenes if band in s.bands], grid)
        )
    if not image.any():
        raise SceneError(
            "no pixel of the port has data in any band; expected the scenes to cover part of it: "
            "their footprint in the catalog is larger than what they hold"
        )
    return Pixels(image, _quality(scenes, sensor, grid, image))


def read_band(
    sources: Sequence[Source], grid: Grid, *, categorical: bool = False
) -> Iterable[NDArray[np.float32]]:
    """Physical values of each source on the grid, float32 (y, x), NaN where it has none."""
    if len(sources) == 1 and is_aligned(sources[0], grid):
        numbers: Iterable[NDArray[np.float32]] = [_read_window(sources[0], grid)]
    else:
        numbers = _read_warped(sources, grid, categorical)
    for source, layer in zip(sources, numbers, strict=True):
        yield layer * np.float32(source.scale) + np.float32(source.offset)


def _first_with_data(layers: Iterable[NDArray[np.uint16]]) -> NDArray[np.uint16]:
    """The mosaic rule: where two scenes have data, the one first in the plan's order wins."""
    result: NDArray[np.uint16] | None = None
    for layer in layers:
        result = layer if result is None else np.where(result == 0, layer, result)
    return np.uint16(0) if result is None else result  # type: ignore[return-value]


# --- the fast way: windows of files on the port's own grid ---------------------------------------


def is_aligned(source: Source, grid: Grid) -> bool:
    """Whether the source's pixels are the grid's own, or whole multiples of them, edge on edge."""
    a, b, c, d, e, f = source.transform
    factor = a / grid.resolution_m
    return (
        source.epsg == grid.epsg
        and b == d == 0
        and a == -e
        and factor >= 1
        and factor.is_integer()
        and ((grid.left - c) / grid.resolution_m).is_integer()
        and ((f - grid.top) / grid.resolution_m).is_integer()
    )


def _read_window(source: Source, grid: Grid) -> NDArray[np.float32]:
    """The grid's part of an aligned file, coarser pixels repeated."""
    factor = round(source.transform[0] / grid.resolution_m)
    column = round((grid.left - source.transform[2]) / grid.resolution_m)
    row = round((source.transform[5] - grid.top) / grid.resolution_m)
    result = np.full(grid.shape, np.nan, np.float32)
    rows = _overlap(row, grid.height, source.shape[0] * factor)
    columns = _overlap(column, grid.width, source.shape[1] * factor)
    if rows is None or columns is None:
        return result
    with _opened(source) as data:
        part = data.isel(
            band=source.index - 1,
            y=slice(rows[0] // factor, -(-rows[1] // factor)),
            x=slice(columns[0] // factor, -(-columns[1] // factor)),
        ).to_numpy()
    fine = part.repeat(factor, axis=0).repeat(factor, axis=1)
    top, left = rows[0] % factor, columns[0] % factor
    fine = fine[top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]
    values = fine.astype(np.float32)
    if source.nodata is not None:
        values[fine == source.nodata] = np.nan
    result[rows[0] - row : rows[1] - row, columns[0] - column : columns[1] - column] = values
    return result


def _overlap(start: int, length: int, extent: int) -> tuple[int, int] | None:
    """The part of start..start+length inside 0..extent, or None."""
    low, high = max(start, 0), min(start + length, extent)
    return (low, high) if low < high else None


@contextmanager
def _opened(source: Source) -> Iterator[xr.DataArray]:
    """A source as a lazy array (band, y, x), checked against its declaration.

    Whatever fails while it is open is a SceneError that names the file.
    """
    try:
        data = rioxarray.open_rasterio(source.href, cache=False)
        assert isinstance(data, xr.DataArray)  # a list only for files of subdatasets
        with data:
            _check_declared(source, data.shape[1:], tuple(data.rio.transform())[:6])
            yield data
    except (RasterioError, OSError) as error:
        raise _unreadable(source, error) from error


def _unreadable(source: Source, error: Exception) -> SceneError:
    return SceneError(f"cannot read {_public(source.href)}: {error or type(error).__name__}")


def _public(href: str) -> str:
    """The address without its query, which may carry a signature."""
    return href.split("?", 1)[0]


def _check_declared(source: Source, shape: tuple[int, ...], transform: tuple[float, ...]) -> None:
    """Refuse a file that is not what the catalog declared: its pixels would land elsewhere."""
    tolerance = 1e-3 * abs(source.transform[0])
    close = np.allclose(transform, source.transform, rtol=0, atol=tolerance)
    if tuple(shape) != tuple(source.shape) or not close:
        raise SceneError(
            f"{_public(source.href)} has shape {tuple(shape)} and transform {transform}, "
            f"the catalog declares {tuple(source.shape)} and {source.transform}"
        )


# --- the general way: stackstac ------------------------------------------------------------------


class BandReader:
    """A stackstac reader for one band of a file, also of a multi-band one, as float32 with NaN.

    stackstac's own reader refuses files of several bands (true colour is one), and rounds to the
    file's integers before values are scaled. The band rides on the URL, behind ``#band=``.
    """

    def __init__(self, *, url: str, spec: object, resampling: Resampling, **_: object) -> None:
        self.path, _sep, band = url.rpartition("#band=")
        self.band = int(band)
        self.spec = spec
        self.resampling = resampling

    def read(self, window: object, **_: object) -> NDArray[np.float32]:
        """One window of the spec's grid; thread-safe, opens its own file."""
        with rasterio.open(self.path, sharing=False) as file:
            data_mask = file.nodata is None
            with WarpedVRT(
                file,
                resampling=self.resampling,
                add_alpha=data_mask,
                dtype="float32",
                **self.spec.vrt_params,  # type: ignore[attr-defined]
            ) as warped:
                values = warped.read(self.band, window=window, masked=True)
        filled: NDArray[np.float32] = values.astype(np.float32).filled(np.nan)
        return filled

    def close(self) -> None:
        """Nothing is kept open."""

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)


def _read_warped(
    sources: Sequence[Source], grid: Grid, categorical: bool
) -> list[NDArray[np.float32]]:
    if not sources:
        return []
    for source in sources:
        with _opened(source):  # the declared grid is checked before its pixels are believed
            pass
    stack = stackstac.stack(
        [_stac_item(i, source) for i, source in enumerate(sources)],
        assets=["band"],
        epsg=grid.epsg,
        resolution=grid.resolution_m,
        bounds=grid.bounds,
        resampling=Resampling.nearest if categorical else Resampling.bilinear,
        dtype=np.dtype("float32"),
        fill_value=np.float32("nan"),
        rescale=False,
        sortby_date=False,
        chunksize=(1, 1, grid.height, grid.width),
        reader=BandReader,
    )
    if stack.sizes["band"] == 0:  # stackstac drops an asset that nowhere meets the grid
        return [np.full(grid.shape, np.nan, np.float32) for _ in sources]
    try:
        layers = stack.squeeze("band").compute(scheduler="synchronous").to_numpy()
    except (RasterioError, OSError) as error:
        raise _unreadable(sources[0], error) from error
    return list(layers)


def _stac_item(order: int, source: Source) -> dict[str, object]:
    """The least item stackstac takes: where one band of one file lies.

    It spells ``proj:epsg``, the only form stackstac 0.5 reads.
    """
    return {
        "id": str(order),
        "type": "Feature",
        "bbox": None,
        "geometry": None,
        "links": [],
        "properties": {"datetime": "2000-01-01T00:00:00Z"},
        "assets": {
            "band": {
                "href": f"{source.href}#band={source.index}",
                "type": "image/tiff",
                "proj:epsg": source.epsg,
                "proj:shape": list(source.shape),
                "proj:transform": list(source.transform),
            }
        },
    }


# --- quality ------------------------------------------------------------------------------------


def _quality(
    scenes: Sequence[Scene], sensor: Sensor, grid: Grid, image: NDArray[np.uint16]
) -> NDArray[np.uint8]:
    """Bits of Quality: no data, and what the scene classification says."""
    nodata = ~image.any(axis=0)
    masks = [scene.mask for scene in scenes if scene.mask is not None]
    if sensor.mask is None or len(masks) < len(scenes):
        flags = np.full(grid.shape, int(Quality.UNSCREENED), np.uint8)
    else:
        flags = classify(_classes(masks, grid), sensor, grid.resolution_m)
    flags[nodata] = int(Quality.NODATA)
    return flags


def _classes(masks: Sequence[Source], grid: Grid) -> NDArray[np.uint8]:
    layers = (
        np.nan_to_num(layer, nan=0).astype(np.uint16)
        for layer in read_band(masks, grid, categorical=True)
    )
    return _first_with_data(layers).astype(np.uint8)


def classify(classes: NDArray[np.uint8], sensor: Sensor, resolution_m: float) -> NDArray[np.uint8]:
    """Bits of Quality from scene classes, ship-narrow patches of cloud taken back."""
    assert sensor.mask is not None
    table = np.zeros(256, np.uint8)
    for value, flags in sensor.mask.items():
        table[value] = int(flags)
    quality = table[classes]
    cloud = real_cloud((quality & np.uint8(Quality.CLOUD)) > 0, resolution_m)
    quality &= np.uint8(~Quality.CLOUD & 255)
    quality[cloud] |= np.uint8(Quality.CLOUD)
    return quality


def real_cloud(flagged: NDArray[np.bool_], resolution_m: float) -> NDArray[np.bool_]:
    """The flagged pixels less what could be ships, grown by the buffer."""
    if not flagged.any():
        return flagged
    width = max(1, round(SHIP_WIDTH_M / resolution_m))
    wide: NDArray[np.bool_] = ndimage.binary_opening(flagged, np.ones((width, width), bool))
    kept = flagged.copy()
    patches = label(flagged, connectivity=2)
    far = _distance_m(wide, resolution_m) > ALONE_M
    for patch in regionprops(patches):
        window = patch.slice
        if far[window][patch.image].all() and _could_be_a_ship(patch, resolution_m):
            kept[window][patch.image] = False
    return _distance_m(kept, resolution_m) <= CLOUD_BUFFER_M


def _could_be_a_ship(patch: Any, resolution_m: float) -> bool:
    long, short = patch.axis_major_length, max(patch.axis_minor_length, 1.0)
    return bool(
        long * resolution_m <= SHIP_LENGTH_M
        and short * resolution_m <= SHIP_WIDTH_M
        and long / short >= SHIP_ELONGATION
    )


def _distance_m(places: NDArray[np.bool_], resolution_m: float) -> NDArray[np.float64]:
    """Metres from every pixel to the nearest of these; infinite where there is none."""
    if not places.any():
        return np.full(places.shape, np.inf)
    return np.asarray(ndimage.distance_transform_edt(~places) * resolution_m)
