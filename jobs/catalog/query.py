from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import MultiPolygon, Polygon, box
from shapely.geometry.base import BaseGeometry

from jobs.catalog.stac_item import Item, acquired
from jobs.domain import Period, Scene
from jobs.domain.job import SourceSpec
from jobs.domain.nearest import nearest
from jobs.errors import CatalogError, InputError

if TYPE_CHECKING:
    pass


Progress: TypeAlias = Callable[[str], None]
"""Is told in words what has been found so far."""


@dataclass(frozen=True)
class Rejected:
    """An item that a catalog gave and that cannot be used."""

    item_id: str
    catalog: str
    collection: str
    reason: str


@dataclass(frozen=True)
class SearchResult:
    """What one search gave."""

    scenes: tuple[Scene, ...]
    """Sorted by (acquired, item_id)."""
    rejected: tuple[Rejected, ...]


def _item_id(item: Any) -> str:
    return str(item.get("id") or "without id") if isinstance(item, Mapping) else "not an object"


class _Wanted:
    """Whether an item is one that was asked for: made once, asked for thousands of items."""

    def __init__(self, source: SourceSpec, area: Polygon, period: Period) -> None:
        self.start, self.end = _instants(period)
        self.area = area
        self.max_cloud_cover = source.max_cloud_cover
        shapely.prepare(self.area)

    def has(self, item: Item) -> bool:
        """Raises InputError where the item does not say when or where it was taken."""
        if not isinstance(item, Mapping):
            raise InputError(f"a {type(item).__name__} where an item was expected")
        return self._in_period(item) and self._in_area(item) and self._clear_enough(item)

    def _in_period(self, item: Item) -> bool:
        return self.start <= acquired(item) < self.end

    def _in_area(self, item: Item) -> bool:
        try:
            return bool(self.area.intersects(_footprint(item)))
        except (ValueError, TypeError, KeyError, AttributeError, ShapelyError) as error:
            raise InputError(
                f"item {item.get('id')!r} has no readable geometry: {error}"
            ) from error

    def _clear_enough(self, item: Item) -> bool:
        cloud = item["properties"].get("eo:cloud_cover")
        if self.max_cloud_cover is None or not isinstance(cloud, int | float):
            return True
        return cloud <= self.max_cloud_cover


def _instants(period: Period) -> tuple[datetime, datetime]:
    """First instant of the period, and the first after it."""
    start = datetime.combine(period.start, time(), UTC)
    return start, datetime.combine(period.end, time(), UTC) + timedelta(days=1)


def _footprint(item: Item) -> BaseGeometry:
    """The item's geometry, or its bbox where it has none."""
    if item.get("geometry") is not None:
        return shapely.make_valid(shapely.geometry.shape(item["geometry"]))
    bbox = item.get("bbox")
    if not isinstance(bbox, list | tuple) or len(bbox) not in (4, 6):
        raise ValueError("neither geometry nor bbox")
    half = len(bbox) // 2  # six numbers where heights are given
    west, south, east, north = bbox[0], bbox[1], bbox[half], bbox[half + 1]
    if west <= east:
        return box(west, south, east, north)
    return MultiPolygon([box(west, south, 180, north), box(-180, south, east, north)])


def _is_of(source: SourceSpec, item: Any) -> bool:
    """False for an item that says it belongs to another collection; some servers mix them."""
    if not isinstance(item, Mapping):
        return True
    return item.get("collection") in (None, source.collection)


def _unknown_collection(source: SourceSpec, known: list[str]) -> CatalogError:
    near = nearest(source.collection, known, count=3) or sorted(known)[:10]
    names = ", ".join(near) or "none"
    return CatalogError(
        f"{source.catalog} has no collection {source.collection!r}; the nearest are: {names}; "
        "correct `collection:` in the job"
    )
