"""Files that list items (GeoJSON FeatureCollections), with the pages that follow them."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.catalog.search_pages import followed, matched, with_features
from jobs.catalog.stac_item import Item
from jobs.catalog.transport import CatalogReader, absolute_href, next_link
from jobs.errors import CatalogError


def all_pages(catalog: str, place: str, page: Item, reader: CatalogReader) -> Iterator[Item]:
    """A page and those that its ``next`` links lead to, each with its list of features.

    ``place`` is the page's path or address. Raises CatalogError where a page lists no features, and
    where the first says that the search found more items than the pages hold.
    """
    total, held = matched(page), 0
    for each in reader.guarded(catalog, _pages(catalog, place, page, reader)):
        held += len(each["features"])
        yield each
    if total is not None and held < total:
        raise CatalogError(
            f"{place} holds {held} of the {total} items that its search found, and no `next` link "
            "to the others; save all pages in one file, or give the API's own address"
        )


def _pages(catalog: str, place: str, page: Item, reader: CatalogReader) -> Iterator[Item]:
    link = next_link(page, place)
    if link is None:
        yield with_features(page, place)
        return
    address = absolute_href(place, str(link["href"]))
    if address.startswith(("http://", "https://")):
        yield from followed(catalog, place, page, reader.io)
        return
    yield from _files(place, page, reader)


def _files(place: str, page: Item, reader: CatalogReader) -> Iterator[Item]:
    """Pages saved as files that link to one another."""
    seen = {place}
    while True:
        yield with_features(page, place)
        link = next_link(page, place)
        if link is None:
            return
        place = absolute_href(place, str(link["href"]))
        if place in seen:
            raise CatalogError(f"{place} is linked as `next` by a page that follows it")
        seen.add(place)
        page = reader.json(place)
