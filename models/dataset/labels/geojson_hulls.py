"""Labels as GeoJSON: a feature is a hull drawn over an item, in WGS 84 longitude and latitude."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.warp import transform
from shapely.geometry import Polygon
from shapely.geometry.base import BaseGeometry

from models.dataset.boxes import Box, PixelGrid, rectangle_around
from models.dataset.catalog import DatasetError, Item, few, instant
from models.dataset.labels.geojson_features import HullFeature, read_hulls

LEAST_SIDE_M = 1.0
"""A narrower hull is refused as a line or a point."""


def read_geojson_labels(files: Sequence[Path]) -> "GeoJsonLabels":
    """The labels of GeoJSON files; DatasetError where a feature cannot be used."""
    return GeoJsonLabels(tuple(hull for file in files for hull in read_hulls(file)))


@dataclass(frozen=True)
class GeoJsonLabels:
    """Hulls, matched to items by id, or by time and position."""

    hulls: tuple[HullFeature, ...]

    def check(self, items: Sequence[Item]) -> None:
        """Refuse a hull whose item does not exist or does not contain it."""
        named: defaultdict[str | datetime | None, list[Item]] = defaultdict(list)
        for item in items:
            named[item.id].append(item)
            named[instant(item.datetime)].append(item)
        for hull in self.hulls:
            found = named.get(hull.item or hull.moment, [])
            if not found:
                raise DatasetError(_no_such_item(hull, items))
            if not any(_meets(hull, item) for item in found):
                raise DatasetError(_beside(hull, found))

    def boxes(self, overpass: Sequence[Item], grid: PixelGrid) -> tuple[Box, ...] | None:
        """The rotated boxes of least area around the overpass's hulls; None where it has none."""
        hulls = [hull for hull in self.hulls if any(_is_of(hull, item) for item in overpass)]
        if not hulls:
            return None
        return tuple(dict.fromkeys(box for hull in hulls for box in _boxes(hull, grid)))


def _is_of(hull: HullFeature, item: Item) -> bool:
    if hull.item:
        return hull.item == item.id
    return hull.moment == instant(item.datetime) and _meets(hull, item)


def _meets(hull: HullFeature, item: Item) -> bool:
    return any(part.intersects(shapely.box(*item.bbox)) for part in hull.parts)


def _boxes(hull: HullFeature, grid: PixelGrid) -> Iterable[Box]:
    for part in hull.parts:
        on_ground = _projected(part, grid)
        rectangle = rectangle_around(on_ground)
        if rectangle is None or rectangle.beam_m < LEAST_SIDE_M:
            raise DatasetError(
                f"{hull.where}: its polygon is less than {LEAST_SIDE_M:g} m wide, a line or a "
                "point; draw the outline of the hull"
            )
        yield grid.box(rectangle, hull.kind, hull.confidence, hull.at_edge, hull.moving)


def _projected(part: Polygon, grid: PixelGrid) -> BaseGeometry:
    def to_grid(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(transform("EPSG:4326", grid.crs, *points.T)).T

    # the least rectangle around a polygon is that around its convex hull
    return shapely.transform(part.convex_hull, to_grid)


def _no_such_item(hull: HullFeature, items: Sequence[Item]) -> str:
    if hull.item:
        return (
            f"{hull.where}: no item {hull.item!r} in the collection; "
            f"there are {few(item.id for item in items)}"
        )
    return (
        f"{hull.where}: no item of {hull.moment} in the collection; the items are of "
        f"{few(str(item.datetime) for item in items)}"
    )


def _beside(hull: HullFeature, items: Sequence[Item]) -> str:
    lon, lat = (round(float(at), 4) for at in hull.parts[0].bounds[:2])
    west, south, east, north = (round(edge, 4) for edge in items[0].bbox)
    return (
        f"{hull.where}: lies at longitude {lon}, latitude {lat}, outside {items[0].id}, which "
        f"has longitudes {west} to {east} and latitudes {south} to {north}; expected longitude "
        "first, then latitude, inside the item"
    )
