"""Berths with more ships than they hold are named, with counts, and a stray detection is not."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import shapely
from shapely.geometry import Polygon

from jobs.visits import CrowdedBerth, crowded_berths
from jobs.visits.panels import area_km2
from tests.support.factories import make_port


def looks_of(berth: str, ships: list[int], port: str = "RUVYP") -> pd.DataFrame:
    return pd.DataFrame({"port": port, "berth": berth, "vessels": ships})


@pytest.mark.parametrize(
    ("berth", "ships", "found"),
    [
        ("oil-1", [0, 1, 2, 3, 1, 0], CrowdedBerth("RUVYP", "oil-1", 1, 2, 4, 3)),
        ("coal", [2, 3, 3, 4], CrowdedBerth("RUVYP", "coal", 2, 3, 4, 4)),
        ("coal", [2, 2, 2, 1], None),
        ("oil-1", [0, 1, 2, 1], None),  # one look may be wrong
        ("oil-1", [1] * 58 + [2, 2], None),  # as many as false alarms give
        ("roads", [5, 9, 12], None),  # an anchorage without a capacity
        ("oil-1", [], None),
    ],
)
def test_crowded_is_more_than_the_capacity_in_several_looks(
    berth: str, ships: list[int], found: CrowdedBerth | None
) -> None:
    crowded = list(crowded_berths([make_port()], looks_of(berth, ships)))
    assert crowded == ([] if found is None else [found])


def test_berths_of_other_ports_are_not_mixed_up() -> None:
    looks = pd.concat([looks_of("oil-1", [2, 2], "OTHER"), looks_of("oil-1", [1, 1])])
    [found] = crowded_berths([make_port(), make_port(id="OTHER")], looks)
    assert found.port == "OTHER"


def test_the_line_says_what_was_found_and_what_to_change() -> None:
    said = str(CrowdedBerth("RUVYP", "oil-1", 1, 2, 4, 3))
    assert "berth 'oil-1' of RUVYP holds 1 by the port file" in said
    assert "2 of the 4 looks that found ships there found more (up to 3)" in said
    assert "raise its capacity in the port file, or check its polygon" in said


@pytest.mark.parametrize("turned", [False, True])
def test_a_hole_takes_its_area_from_an_anchorage_whichever_way_it_runs(turned: bool) -> None:
    whole = make_port().berths[-1]
    west, south, east, north = whole.polygon.buffer(-0.002).bounds
    hole = shapely.box(west, south, east, north, ccw=not turned)
    pierced = Polygon(whole.polygon.exterior, [hole.exterior])
    size = area_km2(replace(whole, polygon=pierced))
    assert size == pytest.approx(area_km2(whole) - area_km2(replace(whole, polygon=hole)))
