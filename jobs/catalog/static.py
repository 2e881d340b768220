from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from jobs.catalog.query import (
    Progress,
    Rejected,
    _is_of,
    _unknown_collection,
)
from jobs.catalog.stac_item import Item
from jobs.domain.job import SourceSpec
from jobs.errors import CatalogError

if TYPE_CHECKING:
    pass
from jobs.catalog.transport import _absolute, _links, _Reader, _with_absolute_hrefs


def _static_items(
    source: SourceSpec, root: Item, reader: _Reader, tell: Progress
) -> Iterator[Item | Rejected]:
    """Items of the collection (or sub-catalog) of that id, wherever in the catalog it hangs."""
    if root.get("type") == "FeatureCollection":
        yield from _listed_items(source, root)
        return
    known: list[str] = []
    for href, node in _nodes(source.catalog, root, reader):
        known.append(str(node.get("id")))
        if node.get("id") == source.collection:
            yield from _node_items(source, href, node, reader, tell)
            return
    raise _unknown_collection(source, known)


def _listed_items(source: SourceSpec, root: Item) -> Iterator[Item]:
    """Items of one file that lists them all, as a search saves them."""
    items = [item for item in root.get("features") or () if isinstance(item, Mapping)]
    own = [item for item in items if _is_of(source, item)]
    if items and not own:
        raise _unknown_collection(source, sorted({str(i.get("collection")) for i in items}))
    yield from (_with_absolute_hrefs(item, source.catalog) for item in own)


def _nodes(href: str, node: Item, reader: _Reader) -> Iterator[tuple[str, Item]]:
    """A catalog and all below it, each once, however the links run."""
    waiting, seen = [(href, node)], {href}
    while waiting:
        href, node = waiting.pop()
        yield href, node
        below = (_absolute(href, link["href"]) for link in _links(node, "child"))
        new = [child for child in dict.fromkeys(below) if child not in seen]
        seen.update(new)
        waiting += [(child, reader.json(child)) for child in reversed(new)]


def _node_items(
    source: SourceSpec, href: str, node: Item, reader: _Reader, tell: Progress
) -> Iterator[Item | Rejected]:
    for place, catalog in _nodes(href, node, reader):
        hrefs = [_absolute(place, link["href"]) for link in _links(catalog, "item")]
        tell(f"{source.collection}: {len(hrefs)} items linked in {place}")
        for item_href in hrefs:
            try:
                yield _with_absolute_hrefs(reader.json(item_href), item_href)
            except CatalogError as error:
                yield Rejected(item_href, source.catalog, source.collection, str(error))
