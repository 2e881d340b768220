from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

import shapely
from pystac_client import ItemSearch
from pystac_client.exceptions import APIError
from shapely.geometry import Polygon

from jobs.catalog.stac_item import Item
from jobs.domain import Period
from jobs.domain.job import SourceSpec
from jobs.errors import CatalogError

if TYPE_CHECKING:
    pass
from jobs.catalog.query import Progress, _instants, _is_of, _item_id, _unknown_collection
from jobs.catalog.transport import _failed, _links, _Reader, _self_href, _with_absolute_hrefs


def _is_api(root: Item) -> bool:
    return "conformsTo" in root or any(_links(root, "search"))


def _api_items(
    source: SourceSpec,
    area: Polygon,
    period: Period,
    root: Item,
    reader: _Reader,
    tell: Progress,
) -> Iterator[Item]:
    _check_collection(source, root, reader)
    start, end = _instants(period)
    found = ItemSearch(
        _search_url(source, root),
        method=_search_method(root),
        stac_io=reader.io,
        collections=[source.collection],
        intersects=shapely.geometry.mapping(area),
        datetime=f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}",
        limit=reader.manners.page_items,
    )
    pages = reader.guarded(source.catalog, found.pages_as_dicts())
    for item in _new_items(pages, source, tell):
        yield _with_absolute_hrefs(item, _self_href(item) or source.catalog)


def _search_url(source: SourceSpec, root: Item) -> str:
    base = source.catalog.rstrip("/") + "/"
    return urljoin(base, next((str(link["href"]) for link in _links(root, "search")), "search"))


def _search_method(root: Item) -> str:
    """POST, as areas can be long, unless the server advertises GET alone."""
    methods = {str(link.get("method", "POST")).upper() for link in _links(root, "search")}
    return "GET" if methods == {"GET"} else "POST"


def _new_items(pages: Iterator[Item], source: SourceSpec, tell: Progress) -> Iterator[Any]:
    """Items not seen before; paging that brings nothing new for ever is ended with an error."""
    seen: set[str] = set()
    for number, page in enumerate(pages, start=1):
        new = {_item_id(item): item for item in page["features"] if _item_id(item) not in seen}
        if not new and any(_links(page, "next")):
            raise CatalogError(
                f"{source.catalog} repeats itself: page {number} of {source.collection} holds "
                "nothing new, yet there is a next one; narrow the period, or tell its operator"
            )
        seen |= new.keys()
        tell(f"{source.collection}: {len(seen)} items on {number} pages")
        yield from (item for item in new.values() if _is_of(source, item))


def _check_collection(source: SourceSpec, root: Item, reader: _Reader) -> None:
    base = source.catalog.rstrip("/")
    try:
        reader.io.read_json(f"{base}/collections/{quote(source.collection)}")
    except APIError as error:
        if getattr(error, "status_code", None) != 404:
            raise _failed(source.catalog, error) from error
    except ValueError as error:
        raise _failed(source.catalog, error) from error
    else:
        return
    listed = reader.json(f"{base}/collections").get("collections")
    known = [str(entry.get("id")) for entry in listed or () if isinstance(entry, Mapping)]
    raise _unknown_collection(source, known)
