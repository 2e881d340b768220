"""Names of catalog items where many stand side by side: an id alone may be that of two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from jobs.domain.types import Scene


def item_names(
    groups: Iterable[Sequence[Scene]], taken: Collection[str] = ()
) -> list[tuple[str, ...]]:
    """Names of each group's items: the id where no other item bears it, else ``collection/id``.

    ``catalog collection id`` where two catalogs have the same. ``taken`` are names that stand for
    other items already.
    """
    listed = [tuple(map(_identity, scenes)) for scenes in groups]
    bearers: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for identity in {identity for group in listed for identity in group}:
        for name in _candidates(identity):
            bearers[name].add(identity)

    def name_of(identity: tuple[str, str, str]) -> str:
        short, middle, full = _candidates(identity)
        free = (n for n in (short, middle) if len(bearers[n]) == 1 and n not in taken)
        return next(free, full)

    return [tuple(map(name_of, group)) for group in listed]


def _identity(scene: Scene) -> tuple[str, str, str]:
    return (scene.catalog.partition("?")[0], scene.collection, scene.item_id)


def _candidates(identity: tuple[str, str, str]) -> tuple[str, str, str]:
    catalog, collection, id = identity
    return (id, f"{collection}/{id}", f"{catalog} {collection} {id}")
