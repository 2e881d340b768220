"""Searches one source for scenes of an area and a period.

Five kinds of catalog behind one function: a STAC API (pystac-client), a static catalog (plain JSON
files on disk, on the web or on S3), items in stac-geoparquet, orders as Planet delivers them, and
Planet's Data API, of which they are ordered.
Every item is checked again here against the query: servers ignore parameters, repeat items and give
malformed ones.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from shapely.geometry import Polygon

from jobs.catalog.geoparquet import parquet_items
from jobs.catalog.planet_data import data_items
from jobs.catalog.planet_order import is_manifest, manifests_in, order_items
from jobs.catalog.planet_scenes import is_data_api
from jobs.catalog.query import ItemFilter, Progress, Rejected, SearchResult, item_name
from jobs.catalog.stac_api import api_items, is_api, refuse_part_of_api, refuse_saved_api
from jobs.catalog.stac_item import Item, scene_from_item, sensor_for
from jobs.catalog.static import static_items
from jobs.catalog.transport import CatalogReader, RequestSettings
from jobs.domain import Access, FileAccess, Period, Scene, SourceSpec
from jobs.errors import InputError

PAYS = "storage:requester_pays"
REQUEST_PAYER = "AWS_REQUEST_PAYER"
"""The environment variable by which GDAL pays for every read."""


def search_catalog(
    source: SourceSpec,
    area: Polygon,
    period: Period,
    *,
    progress: Progress | None = None,
    settings: RequestSettings | None = None,
) -> SearchResult:
    """Scenes of a source that touch the area (WGS 84) in the period, each item once.

    Raises CatalogError when the catalog is down, malformed or lacks the collection; an item that
    cannot be used is skipped and reported with its reason.
    """
    report = progress or (lambda _: None)
    wanted = ItemFilter(source, area, period)
    scenes: dict[str, Scene] = {}
    rejected: dict[Rejected, None] = {}
    with closing(CatalogReader(settings or RequestSettings(), source)) as reader:
        for item in _items(source, area, period, reader, report):
            entry = item if isinstance(item, Rejected) else _scene(item, source, wanted)
            if isinstance(entry, Scene):
                entry = _unless_another(entry, scenes.setdefault(entry.item_id, entry))
            if entry is not None:
                rejected[replace(entry, catalog=source.catalog)] = None
    report(f"{source.collection}: {len(scenes)} scenes, {len(rejected)} items rejected")
    return SearchResult(
        tuple(sorted(scenes.values(), key=lambda scene: (scene.acquired, scene.item_id))),
        tuple(sorted(rejected, key=lambda left_out: (left_out.item_id, left_out.reason))),
    )


def _items(
    source: SourceSpec, area: Polygon, period: Period, reader: CatalogReader, report: Progress
) -> Iterator[Item | Rejected]:
    """Items of the source, with absolute asset hrefs; at least all that match the query."""
    path = urlsplit(source.catalog).path
    if path.lower().endswith((".parquet", ".geoparquet")):
        return parquet_items(source, area, period, reader)
    if is_data_api(source.catalog):
        return data_items(source, area, period, reader, report)
    orders = manifests_in(source.catalog)
    if orders:
        return order_items(source, area, period, orders, reader, report)
    address, root = reader.json_at(source.catalog)
    found = replace(source, catalog=address)
    if is_api(root):
        refuse_saved_api(source, address, root)
        return api_items(found, area, period, root, reader, report)
    if is_manifest(root):
        return order_items(found, area, period, [address], reader, report)
    refuse_part_of_api(found, address, root, reader)
    return static_items(found, root, reader, report)


def _scene(item: Any, source: SourceSpec, wanted: ItemFilter) -> Scene | Rejected | None:
    """The item as a scene, or why it cannot be one; None for an item outside the query.

    An item that names no collection is of the one that was asked for.
    """
    if isinstance(item, Mapping) and item.get("collection") is None:
        item = {**item, "collection": source.collection}
    try:
        if not wanted.accepts(item):
            return None
        scene = scene_from_item(item, source.catalog, sensor_for(item, source.sensor))
        _check_who_pays(item, scene, source.access)
        return replace(scene, access=_access(source))
    except InputError as error:
        return Rejected(item_name(item), source.catalog, source.collection, str(error))


def _unless_another(scene: Scene, first: Scene) -> Rejected | None:
    """None where a scene is the first of its id once more; else why it is left out.

    Items come twice where pages are asked for again, then with other tokens in their hrefs.
    """
    if _content(scene) == _content(first):
        return None
    reason = (
        f"another item of this id came before it, acquired {first.acquired:%Y-%m-%dT%H:%M:%SZ}, "
        "and is used; ids must be unique within a collection"
    )
    return Rejected(scene.item_id, scene.catalog, scene.collection, reason)


def _content(scene: Scene) -> object:
    bands = {
        name: replace(
            band,
            href=urlsplit(band.href).path,
            calibration=urlsplit(band.calibration).path,
            noise=urlsplit(band.noise).path,
        )
        for name, band in scene.bands.items()
    }
    return (scene.acquired, scene.platform, bands, scene.facts)


def _check_who_pays(item: Item, scene: Scene, access: Access | None) -> None:
    """Refuse files that the item says the reader pays for, unless that was said to be right."""
    if access is not None or os.environ.get(REQUEST_PAYER):
        return
    wanted = {source.href for source in scene.bands.values() if source.href.startswith("s3://")}
    of_all = item["properties"].get(PAYS) is True  # Earth Search's Sentinel-1 says it so
    for name, asset in item["assets"].items():
        if not isinstance(asset, Mapping) or asset.get("href") not in wanted:
            continue  # stac-geoparquet has nulls for names that only other items have
        if of_all or asset.get(PAYS) is True:
            raise InputError(
                f"asset {name!r} of item {scene.item_id!r} is in a bucket whose reader pays "
                f"({PAYS}); add `access: requester-pays` to the job's source to pay "
                "for the transfer with your AWS credentials, or take another catalog"
            )


def _access(source: SourceSpec) -> FileAccess | None:
    return source.access or source.file_login or _usual_access(source.catalog)


def _usual_access(catalog: str) -> Access | None:
    """How files of a well-known catalog are reached, by the catalog's host."""
    host = urlsplit(catalog).hostname
    return Access.PLANETARY_COMPUTER if host == "planetarycomputer.microsoft.com" else None
