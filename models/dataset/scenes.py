"""Labelled scenes for training and evaluation, read from static STAC catalogs and their labels.

Items of one time and group are mosaicked to one scene on a 10 m UTM grid, so that a length in
pixels is a length on the ground, whatever grid the catalog uses.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.warp import Resampling, reproject, transform_bounds

from models.config import PIXEL_M
from models.dataset.boxes import Box, PixelGrid
from models.dataset.catalog import BandFile, DatasetError, Item, few, overpasses, read_items
from models.dataset.labels import InstanceMask, open_labels
from models.network import BANDS, Image


@dataclass(frozen=True)
class LabelSource:
    """A collection of a static catalog, and its labels."""

    catalog: Path
    collection: str
    labels: Path | InstanceMask
    """Boxes as CSV or hulls as GeoJSON (a file, or a folder of either), or an instance mask among
    the items' assets."""


@dataclass(frozen=True)
class LabelledScene:
    """One image with its labels."""

    name: str
    group: str
    """The port; never split between training and evaluation."""
    bands: tuple[str, ...]
    image: Image
    """(band, y, x), reflectance or true colour; NaN = no data."""
    boxes: tuple[Box, ...]

    @property
    def ships(self) -> tuple[Box, ...]:
        return tuple(box for box in self.boxes if box.is_ship)


def read_scenes(source: LabelSource) -> Iterator[LabelledScene]:
    """The scenes of a source that have labels, one at a time, ordered by name.

    Raises DatasetError where the catalog or a label cannot be used, and at the end where no label
    lies in any scene.
    """
    labels = open_labels(source.labels)
    items = read_items(source.catalog, source.collection)
    labels.check(items)
    labelled = 0
    for overpass in overpasses(items):
        grid = utm_grid(overpass)
        boxes = labels.boxes(overpass, grid)
        if boxes is not None:
            inside = tuple(box for box in boxes if grid.holds(box))
            labelled += len(inside)
            yield _read_scene(overpass, grid, inside)
    if not labelled:
        raise DatasetError(
            f"{source.labels}: none of its labels lies in a scene of {source.collection}; expected "
            f"labels of its items, such as {few(item.id for item in items)}"
        )


def _read_scene(items: Sequence[Item], grid: PixelGrid, boxes: tuple[Box, ...]) -> LabelledScene:
    bands = tuple(name for name in BANDS if any(name == b.name for i in items for b in i.bands))
    if not bands:
        raise DatasetError(
            f"item {items[0].id}: none of its assets ({few(items[0].files)}) has a "
            f"band name; expected one of {', '.join(BANDS)} as a common name in eo:bands or bands"
        )
    image = np.full((len(bands), grid.height, grid.width), np.nan, dtype=np.float32)
    for band in (band for item in items for band in item.bands):
        plane = image[bands.index(band.name)]
        np.copyto(plane, _read_band(band, grid), where=np.isnan(plane))
    first = min(items, key=lambda item: item.id)
    return LabelledScene(first.id, first.group, bands, image, boxes)


def utm_grid(items: Sequence[Item]) -> PixelGrid:
    """The 10 m grid of the local UTM zone that covers the items, on multiples of 10 m."""
    west, south = (min(item.bbox[k] for item in items) for k in (0, 1))
    east, north = (max(item.bbox[k] for item in items) for k in (2, 3))
    zone = int((west + east) / 2 // 6) + 31
    crs = CRS.from_epsg((32600 if south + north > 0 else 32700) + zone)
    bounds = transform_bounds("EPSG:4326", crs, west, south, east, north)
    # bounding boxes in degrees are rounded: half a metre must not add a row
    left, bottom = (math.floor((edge + 0.5) / PIXEL_M) * PIXEL_M for edge in bounds[:2])
    right, top = (math.ceil((edge - 0.5) / PIXEL_M) * PIXEL_M for edge in bounds[2:])
    height, width = round((top - bottom) / PIXEL_M), round((right - left) / PIXEL_M)
    return PixelGrid(crs, Affine(PIXEL_M, 0.0, left, 0.0, -PIXEL_M, top), height, width)


def _read_band(band: BandFile, grid: PixelGrid) -> NDArray[np.float32]:
    """One band on the grid, (y, x); NaN where the file has no data."""
    plane = np.full((grid.height, grid.width), np.nan, dtype=np.float32)
    try:
        _warp_band(band, grid, plane)
    except (RasterioError, IndexError) as error:
        raise DatasetError(
            f"{band.href}: band {band.index} cannot be read ({error}); expected a GeoTIFF"
        ) from error
    return plane


def _warp_band(band: BandFile, grid: PixelGrid, plane: NDArray[np.float32]) -> None:
    with rasterio.open(band.href) as dataset:
        values = dataset.read(band.index).astype(np.float32)
        if band.nodata is not None:
            values[_all_bands_equal(dataset, band.nodata)] = np.nan
        on_grid = dataset.crs == grid.crs and dataset.res == (PIXEL_M, PIXEL_M)
        reproject(
            values * band.scale + band.offset,
            plane,
            src_transform=dataset.transform,
            src_crs=dataset.crs,
            dst_transform=grid.transform,
            dst_crs=grid.crs,
            src_nodata=np.nan,
            dst_nodata=np.nan,
            resampling=Resampling.nearest if on_grid else Resampling.cubic,
        )


def _all_bands_equal(dataset: Any, nodata: float) -> NDArray[np.bool_]:
    """Where a file has no data: a dark pixel may have the nodata value in one band, not in all."""
    return np.asarray((dataset.read() == nodata).all(axis=0))
