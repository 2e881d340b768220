"""Items of a static catalog: linked JSON files, or one file that lists all items."""

from __future__ import annotations

from collections.abc import Iterator

from jobs.catalog.query import Progress, Rejected, in_collection, unknown_collection
from jobs.catalog.saved_pages import all_pages
from jobs.catalog.stac_api import refuse_part_of_api
from jobs.catalog.stac_item import Item
from jobs.catalog.transport import (
    CatalogReader,
    absolute_href,
    broken_links,
    links,
    with_absolute_hrefs,
)
from jobs.domain import SourceSpec
from jobs.errors import CatalogError, InputError


def static_items(
    source: SourceSpec, root: Item, reader: CatalogReader, report: Progress
) -> Iterator[Item | Rejected]:
    """Items of the collection or sub-catalog with the source's collection id, at any depth.

    A file that cannot be read is one rejected item.
    """
    if root.get("type") == "FeatureCollection":
        yield from _listed_items(source, source.catalog, root, reader)
        return
    _refuse_item(source, root)
    known: list[str] = []
    for href, node in _nodes(source.catalog, root, reader):
        known.append(str(node.get("id")))
        if node.get("id") == source.collection:
            yield from _node_items(source, href, node, reader, report)
            return
    raise unknown_collection(source, known)


def _refuse_item(source: SourceSpec, root: Item) -> None:
    """CatalogError, with the address to use where the item links to one, for an item."""
    if root.get("type") != "Feature":
        return
    above = (link for rel in ("root", "collection", "parent") for link in links(root, rel))
    link = next(above, None)
    repair = "give the address of the catalog or collection that holds it"
    if link is not None:
        repair = f"set `catalog: {absolute_href(source.catalog, str(link['href']))}` in the job"
    raise CatalogError(f"{source.catalog} is one item, not a catalog; {repair}")


def _listed_items(
    source: SourceSpec, place: str, root: Item, reader: CatalogReader
) -> Iterator[Item]:
    """Items of a file at ``place`` that lists them, as saved by a search, and of its next pages."""
    pages = all_pages(source.catalog, place, root, reader)
    items = [item for page in pages for item in page["features"]]
    own = [item for item in items if in_collection(source, item)]
    if items and not own:
        raise unknown_collection(source, sorted({str(i.get("collection")) for i in items}))
    yield from (with_absolute_hrefs(item, place) for item in own)


def _nodes(href: str, node: Item, reader: CatalogReader) -> Iterator[tuple[str, Item]]:
    """A catalog and all its descendants, depth first, each once even where links form a circle."""
    waiting, seen = [(href, node)], {href}
    while waiting:
        href, node = waiting.pop()
        yield href, node
        below = (absolute_href(href, link["href"]) for link in links(node, "child"))
        new = [child for child in dict.fromkeys(below) if child not in seen]
        seen.update(new)
        waiting += [reader.json_at(child) for child in reversed(new)]


def _node_items(
    source: SourceSpec, href: str, node: Item, reader: CatalogReader, report: Progress
) -> Iterator[Item | Rejected]:
    for place, catalog in _nodes(href, node, reader):
        hrefs = [str(link["href"]) for link in links(catalog, "item")]
        report(f"{source.collection}: {len(hrefs)} items linked in {place}")
        for item_href in hrefs:
            yield _linked_item(source, place, item_href, reader)
        broken = broken_links(catalog, "item", "items", "child")
        if broken:
            reason = f"{broken} of its links to items have no address; expected a path or a URL"
            yield Rejected(place, source.catalog, source.collection, reason)
        for link in links(catalog, "items"):
            listed, page = reader.json_at(absolute_href(place, str(link["href"])))
            refuse_part_of_api(source, listed, page, reader)
            yield from _listed_items(source, listed, page, reader)


def _linked_item(
    source: SourceSpec, place: str, href: str, reader: CatalogReader
) -> Item | Rejected:
    """The item that a file at ``place`` links to; rejected where it cannot be read."""
    try:
        href = absolute_href(place, href)
        address, content = reader.json_at(href)
        item: Item = with_absolute_hrefs(content, address)
    except (CatalogError, InputError) as error:
        return Rejected(href, source.catalog, source.collection, str(error))
    return item
