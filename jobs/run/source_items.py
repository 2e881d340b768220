"""The items of the catalogs that a result was made from, of all its overpasses and ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from jobs.domain import Overpass
from jobs.publish import SourceItem


def source_items(overpasses: Iterable[Overpass]) -> tuple[SourceItem, ...]:
    """The items of overpasses; one that is part of several is listed once."""
    return merged(
        SourceItem(
            catalog=scene.catalog,
            collection=scene.collection,
            item_id=scene.item_id,
            platform=scene.platform,
            acquired=scene.acquired,
            processing_baseline=scene.facts.get("processing_baseline", ""),
            overpass_ids=(overpass.id,),
        )
        for overpass in overpasses
        for scene in overpass.scenes
    )


def merged(items: Iterable[SourceItem]) -> tuple[SourceItem, ...]:
    """Items by catalog, collection and id, each once, with the overpasses of all its mentions."""
    found: dict[tuple[str, str, str], SourceItem] = {}
    for item in items:
        name = (item.catalog, item.collection, item.item_id)
        known = found.get(name, item)
        ids = tuple(sorted({*known.overpass_ids, *item.overpass_ids}))
        found[name] = replace(known, overpass_ids=ids)
    return tuple(found[name] for name in sorted(found))
