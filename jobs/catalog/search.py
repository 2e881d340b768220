"""Search: what a catalog holds of an area and a period, as scenes.

Three kinds of catalog behind one function: a STAC API (pystac-client), a static catalog (plain JSON
files, on disk, on the web or on S3) and items in stac-geoparquet. Whatever a server was asked,
everything is checked again here: servers ignore parameters, repeat items and answer nonsense.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shapely.geometry import Polygon

from jobs.catalog.geoparquet import _parquet_items
from jobs.catalog.query import (
    Progress,
    Rejected,
    SearchResult,
    _item_id,
    _Wanted,
)
from jobs.catalog.stac_api import _api_items, _is_api
from jobs.catalog.stac_item import Item, scene_from_item, sensor_for
from jobs.catalog.static import _static_items
from jobs.catalog.transport import Manners, _Reader
from jobs.domain import Access, Period, Scene
from jobs.domain.job import SourceSpec
from jobs.errors import InputError

if TYPE_CHECKING:
    pass


def search(
    source: SourceSpec,
    area: Polygon,
    period: Period,
    *,
    progress: Progress | None = None,
    manners: Manners | None = None,
) -> SearchResult:
    """Scenes of a source that touch the area (WGS 84) in the period, each item once.

    Raises CatalogError when the catalog is down, answers nonsense or lacks the collection; an item
    that cannot be used is skipped and reported with its reason.
    """
    tell = progress or _say_nothing
    wanted = _Wanted(source, area, period)
    found: dict[str, Scene | Rejected] = {}
    with closing(_Reader(manners or Manners(), source.access)) as reader:
        for item in _items(source, area, period, reader, tell):
            entry = item if isinstance(item, Rejected) else _scene(item, source, wanted)
            if entry is not None:
                found.setdefault(entry.item_id, entry)
    scenes = [entry for entry in found.values() if isinstance(entry, Scene)]
    rejected = [entry for entry in found.values() if isinstance(entry, Rejected)]
    tell(f"{source.collection}: {len(scenes)} scenes, {len(rejected)} items rejected")
    return SearchResult(
        tuple(sorted(scenes, key=lambda scene: (scene.acquired, scene.item_id))),
        tuple(sorted(rejected, key=lambda left_out: left_out.item_id)),
    )


def _scene(item: Any, source: SourceSpec, wanted: _Wanted) -> Scene | Rejected | None:
    """The item as a scene, or why it is none; None for an item that was not asked for."""
    try:
        if not wanted.has(item):
            return None
        scene = scene_from_item(item, source.catalog, sensor_for(item, source.sensor))
        return replace(scene, access=source.access or _usual_access(source.catalog))
    except InputError as error:
        return Rejected(_item_id(item), source.catalog, source.collection, str(error))


def _usual_access(catalog: str) -> Access | None:
    """How files of a well-known catalog are reached; its name on the web says which it is."""
    host = urlsplit(catalog).hostname
    return Access.PLANETARY_COMPUTER if host == "planetarycomputer.microsoft.com" else None


def _say_nothing(_: str) -> None:
    pass


def _items(
    source: SourceSpec, area: Polygon, period: Period, reader: _Reader, tell: Progress
) -> Iterator[Item | Rejected]:
    """Items of the source, with absolute asset hrefs; at least all that are wanted."""
    path = urlsplit(source.catalog).path
    if path.lower().endswith((".parquet", ".geoparquet")):
        return _parquet_items(source, area, period, reader)
    root = reader.json(source.catalog)
    if _is_api(root):
        return _api_items(source, area, period, root, reader, tell)
    return _static_items(source, root, reader, tell)


# --- what is wanted -----------------------------------------------------------------------------


# --- STAC API -----------------------------------------------------------------------------------


# --- static catalog -----------------------------------------------------------------------------


# --- stac-geoparquet ----------------------------------------------------------------------------


# --- reading ------------------------------------------------------------------------------------
