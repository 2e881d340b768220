"""``items.json``: the items of the catalogs that a result was made from, with their addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from urllib.parse import quote, urlsplit, urlunsplit

import pystac

from jobs.domain import Json, web_address
from jobs.publish.publication import Publication, SourceItem

ITEMS = "items.json"

MOST_LINKS = 200
"""Items that are links of ``collection.json`` one by one; a reader loads all of its links. Of more
there is a link for each of their collections, and the items are in ``items.json``."""


def items_json(publication: Publication) -> dict[str, Json]:
    """Every item by catalog, collection and id, with the overpasses that it is part of."""
    return {
        "job": publication.job,
        "tag": publication.tag,
        "comment": "the items of all overpasses that were read; href: address of the item by the "
        "rules of the STAC API, from the catalog, collection and id of the plan; null for a "
        "catalog of static files, which only its own links can find",
        "items": [_item(item) for item in publication.provenance.sources],
    }


def _item(item: SourceItem) -> dict[str, Json]:
    return {
        "id": item.item_id,
        "collection": item.collection,
        "catalog": _public(item.catalog),
        "href": item_href(item),
        "platform": item.platform,
        "datetime": item.acquired.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "processing_baseline": item.processing_baseline or None,
        "overpass_ids": list(item.overpass_ids),
    }


def _public(catalog: str) -> str:
    """The address of a catalog as it may be published: without user, password and query, which may
    hold a key; of a local one the name of its file, for results name no machine.
    """
    if "://" not in catalog:
        return PurePath(catalog).name
    parts = urlsplit(catalog)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def collection_href(item: SourceItem) -> str | None:
    """Address of the item's collection; None where the catalog is no API."""
    catalog = _public(item.catalog)
    if not web_address(catalog) or catalog.endswith((".json", ".parquet", ".geojson")):
        return None
    return f"{catalog.rstrip('/')}/collections/{quote(item.collection, safe='')}"


def item_href(item: SourceItem) -> str | None:
    """Address of the item itself; None where the catalog is no API."""
    collection = collection_href(item)
    return None if collection is None else f"{collection}/items/{quote(item.item_id, safe='')}"


def derived_from(items: Iterable[SourceItem]) -> Iterator[pystac.Link]:
    """A link for each item that has an address, or for each collection where there are many."""
    found: Mapping[str, str] = {href: item.item_id for item in items if (href := item_href(item))}
    if len(found) <= MOST_LINKS:
        for href, name in found.items():
            yield _link(href, f"{name}")
        return
    counts = Counter(href for item in items if (href := collection_href(item)))
    for href, number in sorted(counts.items()):
        yield _link(href, f"{number} items, listed in {ITEMS}")


def _link(href: str, title: str) -> pystac.Link:
    return pystac.Link("derived_from", href, pystac.MediaType.JSON, title)
