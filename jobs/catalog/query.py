"""Query and result of a search: the filter of items, scenes found, and items rejected."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from hashlib import sha256
from typing import Any, TypeAlias

import shapely
from shapely.geometry import Polygon

from jobs.catalog.broken_json import refuse_broken
from jobs.catalog.footprint import has_area, near_180, outline, raster_touches, touches
from jobs.catalog.stac_item import (
    MALFORMED,
    Item,
    Raster,
    acquired,
    cloud_cover,
    malformed,
    raster_of,
)
from jobs.domain import Period, Scene, SourceSpec, nearest_word
from jobs.errors import CatalogError, InputError

Progress: TypeAlias = Callable[[str], None]
"""Called with a line of text on what has been found so far."""


@dataclass(frozen=True)
class Rejected:
    """An item that a catalog gave and that cannot be used."""

    item_id: str
    catalog: str
    collection: str
    reason: str


@dataclass(frozen=True)
class SearchResult:
    """Scenes and rejected items of one search of one source."""

    scenes: tuple[Scene, ...]
    """Sorted by (acquired, item_id)."""
    rejected: tuple[Rejected, ...]
    """Sorted by item_id."""


class ItemFilter:
    """Selects the items of a period, an area (WGS 84) and a largest cloud cover."""

    def __init__(self, source: SourceSpec, area: Polygon, period: Period) -> None:
        self.start, self.end = time_range(period)
        self.area = area
        self.max_cloud_cover = source.max_cloud_cover
        self._near_180 = near_180(area)
        shapely.prepare(self.area)

    def accepts(self, item: Item) -> bool:
        """Whether an item matches; InputError where that cannot be told.

        One that fails in time, place or cloud was not asked for, whatever else cannot be read.
        """
        if not isinstance(item, Mapping):
            raise InputError(f"a {type(item).__name__} where an item was expected")
        refuse_broken(item)
        unknown: InputError | None = None
        for matches in (self._in_period, self._in_area, self._clear_enough):
            try:
                if not matches(item):
                    return False
            except InputError as error:
                unknown = unknown or error
            except MALFORMED as error:
                unknown = unknown or malformed(item, error)
        if unknown is not None:
            raise unknown
        return True

    def _in_period(self, item: Item) -> bool:
        return self.start <= acquired(item) < self.end

    def _in_area(self, item: Item) -> bool:
        """Whether the item's footprint touches the area, or its raster where that says better.

        A footprint is often smaller than its raster, which is empty where the swath ends, so it
        decides. The raster's own grid does where a footprint is unreadable, is a point or a line,
        or may be written across 180 degrees. InputError where they lie apart and the raster touches
        the area.
        """
        unreadable: Exception | None = None
        try:
            if touches(item, self.area):
                return True
        except MALFORMED as error:
            unreadable = error
        raster = raster_of(item)
        if unreadable is not None and raster is None:
            raise InputError(
                f"item {item.get('id')!r} has no readable geometry: {unreadable}"
            ) from unreadable
        if raster is None or not raster_touches(*raster, self.area):
            return False
        return unreadable is not None or self._near_180 or _is_place(item, raster)

    def _clear_enough(self, item: Item) -> bool:
        """Unknown cloud cover is no reason to leave an item out."""
        cloud = cloud_cover(item)
        if self.max_cloud_cover is None or cloud is None:
            return True
        return cloud <= self.max_cloud_cover


def _is_place(item: Item, raster: Raster) -> bool:
    """Whether an item's geometry is a mere place in its raster, such as its centre.

    InputError for one that lies elsewhere than the raster.
    """
    if not touches(item, outline(*raster)):
        raise InputError(
            f"item {item.get('id')!r} has its footprint elsewhere than its raster, which touches "
            "the port; correct the item's geometry or its proj:transform"
        )
    return not has_area(item)


def time_range(period: Period) -> tuple[datetime, datetime]:
    """First instant of the period, and the first after it, UTC."""
    start = datetime.combine(period.start, time(), UTC)
    return start, datetime.combine(period.end, time(), UTC) + timedelta(days=1)


def item_name(item: Any) -> str:
    """An item's id, for messages and to tell items apart, whatever a catalog gave in its place.

    What has no id is named by a digest of its content.
    """
    if isinstance(item, Mapping) and item.get("id") not in (None, ""):
        return str(item["id"])
    kind = "without id" if isinstance(item, Mapping) else "not an object"
    content = json.dumps(item, sort_keys=True, default=str)
    return f"{kind} ({sha256(content.encode()).hexdigest()[:8]})"


def in_collection(source: SourceSpec, item: Any) -> bool:
    """False for an item that names another collection than the source's; some servers mix them."""
    if not isinstance(item, Mapping):
        return True
    return item.get("collection") in (None, source.collection)


def unknown_collection(source: SourceSpec, known: list[str]) -> CatalogError:
    """The error of a catalog that lacks the source's collection, with the nearest it has."""
    near = nearest_word(source.collection, known, count=3) or sorted(known)[:10]
    names = ", ".join(near) or "none"
    return CatalogError(
        f"{source.catalog} has no collection {source.collection!r}; the nearest are: {names}; "
        "correct `collection:` in the job"
    )
