"""Labels as an instance mask: an asset of each item whose pixels hold the number of their ship.

Each connected patch of one number is a vessel, measured in ground metres: its heading and beam by
second moments, its length by its extent along that heading. Masks drawn by hand are often about a
pixel too wide on every side; `shave_px` corrects that.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.warp import transform, transform_bounds
from scipy import ndimage
from skimage.measure import label

from models.config import PIXEL_M
from models.dataset.boxes import Box, PixelGrid, Rectangle, heading_of
from models.dataset.catalog import DatasetError, Item, few

_SAME_SHIP_M = 20.0
"""Boxes of overlapping items with centres nearer than this are one ship."""


@dataclass(frozen=True)
class InstanceMask:
    """An asset of integers, 0 = no ship, in any coordinate system that its file states."""

    asset: str
    """Name of the asset."""
    shave_px: float = 0.0
    """Excess width of the masks on every side, in their own pixels."""

    def __str__(self) -> str:
        return f"asset:{self.asset}"


@dataclass(frozen=True)
class _Patch:
    """The connected pixels of one number."""

    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    at_edge: bool


@dataclass(frozen=True)
class MaskLabels:
    """Vessels of a mask; an item that has the asset is labelled completely."""

    mask: InstanceMask

    def check(self, items: Sequence[Item]) -> None:
        """Refuse a collection in which no item has the asset; items without it are not labelled."""
        if not any(self.mask.asset in item.files for item in items):
            raise DatasetError(
                f"{self.mask}: no item has an asset {self.mask.asset!r}; "
                f"they have {few(name for item in items for name in item.files)}"
            )

    def boxes(self, overpass: Sequence[Item], grid: PixelGrid) -> tuple[Box, ...] | None:
        """A box of class ship and confidence 3 for each patch; None where no item has the asset.

        Raises DatasetError where an item of the overpass has it and another has not.
        """
        lacking = [item.id for item in overpass if self.mask.asset not in item.files]
        if len(lacking) == len(overpass):
            return None
        if lacking:
            raise DatasetError(
                f"item {lacking[0]}: has no asset {self.mask.asset!r}, but another item of the "
                "same overpass has; give it a mask too (of zeros, if it shows no ship)"
            )
        found: list[Box] = []
        for item in overpass:
            boxes = list(self._of(item, grid))
            # a ship in the overlap of two items is in both masks
            found += [box for box in boxes if not any(_same(box, other) for other in found)]
        return tuple(found)

    def _of(self, item: Item, grid: PixelGrid) -> Iterator[Box]:
        where = f"item {item.id}: {item.files[self.mask.asset]}"
        try:
            with rasterio.open(item.files[self.mask.asset]) as file:
                _check(file, item, where)
                numbers, to_ground = file.read(1), _Ground(file.transform, file.crs, grid)
                numbers[numbers == file.nodata] = 0
        except RasterioError as error:
            raise DatasetError(f"{where}: cannot be read ({error}); expected a GeoTIFF") from error
        for patch in _patches(numbers):
            yield grid.box(_measure(patch, to_ground, self.mask.shave_px), "ship", 3, patch.at_edge)


def _check(file: Any, item: Item, where: str) -> None:
    """Refuse a file that is not an instance mask over this item."""
    if file.count != 1 or np.dtype(file.dtypes[0]).kind not in "iu":
        raise DatasetError(
            f"{where}: has {file.count} band(s) of {file.dtypes[0]}; expected one of integers, "
            "0 = no ship"
        )
    if file.crs is None:
        raise DatasetError(
            f"{where}: names no coordinate system; give it the one it was drawn in "
            "(gdal_edit.py -a_srs EPSG:...)"
        )
    west, south, east, north = transform_bounds(file.crs, "EPSG:4326", *file.bounds)
    if west > item.bbox[2] or east < item.bbox[0] or south > item.bbox[3] or north < item.bbox[1]:
        raise DatasetError(
            f"{where}: covers longitudes {west:.4f} to {east:.4f} and latitudes {south:.4f} to "
            f"{north:.4f}, nothing of the item; check its coordinate system and transform"
        )


def _patches(numbers: NDArray[np.integer[Any]]) -> Iterator[_Patch]:
    """The connected pixels of each number, with 8-connectivity."""
    patches = label(numbers, background=0, connectivity=2)
    height, width = patches.shape
    for number, window in enumerate(ndimage.find_objects(patches), start=1):
        rows, cols = np.nonzero(patches[window] == number)
        rows, cols = rows + window[0].start, cols + window[1].start
        at_edge = bool(
            min(rows.min(), cols.min()) == 0 or rows.max() == height - 1 or cols.max() == width - 1
        )
        yield _Patch(rows, cols, at_edge)


@dataclass(frozen=True)
class _Ground:
    """Transforms a file's pixels to a grid's metres."""

    transform: rasterio.Affine
    crs: Any
    grid: PixelGrid

    def at(self, rows: NDArray[Any], cols: NDArray[Any]) -> NDArray[np.float64]:
        """Eastings and northings, (2, n), of pixel positions from the file's upper left corner."""
        x, y = self.transform * (cols, rows)
        return np.array(transform(self.crs, self.grid.crs, x, y))

    def pixel_m(self, row: int, col: int) -> float:
        """Edge of a square with the ground area of a pixel, in metres."""
        at = np.array([0, 0, 1])
        x, y = self.at(row + at, col + at[::-1])
        return math.sqrt(abs((x[0] - x[1]) * (y[2] - y[1]) - (x[2] - x[1]) * (y[0] - y[1])))


def _measure(patch: _Patch, ground: _Ground, shave_px: float) -> Rectangle:
    """The rotated rectangle of a patch of pixels, at least a pixel long and wide."""
    pixel_m = ground.pixel_m(patch.rows[0], patch.cols[0])
    positions = ground.at(patch.rows + 0.5, patch.cols + 0.5)
    centre = positions.mean(axis=1)
    # the second moment of a pixel's own area is edge^2 / 12
    covariance = np.cov(positions, bias=True).reshape(2, 2) + np.eye(2) * pixel_m**2 / 12
    moments, axes = np.linalg.eigh(covariance)
    along = axes[:, 1] @ (positions - centre[:, None])
    x, y = centre + axes[:, 1] * (along.min() + along.max()) / 2
    sides = np.ptp(along) + pixel_m, math.sqrt(12 * moments[0])
    length, beam = (max(side - 2 * shave_px * pixel_m, pixel_m) for side in sides)
    return Rectangle(float(x), float(y), float(length), float(beam), heading_of(*axes[:, 1]))


def _same(one: Box, other: Box) -> bool:
    return math.hypot(one.row - other.row, one.col - other.col) * PIXEL_M < _SAME_SHIP_M
