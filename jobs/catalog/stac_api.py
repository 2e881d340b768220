"""Items of a STAC API, by its item search."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from pystac_client.exceptions import APIError
from shapely.geometry import Polygon

from jobs.catalog.footprint import in_turns
from jobs.catalog.query import Progress, Rejected, in_collection, item_name, unknown_collection
from jobs.catalog.search_pages import SearchPages
from jobs.catalog.stac_item import Item
from jobs.catalog.transport import (
    CatalogReader,
    links,
    own_address,
    read_error,
    with_absolute_hrefs,
)
from jobs.domain import Period, SourceSpec
from jobs.errors import CatalogError


def is_api(root: Item) -> bool:
    """Whether the root of a catalog is the landing page of an API with item search.

    A collection is none, whatever it says that it conforms to: static ones copy it from an API, and
    so do static catalogs, which link to what is below them and to no search.
    """
    if root.get("type") in ("Collection", "FeatureCollection"):
        return False
    if any(links(root, "search")):
        return True
    below = any(any(links(root, rel)) for rel in ("child", "item"))
    return not below and "item-search" in str(root.get("conformsTo") or "")


def refuse_saved_api(source: SourceSpec, place: str, root: Item) -> None:
    """CatalogError for the landing page of an API that was saved as a file, which cannot search."""
    if place.startswith(("http://", "https://")):
        return
    linked = (str(link["href"]) for rel in ("root", "self") for link in links(root, rel))
    address = next((href for href in linked if href.startswith(("http://", "https://"))), None)
    repair = "give the API's own address" if address is None else f"set `catalog: {address}`"
    raise CatalogError(
        f"{place} is the saved landing page of a STAC API, which cannot search "
        f"{source.collection}; {repair} in the job"
    )


def refuse_part_of_api(source: SourceSpec, place: str, node: Item, reader: CatalogReader) -> None:
    """CatalogError, naming the API's own address, where a node is a part of a STAC API.

    That is a collection or its items, a list of collections, an item, or a page of a search: taken
    for a whole catalog, they would hold the first page of what is there, or all of a collection
    would be read to find a few items. ``place`` is the node's address.
    """
    if not place.startswith(("http://", "https://")):
        return
    base = _landing_page(place, node)
    if base is None or base.rstrip("/") == place.rstrip("/"):
        return
    try:
        landing = reader.json(base)
    except CatalogError:
        return
    if is_api(landing):
        raise CatalogError(
            f"{place} is a part of the STAC API at {base}; set `catalog: {base}` and "
            f"`collection: {source.collection}` in the job"
        )


def _landing_page(address: str, root: Item) -> str | None:
    """Where the landing page of an API would be: the root link's, else the address's stem."""
    linked = next((str(link["href"]) for link in links(root, "root")), None)
    if linked is not None:
        return urljoin(address, linked)
    path = urlsplit(address).path
    stem = re.split(r"/(?:collections|search)(?:/|$)", path, maxsplit=1)[0]
    return None if stem == path else urljoin(address, stem or "/")


def api_items(
    source: SourceSpec,
    area: Polygon,
    period: Period,
    root: Item,
    reader: CatalogReader,
    report: Progress,
) -> Iterator[Item | Rejected]:
    """Items that the API finds for the query, with absolute asset hrefs.

    Items that it says it found and does not give are one rejected item.
    """
    _check_collection(source, reader)
    here, *turned = in_turns(area)
    search = SearchPages(source, here, period, root, reader)
    pages = reader.guarded(source.catalog, search.pages(report))
    yield from _absolute(_own_items(pages, source, report), search)
    yield from _not_given(search)
    for place in turned:
        yield from _beyond_180(search.at(place), reader, report)


def _beyond_180(
    search: SearchPages, reader: CatalogReader, report: Progress
) -> Iterator[Item | Rejected]:
    """Items of the same place in another turn of the globe: servers compare numbers.

    A server that refuses longitudes beyond 180 has none there; another failure is one rejected
    item, as nobody can tell.
    """
    source = search.source
    try:
        pages = reader.guarded(source.catalog, search.pages(report))
        yield from _absolute(_own_items(pages, source, report), search)
    except CatalogError as error:
        status = getattr(error.__cause__, "status_code", None)
        if status is None or not 400 <= status < 500:
            reason = f"the search for what is written beyond 180 degrees failed: {error}"
            yield Rejected("items beyond 180", source.catalog, source.collection, reason)
    else:
        yield from _not_given(search)


def _absolute(items: Iterator[Any], search: SearchPages) -> Iterator[Item]:
    return (with_absolute_hrefs(item, own_address(item, search.url)) for item in items)


def _not_given(search: SearchPages) -> Iterator[Rejected]:
    """What the server said it found and did not give."""
    missing, source = search.missing, search.source
    if missing:
        reason = (
            f"the server said that it found {missing} items more than its pages held, the last of "
            "which has no next one; narrow the period, or ask its operator"
        )
        yield Rejected(f"{missing} items not given", source.catalog, source.collection, reason)


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


def _own_items(pages: Iterator[Item], source: SourceSpec, report: Progress) -> Iterator[Any]:
    """Items of the source's collection; those that come on two pages come twice."""
    seen: set[str] = set()
    for number, page in enumerate(pages, start=1):
        own = [item for item in page["features"] if in_collection(source, item)]
        seen |= {item_name(item) for item in own}
        report(f"{source.collection}: {len(seen)} items on {number} pages")
        yield from own
