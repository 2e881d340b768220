"""Which scenes of a pass are one acquisition, where catalogs say it in different words or not."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from shapely.geometry import Polygon, box

from jobs.catalog.stac_item import scene_from_item, sensor_for
from jobs.domain import Berth, BerthKind, Overpass, Port, Scene
from jobs.domain.geometry import local_grid
from jobs.plan.grouping import group_overpasses
from tests.support.places import STAC_ITEMS
from tests.support.plans import PORT, scene

WEST, EAST = box(132, 42, 132.96, 43), box(132.95, 42, 134, 43)
WHOLE = box(132, 42, 134, 43)
STRIPS = ("2024-03-07T02:05:00+00:00", "2024-03-07T02:07:31+00:00")


def shaped(id: str, footprint: Polygon | None, strip: str | None = None, **change: Any) -> Scene:
    made = scene(id, **change)
    facts = {} if strip is None else {"sensing_start": strip}
    return dataclasses.replace(made, facts=facts, geometry=footprint)


def kept(*scenes: Scene) -> set[str]:
    (overpass,) = group_overpasses(PORT, scenes)
    return {each.item_id for each in overpass.scenes}


def test_a_scene_without_a_strip_is_a_duplicate_of_the_half_that_it_shows() -> None:
    """In every order: one catalog names the strips, the other does not, and its times differ."""
    named = [shaped("west", WEST, STRIPS[0]), shaped("east", EAST, STRIPS[1])]
    unnamed = [shaped("a-west", WEST, seconds=9), shaped("a-east", EAST, seconds=9)]
    for order in permutations([*named, *unnamed]):
        assert kept(*order) == {"west", "east"}


def test_two_halves_stay_though_one_catalog_names_the_strip_of_one_of_them() -> None:
    assert kept(shaped("west", WEST, STRIPS[0]), shaped("east", EAST)) == {"west", "east"}


def test_nothing_is_dropped_where_a_footprint_is_unknown_or_larger() -> None:
    named = shaped("west", WEST, STRIPS[0])
    assert kept(named, shaped("unknown", None)) == {"west", "unknown"}
    assert kept(named, shaped("whole", WHOLE)) == {"west", "whole"}


def test_named_strips_tell_halves_apart_whatever_the_footprints_say() -> None:
    assert kept(shaped("a", WHOLE, STRIPS[0]), shaped("b", WHOLE, STRIPS[1])) == {"a", "b"}


def test_times_of_one_scene_may_differ_by_minutes_between_catalogs() -> None:
    """One gives the tile's own time, another that of the whole datatake."""
    later = shaped("b", WHOLE, seconds=timedelta(minutes=9).total_seconds())
    assert kept(shaped("a", WHOLE), later) == {"b"}


def test_a_grid_computed_from_its_corners_is_the_same_grid() -> None:
    a, b, c, d, e, f = scene().bands["blue"].transform
    near = shaped("b", WHOLE, grid={"transform": (a + 1e-10, b, c, d, e, f - 1e-7)})
    assert kept(shaped("a", WHOLE), near) == {"b"}


# --- one product, as three collections have it ---------------------------------------------------

RECORDED = ("earth-search_v0__sentinel-s2-l2a-cogs", "earth-search_v1__sentinel-2-l2a__20EPT")


def recorded(name: str) -> Scene:
    (item,) = json.loads((STAC_ITEMS / f"{name}.json").read_text(encoding="utf-8"))["features"]
    return scene_from_item(item, f"https://catalog.example/{name}", sensor_for(item))


def overpasses(*scenes: Scene) -> tuple[Overpass, ...]:
    area = box(-59.40, -60.46, -59.30, -60.42)
    berth = Berth("b", "b", BerthKind.ANCHORAGE, None, box(-59.38, -60.45, -59.36, -60.44))
    return group_overpasses(Port("p", "P", "AQ", area, (berth,), local_grid(area)), scenes)


@pytest.mark.parametrize("order", [1, -1])
def test_one_product_of_two_versions_of_earth_search_is_one_scene(order: int) -> None:
    """Version 0 names no data strip, and rounds its time and footprint."""
    scenes = [recorded(name) for name in RECORDED][::order]
    assert [("sensing_start" in each.facts) for each in scenes] == [False, True][::order]
    (overpass,) = overpasses(*scenes)
    assert [each.catalog for each in overpass.scenes] == [scenes[0].catalog]
    (left_out,) = overpass.superseded
    assert "earlier source of the job" in left_out.reason
    assert {each.facts["tile"] for each in scenes} == {"20EPT"}
