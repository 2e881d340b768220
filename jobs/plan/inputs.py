"""What a catalog says of an overpass's inputs: kept in the archive, and compared with the present.

An item that was processed again in place keeps its id and its addresses. Only its facts tell that
its files are others: the processing baseline, the time of production, and of every file the
checksum, the ETag and the size. A fact that one of the two sides lacks tells nothing: catalogs add
checksums to millions of items without touching a file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeAlias

from jobs.catalog import baseline_key
from jobs.domain import Overpass, Scene, Source, read_checksum
from jobs.errors import InputError
from jobs.plan.grouping import SAME_PASS, without_query

ItemKey: TypeAlias = tuple[str, str, str]
"""Catalog, collection and id of an item; an id alone may name two things."""

ItemFacts: TypeAlias = Mapping[str, Any]
"""What is kept of one item, as JSON; what its catalog does not say is left out."""

_OF_FILES: Mapping[str, str] = {"checksum": "checksum", "etag": "ETag", "size": "size"}
"""Facts of files, by their name in ItemFacts, and what they are called."""


@dataclass(frozen=True)
class Inputs:
    """What a catalog said of the inputs of one overpass."""

    text: str
    """As JSON; empty for an overpass that was tiled before this was kept."""

    @classmethod
    def of(cls, overpass: Overpass) -> Inputs:
        """The facts of an overpass of a plan."""
        content = {
            "acquired": overpass.acquired.isoformat(),
            "items": [_facts(scene) for scene in overpass.scenes],
        }
        return cls(json.dumps(content, separators=(",", ":"), ensure_ascii=False))

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """The facts; empty where they are unknown."""
        found: Mapping[str, Any] = json.loads(self.text) if self.text else {}
        return found

    @property
    def items(self) -> Mapping[ItemKey, ItemFacts]:
        """The facts of each item."""
        return {_key_of(item): item for item in self.content.get("items", ())}

    def same_pass(self, overpass: Overpass) -> bool:
        """Whether these are facts of the same items, acquired in the same pass."""
        if not self.items or self.items.keys() != items_of(overpass):
            return False
        acquired = datetime.fromisoformat(self.content["acquired"])
        return abs(acquired - overpass.acquired) <= SAME_PASS

    def newer_than(self, overpass: Overpass) -> bool:
        """Whether these are facts of later versions of the items than those of an overpass.

        By time of production, or by baseline where that is unknown; never where one is earlier.
        """
        if not self.same_pass(overpass):
            return False
        items = self.items
        orders = {_order(items[_key(scene)], _facts_of_age(scene)) for scene in overpass.scenes}
        return 1 in orders and -1 not in orders

    def differences(self, overpass: Overpass) -> tuple[str, ...]:
        """What has changed since in the inputs of an overpass, in words.

        Empty where nothing has, and where these facts are unknown.
        """
        if not self.text:
            return ()
        now = Inputs.of(overpass)
        if now.text == self.text:
            return ()
        if self.items.keys() != now.items.keys():
            return ("it was made of other items",)
        then = self.items
        pairs = ((then[key], item) for key, item in now.items.items())
        words = [word for pair in pairs for word in _differences(*pair)]
        if list(then) != list(now.items):  # where two scenes have data, the first is used
            words.append("its scenes lie in another order")
        return tuple(dict.fromkeys(words))


def items_of(overpass: Overpass) -> frozenset[ItemKey]:
    """The items that an overpass is made of."""
    return frozenset(map(_key, overpass.scenes))


def _key(scene: Scene) -> ItemKey:
    return (scene.catalog, scene.collection, scene.item_id)


def _key_of(item: ItemFacts) -> ItemKey:
    catalog, collection, id = item["item"]
    return (catalog, collection, id)


# --- facts --------------------------------------------------------------------------------------


def _facts(scene: Scene) -> ItemFacts:
    masks = {} if scene.mask is None else {"mask": scene.mask}
    files = sorted({**scene.bands, **masks}.items())
    facts = {
        "item": _key(scene),
        "files": len(files),
        "baseline": scene.facts.get("processing_baseline"),
        "produced": _produced(scene),
        "updated": scene.facts.get("updated"),
        "checksum": {name: file.checksum for name, file in files if file.checksum},
        "etag": {name: file.etag for name, file in files if file.etag},
        "size": {name: file.size_bytes for name, file in files if file.size_bytes is not None},
        "at": _digest([(name, *_addresses(file)) for name, file in files]),
        "read": _digest([(name, *_reading(file)) for name, file in files]),
    }
    return {name: value for name, value in facts.items() if value}


def _addresses(file: Source) -> tuple[str, ...]:
    """Of the file and the tables that it is read with."""
    tables = (file.calibration, file.noise) if file.on_points else ()
    return tuple(map(without_query, (file.href, *tables)))


def _produced(scene: Scene) -> str | None:
    """The time of production; plans of early versions have it under its other name only."""
    early = "updated" not in scene.facts
    return scene.facts.get("produced", scene.facts.get("generated") if early else None)


def _facts_of_age(scene: Scene) -> ItemFacts:
    facts = {
        "produced": _produced(scene),
        "baseline": scene.facts.get("processing_baseline"),
    }
    return {name: value for name, value in facts.items() if value}


def _reading(file: Source) -> tuple[object, ...]:
    """All that decides how a file's numbers become pixels of the archive."""
    nodata = None if file.nodata is None else float(file.nodata)
    numbers = (*map(float, file.transform), float(file.scale), float(file.offset), nodata)
    return (file.index, file.epsg, *file.shape, *numbers)


def _digest(value: object) -> str:
    """Twelve hex digits: they only tell equal from different."""
    return hashlib.sha256(repr(value).encode()).hexdigest()[:12]


# --- differences --------------------------------------------------------------------------------


def _differences(then: ItemFacts, now: ItemFacts) -> Iterator[str]:
    """What differs between two states of one item, the most telling first."""
    if _both_differ(then, now, "baseline") and not _same_baseline(then, now):
        yield f"processing baseline {then['baseline']} -> {now['baseline']}"
    if _both_differ(then, now, "produced"):
        yield f"produced {_short(then['produced'])} -> {_short(now['produced'])}"
    for fact, called in _OF_FILES.items():
        changed = _changed_files(then, now, fact)
        if changed:
            yield f"another {called} of {', '.join(changed)}"
    if _both_differ(then, now, "updated") and not _files_are_the_same(then, now):
        yield f"updated {_short(then['updated'])} -> {_short(now['updated'])}"
    if then["at"] != now["at"] and not _files_are_the_same(then, now):
        yield "its files have other addresses"
    if then["read"] != now["read"]:
        yield "grid, scale, offset or no-data value of its files are others"


def _order(then: ItemFacts, now: ItemFacts) -> int:
    """1 where ``then`` is the later version of the item, -1 where ``now`` is, 0 if unknown."""
    if "produced" in then and "produced" in now:
        before, after = then["produced"], now["produced"]
    elif "baseline" in then and "baseline" in now:
        before, after = baseline_key(then["baseline"]), baseline_key(now["baseline"])
    else:
        return 0
    return int(before > after) - int(before < after)


def _both_differ(then: ItemFacts, now: ItemFacts, fact: str) -> bool:
    return fact in then and fact in now and then[fact] != now[fact]


def _same_baseline(then: ItemFacts, now: ItemFacts) -> bool:
    """Whether two spellings are one baseline; what is no baseline is compared as text."""
    try:
        return baseline_key(then["baseline"]) == baseline_key(now["baseline"])
    except InputError:
        return False


def _changed_files(then: ItemFacts, now: ItemFacts, fact: str) -> list[str]:
    old, new = then.get(fact, {}), now.get(fact, {})
    return [name for name in new if name in old and _differ(fact, old[name], new[name])]


def _differ(fact: str, old: Any, new: Any) -> bool:
    """Whether two values say that the files differ; digests of two algorithms say nothing."""
    if fact != "checksum":
        return bool(old != new)
    before, after = read_checksum(old), read_checksum(new)
    return before.comparable(after) and before.digest != after.digest


def _files_are_the_same(then: ItemFacts, now: ItemFacts) -> bool:
    """Whether every file has a checksum, or every one an ETag, that was the same before."""
    return any(
        len(now.get(fact, {})) == len(then.get(fact, {})) == now["files"]
        and not _changed_files(then, now, fact)
        for fact in ("checksum", "etag")
    )


def _short(moment: str) -> str:
    return moment.replace("+00:00", "Z")
