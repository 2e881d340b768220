"""Which items a result is said to be made from."""

from __future__ import annotations

from dataclasses import replace

from jobs.run.source_items import merged, source_items
from tests.support.scenes import overpass, scene


def test_an_item_of_two_ports_is_listed_once_with_both_overpasses() -> None:
    one = replace(scene({}), item_id="b", facts={"processing_baseline": "05.10"})
    other = replace(one, item_id="a", facts={})
    here = replace(overpass(one), id="here", scenes=(one, other))
    there = replace(overpass(one), id="there", scenes=(one,))
    found = source_items([there, here])
    assert [item.item_id for item in found] == ["a", "b"]
    assert [item.overpass_ids for item in found] == [("here",), ("here", "there")]
    assert [item.processing_baseline for item in found] == ["", "05.10"]
    assert merged([*source_items([there]), *source_items([here])]) == found


def test_items_of_one_id_in_two_collections_are_two() -> None:
    one = scene({})
    other = replace(one, collection="another")
    found = source_items([replace(overpass(one), scenes=(one, other))])
    assert len(found) == 2
