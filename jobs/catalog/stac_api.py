"""Items of a STAC API, by its item search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urljoin

import shapely
from pystac_client import ItemSearch
from pystac_client.exceptions import APIError
from shapely.geometry import Polygon

from jobs.catalog.query import Progress, in_collection, item_id, time_range, unknown_collection
from jobs.catalog.stac_item import Item
from jobs.catalog.transport import CatalogReader, links, read_error, self_href, with_absolute_hrefs
from jobs.domain import Period, SourceSpec
from jobs.errors import CatalogError


def is_api(root: Item) -> bool:
    """Whether the root of a catalog is that of an API with item search."""
    return "conformsTo" in root or any(links(root, "search"))


def api_items(
    source: SourceSpec,
    area: Polygon,
    period: Period,
    root: Item,
    reader: CatalogReader,
    report: Progress,
) -> Iterator[Item]:
    """Items that the API finds for the query, with absolute asset hrefs."""
    _check_collection(source, reader)
    start, end = time_range(period)
    found = ItemSearch(
        _search_url(source, root),
        method=_search_method(root),
        stac_io=reader.io,
        collections=[source.collection],
        intersects=shapely.geometry.mapping(area),
        datetime=f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
        limit=reader.settings.page_items,
    )
    pages = reader.guarded(source.catalog, found.pages_as_dicts())
    for item in _new_items(pages, source, report):
        yield with_absolute_hrefs(item, self_href(item) or source.catalog)


def _check_collection(source: SourceSpec, reader: CatalogReader) -> None:
    base = source.catalog.rstrip("/")
    try:
        reader.io.read_json(f"{base}/collections/{quote(source.collection)}")
    except APIError as error:
        if getattr(error, "status_code", None) != 404:
            raise read_error(source.catalog, error) from error
    except ValueError as error:
        raise read_error(source.catalog, error) from error
    else:
        return
    listed = reader.json(f"{base}/collections").get("collections")
    known = [str(entry.get("id")) for entry in listed or () if isinstance(entry, Mapping)]
    raise unknown_collection(source, known)


def _search_url(source: SourceSpec, root: Item) -> str:
    base = source.catalog.rstrip("/") + "/"
    return urljoin(base, next((str(link["href"]) for link in links(root, "search")), "search"))


def _search_method(root: Item) -> str:
    """POST, as areas can be long, unless the server advertises GET alone."""
    methods = {str(link.get("method", "POST")).upper() for link in links(root, "search")}
    return "GET" if methods == {"GET"} else "POST"


def _new_items(pages: Iterator[Item], source: SourceSpec, report: Progress) -> Iterator[Any]:
    """Items not seen before; CatalogError for a page without any that has a next page."""
    seen: set[str] = set()
    for number, page in enumerate(pages, start=1):
        new = {item_id(item): item for item in page["features"] if item_id(item) not in seen}
        if not new and any(links(page, "next")):
            raise CatalogError(
                f"{source.catalog} repeats itself: page {number} of {source.collection} holds "
                "nothing new, yet there is a next one; narrow the period, or inform its operator"
            )
        seen |= new.keys()
        report(f"{source.collection}: {len(seen)} items on {number} pages")
        yield from (item for item in new.values() if in_collection(source, item))
